//! Document paths, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.Attributes.html>.

use std::fmt;

use crate::dynamodb::attribute::{Attribute, Item};

/// A path from an item to an attribute or a part of one: `Launch.Tags[0]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    /// The attribute of the item.
    pub(crate) head: String,
    /// The way on from there, into maps and lists.
    pub(crate) tail: Vec<Step>,
}

/// One step into a map or a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

/// The document path leads through what is not there, or is no map or list.
#[derive(Debug)]
pub(crate) struct NoSuchPlace;

impl Path {
    /// What is there in an item, if anything.
    pub(crate) fn get<'a>(&self, item: &'a Item) -> Option<&'a Attribute> {
        let head = item.get(&self.head)?;
        self.tail
            .iter()
            .try_fold(head, |place, step| match (place, step) {
                (Attribute::M(map), Step::Name(name)) => map.get(name),
                (Attribute::L(list), Step::Index(index)) => list.get(*index),
                _ => None,
            })
    }

    /// Puts a value there. A list becomes longer by one where the index is beyond its end.
    pub(crate) fn set(&self, item: &mut Item, value: Attribute) -> Result<(), NoSuchPlace> {
        let Some((step, _)) = self.tail.split_last() else {
            item.insert(self.head.clone(), value);
            return Ok(());
        };
        match (self.parent(item)?, step) {
            (Attribute::M(map), Step::Name(name)) => {
                map.insert(name.clone(), value);
            }
            (Attribute::L(list), Step::Index(index)) => match list.get_mut(*index) {
                Some(place) => *place = value,
                None => list.push(value),
            },
            _ => return Err(NoSuchPlace),
        }
        Ok(())
    }

    /// Takes away what is there; if nothing is, but it could be, that is no error.
    pub(crate) fn remove(&self, item: &mut Item) -> Result<(), NoSuchPlace> {
        let Some((step, _)) = self.tail.split_last() else {
            item.remove(&self.head);
            return Ok(());
        };
        match (self.parent(item)?, step) {
            (Attribute::M(map), Step::Name(name)) => {
                map.remove(name);
            }
            (Attribute::L(list), Step::Index(index)) => {
                if *index < list.len() {
                    list.remove(*index);
                }
            }
            _ => return Err(NoSuchPlace),
        }
        Ok(())
    }

    /// The map or list that the last step leads into.
    fn parent<'a>(&self, item: &'a mut Item) -> Result<&'a mut Attribute, NoSuchPlace> {
        let head = item.get_mut(&self.head).ok_or(NoSuchPlace)?;
        let steps = self.tail.split_last().map_or(&[][..], |(_, before)| before);
        let parent = steps
            .iter()
            .try_fold(head, |place, step| match (place, step) {
                (Attribute::M(map), Step::Name(name)) => map.get_mut(name),
                (Attribute::L(list), Step::Index(index)) => list.get_mut(*index),
                _ => None,
            });
        parent.ok_or(NoSuchPlace)
    }

    /// Why an update may not change both this place and another: one lies in the other, or they cannot both
    /// be there.
    pub(crate) fn clash(&self, other: &Self) -> Option<&'static str> {
        if self.head != other.head {
            return None;
        }
        for steps in self.tail.iter().zip(&other.tail) {
            match steps {
                (Step::Name(_), Step::Index(_)) | (Step::Index(_), Step::Name(_)) => {
                    return Some("conflict");
                }
                (one, another) if one != another => return None,
                _ => {}
            }
        }
        Some("overlap")
    }
}

/// As the messages of DynamoDB show it: `[Launch, Tags, [0]]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.head)?;
        for step in &self.tail {
            match step {
                Step::Name(name) => write!(f, ", {name}")?,
                Step::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

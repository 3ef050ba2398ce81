//! What an update makes of an item, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html>.

use super::path::{NoSuchPlace, Path};
use crate::dynamodb::attribute::{Attribute, Item};
use crate::dynamodb::invalid;
use crate::dynamodb::number::Number;
use crate::wire::ApiError;

/// An update, its names and values filled in.
#[derive(Debug, Default)]
pub(crate) struct Update {
    pub(super) set: Vec<(Path, Value)>,
    pub(super) remove: Vec<Path>,
    pub(super) add: Vec<(Path, Attribute)>,
    pub(super) delete: Vec<(Path, Attribute)>,
}

/// What SET sets.
#[derive(Debug)]
pub(super) enum Value {
    Operand(Operand),
    Plus(Operand, Operand),
    Minus(Operand, Operand),
}

#[derive(Debug)]
pub(super) enum Operand {
    Path(Path),
    Value(Attribute),
    IfNotExists(Path, Box<Operand>),
    ListAppend(Box<Operand>, Box<Operand>),
}

impl Update {
    /// The places that the update changes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let set = self.set.iter().map(|(path, _)| path);
        let add = self.add.iter().map(|(path, _)| path);
        let delete = self.delete.iter().map(|(path, _)| path);
        set.chain(&self.remove).chain(add).chain(delete)
    }

    /// The item as the update makes it. Every value is taken, and every index counted, in the item as it was.
    pub(crate) fn apply(&self, old: &Item) -> Result<Item, ApiError> {
        let mut item = old.clone();
        let mut set = Vec::new();
        for (path, value) in &self.set {
            set.push((path, value.of(old)?));
        }
        // What is beyond the end of a list comes to its end in the order of the indexes.
        set.sort_by_key(|(path, _)| *path);
        for (path, value) in set {
            path.set(&mut item, value)?;
        }
        for (path, value) in &self.add {
            path.set(&mut item, sum(path.get(old), value)?)?;
        }
        let mut gone: Vec<&Path> = Vec::new();
        for (path, value) in &self.delete {
            let Some(before) = path.get(old) else {
                continue;
            };
            match difference(before, value)? {
                Some(rest) => path.set(&mut item, rest)?,
                None => gone.push(path),
            }
        }
        for path in &self.remove {
            if path.get(old).is_some() {
                gone.push(path);
            } else {
                // Nothing is there, but something could be: or else it is an error.
                path.remove(&mut old.clone())?;
            }
        }
        // From the end, so that the indexes of a list stay as they were.
        gone.sort_unstable();
        for path in gone.into_iter().rev() {
            path.remove(&mut item)?;
        }
        Ok(item)
    }
}

impl Value {
    fn of(&self, item: &Item) -> Result<Attribute, ApiError> {
        let (left, right, compute): (_, _, fn(&Number, &Number) -> _) = match self {
            Self::Operand(operand) => return operand.of(item),
            Self::Plus(left, right) => (left, right, Number::plus),
            Self::Minus(left, right) => (left, right, Number::minus),
        };
        match (left.of(item)?, right.of(item)?) {
            (Attribute::N(left), Attribute::N(right)) => {
                compute(&left, &right).map(Attribute::N).map_err(invalid)
            }
            _ => Err(wrong_type()),
        }
    }
}

impl Operand {
    fn of(&self, item: &Item) -> Result<Attribute, ApiError> {
        match self {
            Self::Path(path) => path.get(item).cloned().ok_or_else(|| {
                invalid("The provided expression refers to an attribute that does not exist in the item")
            }),
            Self::Value(value) => Ok(value.clone()),
            Self::IfNotExists(path, otherwise) => match path.get(item) {
                Some(value) => Ok(value.clone()),
                None => otherwise.of(item),
            },
            Self::ListAppend(first, second) => match (first.of(item)?, second.of(item)?) {
                (Attribute::L(mut first), Attribute::L(second)) => {
                    first.extend(second);
                    Ok(Attribute::L(first))
                }
                _ => Err(wrong_type()),
            },
        }
    }
}

/// What ADD makes of a number or a set; of nothing, the value itself.
fn sum(before: Option<&Attribute>, value: &Attribute) -> Result<Attribute, ApiError> {
    Ok(match (before, value) {
        (None, value) => value.clone(),
        (Some(Attribute::N(before)), Attribute::N(value)) => {
            Attribute::N(before.plus(value).map_err(invalid)?)
        }
        (Some(Attribute::Ss(before)), Attribute::Ss(value)) => Attribute::Ss(before | value),
        (Some(Attribute::Ns(before)), Attribute::Ns(value)) => Attribute::Ns(before | value),
        (Some(Attribute::Bs(before)), Attribute::Bs(value)) => Attribute::Bs(before | value),
        _ => return Err(wrong_type()),
    })
}

/// What DELETE leaves of a set, unless that is nothing.
fn difference(before: &Attribute, value: &Attribute) -> Result<Option<Attribute>, ApiError> {
    Ok(match (before, value) {
        (Attribute::Ss(before), Attribute::Ss(value)) => Some(before - value)
            .filter(|rest| !rest.is_empty())
            .map(Attribute::Ss),
        (Attribute::Ns(before), Attribute::Ns(value)) => Some(before - value)
            .filter(|rest| !rest.is_empty())
            .map(Attribute::Ns),
        (Attribute::Bs(before), Attribute::Bs(value)) => Some(before - value)
            .filter(|rest| !rest.is_empty())
            .map(Attribute::Bs),
        _ => return Err(wrong_type()),
    })
}

fn wrong_type() -> ApiError {
    invalid("An operand in the update expression has an incorrect data type")
}

impl From<NoSuchPlace> for ApiError {
    fn from(_: NoSuchPlace) -> Self {
        invalid("The document path provided in the update expression is invalid for update")
    }
}

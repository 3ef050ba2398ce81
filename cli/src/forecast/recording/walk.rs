//! Walks through a recording member by member, without keeping the members that are not needed.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The most members that a message names.
const MOST_NAMES: usize = 10;

/// Members that show that a file was given to the wrong option.
const MISPLACED: [(&str, &str); 4] = [
    ("Events", "--events"),
    ("Records", "--events"),
    ("Reservations", "--instances"),
    ("configurationItems", "--instances"),
];

/// Reads the next value with the visitor, whatever its type.
pub struct As<V>(pub V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for As<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// What an object is.
pub enum Bare {
    /// One with a member that was read.
    Known,
    /// Another one, with its members. Of those in [`MISPLACED`], only the names are kept.
    Members(Map<String, Value>),
}

/// Calls `take` for each member of an object, with its name. `take` reads the value and returns whether the member tells
/// what the object is, or returns `None` without reading a value that it does not know.
///
/// # Errors
/// A value cannot be read.
pub fn members<'de, A: MapAccess<'de>>(
    mut map: A,
    mut take: impl FnMut(&str, &mut A) -> Result<Option<bool>, A::Error>,
) -> Result<Bare, A::Error> {
    let mut is_known = false;
    let mut others = Map::new();
    while let Some(name) = map.next_key::<String>()? {
        let taken = take(&name, &mut map)?;
        is_known |= taken == Some(true);
        let is_misplaced = MISPLACED.iter().any(|(misplaced, _)| *misplaced == name);
        match taken {
            Some(true) => {}
            Some(false) => {
                others.insert(name, Value::Null);
            }
            None if is_known || is_misplaced => {
                map.next_value::<IgnoredAny>()?;
                others.insert(name, Value::Null);
            }
            None => {
                let value = map.next_value()?;
                others.insert(name, value);
            }
        }
    }
    Ok(if is_known {
        Bare::Known
    } else {
        Bare::Members(others)
    })
}

/// The error for an object that is nothing of what it should be. `where_they_are` begins it, such as
/// `launches are in Events`.
pub fn unknown<E: Error>(where_they_are: &str, members: &Map<String, Value>) -> E {
    let misplaced = MISPLACED
        .iter()
        .find(|(name, _)| members.contains_key(*name));
    let mut all: Vec<&str> = members.keys().map(String::as_str).collect();
    let more = all.len().saturating_sub(MOST_NAMES);
    all.truncate(MOST_NAMES);
    let has = match misplaced {
        Some((name, option)) => format!("this file has {name}, which belong to {option}"),
        None if all.is_empty() => "this file has no members".to_owned(),
        None if more > 0 => format!(
            "the members of this file are {} and {more} more",
            all.join(", ")
        ),
        None => format!("the members of this file are {}", all.join(", ")),
    };
    E::custom(format_args!("{where_they_are}, but {has}"))
}

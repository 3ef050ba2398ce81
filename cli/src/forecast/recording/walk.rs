//! Walks through a recording member by member, without keeping the members that are not needed.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// Members that show that a file was given to the wrong option.
const MISPLACED: [(&str, &str); 3] = [
    ("Events", "--events"),
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

/// Calls `take` for each member of an object, with its name. `take` reads the value and returns `true`, or returns
/// `false` to skip the member. `where_they_are` begins the error, such as `launches are in Events`.
///
/// # Errors
/// A value cannot be read, or `take` skipped every member.
pub fn members<'de, A: MapAccess<'de>>(
    mut map: A,
    where_they_are: &str,
    mut take: impl FnMut(&str, &mut A) -> Result<bool, A::Error>,
) -> Result<(), A::Error> {
    let mut is_known = false;
    let mut others = Vec::new();
    while let Some(name) = map.next_key::<String>()? {
        if take(&name, &mut map)? {
            is_known = true;
        } else {
            map.next_value::<IgnoredAny>()?;
            others.push(name);
        }
    }
    if is_known {
        return Ok(());
    }
    let misplaced = MISPLACED
        .iter()
        .find(|(name, _)| others.iter().any(|other| other == name));
    let has = match misplaced {
        Some((name, option)) => format!("this file has {name}, which belong to {option}"),
        None if others.is_empty() => "this file has no members".to_owned(),
        None => format!("the members of this file are {}", others.join(", ")),
    };
    Err(A::Error::custom(format_args!(
        "{where_they_are}, but {has}"
    )))
}

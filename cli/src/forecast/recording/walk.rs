//! How a recording is walked through: member by member, and without keeping what nobody asks for.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// Members that tell that a file was given to the wrong option.
const MISPLACED: [(&str, &str); 3] = [
    ("Events", "--events"),
    ("Reservations", "--instances"),
    ("configurationItems", "--instances"),
];

/// Reads whatever comes next as the visitor takes it.
pub struct As<V>(pub V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for As<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// Hands each member of an object to `take`, by its name: it reads the value and says so, or leaves it to be passed
/// over. `where_they_are` is what the error begins with, such as `launches are in Events`.
///
/// # Errors
/// A value cannot be read, or `take` knew no member at all.
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
        Some((name, option)) => format!("it has {name}, which are for {option}"),
        None if others.is_empty() => "it has no members".to_owned(),
        None => format!("its members are {}", others.join(", ")),
    };
    Err(A::Error::custom(format_args!(
        "{where_they_are}, and {has}"
    )))
}

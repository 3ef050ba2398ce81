//! Members that only conditions ask about, read leniently: one that is not of AWS's form must not make the whole
//! instance unreadable.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A member of a description that only conditions ask about.
#[derive(Debug, Default)]
pub(super) enum Detail<T> {
    /// It is absent, or null.
    #[default]
    Absent,
    /// It is of AWS's form.
    Given(T),
    /// It is not of AWS's form, so nothing is known of it.
    Garbled,
}

impl<T> Detail<T> {
    /// The member, if it is there and readable. Notes in `is_garbled` that it is there and not readable.
    pub(super) fn given(self, is_garbled: &mut bool) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Given(value) => Some(value),
            Self::Garbled => {
                *is_garbled = true;
                None
            }
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Detail<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Absent,
            value => serde_json::from_value(value).map_or(Self::Garbled, Self::Given),
        })
    }
}

/// Deserialises a text that only conditions ask about; `None` if it is absent, or no text.
pub(super) fn text_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

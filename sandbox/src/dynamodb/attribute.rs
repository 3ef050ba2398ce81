//! Attribute values: on the wire, as plain JSON, and their sizes, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::invalid;
use super::number::Number;
use crate::wire::ApiError;

/// The value of an attribute.
///
/// Only the types that the sandbox orders or adds have a form of their own. The others are stored as they are on the
/// wire, so two of them are equal only if they are written alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    S(String),
    N(Number),
    Ss(BTreeSet<String>),
    Other(Value),
}

/// An item, or a part of it such as its key: attributes by name.
pub(crate) type AttributeMap = BTreeMap<String, Attribute>;

impl Attribute {
    /// Reads a value off the wire, for example `{"N": "1"}`.
    pub(crate) fn read(value: &Value) -> Result<Self, ApiError> {
        let Some((kind, content)) = only_member(value) else {
            return Err(invalid(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ));
        };
        let text = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| {
                ApiError::new("SerializationException", format!("{value} is not a string"))
            })
        };
        Ok(match kind {
            "S" => Self::S(text(content)?),
            "N" => Self::N(Number::parse(&text(content)?).map_err(invalid)?),
            "SS" => {
                let members = content.as_array().map(Vec::as_slice).unwrap_or_default();
                let set = members
                    .iter()
                    .map(text)
                    .collect::<Result<BTreeSet<_>, _>>()?;
                if set.is_empty() || set.len() < members.len() {
                    let problem = if set.is_empty() {
                        "An AttributeValue may not contain an empty set".to_owned()
                    } else {
                        format!("Input collection {content} contains duplicates.")
                    };
                    return Err(invalid(format!(
                        "One or more parameter values were invalid: {problem}"
                    )));
                }
                Self::Ss(set)
            }
            "B" | "BOOL" | "NULL" | "NS" | "BS" | "L" | "M" => Self::Other(value.clone()),
            _ => {
                return Err(ApiError::unsupported(&format!(
                    "an attribute of type {kind}"
                )));
            }
        })
    }

    /// The value on the wire.
    pub(crate) fn write(&self) -> Value {
        match self {
            Self::S(text) => json!({"S": text}),
            Self::N(number) => json!({"N": number.to_string()}),
            Self::Ss(set) => json!({"SS": set}),
            Self::Other(value) => value.clone(),
        }
    }

    /// Reads a fixture's value, and keeps one that no call could store.
    fn read_any(value: &Value) -> Self {
        Self::read(value).unwrap_or_else(|_| Self::Other(value.clone()))
    }

    /// The name of its type, for example `SS`.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::Ss(_) => "SS",
            Self::Other(value) => only_member(value).map_or("unknown", |(kind, _)| kind),
        }
    }
}

/// The number of bytes an item takes: the names and the values of its attributes, see
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
pub(crate) fn item_size(item: &AttributeMap) -> usize {
    let size = |value: &Attribute| match value {
        Attribute::S(text) => text.len(),
        Attribute::N(number) => number.size(),
        Attribute::Ss(set) => set.iter().map(String::len).sum(),
        Attribute::Other(value) => wire_size(value),
    };
    item.iter()
        .map(|(name, value)| name.len() + size(value))
        .sum()
}

/// Reads an item, or a key, off the wire.
pub(crate) fn read_item(members: &Map<String, Value>) -> Result<AttributeMap, ApiError> {
    let members = members.iter();
    members
        .map(|(name, value)| Ok((name.clone(), Attribute::read(value)?)))
        .collect()
}

/// Reads a fixture off the wire, whatever its attributes are.
pub(crate) fn read_any_item(item: &Value) -> AttributeMap {
    let members = item.as_object().into_iter().flatten();
    members
        .map(|(name, value)| (name.clone(), Attribute::read_any(value)))
        .collect()
}

/// An item on the wire.
pub(crate) fn write_item(item: &AttributeMap) -> Value {
    let members = item
        .iter()
        .map(|(name, value)| (name.clone(), value.write()));
    Value::Object(members.collect())
}

/// An item given as plain JSON.
pub(crate) fn item_from_plain(item: &Value) -> AttributeMap {
    let members = item.as_object().into_iter().flatten();
    members
        .map(|(name, plain)| (name.clone(), Attribute::read_any(&to_wire(plain))))
        .collect()
}

/// An item as plain JSON.
pub(crate) fn item_to_plain(item: &AttributeMap) -> Value {
    let members = item.iter();
    let members = members.map(|(name, value)| (name.clone(), to_plain(&value.write())));
    Value::Object(members.collect())
}

/// The type and the content of a value on the wire.
fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members
        .iter()
        .next()
        .map(|(kind, content)| (kind.as_str(), content))
}

/// Plain JSON as a value on the wire. A number that DynamoDB cannot store becomes a string.
fn to_wire(plain: &Value) -> Value {
    match plain {
        Value::Null => json!({"NULL": true}),
        Value::Bool(flag) => json!({"BOOL": flag}),
        Value::Number(number) => {
            let text = number.to_string();
            let kind = if Number::parse(&text).is_ok() {
                "N"
            } else {
                "S"
            };
            json!({kind: text})
        }
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => json!({"L": values.iter().map(to_wire).collect::<Value>()}),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, plain)| (name.clone(), to_wire(plain)));
            json!({"M": members.collect::<Map<_, _>>()})
        }
    }
}

/// A value on the wire as plain JSON: sets become arrays, binaries stay in base64, and a number that JSON cannot hold
/// becomes a string.
fn to_plain(value: &Value) -> Value {
    let number = |text: &Value| {
        let parsed = text.as_str().and_then(|text| Number::parse(text).ok());
        let exact = |plain: &Value| Number::parse(&plain.to_string()).ok() == parsed;
        let plain = text
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok());
        plain.filter(exact).unwrap_or_else(|| text.clone())
    };
    match only_member(value) {
        Some(("N", text)) => number(text),
        Some(("NULL", _)) => Value::Null,
        Some(("S" | "B" | "BOOL" | "SS" | "BS", content)) => content.clone(),
        Some(("NS", Value::Array(texts))) => texts.iter().map(number).collect(),
        Some(("L", Value::Array(values))) => values.iter().map(to_plain).collect(),
        Some(("M", Value::Object(members))) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), to_plain(value)));
            Value::Object(members.collect())
        }
        _ => value.clone(),
    }
}

fn wire_size(value: &Value) -> usize {
    let length = |text: &Value| text.as_str().map_or(0, str::len);
    let number = |text: &Value| {
        let number = text.as_str().and_then(|text| Number::parse(text).ok());
        number.map_or(0, |number| number.size())
    };
    // "Each List or Map element also requires 1 byte of overhead", and "3 bytes of overhead" for the whole.
    match only_member(value) {
        Some(("S", text)) => length(text),
        Some(("N", text)) => number(text),
        Some(("B", base64)) => length(base64) / 4 * 3,
        Some(("NS", Value::Array(texts))) => texts.iter().map(number).sum(),
        Some(("SS", Value::Array(texts))) => texts.iter().map(length).sum(),
        Some(("BS", Value::Array(texts))) => texts.iter().map(|text| length(text) / 4 * 3).sum(),
        Some(("L", Value::Array(values))) => {
            3 + values
                .iter()
                .map(|value| 1 + wire_size(value))
                .sum::<usize>()
        }
        Some(("M", Value::Object(members))) => {
            let members = members.iter();
            3 + members
                .map(|(name, value)| 1 + name.len() + wire_size(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_values_as_it_read_them() {
        for value in [
            json!({"S": ""}),
            json!({"N": "-1.5"}),
            json!({"B": "AAECAw=="}),
            json!({"BOOL": false}),
            json!({"NULL": true}),
            json!({"SS": ["a", "b"]}),
            json!({"NS": ["-1", "2", "10"]}),
            json!({"L": [{"S": "a"}, {"L": []}]}),
            json!({"M": {"a": {"M": {}}, "b": {"N": "1"}}}),
        ] {
            let read = Attribute::read(&value).unwrap();
            assert_eq!(read.write(), value);
            assert!(value.get(read.type_name()).is_some());
        }
    }

    #[test]
    fn refuses_values_that_dynamodb_refuses() {
        for (value, message) in [
            (json!({}), "is empty"),
            (json!({"X": "1"}), "type X"),
            (json!({"S": "a", "N": "1"}), "exactly one"),
            (json!({"N": "x"}), "numeric value: x"),
            (json!({"SS": []}), "empty set"),
            (json!({"SS": ["a", "a"]}), "contains duplicates"),
            (json!({"S": 1}), "1 is not a string"),
        ] {
            let error = Attribute::read(&value).unwrap_err();
            assert!(error.message.contains(message), "{}", error.message);
            assert_eq!(Attribute::read_any(&value).write(), value);
        }
    }

    #[test]
    fn converts_plain_json_both_ways() {
        let plain = json!({"a": [1, -2.5, "x", null, true], "b": {"c": ""}});
        assert_eq!(item_to_plain(&item_from_plain(&plain)), plain);
        assert_eq!(to_wire(&json!(1e300)), json!({"S": "1e+300"}));
        let long = "12345678901234567890123456789012345678";
        assert_eq!(to_plain(&json!({"N": long})), json!(long));
        assert_eq!(to_plain(&json!({"NS": ["1", "2.5"]})), json!([1, 2.5]));
    }

    #[test]
    fn sizes_are_as_documented() {
        for (value, size) in [
            (json!({"S": "Grüße"}), 7),
            (json!({"N": "12345"}), 4),
            (json!({"N": "1000000"}), 2),
            (json!({"B": "AAEC"}), 3),
            (json!({"BOOL": true}), 1),
            (json!({"SS": ["a", "bc"]}), 3),
            (json!({"L": [{"S": "ab"}]}), 6),
            (json!({"M": {"a": {"S": "b"}}}), 6),
        ] {
            let item = read_any_item(&json!({"A": value}));
            assert_eq!(item_size(&item), 1 + size, "{value}");
        }
    }
}

//! Attribute values: as DynamoDB keeps them, on the wire, as plain JSON, and how large they are, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_smithy_types::base64;
use serde_json::{Map, Value, json};

use super::invalid;
use super::number::Number;
use crate::wire::ApiError;

/// "DynamoDB supports nested attributes up to 32 levels deep."
const DEEPEST: usize = 32;

/// The value of an attribute. Sets are sorted, so that equal sets are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attribute {
    S(String),
    N(Number),
    B(Vec<u8>),
    Bool(bool),
    Null,
    Ss(BTreeSet<String>),
    Ns(BTreeSet<Number>),
    Bs(BTreeSet<Vec<u8>>),
    L(Vec<Attribute>),
    M(Item),
    /// Of a type DynamoDB does not have, as the fixture gave it, in JSON: no call can store one.
    Odd(String),
}

/// An item, or a part of one such as its key: attributes by their names.
pub(crate) type Item = BTreeMap<String, Attribute>;

/// The types, as `attribute_type` and the wire name them.
pub(crate) const TYPES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];

impl Attribute {
    /// Reads a value off the wire, `{"N": "1"}` for instance, refusing what DynamoDB refuses.
    pub(crate) fn read(value: &Value) -> Result<Self, ApiError> {
        read(value, 0)
    }

    /// The value on the wire.
    pub(crate) fn write(&self) -> Value {
        match self {
            Self::S(text) => json!({"S": text}),
            Self::N(number) => json!({"N": number.to_string()}),
            Self::B(bytes) => json!({"B": base64::encode(bytes)}),
            Self::Bool(flag) => json!({"BOOL": flag}),
            Self::Null => json!({"NULL": true}),
            Self::Ss(set) => json!({"SS": set}),
            Self::Ns(set) => json!({"NS": set.iter().map(Number::to_string).collect::<Vec<_>>()}),
            Self::Bs(set) => json!({"BS": set.iter().map(base64::encode).collect::<Vec<_>>()}),
            Self::L(list) => json!({"L": list.iter().map(Self::write).collect::<Vec<_>>()}),
            Self::M(map) => json!({"M": write_item(map)}),
            Self::Odd(value) => serde_json::from_str(value).unwrap_or_default(),
        }
    }

    /// A fixture's value off the wire: what cannot be read is kept as it is.
    pub(crate) fn read_any(value: &Value) -> Self {
        Self::read(value).unwrap_or_else(|_| Self::Odd(value.to_string()))
    }

    /// Plain JSON as a value: strings as S, numbers as N (as S those no DynamoDB number can hold), and so on.
    pub(crate) fn from_plain(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => {
                let text = number.to_string();
                Number::parse(&text).map_or(Self::S(text), Self::N)
            }
            Value::String(text) => Self::S(text.clone()),
            Value::Array(values) => Self::L(values.iter().map(Self::from_plain).collect()),
            Value::Object(members) => Self::M(item_from_plain(members)),
        }
    }

    /// The value as plain JSON: sets as arrays, binaries in base64, numbers beyond JSON's as strings.
    pub(crate) fn to_plain(&self) -> Value {
        match self {
            Self::S(text) => json!(text),
            Self::N(number) => plain_number(number),
            Self::B(bytes) => json!(base64::encode(bytes)),
            Self::Bool(flag) => json!(flag),
            Self::Null => Value::Null,
            Self::Ss(set) => json!(set),
            Self::Ns(set) => set.iter().map(plain_number).collect(),
            Self::Bs(set) => set.iter().map(base64::encode).collect(),
            Self::L(list) => list.iter().map(Self::to_plain).collect(),
            Self::M(map) => item_to_plain(map),
            Self::Odd(value) => serde_json::from_str(value).unwrap_or_default(),
        }
    }

    /// The name of its type, `NS` for instance.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Odd(_) => "of no type",
        }
    }

    /// Whether there is an order between it and others of its type: strings, numbers and binaries, which
    /// are also what a key may be.
    pub(crate) fn is_ordered(&self) -> bool {
        matches!(self, Self::S(_) | Self::N(_) | Self::B(_))
    }

    /// How many bytes it takes in its item, see
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
    pub(crate) fn size(&self) -> usize {
        // "Each List or Map element also requires 1 byte of overhead", and "3 bytes of overhead" for the whole.
        match self {
            Self::S(text) | Self::Odd(text) => text.len(),
            Self::N(number) => number.size(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::Ss(set) => set.iter().map(String::len).sum(),
            Self::Ns(set) => set.iter().map(Number::size).sum(),
            Self::Bs(set) => set.iter().map(Vec::len).sum(),
            Self::L(list) => 3 + list.iter().map(|value| value.size() + 1).sum::<usize>(),
            Self::M(map) => 3 + map.len() + item_size(map),
        }
    }
}

/// How many bytes an item takes: the names and the values of its attributes.
pub(crate) fn item_size(item: &Item) -> usize {
    let attributes = item.iter();
    attributes
        .map(|(name, value)| name.len() + value.size())
        .sum()
}

/// Reads an item, or a key, off the wire.
pub(crate) fn read_item(members: &Map<String, Value>) -> Result<Item, ApiError> {
    read_map(members, 0)
}

/// An item on the wire.
pub(crate) fn write_item(item: &Item) -> Value {
    let attributes = item.iter();
    let members = attributes.map(|(name, value)| (name.clone(), value.write()));
    Value::Object(members.collect())
}

/// An item given as plain JSON.
pub(crate) fn item_from_plain(members: &Map<String, Value>) -> Item {
    let members = members.iter();
    members
        .map(|(name, value)| (name.clone(), Attribute::from_plain(value)))
        .collect()
}

/// An item as plain JSON.
pub(crate) fn item_to_plain(item: &Item) -> Value {
    let attributes = item.iter();
    let members = attributes.map(|(name, value)| (name.clone(), value.to_plain()));
    Value::Object(members.collect())
}

fn plain_number(number: &Number) -> Value {
    let text = number.to_string();
    let exact = |value: &Value| Number::parse(&value.to_string()).as_ref() == Ok(number);
    serde_json::from_str(&text)
        .ok()
        .filter(exact)
        .unwrap_or(Value::String(text))
}

fn read_map(members: &Map<String, Value>, depth: usize) -> Result<Item, ApiError> {
    let members = members.iter();
    members
        .map(|(name, value)| Ok((name.clone(), read(value, depth)?)))
        .collect()
}

fn read(value: &Value, depth: usize) -> Result<Attribute, ApiError> {
    if depth > DEEPEST {
        return Err(invalid("Nesting Levels have exceeded supported limits"));
    }
    let members = value.as_object().ok_or_else(|| unreadable(value))?;
    let mut members = members.iter();
    let Some((kind, content)) = members.next() else {
        return Err(invalid(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ));
    };
    if members.next().is_some() {
        return Err(invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the \
             supported datatypes",
        ));
    }
    Ok(match kind.as_str() {
        "S" => Attribute::S(text(content)?.to_owned()),
        "N" => Attribute::N(number(content)?),
        "B" => Attribute::B(bytes(content)?),
        "BOOL" => Attribute::Bool(content.as_bool().ok_or_else(|| unreadable(content))?),
        "NULL" if content.as_bool() == Some(true) => Attribute::Null,
        "NULL" => {
            return Err(invalid(
                "One or more parameter values were invalid: Null attribute value types must have the \
                 value of true",
            ));
        }
        "SS" => Attribute::Ss(set(content, |member| text(member).map(str::to_owned))?),
        "NS" => Attribute::Ns(set(content, number)?),
        "BS" => Attribute::Bs(set(content, bytes)?),
        "L" => {
            let list = content.as_array().ok_or_else(|| unreadable(content))?;
            let list = list.iter().map(|member| read(member, depth + 1));
            Attribute::L(list.collect::<Result<_, _>>()?)
        }
        "M" => {
            let map = content.as_object().ok_or_else(|| unreadable(content))?;
            Attribute::M(read_map(map, depth + 1)?)
        }
        _ => {
            return Err(invalid(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ));
        }
    })
}

/// A string of the wire.
pub(crate) fn text(value: &Value) -> Result<&str, ApiError> {
    value.as_str().ok_or_else(|| unreadable(value))
}

fn number(value: &Value) -> Result<Number, ApiError> {
    Number::parse(text(value)?).map_err(invalid)
}

fn bytes(value: &Value) -> Result<Vec<u8>, ApiError> {
    base64::decode(text(value)?).map_err(|_| unreadable(value))
}

fn set<T: Ord>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, ApiError>,
) -> Result<BTreeSet<T>, ApiError> {
    let members = value.as_array().ok_or_else(|| unreadable(value))?;
    if members.is_empty() {
        return Err(invalid(
            "One or more parameter values were invalid: An AttributeValue may not contain an empty set",
        ));
    }
    let set = members
        .iter()
        .map(read)
        .collect::<Result<BTreeSet<_>, _>>()?;
    if set.len() < members.len() {
        return Err(invalid(format!(
            "One or more parameter values were invalid: Input collection {value} contains duplicates."
        )));
    }
    Ok(set)
}

/// The refusal of JSON that is not of the shape the service's model says.
fn unreadable(value: &Value) -> ApiError {
    let message = format!("{value} is not of the type expected here");
    ApiError::new("SerializationException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in [
            json!({"S": ""}),
            json!({"N": "-1.5"}),
            json!({"B": "AAECAw=="}),
            json!({"BOOL": false}),
            json!({"NULL": true}),
            json!({"SS": ["a", "b"]}),
            json!({"NS": ["-1", "2", "10"]}),
            json!({"BS": ["AA==", "AQ=="]}),
            json!({"L": [{"S": "a"}, {"L": []}]}),
            json!({"M": {"a": {"M": {}}, "b": {"N": "1"}}}),
        ] {
            let read = Attribute::read(&value).unwrap();
            assert_eq!(read.write(), value);
            assert!(value.get(read.type_name()).is_some() && TYPES.contains(&read.type_name()));
        }
    }

    #[test]
    fn what_dynamodb_refuses_is_refused() {
        for (value, message) in [
            (json!({}), "is empty"),
            (json!({"X": "1"}), "is empty"),
            (json!({"S": "a", "N": "1"}), "more than one datatypes"),
            (json!({"NULL": false}), "value of true"),
            (json!({"N": "x"}), "numeric value: x"),
            (json!({"SS": []}), "empty set"),
            (json!({"NS": ["1", "1.0"]}), "contains duplicates"),
            (json!({"S": 1}), "1 is not of the type"),
            (json!({"B": "?"}), "is not of the type"),
            (json!("S"), "is not of the type"),
        ] {
            let error = Attribute::read(&value).unwrap_err();
            assert!(
                error.message.contains(message),
                "{value}: {}",
                error.message
            );
            assert_eq!(Attribute::read_any(&value).write(), value);
        }
        let nested =
            |levels: usize| (0..levels).fold(json!({"S": "x"}), |inner, _| json!({"L": [inner]}));
        assert!(Attribute::read(&nested(32)).is_ok());
        let error = Attribute::read(&nested(33)).unwrap_err();
        assert_eq!(
            error.message,
            "Nesting Levels have exceeded supported limits"
        );
    }

    #[test]
    fn plain_json_there_and_back() {
        let plain = json!({"a": [1, -2.5, "x", null, true], "b": {"c": ""}});
        assert_eq!(Attribute::from_plain(&plain).to_plain(), plain);
        assert_eq!(
            Attribute::from_plain(&json!(1e300)),
            Attribute::S("1e+300".to_owned())
        );
        let long = "12345678901234567890123456789012345678";
        let value = Attribute::read(&json!({"N": long})).unwrap();
        assert_eq!(value.to_plain(), json!(long));
    }

    #[test]
    fn sizes_are_as_documented() {
        for (value, size) in [
            (json!({"S": "Grüße"}), 7),
            (json!({"N": "12345"}), 4),
            (json!({"N": "1000000"}), 2),
            (json!({"B": "AAECAw=="}), 4),
            (json!({"BOOL": true}), 1),
            (json!({"NULL": true}), 1),
            (json!({"SS": ["a", "bc"]}), 3),
            (json!({"L": []}), 3),
            (json!({"L": [{"S": "ab"}]}), 6),
            (json!({"M": {"a": {"S": "b"}}}), 6),
        ] {
            assert_eq!(Attribute::read(&value).unwrap().size(), size, "{value}");
        }
    }
}

//! An attribute of which parts may be unknown or sensitive.
//!
//! A plan has three trees of the same form: the values, in which what is unknown is left out or null; `true` for what is
//! unknown; and `true` for what is sensitive. `true` for a whole stands for all its parts.

use serde_json::Value;

static NULL: Value = Value::Null;

/// The member `name`, or null.
pub fn member<'p>(value: &'p Value, name: &str) -> &'p Value {
    value.get(name).unwrap_or(&NULL)
}

/// The text of the member `name`, or nothing.
pub fn text<'p>(value: &'p Value, name: &str) -> &'p str {
    member(value, name).as_str().unwrap_or_default()
}

/// The items of a list; none if it is something else.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A value of a planned resource.
#[derive(Clone, Copy, Debug)]
pub struct PlannedValue<'p> {
    pub value: &'p Value,
    pub unknown: &'p Value,
    pub sensitive: &'p Value,
}

/// What is `true` for a whole is so for each part.
fn part<'p>(marks: &'p Value, part: &'p Value) -> &'p Value {
    if marks == true { marks } else { part }
}

impl<'p> PlannedValue<'p> {
    /// A value of which everything is known.
    pub fn known(value: &'p Value) -> Self {
        Self {
            value,
            unknown: &NULL,
            sensitive: &NULL,
        }
    }

    /// The member `name`.
    pub fn get(self, name: &str) -> Self {
        Self {
            value: member(self.value, name),
            unknown: part(self.unknown, member(self.unknown, name)),
            sensitive: part(self.sensitive, member(self.sensitive, name)),
        }
    }

    /// The items of a list, or none.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let at = |list: &'p Value, at: usize| list.get(at).unwrap_or(&NULL);
        let length = |list: &Value| list.as_array().map_or(0, Vec::len);
        let most = length(self.value).max(length(self.unknown));
        (0..most).map(move |index| Self {
            value: at(self.value, index),
            unknown: part(self.unknown, at(self.unknown, index)),
            sensitive: part(self.sensitive, at(self.sensitive, index)),
        })
    }

    /// The first item of a list: a block that there can be once.
    pub fn first(self) -> Option<Self> {
        self.items().next()
    }

    /// Whether all of it is unknown.
    pub fn is_unknown(self) -> bool {
        self.unknown == true
    }

    /// Whether it is known that there is nothing: null, an empty text or an empty list.
    pub fn is_absent(self) -> bool {
        let is_nothing = match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        is_nothing && !self.has_unknown()
    }

    /// Whether any part is unknown.
    fn has_unknown(self) -> bool {
        fn has(marks: &Value) -> bool {
            match marks {
                Value::Bool(mark) => *mark,
                Value::Array(items) => items.iter().any(has),
                Value::Object(members) => members.values().any(has),
                _ => false,
            }
        }
        has(self.unknown)
    }

    /// The text, if it is a known one that is not empty.
    pub fn text(self) -> Option<&'p str> {
        self.value.as_str().filter(|text| !text.is_empty())
    }

    /// A text, a number or a truth value as a text; `None` if it is unknown, null or something else.
    pub fn scalar(self) -> Option<String> {
        match self.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether all of it is sensitive.
    pub fn is_sensitive(self) -> bool {
        self.sensitive == true
    }
}

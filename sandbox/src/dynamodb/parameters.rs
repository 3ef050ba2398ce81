//! The parameters of a request, or of one part of it such as an action of a transaction.

use serde_json::{Map, Value};

use super::attribute::{Item, read_item};
use super::expression::{Bindings, Condition, parse_condition};
use crate::wire::ApiError;

/// Named parameters, and whose they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    /// The operation, or the part of it: `PutItem`, `Put of TransactWriteItems`.
    of: &'a str,
    members: &'a Value,
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(of: &'a str, members: &'a Value) -> Self {
        Self { of, members }
    }

    /// Refuses a parameter other than these: one the sandbox does not imitate must not be dropped in silence.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let mut names = self.members.as_object().into_iter().flat_map(Map::keys);
        match names.find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let what = format!("the parameter {name} of {}", self.of);
                Err(ApiError::unsupported(&what))
            }
            None => Ok(()),
        }
    }

    /// A string, if it is given.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.typed(name, Value::as_str)
    }

    /// The table's name, without the rest of its ARN.
    pub(crate) fn table(&self) -> Result<&'a str, ApiError> {
        let name = self.text("TableName")?.ok_or_else(|| null("tableName"))?;
        Ok(super::table_name(name))
    }

    /// A flag, if it is given.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.typed(name, Value::as_bool)
    }

    /// A map, if it is given.
    pub(crate) fn map(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, ApiError> {
        self.typed(name, Value::as_object)
    }

    /// A list, if it is given.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        self.typed(name, |value| value.as_array().map(Vec::as_slice))
    }

    /// A parameter that must be of the type that `read` reads, if it is given; null is not.
    fn typed<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.members.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let read = read(value).ok_or_else(|| {
            let message = format!("{name} of {} is of another type: {value}", self.of);
            ApiError::new("SerializationException", message)
        })?;
        Ok(Some(read))
    }

    /// An item or a key, which must be given.
    pub(crate) fn item(&self, name: &str) -> Result<Item, ApiError> {
        let members = self.map(name)?.ok_or_else(|| null(&lower_first(name)))?;
        read_item(members)
    }

    /// One of `choices`, the first if it is not given.
    pub(crate) fn choice(
        &self,
        name: &str,
        choices: &[&'static str],
    ) -> Result<&'static str, ApiError> {
        let default = choices.first().copied().unwrap_or_default();
        let Some(given) = self.text(name)? else {
            return Ok(default);
        };
        let known = choices.iter().find(|choice| **choice == given);
        known.copied().ok_or_else(|| {
            let constraint = format!(
                "Member must satisfy enum value set: [{}]",
                choices.join(", ")
            );
            ApiError::validation(given, &lower_first(name), &constraint)
        })
    }

    /// `Limit`, at least 1.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let Some(limit) = self.typed("Limit", Value::as_i64)? else {
            return Ok(None);
        };
        if limit < 1 {
            let constraint = "Member must have value greater than or equal to 1";
            let given = limit.to_string();
            return Err(ApiError::validation(&given, "limit", constraint));
        }
        Ok(Some(usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    /// The names and values for the expressions in these parameters.
    pub(crate) fn bindings(&self, expressions: &[&str]) -> Result<Bindings, ApiError> {
        Bindings::read(self, expressions)
    }

    /// `ConditionExpression`, if it is given.
    pub(crate) fn condition(&self, bindings: &mut Bindings) -> Result<Option<Condition>, ApiError> {
        let name = "ConditionExpression";
        let source = self.text(name)?;
        source
            .map(|source| parse_condition(name, source, bindings))
            .transpose()
    }
}

/// The refusal of a parameter that is not there, by its path in lower camel case.
pub(crate) fn null(member: &str) -> ApiError {
    super::invalid(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not \
         be null"
    ))
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

//! The parameters of a request, or of a part of it such as an action of a transaction.

use serde_json::{Map, Value};

use super::attribute::{AttributeMap, read_item};
use super::invalid;
use crate::wire::ApiError;

/// Named parameters, and what they belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    /// The operation, or the part of it: `PutItem`, `Put of TransactWriteItems`.
    owner: &'a str,
    members: &'a Value,
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(owner: &'a str, members: &'a Value) -> Self {
        Self { owner, members }
    }

    /// Refuses parameters other than these, because the sandbox must not ignore one silently.
    pub(crate) fn allow_only(&self, known: &[&str]) -> Result<(), ApiError> {
        let mut names = self.members.as_object().into_iter().flat_map(Map::keys);
        match names.find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let what = format!("the parameter {name} of {}", self.owner);
                Err(ApiError::unsupported(&what))
            }
            None => Ok(()),
        }
    }

    /// A string, if it is given.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.typed(name, Value::as_str)
    }

    /// A number from 1, if it is given.
    pub(crate) fn positive_number(&self, name: &str) -> Result<Option<usize>, ApiError> {
        self.typed(name, |value| {
            let number = value.as_u64().filter(|number| *number > 0)?;
            usize::try_from(number).ok()
        })
    }

    /// A map, if it is given.
    pub(crate) fn map(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, ApiError> {
        self.typed(name, Value::as_object)
    }

    /// A list, which must be given.
    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], ApiError> {
        let list = self.typed(name, |value| value.as_array().map(Vec::as_slice))?;
        list.ok_or_else(|| missing(name))
    }

    /// The table's name, which may be given as its ARN.
    pub(crate) fn table(&self) -> Result<&'a str, ApiError> {
        let name = self
            .text("TableName")?
            .ok_or_else(|| missing("TableName"))?;
        Ok(name)
    }

    /// An item or a key, which must be given.
    pub(crate) fn item(&self, name: &str) -> Result<AttributeMap, ApiError> {
        read_item(self.map(name)?.ok_or_else(|| missing(name))?)
    }

    /// A parameter of the type that `read` reads, if it is given. A null counts as missing.
    fn typed<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.members.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let read = read(value).ok_or_else(|| {
            let message = format!("{name} of {} has the wrong type: {value}", self.owner);
            ApiError::new("SerializationException", message)
        })?;
        Ok(Some(read))
    }
}

/// The refusal of a request without a parameter that it must have.
pub(crate) fn missing(name: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}

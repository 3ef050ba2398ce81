//! The names and values a request gives its expressions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use crate::dynamodb::attribute::{Attribute, text};
use crate::dynamodb::invalid;
use crate::dynamodb::parameters::Parameters;
use crate::wire::ApiError;

const NAMES: &str = "ExpressionAttributeNames";
const VALUES: &str = "ExpressionAttributeValues";

/// A request's `ExpressionAttributeNames` and `ExpressionAttributeValues`, and which of them its expressions
/// have used.
#[derive(Debug)]
pub(crate) struct Bindings {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, Attribute>,
    used: BTreeSet<String>,
}

impl Bindings {
    /// Reads the names and the values of a request whose `expressions` may use them, given by their
    /// parameters' names: without any of them in the request, there may be none.
    pub(crate) fn read(
        parameters: &Parameters<'_>,
        expressions: &[&str],
    ) -> Result<Self, ApiError> {
        let mut has_expression = false;
        for expression in expressions {
            has_expression |= parameters.text(expression)?.is_some();
        }
        let members = |parameter: &str, mark: char| {
            let Some(members) = parameters.map(parameter)? else {
                return Ok(Map::new());
            };
            if !has_expression {
                let verb = if expressions.len() == 1 { "is" } else { "are" };
                let which = expressions.join(" and ");
                return Err(invalid(format!(
                    "{parameter} can only be specified when using expressions: {which} {verb} null"
                )));
            }
            if members.is_empty() {
                return Err(invalid(format!("{parameter} must not be empty")));
            }
            match members.keys().find(|key| !is_placeholder(key, mark)) {
                Some(key) => Err(invalid(format!(
                    "{parameter} contains invalid key: Syntax error; key: \"{key}\""
                ))),
                None => Ok(members.clone()),
            }
        };
        let mut names = BTreeMap::new();
        for (key, name) in members(NAMES, '#')? {
            names.insert(key, text(&name)?.to_owned());
        }
        let mut values = BTreeMap::new();
        for (key, value) in members(VALUES, ':')? {
            let value = Attribute::read(&value).map_err(|error| {
                let why = &error.message;
                invalid(format!(
                    "{VALUES} contains invalid value: {why} for key {key}"
                ))
            })?;
            values.insert(key, value);
        }
        Ok(Self {
            names,
            values,
            used: BTreeSet::new(),
        })
    }

    /// The name that stands behind `#…`.
    pub(crate) fn name(&mut self, placeholder: &str) -> Option<String> {
        let name = self.names.get(placeholder)?;
        self.used.insert(placeholder.to_owned());
        Some(name.clone())
    }

    /// The value that stands behind `:…`.
    pub(crate) fn value(&mut self, placeholder: &str) -> Option<Attribute> {
        let value = self.values.get(placeholder)?;
        self.used.insert(placeholder.to_owned());
        Some(value.clone())
    }

    /// Refuses names and values that no expression has used, once all are parsed.
    pub(crate) fn all_used(&self) -> Result<(), ApiError> {
        let unused = |parameter: &str, keys: Vec<&String>| {
            let unused = keys.into_iter().filter(|key| !self.used.contains(*key));
            let unused: Vec<_> = unused.map(String::as_str).collect();
            if unused.is_empty() {
                return Ok(());
            }
            Err(invalid(format!(
                "Value provided in {parameter} unused in expressions: keys: {{{}}}",
                unused.join(", ")
            )))
        };
        unused(NAMES, self.names.keys().collect())?;
        unused(VALUES, self.values.keys().collect())
    }
}

/// Whether a key is `mark` and then letters, digits or underscores.
fn is_placeholder(key: &str, mark: char) -> bool {
    key.strip_prefix(mark).is_some_and(|rest| {
        let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        !rest.is_empty() && rest.chars().all(word)
    })
}

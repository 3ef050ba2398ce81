//! Reads an expression token by token, and looks up its names and values.

use std::collections::{BTreeMap, BTreeSet};

use super::reserved::is_reserved;
use crate::dynamodb::attribute::{Attribute, AttributeMap, read_item};
use crate::dynamodb::invalid;
use crate::dynamodb::parameters::Parameters;
use crate::wire::ApiError;

/// "The maximum length of any expression string is 4 KB."
const MAX_LENGTH: usize = 4096;

const NAMES: &str = "ExpressionAttributeNames";
const VALUES: &str = "ExpressionAttributeValues";

/// The names and values that a request gives its expressions, and which of them the expressions have used.
#[derive(Debug)]
pub(crate) struct Placeholders {
    names: BTreeMap<String, String>,
    values: AttributeMap,
    used: BTreeSet<String>,
}

impl Placeholders {
    /// Reads `ExpressionAttributeNames` and `ExpressionAttributeValues`.
    pub(crate) fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let members = |parameter: &str| match parameters.map(parameter)? {
            Some(members) if members.is_empty() => {
                Err(invalid(format!("{parameter} must not be empty")))
            }
            members => Ok(members.cloned().unwrap_or_default()),
        };
        let names = members(NAMES)?;
        let names = names.into_iter().map(|(placeholder, name)| {
            let name = name.as_str().map(str::to_owned).unwrap_or_default();
            (placeholder, name)
        });
        Ok(Self {
            names: names.collect(),
            values: read_item(&members(VALUES)?)?,
            used: BTreeSet::new(),
        })
    }

    /// Refuses names and values that no expression has used.
    pub(crate) fn check_all_used(&self) -> Result<(), ApiError> {
        let unused = |parameter: &str, mut placeholders: Vec<&String>| {
            placeholders.retain(|placeholder| !self.used.contains(*placeholder));
            match placeholders.first() {
                None => Ok(()),
                Some(placeholder) => Err(invalid(format!(
                    "Value provided in {parameter} unused in expressions: keys: {{{placeholder}}}"
                ))),
            }
        };
        unused(NAMES, self.names.keys().collect())?;
        unused(VALUES, self.values.keys().collect())
    }
}

/// An expression and the next token in it.
#[derive(Debug)]
pub(super) struct ExpressionParser<'a> {
    /// The expression's parameter, for example `ConditionExpression`.
    parameter: &'static str,
    source: &'a str,
    tokens: Vec<&'a str>,
    next: usize,
    placeholders: &'a mut Placeholders,
}

impl<'a> ExpressionParser<'a> {
    /// A parser at the beginning of `source`.
    pub(super) fn new(
        parameter: &'static str,
        source: &'a str,
        placeholders: &'a mut Placeholders,
    ) -> Result<Self, ApiError> {
        let parser = Self {
            parameter,
            source,
            tokens: tokens(source),
            next: 0,
            placeholders,
        };
        if parser.tokens.is_empty() {
            return Err(parser.refuse("The expression can not be empty;"));
        }
        if source.len() > MAX_LENGTH {
            return Err(parser.refuse(&format!(
                "Expression size has exceeded the maximum allowed size; expression size: {}",
                source.len()
            )));
        }
        Ok(parser)
    }

    /// The refusal of an expression that DynamoDB refuses.
    pub(super) fn refuse(&self, why: &str) -> ApiError {
        invalid(format!("Invalid {}: {why}", self.parameter))
    }

    /// The refusal of an expression outside the sandbox's grammar: names the next token.
    pub(super) fn unsupported(&self) -> ApiError {
        let token = self.peek().unwrap_or("the end");
        ApiError::unsupported(&format!(
            "{token} in the {} \"{}\"",
            self.parameter, self.source
        ))
    }

    /// The next token.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).copied()
    }

    /// Steps over this symbol or keyword if it is next. Keywords may be in any case.
    pub(super) fn takes(&mut self, text: &str) -> bool {
        let next = self.peek();
        let is_next = next.is_some_and(|next| next.eq_ignore_ascii_case(text));
        self.next += usize::from(is_next);
        is_next
    }

    /// Steps over this symbol or keyword, which must be next.
    pub(super) fn expect(&mut self, text: &str) -> Result<(), ApiError> {
        if self.takes(text) {
            return Ok(());
        }
        Err(self.unsupported())
    }

    /// Refuses an expression that goes on.
    pub(super) fn expect_end(&self) -> Result<(), ApiError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unsupported()),
        }
    }

    /// Steps over the name of an attribute, which must be next.
    pub(super) fn name(&mut self) -> Result<String, ApiError> {
        let token = self.peek().unwrap_or_default();
        let name = match token.chars().next() {
            Some('#') => {
                let name = self.placeholders.names.get(token).cloned();
                self.placeholders.used.insert(token.to_owned());
                name.ok_or_else(|| {
                    self.refuse(&format!(
                        "An expression attribute name used in the document path is not defined; attribute name: \
                         {token}"
                    ))
                })?
            }
            // NOT and the functions are reserved words too, but here they are part of the expression.
            Some('a'..='z' | 'A'..='Z') if token.eq_ignore_ascii_case("NOT") || self.is_call() => {
                return Err(self.unsupported());
            }
            Some('a'..='z' | 'A'..='Z') if is_reserved(token) => {
                return Err(self.refuse(&format!(
                    "Attribute name is a reserved keyword; reserved keyword: {token}"
                )));
            }
            Some('a'..='z' | 'A'..='Z') => token.to_owned(),
            _ => return Err(self.unsupported()),
        };
        self.next += 1;
        // A document path would continue here.
        match self.peek() {
            Some("." | "[") => Err(self.unsupported()),
            _ => Ok(name),
        }
    }

    /// Whether the next token is the name of a function.
    fn is_call(&self) -> bool {
        self.tokens.get(self.next + 1) == Some(&"(")
    }

    /// Steps over a value, which must be next.
    pub(super) fn value(&mut self) -> Result<Attribute, ApiError> {
        let token = self.peek().unwrap_or_default();
        if !token.starts_with(':') {
            return Err(self.unsupported());
        }
        let value = self.placeholders.values.get(token).cloned();
        let value = value.ok_or_else(|| {
            self.refuse(&format!(
                "An expression attribute value used in expression is not defined; attribute value: {token}"
            ))
        })?;
        self.placeholders.used.insert(token.to_owned());
        self.next += 1;
        Ok(value)
    }

    /// The refusal of an operand that an operator or a function cannot take.
    pub(super) fn wrong_type(&self, operator: &str, operand: &Attribute) -> ApiError {
        self.refuse(&format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
            operand.type_name()
        ))
    }
}

fn tokens(source: &str) -> Vec<&str> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let more = if is_word(first) || first == '#' || first == ':' {
            after
                .find(|character| !is_word(character))
                .unwrap_or(after.len())
        } else {
            usize::from(matches!(rest.get(..2), Some("<=" | ">=" | "<>")))
        };
        let (token, remaining) = rest.split_at(first.len_utf8() + more);
        tokens.push(token);
        rest = remaining.trim_start();
    }
    tokens
}

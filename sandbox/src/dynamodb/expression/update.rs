//! Updates, and their effect on an item, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html>.

use std::collections::BTreeMap;

use super::parser::{ExpressionParser, Placeholders};
use crate::dynamodb::attribute::{Attribute, AttributeMap};
use crate::dynamodb::invalid;
use crate::wire::ApiError;

const PARAMETER: &str = "UpdateExpression";

/// An update with its names and values filled in: the attributes it changes, and how.
#[derive(Debug, Default)]
pub(crate) struct ItemUpdate(BTreeMap<String, AttributeChange>);

#[derive(Debug)]
enum AttributeChange {
    Set(Attribute),
    Remove,
    Add(Attribute),
}

impl ItemUpdate {
    /// Parses an `UpdateExpression`.
    pub(crate) fn parse(source: &str, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        let mut parser = ExpressionParser::new(PARAMETER, source, placeholders)?;
        let mut update = Self::default();
        let mut seen = Vec::new();
        while parser.peek().is_some() {
            let known = ["SET", "REMOVE", "ADD"].into_iter();
            let section = known.into_iter().find(|section| parser.takes(section));
            let section = section.ok_or_else(|| parser.unsupported())?;
            if seen.contains(&section) {
                return Err(parser.refuse(&format!(
                    "The \"{section}\" section can only be used once in an update expression;"
                )));
            }
            seen.push(section);
            update.parse_changes(section, &mut parser)?;
        }
        Ok(update)
    }

    /// Parses the changes of one section.
    fn parse_changes(
        &mut self,
        section: &str,
        parser: &mut ExpressionParser<'_>,
    ) -> Result<(), ApiError> {
        loop {
            let name = parser.name()?;
            let change = match section {
                "SET" => {
                    parser.expect("=")?;
                    AttributeChange::Set(parser.value()?)
                }
                "REMOVE" => AttributeChange::Remove,
                _ => match parser.value()? {
                    value @ (Attribute::N(_) | Attribute::Ss(_)) => AttributeChange::Add(value),
                    value => return Err(parser.wrong_type(section, &value)),
                },
            };
            if self.0.insert(name.clone(), change).is_some() {
                return Err(parser.refuse(&format!(
                    "Two document paths overlap with each other; must remove or rewrite one of these paths; path \
                     one: [{name}], path two: [{name}]"
                )));
            }
            if !parser.takes(",") {
                return Ok(());
            }
        }
    }

    /// The names of the attributes that the update changes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The item after the update.
    pub(crate) fn apply(&self, old: &AttributeMap) -> Result<AttributeMap, ApiError> {
        let mut item = old.clone();
        for (name, change) in &self.0 {
            match change {
                AttributeChange::Set(value) => {
                    item.insert(name.clone(), value.clone());
                }
                AttributeChange::Remove => {
                    item.remove(name);
                }
                AttributeChange::Add(value) => {
                    let sum = sum(old.get(name), value)?;
                    item.insert(name.clone(), sum);
                }
            }
        }
        Ok(item)
    }
}

/// A number or a set with another one added.
fn sum(old: Option<&Attribute>, value: &Attribute) -> Result<Attribute, ApiError> {
    match (old, value) {
        (None, value) => Ok(value.clone()),
        (Some(Attribute::N(old)), Attribute::N(value)) => {
            let sum = old.plus(value).map(Attribute::N);
            sum.ok_or_else(|| {
                ApiError::unsupported("ADD with numbers that are not 64-bit integers")
            })
        }
        (Some(Attribute::Ss(old)), Attribute::Ss(value)) => Ok(Attribute::Ss(old | value)),
        _ => Err(invalid(
            "An operand in the update expression has an incorrect data type",
        )),
    }
}

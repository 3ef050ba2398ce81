//! Which part of a partition a Query asks for, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html>.
//!
//! A key condition is parsed as any condition is, and then must be of the few forms a key can have.

use super::bindings::Bindings;
use super::condition::{Comparator, Condition, Operand, begins_with};
use super::condition_parser::parse_condition;
use crate::dynamodb::attribute::Attribute;
use crate::dynamodb::invalid;
use crate::dynamodb::table::Table;
use crate::wire::ApiError;

/// The partition, and which of its sort keys.
#[derive(Debug)]
pub(crate) struct KeyCondition {
    pub(crate) hash: Attribute,
    range: Option<Test>,
}

/// A condition on one attribute of the key.
#[derive(Debug)]
enum Test {
    Compare(Comparator, Attribute),
    Between(Attribute, Attribute),
    BeginsWith(Attribute),
}

impl KeyCondition {
    /// Parses the `KeyConditionExpression` of a Query of `table`.
    pub(crate) fn parse(
        source: &str,
        bindings: &mut Bindings,
        table: &Table,
    ) -> Result<Self, ApiError> {
        let condition = parse_condition("KeyConditionExpression", source, bindings)?;
        let mut hash = None;
        let mut range = None;
        let mut tests = Vec::new();
        flatten(condition, &mut tests)?;
        let count = tests.len();
        for (attribute, test) in tests {
            for value in test.values() {
                table.check_key_value(&attribute, value)?;
            }
            let place = if attribute == table.hash_name() {
                &mut hash
            } else if table.range_name() == Some(&attribute) {
                &mut range
            } else {
                // The condition is one that the key's own attribute lacks.
                continue;
            };
            if place.replace(test).is_some() {
                return Err(invalid(
                    "KeyConditionExpressions must only contain one condition per key",
                ));
            }
        }
        let missed =
            |name: &str| invalid(format!("Query condition missed key schema element: {name}"));
        let hash = hash.ok_or_else(|| missed(table.hash_name()))?;
        let Test::Compare(Comparator::Equal, hash) = hash else {
            return Err(invalid("Query key condition not supported"));
        };
        if count > 1 + usize::from(range.is_some()) {
            return Err(match table.range_name() {
                Some(name) if count == 2 => missed(name),
                Some(_) => invalid("Conditions can be of length 1 or 2 only"),
                None => invalid("Query key condition not supported"),
            });
        }
        Ok(Self { hash, range })
    }

    /// Whether an item with this sort key is asked for.
    pub(crate) fn holds(&self, range: Option<&Attribute>) -> bool {
        let Some(test) = &self.range else {
            return true;
        };
        match test {
            Test::Compare(comparator, value) => comparator.holds(range, Some(value)),
            Test::Between(low, high) => {
                Comparator::GreaterOrEqual.holds(range, Some(low))
                    && Comparator::LessOrEqual.holds(range, Some(high))
            }
            Test::BeginsWith(start) => range.is_some_and(|range| begins_with(range, start)),
        }
    }
}

impl Test {
    fn values(&self) -> Vec<&Attribute> {
        match self {
            Self::Compare(_, value) | Self::BeginsWith(value) => vec![value],
            Self::Between(low, high) => vec![low, high],
        }
    }
}

/// Takes a condition apart at its ANDs: attributes, and the tests of them.
fn flatten(condition: Condition, tests: &mut Vec<(String, Test)>) -> Result<(), ApiError> {
    let operator = match condition {
        Condition::And(left, right) => {
            flatten(*left, tests)?;
            return flatten(*right, tests);
        }
        Condition::Compare(_, Comparator::Unequal, _) => "<>",
        Condition::Compare(left, comparator, right) => {
            let (path, comparator, value) = match (left, right) {
                (path, Operand::Value(value)) => (path, comparator, value),
                (Operand::Value(value), path) => (path, comparator.reversed(), value),
                _ => return Err(no_key_and_value()),
            };
            tests.push((attribute(path)?, Test::Compare(comparator, value)));
            return Ok(());
        }
        Condition::Between(path, Operand::Value(low), Operand::Value(high)) => {
            tests.push((attribute(path)?, Test::Between(low, high)));
            return Ok(());
        }
        Condition::BeginsWith(path, Operand::Value(start)) => {
            tests.push((attribute(path)?, Test::BeginsWith(start)));
            return Ok(());
        }
        Condition::Between(..) | Condition::BeginsWith(..) => return Err(no_key_and_value()),
        Condition::In(..) => "IN",
        Condition::Or(..) => "OR",
        Condition::Not(..) => "NOT",
        Condition::Exists(_) => "attribute_exists",
        Condition::NotExists(_) => "attribute_not_exists",
        Condition::IsType(..) => "attribute_type",
        Condition::Contains(..) => "contains",
    };
    Err(invalid(format!(
        "Invalid operator used in KeyConditionExpression: {operator}"
    )))
}

/// The attribute that an operand is.
fn attribute(operand: Operand) -> Result<String, ApiError> {
    match operand {
        Operand::Path(path) if path.tail.is_empty() => Ok(path.head),
        Operand::Path(_) => Err(invalid(
            "KeyConditionExpressions cannot have conditions on nested attributes",
        )),
        Operand::Value(_) | Operand::Size(_) => Err(no_key_and_value()),
    }
}

fn no_key_and_value() -> ApiError {
    invalid(
        "Invalid condition in KeyConditionExpression: each condition must compare an attribute of the key \
         with a value",
    )
}

//! Conditions, and whether an item meets them, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>.
//!
//! A missing attribute is equal to nothing. Values of different types are unequal and have no order.

use std::cmp::Ordering;

use super::parser::{ExpressionParser, Placeholders};
use crate::dynamodb::attribute::{Attribute, AttributeMap};
use crate::wire::ApiError;

/// The deepest nesting of parentheses. The limit keeps the parser from running out of stack.
const MAX_DEPTH: usize = 32;

/// A condition with its names and values filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ItemCondition {
    Exists(String),
    NotExists(String),
    BeginsWith(String, Attribute),
    Compare(String, Comparator, Attribute),
    Between(String, Attribute, Attribute),
    And(Box<ItemCondition>, Box<ItemCondition>),
    Or(Box<ItemCondition>, Box<ItemCondition>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "=" => Self::Equal,
            "<>" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, left: Option<&Attribute>, right: &Attribute) -> bool {
        let order = left.and_then(|left| order(left, right));
        match self {
            Self::Equal => left == Some(right),
            Self::Unequal => left != Some(right),
            Self::Less => order.is_some_and(Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order.is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

/// The order of two strings or two numbers.
fn order(left: &Attribute, right: &Attribute) -> Option<Ordering> {
    match (left, right) {
        (Attribute::S(left), Attribute::S(right)) => Some(left.cmp(right)),
        (Attribute::N(left), Attribute::N(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

impl ItemCondition {
    /// Parses the condition in a parameter of a request, for example `ConditionExpression`.
    pub(crate) fn parse(
        parameter: &'static str,
        source: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ApiError> {
        let mut parser = ExpressionParser::new(parameter, source, placeholders)?;
        let condition = parse_or(&mut parser, 0)?;
        parser.expect_end()?;
        Ok(condition)
    }

    /// Whether an item meets the condition. A missing item has no attributes.
    pub(crate) fn holds(&self, item: &AttributeMap) -> bool {
        match self {
            Self::Exists(name) => item.contains_key(name),
            Self::NotExists(name) => !item.contains_key(name),
            Self::BeginsWith(name, prefix) => match (item.get(name), prefix) {
                (Some(Attribute::S(text)), Attribute::S(prefix)) => text.starts_with(prefix),
                _ => false,
            },
            Self::Compare(name, comparator, value) => comparator.holds(item.get(name), value),
            Self::Between(name, low, high) => {
                Comparator::GreaterOrEqual.holds(item.get(name), low)
                    && Comparator::LessOrEqual.holds(item.get(name), high)
            }
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Or(left, right) => left.holds(item) || right.holds(item),
        }
    }
}

fn parse_or(parser: &mut ExpressionParser<'_>, depth: usize) -> Result<ItemCondition, ApiError> {
    let mut condition = parse_and(parser, depth)?;
    while parser.takes("OR") {
        let right = parse_and(parser, depth)?;
        condition = ItemCondition::Or(Box::new(condition), Box::new(right));
    }
    Ok(condition)
}

fn parse_and(parser: &mut ExpressionParser<'_>, depth: usize) -> Result<ItemCondition, ApiError> {
    let mut condition = parse_test(parser, depth)?;
    while parser.takes("AND") {
        let right = parse_test(parser, depth)?;
        condition = ItemCondition::And(Box::new(condition), Box::new(right));
    }
    Ok(condition)
}

fn parse_test(parser: &mut ExpressionParser<'_>, depth: usize) -> Result<ItemCondition, ApiError> {
    match parser.peek().unwrap_or_default() {
        "(" if depth < MAX_DEPTH => {
            parser.expect("(")?;
            let condition = parse_or(parser, depth + 1)?;
            parser.expect(")")?;
            Ok(condition)
        }
        function @ ("attribute_exists" | "attribute_not_exists" | "begins_with") => {
            parser.expect(function)?;
            parse_function(function, parser)
        }
        _ => parse_comparison(parser),
    }
}

fn parse_function(
    function: &str,
    parser: &mut ExpressionParser<'_>,
) -> Result<ItemCondition, ApiError> {
    parser.expect("(")?;
    let name = parser.name()?;
    let condition = match function {
        "attribute_exists" => ItemCondition::Exists(name),
        "attribute_not_exists" => ItemCondition::NotExists(name),
        _ => {
            parser.expect(",")?;
            let prefix = parser.value()?;
            if !matches!(prefix, Attribute::S(_)) {
                return Err(parser.wrong_type(function, &prefix));
            }
            ItemCondition::BeginsWith(name, prefix)
        }
    };
    parser.expect(")")?;
    Ok(condition)
}

fn parse_comparison(parser: &mut ExpressionParser<'_>) -> Result<ItemCondition, ApiError> {
    let name = parser.name()?;
    let is_ordered = |value: &Attribute| matches!(value, Attribute::S(_) | Attribute::N(_));
    if parser.takes("BETWEEN") {
        let low = parser.value()?;
        parser.expect("AND")?;
        let high = parser.value()?;
        return match order(&low, &high) {
            Some(order) if order.is_le() => Ok(ItemCondition::Between(name, low, high)),
            Some(_) => Err(parser.refuse(
                "The BETWEEN operator requires upper bound to be greater than or equal to lower bound",
            )),
            None => Err(parser.wrong_type("BETWEEN", &low)),
        };
    }
    let symbol = parser.peek().unwrap_or_default();
    let comparator = Comparator::from_symbol(symbol).ok_or_else(|| parser.unsupported())?;
    parser.expect(symbol)?;
    let value = parser.value()?;
    let is_equality = matches!(comparator, Comparator::Equal | Comparator::Unequal);
    if !is_equality && !is_ordered(&value) {
        return Err(parser.wrong_type(symbol, &value));
    }
    Ok(ItemCondition::Compare(name, comparator, value))
}

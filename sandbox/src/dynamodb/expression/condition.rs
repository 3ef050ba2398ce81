//! Conditions, and whether an item meets them, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>.
//!
//! What that page leaves open is as DynamoDB was seen to answer (`scylladb/scylladb`, `test/alternator`): what is not
//! there equals nothing, not even something else that is not there; values of different types are unequal and
//! have no order.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::path::Path;
use crate::dynamodb::attribute::{Attribute, Item};
use crate::dynamodb::number::Number;

/// A condition, its names and values filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    /// Whether the operand is of the type of this name.
    IsType(Operand, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

/// What a condition compares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Path(Path),
    Value(Attribute),
    Size(Box<Operand>),
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
    /// The comparator of this symbol.
    pub(crate) fn of(symbol: &str) -> Option<Self> {
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

    /// The comparator that says the same with the sides exchanged.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Whether it asks which side is the larger.
    pub(crate) fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }

    /// Whether it holds between these values.
    pub(crate) fn holds(self, left: Option<&Attribute>, right: Option<&Attribute>) -> bool {
        let (Some(left), Some(right)) = (left, right) else {
            return self == Self::Unequal;
        };
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => order(left, right) == Some(Ordering::Less),
            Self::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
            Self::Greater => order(left, right) == Some(Ordering::Greater),
            Self::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        }
    }
}

/// The order of two values, if there is one.
pub(crate) fn order(left: &Attribute, right: &Attribute) -> Option<Ordering> {
    match (left, right) {
        (Attribute::S(left), Attribute::S(right)) => Some(left.cmp(right)),
        (Attribute::N(left), Attribute::N(right)) => Some(left.cmp(right)),
        (Attribute::B(left), Attribute::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Whether a string or a binary begins with another.
pub(crate) fn begins_with(whole: &Attribute, start: &Attribute) -> bool {
    match (whole, start) {
        (Attribute::S(whole), Attribute::S(start)) => whole.starts_with(start),
        (Attribute::B(whole), Attribute::B(start)) => whole.starts_with(start),
        _ => false,
    }
}

impl Condition {
    /// Whether an item meets the condition; one that is not there has no attributes.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::Compare(left, comparator, right) => {
                let (left, right) = (left.value(item), right.value(item));
                comparator.holds(left.as_deref(), right.as_deref())
            }
            Self::Between(value, low, high) => {
                let value = value.value(item);
                let at_least = Comparator::GreaterOrEqual;
                at_least.holds(value.as_deref(), low.value(item).as_deref())
                    && at_least.holds(high.value(item).as_deref(), value.as_deref())
            }
            Self::In(value, list) => {
                let value = value.value(item);
                value.is_some() && list.iter().any(|one| one.value(item) == value)
            }
            Self::Exists(path) => path.get(item).is_some(),
            Self::NotExists(path) => path.get(item).is_none(),
            Self::IsType(value, kind) => {
                let value = value.value(item);
                value.is_some_and(|value| value.type_name() == kind)
            }
            Self::BeginsWith(whole, start) => {
                both(whole, start, item).is_some_and(|(whole, start)| begins_with(&whole, &start))
            }
            Self::Contains(whole, part) => {
                both(whole, part, item).is_some_and(|(whole, part)| contains(&whole, &part))
            }
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::Not(condition) => !condition.holds(item),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, Attribute>> {
        match self {
            Self::Path(path) => path.get(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(operand) => {
                let size = size(operand.value(item)?.as_ref())?;
                let size = i64::try_from(size).unwrap_or(i64::MAX);
                Some(Cow::Owned(Attribute::N(Number::from(size))))
            }
        }
    }
}

fn both<'a>(
    left: &'a Operand,
    right: &'a Operand,
    item: &'a Item,
) -> Option<(Cow<'a, Attribute>, Cow<'a, Attribute>)> {
    Some((left.value(item)?, right.value(item)?))
}

/// A part of a string or binary, a member of a set or list.
fn contains(whole: &Attribute, part: &Attribute) -> bool {
    match (whole, part) {
        (Attribute::S(whole), Attribute::S(part)) => whole.contains(part),
        (Attribute::B(whole), Attribute::B(part)) => {
            part.is_empty() || whole.windows(part.len()).any(|window| window == part)
        }
        (Attribute::Ss(set), Attribute::S(member)) => set.contains(member),
        (Attribute::Ns(set), Attribute::N(member)) => set.contains(member),
        (Attribute::Bs(set), Attribute::B(member)) => set.contains(member),
        (Attribute::L(list), member) => list.contains(member),
        _ => false,
    }
}

/// What `size` says of a value: bytes (of a string, too, which AWS does not say), or members. The others have
/// no size.
fn size(value: &Attribute) -> Option<usize> {
    match value {
        Attribute::S(text) => Some(text.len()),
        Attribute::B(bytes) => Some(bytes.len()),
        Attribute::Ss(set) => Some(set.len()),
        Attribute::Ns(set) => Some(set.len()),
        Attribute::Bs(set) => Some(set.len()),
        Attribute::L(list) => Some(list.len()),
        Attribute::M(map) => Some(map.len()),
        Attribute::N(_) | Attribute::Bool(_) | Attribute::Null | Attribute::Odd(_) => None,
    }
}

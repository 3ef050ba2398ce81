//! DynamoDB's expressions: parsed against a request's `ExpressionAttributeNames` and `-Values`, checked, and
//! then applied to items, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>.
//!
//! - `bindings`: the names and values a request gives its expressions
//! - `cursor`: the tokens of an expression, and what all expressions have in common: paths, operands' checks
//! - `path`: document paths, `Launch.Tags[0].#key`
//! - `condition`, `condition_parser`: conditions and filters
//! - `key_condition`: which part of a partition a query asks for
//! - `update`, `update_parser`: what an update makes of an item
//! - `reserved`: the words that are no attribute's name

mod bindings;
mod condition;
mod condition_parser;
mod cursor;
mod key_condition;
mod path;
mod reserved;
mod update;
mod update_parser;

pub(crate) use bindings::Bindings;
pub(crate) use condition::Condition;
pub(crate) use condition_parser::{Filter, parse_condition, parse_filter};
pub(crate) use key_condition::KeyCondition;
pub(crate) use update::Update;
pub(crate) use update_parser::parse_update;

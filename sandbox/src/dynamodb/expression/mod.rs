//! The expressions of a request, as far as tagwarden sends them, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>.
//!
//! ```text
//! condition = and { "OR" and }
//! and       = test { "AND" test }
//! test      = "(" condition ")"
//!           | "attribute_exists" "(" name ")" | "attribute_not_exists" "(" name ")"
//!           | "begins_with" "(" name "," value ")"
//!           | name ( "=" | "<>" | "<" | "<=" | ">" | ">=" ) value
//!           | name "BETWEEN" value "AND" value
//! update    = { section }, each section at most once
//! section   = "SET" name "=" value { "," … } | "REMOVE" name { "," … } | "ADD" name value { "," … }
//! name      = word | "#" word
//! value     = ":" word
//! ```
//!
//! Everything else is refused as unsupported, with the token at which the sandbox stopped reading.
//!
//! - `parser`: the tokens, names and values of an expression
//! - `condition`: conditions, and which items meet them
//! - `update`: updates, and their effect on an item
//! - `reserved`: the words that cannot be the name of an attribute

mod condition;
mod parser;
mod reserved;
mod update;

pub(crate) use condition::{Comparator, ItemCondition};
pub(crate) use parser::Placeholders;
pub(crate) use update::ItemUpdate;

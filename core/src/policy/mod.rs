//! The policy: which tags an instance must have, and the remedy if one is missing or empty.
//!
//! A [`Policy`] exists only if every row of the table is valid. [`Policy::from_rows`] either gives the whole policy or
//! names every problem with its rule and attribute, so that half a policy is never acted on.

mod caution;
mod function;
mod key;
mod problem;
mod remedy;
mod row;
mod rule;
mod table;
mod validate;

pub use caution::{KeyCaution, PolicyCaution};
pub use function::{Function, InvalidFunction};
pub use key::{MAX_KEY_CHARS, MAX_VALUE_CHARS, is_own_key, is_reserved_key};
pub use problem::{InvalidPolicy, Problem, ProblemKind};
pub use remedy::{Defect, DefectName, RuleRemedy, Shutdown};
pub use row::{
    ATTRIBUTES, HOLD_ATTRIBUTE, Row, TEMPLATE_ATTRIBUTE, is_hold_row, is_own_attribute,
    is_template_row,
};
pub use rule::{Action, TagRule};
pub use table::{Policy, ReportTemplate};

#[cfg(test)]
mod tests;

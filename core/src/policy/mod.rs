//! The policy: which tags an instance must have, and the remedy if one is missing or empty.
//!
//! A [`Policy`] exists only if every row of the table is valid. [`Policy::from_rows`] either gives the whole policy or
//! names every problem with its rule and attribute, so that half a policy is never acted on.

mod allowed;
mod caution;
mod check_end_date;
mod check_kinds;
mod condition;
mod end_date;
mod examples;
mod format;
mod function;
mod key;
pub mod list;
mod near_miss;
mod optional;
mod options;
mod pattern;
mod problem;
mod reader;
mod remedy;
mod row;
mod rule;
mod rules_of_keys;
mod several;
mod source;
mod table;
mod times;
mod validate;
mod when_expired;
mod who;

pub use allowed::AllowedValues;
pub use caution::{KeyCaution, PolicyCaution};
pub use condition::{Condition, ConditionDoubt, InstanceDetail, InvalidCondition, RuleConditions};
pub use end_date::EndDate;
pub use examples::{OTHER_EXAMPLE, PolicyExamples};
pub use format::PolicyFormat;
pub use function::{Function, InvalidFunction};
pub use key::{MAX_KEY_CHARS, MAX_VALUE_CHARS, is_own_key, is_reserved_key};
pub use near_miss::{NearMissTag, NearMissValue};
pub use options::RuleOptions;
pub use pattern::{InvalidPattern, Pattern};
pub use problem::{InvalidPolicy, Problem, ProblemKind};
pub use remedy::{Defect, DefectName, RuleRemedy, Shutdown};
pub use row::{
    ATTRIBUTES, COMMENT_ATTRIBUTE, FOREIGN_PREFIX, FORMAT_ATTRIBUTE, HOLD_ATTRIBUTE,
    LETTER_TEMPLATE_ATTRIBUTE, OPTIONAL_ATTRIBUTES, Row, RowKind, TEMPLATE_ATTRIBUTE,
    WHO_ATTRIBUTES, is_foreign_attribute, is_newer_attribute, is_own_attribute, needs_format_2,
    own_attributes,
};
pub use rule::{Action, TagRule};
pub(crate) use several::Coverage;
pub use several::{RuleChoice, RuleStanding, UndecidedRule};
pub use source::{InvalidSource, Source};
pub use table::{LetterTemplate, Policy, ReportTemplate};
pub use times::{InvalidNotice, Notice};
pub use when_expired::{EndDateRule, WhenExpired};
pub use who::{Contact, InvalidContact, WhoRow, is_mail_address};

#[cfg(test)]
mod tests;

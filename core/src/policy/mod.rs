//! The policy: which tags an instance must carry, and what to do when one is missing or empty.
//!
//! A [`Policy`] exists only if every row of the table is sound: [`Policy::from_rows`] either gives the whole
//! policy or names every problem, with the rule and the attribute it is in. Half a policy is never acted on.

mod function;
mod remedy;
mod row;

use std::fmt;

pub use function::{Function, FunctionError};
pub use remedy::{Defect, DefectName, RuleRemedy, Shutdown};
pub use row::{Problem, ProblemKind, Row};

/// The longest tag key that EC2 stores, in characters.
///
/// See [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
pub const MAX_KEY_CHARS: usize = 128;

/// The longest tag value that EC2 stores, in characters (same document as [`MAX_KEY_CHARS`]).
pub const MAX_VALUE_CHARS: usize = 256;

/// The attributes of a rule, in the order in which people write them. Others are nobody's business here.
pub const ATTRIBUTES: [&str; 5] = ["RuleId", "TagKey", "Action", "Required", "Default"];

/// The attribute of the row that is no rule: it holds the [report's template](ReportTemplate).
pub const TEMPLATE_ATTRIBUTE: &str = "ReportTemplate";

/// Whether the attribute means something to tagwarden, in a rule or in the template's row.
#[must_use]
pub fn is_own_attribute(name: &str) -> bool {
    name == TEMPLATE_ATTRIBUTE || ATTRIBUTES.contains(&name)
}

/// Whether a row holds the [report's template](ReportTemplate), and is no rule: it has that attribute, and none of a
/// rule's but `RuleId`. Null and blank texts count as absent, as the console writes them.
#[must_use]
pub fn is_template_row(row: &Row) -> bool {
    let mut of_rule = ATTRIBUTES.iter().filter(|name| **name != "RuleId");
    row::has(row, TEMPLATE_ATTRIBUTE) && !of_rule.any(|name| row::has(row, name))
}

/// Whether AWS keeps `key` for itself: keys that begin with `aws:`, in any case, cannot be written by users.
#[must_use]
pub fn is_reserved_key(key: &str) -> bool {
    key.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

/// Whether tagwarden keeps `key` for itself: keys that begin with `tagwarden:`, in any case, cannot be in the policy.
/// A rule that wrote the [exemption tag](crate::exemption) would exempt every instance it was written to.
#[must_use]
pub fn is_own_key(key: &str) -> bool {
    key.get(..OWN_PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(OWN_PREFIX))
}

/// What the keys of tagwarden's own tags begin with.
const OWN_PREFIX: &str = "tagwarden:";

/// A whole, valid policy table, in the order of its rule ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<TagRule>,
    report_template: Option<ReportTemplate>,
}

/// The row that holds the template of the remediation's report: `RuleId` and `ReportTemplate`, and nothing of a rule.
///
/// Only the remediation looks into it: what is wrong with the template itself is no problem of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTemplate {
    /// `RuleId`: names the row in every message.
    pub row_id: i64,
    /// `ReportTemplate`: the template, never blank.
    pub text: String,
}

/// One item of the policy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRule {
    /// `RuleId`: names the rule in every message.
    pub id: i64,
    /// `TagKey`: the tag this rule is about; compared exactly, as AWS does.
    pub tag_key: String,
    /// `Required` = Y: a finding under this rule makes the instance `NON_COMPLIANT`.
    pub required: bool,
    /// `Action` and `Default`: what the remediation does about a finding.
    pub action: Action,
}

/// What the remediation does when a rule's tag is missing, or present with an empty value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this value. A *missing* tag is written only where the rule is required.
    Update {
        /// `Default`: 1 to 256 characters.
        value: String,
    },
    /// Write the name of whoever launched the instance, `Undefined` if nobody can be found.
    UserLookup,
    /// Write the value of a function, such as today's date.
    Function(Function),
    /// Tell, change nothing.
    Notify,
    /// Stop the instance.
    Stop,
    /// Terminate the instance.
    Terminate,
}

impl Action {
    /// What `Action` may say.
    pub const NAMES: [&str; 6] = [
        "Update",
        "UserLookup",
        "Function",
        "Notify",
        "Stop",
        "Terminate",
    ];
}

impl Policy {
    /// Validates the rows of a policy table.
    ///
    /// Takes the rows in any order; an attribute that tagwarden does not know is left alone.
    ///
    /// # Errors
    /// [`InvalidPolicy`] with every problem of every row, by rule; an empty table is a problem too.
    pub fn from_rows<I>(rows: I) -> Result<Self, InvalidPolicy>
    where
        I: IntoIterator<Item = Row>,
    {
        row::validate(rows)
    }

    /// The rules, by rising id.
    #[must_use]
    pub fn rules(&self) -> &[TagRule] {
        &self.rules
    }

    /// The template of the report, if the table has one. It decides nothing about any instance.
    #[must_use]
    pub fn report_template(&self) -> Option<&ReportTemplate> {
        self.report_template.as_ref()
    }
}

/// A policy table that must not be acted on, and everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy {
    problems: Vec<Problem>,
}

impl InvalidPolicy {
    /// What is wrong, in the order of the rule ids; never empty.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "the policy has {count} problem{plural}: ")?;
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidPolicy {}

#[cfg(test)]
mod tests;

//! The policy: which tags an instance must have, and the remedy if one is missing or empty.
//!
//! A [`Policy`] exists only if every row of the table is valid. [`Policy::from_rows`] either gives the whole policy or
//! names every problem with its rule and attribute, so that half a policy is never acted on.

mod function;
mod remedy;
mod row;

use std::fmt;

pub use function::{Function, FunctionError};
pub use remedy::{Defect, DefectName, RuleRemedy, Shutdown};
pub use row::{Problem, ProblemKind, Row};

/// The most characters of a tag key in EC2.
///
/// See [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
pub const MAX_KEY_CHARS: usize = 128;

/// The most characters of a tag value in EC2; same document as [`MAX_KEY_CHARS`].
pub const MAX_VALUE_CHARS: usize = 256;

/// The attributes of a rule, in the order in which people write them. tagwarden ignores all others.
pub const ATTRIBUTES: [&str; 5] = ["RuleId", "TagKey", "Action", "Required", "Default"];

/// The attribute that holds the [report's template](ReportTemplate), in a row that is not a rule.
pub const TEMPLATE_ATTRIBUTE: &str = "ReportTemplate";

/// Whether tagwarden reads the attribute `name`, in a rule or in the template's row.
#[must_use]
pub fn is_own_attribute(name: &str) -> bool {
    name == TEMPLATE_ATTRIBUTE || ATTRIBUTES.contains(&name)
}

/// Whether a row holds the [report's template](ReportTemplate) and is not a rule: it has `ReportTemplate`, and no
/// attribute of a rule except `RuleId`. Null and blank values count as absent, because the console writes them for
/// attributes that people leave empty.
#[must_use]
pub fn is_template_row(row: &Row) -> bool {
    let mut of_rule = ATTRIBUTES.iter().filter(|name| **name != "RuleId");
    row::has(row, TEMPLATE_ATTRIBUTE) && !of_rule.any(|name| row::has(row, name))
}

/// Whether `key` is reserved for AWS: users cannot write keys that begin with `aws:`, in any case.
///
/// Same document as [`MAX_KEY_CHARS`].
#[must_use]
pub fn is_reserved_key(key: &str) -> bool {
    key.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

/// Whether `key` is reserved for tagwarden: no rule may have a key that begins with `tagwarden:`, in any case.
///
/// A rule that wrote the [exemption tag](crate::exemption) would exempt every instance it covers.
#[must_use]
pub fn is_own_key(key: &str) -> bool {
    key.get(..OWN_PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(OWN_PREFIX))
}

/// The prefix of the keys that are reserved for tagwarden.
const OWN_PREFIX: &str = "tagwarden:";

/// A whole, valid policy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<TagRule>,
    report_template: Option<ReportTemplate>,
}

/// The row that holds the template of the remediation's report: `RuleId` and `ReportTemplate`.
///
/// Only the remediation reads the template. A template with an error does not make the table invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTemplate {
    /// `RuleId`, which names the row in every message.
    pub row_id: i64,
    /// `ReportTemplate`, the template; never blank.
    pub text: String,
}

/// A tag rule: one rule row of the policy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRule {
    /// `RuleId`, which names the rule in every message.
    pub id: i64,
    /// `TagKey`, the key of the rule's tag. Keys are compared exactly, as AWS compares them.
    pub tag_key: String,
    /// Whether `Required` is Y. A finding under a required rule makes the instance `NON_COMPLIANT`.
    pub required: bool,
    /// `Action` and `Default`, from which the remedy of a finding follows.
    pub action: Action,
}

/// What the remediation does if a rule's tag is missing or empty. See [`TagRule::remedy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this value. A *missing* tag is written only if the rule is required.
    Update {
        /// `Default`: 1 to 256 characters.
        value: String,
    },
    /// Write who launched the instance, or `Undefined` if that cannot be found out.
    UserLookup,
    /// Write the value of a function, such as today's date.
    Function(Function),
    /// Report the defect and change nothing.
    Notify,
    /// Stop the instance.
    Stop,
    /// Terminate the instance.
    Terminate,
}

impl Action {
    /// The values of `Action`.
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
    /// Takes the rows in any order, and ignores attributes that tagwarden does not know.
    ///
    /// # Errors
    /// [`InvalidPolicy`] with every problem of every row, in the order of the rule ids. A table without rules is a
    /// problem.
    pub fn from_rows<I>(rows: I) -> Result<Self, InvalidPolicy>
    where
        I: IntoIterator<Item = Row>,
    {
        row::validate(rows)
    }

    /// The rules, in ascending order of their ids.
    #[must_use]
    pub fn rules(&self) -> &[TagRule] {
        &self.rules
    }

    /// The template of the report; `None` if the table has none. It has no effect on any assessment.
    #[must_use]
    pub fn report_template(&self) -> Option<&ReportTemplate> {
        self.report_template.as_ref()
    }
}

/// The problems of a policy table that is not valid and must not be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy {
    problems: Vec<Problem>,
}

impl InvalidPolicy {
    /// The problems, in the order of the rule ids; never empty.
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

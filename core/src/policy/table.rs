//! The policy table as a whole.

use super::format::PolicyFormat;
use super::rule::TagRule;
use super::rules_of_keys::RulesOfKeys;

/// A whole, valid policy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) format: PolicyFormat,
    pub(super) rules: Vec<TagRule>,
    /// The rules of each key.
    pub(super) rules_of_keys: RulesOfKeys,
    pub(super) report_template: Option<ReportTemplate>,
    pub(super) hold: Option<String>,
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

impl Policy {
    /// The format of the table.
    #[must_use]
    pub fn format(&self) -> PolicyFormat {
        self.format
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

    /// The reason for which nothing is written or shut down, such as `the network is being moved`; `None` without a hold.
    ///
    /// A hold is the row `{RuleId, Hold}`. It changes no assessment: only the remediation and the command obey it.
    #[must_use]
    pub fn hold(&self) -> Option<&str> {
        self.hold.as_deref()
    }
}

//! The policy table as a whole.

use super::condition::{Condition, InstanceDetail, RuleConditions};
use super::format::PolicyFormat;
use super::rule::{Action, TagRule};
use super::rules_of_keys::RulesOfKeys;
use super::source::Source;
use super::who::{Contact, WhoRow};
use crate::likeness::is_blank;
use crate::resource::{Kinds, Resource};

/// A whole, valid policy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) format: PolicyFormat,
    pub(super) rules: Vec<TagRule>,
    /// The rules of each key.
    pub(super) rules_of_keys: RulesOfKeys,
    pub(super) report_template: Option<ReportTemplate>,
    pub(super) letter_template: Option<LetterTemplate>,
    pub(super) hold: Option<String>,
    pub(super) who_rows: Vec<WhoRow>,
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

/// The row that holds the template of the letters to owners: `RuleId` and `LetterTemplate`.
///
/// Only the remediation reads it. A template with an error does not make the table invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterTemplate {
    /// `RuleId`, which names the row in every message.
    pub row_id: i64,
    /// `LetterTemplate`, the template; never blank.
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

    /// The template of the letters to owners; `None` if the table has none. It has no effect on any assessment.
    #[must_use]
    pub fn letter_template(&self) -> Option<&LetterTemplate> {
        self.letter_template.as_ref()
    }

    /// The who rows, in ascending order of their ids.
    #[must_use]
    pub fn who_rows(&self) -> &[WhoRow] {
        &self.who_rows
    }

    /// The value that a who row gives to the tag `key` of what `name` launches, and the row's id. The first row about the
    /// name that has `Tags` counts.
    #[must_use]
    pub fn tag_by_launcher(&self, name: &str, key: &str) -> Option<(i64, &str)> {
        let mut rows = self.who_rows.iter().filter(|row| row.is_about(name));
        let (row_id, tags) = rows.find_map(|row| Some((row.row_id, row.tags.as_ref()?)))?;
        Some((row_id, tags.get(key)?))
    }

    /// Where letters for `name` go, as the first who row about the name says that has a `Contact`.
    #[must_use]
    pub fn contact_of(&self, name: &str) -> Option<&Contact> {
        let mut rows = self.who_rows.iter().filter(|row| row.is_about(name));
        rows.find_map(|row| row.contact.as_ref())
    }

    /// The value of the first UserLookup rule's tag on `instance` that is not blank: who launched it, or `Undefined`.
    #[must_use]
    pub fn noted_launcher<'a>(&self, instance: &'a Resource) -> Option<&'a str> {
        let rules = self.rules.iter();
        let mut look_ups = rules.filter(|rule| rule.action == Action::UserLookup);
        let value = look_ups.find_map(|rule| {
            let value = instance.tags.get(&rule.tag_key)?;
            (!is_blank(value)).then_some(value)
        });
        value.map(String::as_str)
    }

    /// The kinds for which there is a rule.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        let kinds = self.rules.iter().map(|rule| rule.options.kinds);
        kinds.reduce(Kinds::and).unwrap_or_default()
    }

    /// Whether a rule for what is attached to instances depends on the VPC of its instance.
    #[must_use]
    pub fn asks_for_the_vpc_of_attached(&self) -> bool {
        let mut rules = self.rules.iter().map(|rule| &rule.options);
        rules.any(|options| {
            let conditions = options.when.iter().flat_map(RuleConditions::conditions);
            let mut details = conditions.filter_map(Condition::detail);
            options.kinds.attached().next().is_some()
                && (options.from.contains(&Source::Vpc)
                    || details.any(|detail| detail == InstanceDetail::VpcId))
        })
    }

    /// The reason for which nothing is written or shut down, such as `the network is being moved`; `None` without a hold.
    ///
    /// A hold is the row `{RuleId, Hold}`. It changes no assessment: only the remediation and the command obey it.
    #[must_use]
    pub fn hold(&self) -> Option<&str> {
        self.hold.as_deref()
    }
}

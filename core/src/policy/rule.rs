//! A tag rule, and what it does.

use super::function::Function;
use super::options::RuleOptions;
use crate::date::end_of;

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
    /// What the rule says beyond these columns. Without effect in a table of the older format, which has none.
    pub options: RuleOptions,
}

impl TagRule {
    /// Whether it can shut a resource down, by `Action` or by an end date.
    #[must_use]
    pub fn may_shut_down(&self) -> bool {
        let end_date = self.options.end_date.as_ref();
        matches!(self.action, Action::Stop | Action::Terminate)
            || end_date.is_some_and(|it| it.when_expired.is_shutdown())
    }

    /// Whether the tag may have `value`, as far as `Allowed` says.
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        let allowed = self.options.allowed.as_ref();
        match self.options.end_date {
            // The words that may stand in the place of a date.
            Some(_) => end_of(value).is_some() || allowed.is_some_and(|it| it.allows(value)),
            None => allowed.is_none_or(|it| it.allows(value)),
        }
    }
}

/// What the remediation does if a rule's tag is missing or empty. See [`TagRule::remedy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this value. A *missing* tag is written only if the rule is required.
    Update {
        /// `Default`: 1 to 256 characters. `None` where the value comes from the rule's sources alone.
        value: Option<String>,
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

//! What a rule does about a defect of its tag. This is the only place that knows the following table.
//!
//! | `Action` | missing | empty | not allowed | nearly right |
//! |---|---|---|---|---|
//! | `Update` | `Required` = Y: write the value; N: nothing | write the value | report | as its defect |
//! | `UserLookup` | write who launched the instance | the same | report | as its defect |
//! | `Function` | write the function's value | the same | report | as its defect |
//! | `Notify` | report | report | report | report |
//! | `Stop`, `Terminate` | `Required` = Y: that shutdown; N: report | the same | the same | report |
//!
//! [`TagRule::defect`] finds the column and [`TagRule::remedy`] the cell. A value of blanks alone is empty. No cell
//! overwrites a value that is set. `Required` is about missing and empty tags: a value that is not allowed makes the
//! instance `NON_COMPLIANT` under every rule.
//!
//! Under a rule with `WhenExpired`, an expired end date has the remedy that this attribute names, whatever `Action` and
//! `Required` say. An unreadable date, and one that lies too far ahead, are reported.
//!
//! *Nearly right* is a missing tag with a near miss of its key, a tag whose value is blanks alone, and a value that a
//! person can take for an allowed one. Somebody meant to set such a tag, so nothing is shut down for it.

use std::fmt;

use chrono::{DateTime, Utc};

use super::function::Function;
use super::rule::{Action, TagRule};
use super::when_expired::WhenExpired;
use crate::likeness::is_blank;
use crate::resource::{Kind, Resource};

/// What is wrong with a rule's tag. A tag has at most one defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect<'a> {
    /// The resource has no tag with the key of the rule.
    Missing {
        /// A key of the resource that a person can take for the rule's, most often by a typing error: see
        /// [`is_near_miss`](crate::likeness::is_near_miss). The key of another rule is never a near miss, nor is a key that AWS wrote.
        near_miss: Option<&'a str>,
    },
    /// The tag exists and its value is empty.
    Empty {
        /// The value: empty, or blanks alone.
        value: &'a str,
    },
    /// The rule has end dates, and the value is neither one nor a word that stands in the place of one.
    Unreadable {
        /// The value.
        value: &'a str,
    },
    /// The end date has passed.
    Expired {
        /// The value.
        value: &'a str,
        /// The first moment after it.
        end: DateTime<Utc>,
    },
    /// The end date lies further ahead than the rule allows.
    TooFar {
        /// The value.
        value: &'a str,
    },
    /// The tag has a value, and the rule does not allow it.
    NotAllowed {
        /// The value.
        value: &'a str,
        /// Whether a person can take it for an allowed one: see
        /// [`nearly_allows`](super::AllowedValues::nearly_allows).
        is_near: bool,
    },
}

/// The name of a [`Defect`], without the borrow of the resource that a [`Defect`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectName {
    /// [`Defect::Missing`]
    Missing,
    /// [`Defect::Empty`], also of a value that is blanks alone
    Empty,
    /// [`Defect::Unreadable`]
    Unreadable,
    /// [`Defect::Expired`]
    Expired,
    /// [`Defect::NotAllowed`], and [`Defect::TooFar`]
    NotAllowed,
}

/// What a rule does about a defect of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleRemedy<'a> {
    /// Write this value, or that of a source. `None`: only a source has one.
    Write(Option<&'a str>),
    /// Write the value of this function.
    WriteFunction(&'a Function),
    /// Write who launched the resource.
    WriteLauncher,
    /// Report the defect and change nothing.
    Report,
    /// Stop or terminate the resource.
    ShutDown(Shutdown),
}

/// A stop or a termination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shutdown {
    /// Stop the resource.
    Stop,
    /// Terminate the resource.
    Terminate,
}

impl TagRule {
    /// The defect of this rule's tag on `instance` at `now`; `None` if the tag has none. `rules` are all rules of the policy.
    #[must_use]
    pub fn defect<'a>(
        &self,
        instance: &'a Resource,
        rules: &[TagRule],
        now: DateTime<Utc>,
    ) -> Option<Defect<'a>> {
        match instance.tags.get(&self.tag_key) {
            Some(value) if is_blank(value) => Some(Defect::Empty { value }),
            Some(value) => {
                if let Some(end_date) = &self.options.end_date {
                    return self.end_date_defect(end_date, value, now);
                }
                let allowed = self.options.allowed.as_ref();
                let allowed = allowed.filter(|allowed| !allowed.allows(value))?;
                Some(Defect::NotAllowed {
                    value,
                    is_near: allowed.nearly_allows(value),
                })
            }
            None => Some(Defect::Missing {
                near_miss: self.near_miss(instance, rules),
            }),
        }
    }

    /// What this rule does about `defect` of a resource of the kind `kind`; `None` if it accepts the defect. What may not be
    /// shut down is reported.
    #[must_use]
    pub fn remedy(&self, kind: Kind, defect: Defect<'_>) -> Option<RuleRemedy<'_>> {
        match self.remedy_of_any(defect)? {
            RuleRemedy::ShutDown(_) if !kind.may_shut_down() => Some(RuleRemedy::Report),
            remedy => Some(remedy),
        }
    }

    /// What this rule does about `defect` of a resource that may be shut down.
    fn remedy_of_any(&self, defect: Defect<'_>) -> Option<RuleRemedy<'_>> {
        let is_set = matches!(defect, Defect::NotAllowed { .. });
        match defect {
            Defect::Expired { .. } => return self.remedy_once_expired(),
            Defect::Unreadable { .. } | Defect::TooFar { .. } => return Some(RuleRemedy::Report),
            Defect::Missing { .. } | Defect::Empty { .. } | Defect::NotAllowed { .. } => {}
        }
        Some(match &self.action {
            // A value that somebody set is never overwritten.
            Action::Update { .. } | Action::UserLookup | Action::Function(_) if is_set => {
                RuleRemedy::Report
            }
            // An optional tag may be missing. Its default replaces only an empty value.
            Action::Update { .. } if defect.name() == DefectName::Missing && !self.required => {
                return None;
            }
            Action::Update { value } => RuleRemedy::Write(value.as_deref()),
            Action::UserLookup => RuleRemedy::WriteLauncher,
            Action::Function(function) => RuleRemedy::WriteFunction(function),
            Action::Notify => RuleRemedy::Report,
            // An optional tag that is missing or empty changes no verdict, so the dashboard would show no reason for a
            // shutdown. For a value that is not allowed, `Required` = N asks for a report.
            Action::Stop | Action::Terminate if !self.required || defect.is_nearly_right() => {
                RuleRemedy::Report
            }
            Action::Stop => RuleRemedy::ShutDown(Shutdown::Stop),
            Action::Terminate => RuleRemedy::ShutDown(Shutdown::Terminate),
        })
    }

    /// What this rule does once the end date in its tag has passed, whatever `Action` and `Required` say.
    fn remedy_once_expired(&self) -> Option<RuleRemedy<'_>> {
        Some(match self.options.end_date.as_ref()?.when_expired {
            WhenExpired::Notify => RuleRemedy::Report,
            WhenExpired::Stop => RuleRemedy::ShutDown(Shutdown::Stop),
            WhenExpired::Terminate => RuleRemedy::ShutDown(Shutdown::Terminate),
        })
    }

    /// The first key of `instance` that is a near miss of this rule's.
    fn near_miss<'a>(&self, instance: &'a Resource, rules: &[TagRule]) -> Option<&'a str> {
        self.near_misses(instance, rules).next().map(|(key, _)| key)
    }
}

impl Defect<'_> {
    /// The defect's name.
    #[must_use]
    pub fn name(&self) -> DefectName {
        match self {
            Self::Missing { .. } => DefectName::Missing,
            Self::Empty { .. } => DefectName::Empty,
            Self::Unreadable { .. } => DefectName::Unreadable,
            Self::Expired { .. } => DefectName::Expired,
            Self::NotAllowed { .. } | Self::TooFar { .. } => DefectName::NotAllowed,
        }
    }

    /// Whether an instance with this defect is `NON_COMPLIANT` under `rule`: the rule is required, or the value is wrong.
    #[must_use]
    pub fn is_violation(&self, rule: &TagRule) -> bool {
        match self.name() {
            DefectName::Missing | DefectName::Empty => rule.required,
            DefectName::Unreadable | DefectName::Expired | DefectName::NotAllowed => true,
        }
    }

    /// Whether somebody meant to set the tag: it has a near miss, its value is blanks alone, or its value is nearly allowed:
    /// so are an unreadable date and one that lies too far ahead.
    #[must_use]
    pub fn is_nearly_right(&self) -> bool {
        match self {
            Self::Missing { near_miss } => near_miss.is_some(),
            Self::Empty { value } => !value.is_empty(),
            Self::NotAllowed { is_near, .. } => *is_near,
            Self::Unreadable { .. } | Self::TooFar { .. } => true,
            Self::Expired { .. } => false,
        }
    }
}

impl DefectName {
    /// Every defect, in the order in which [`TagRule::defect`] looks for them.
    pub const ALL: [Self; 5] = [
        Self::Missing,
        Self::Empty,
        Self::Unreadable,
        Self::Expired,
        Self::NotAllowed,
    ];

    /// The name in JSON and in the ledger, such as `missing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Unreadable => "unreadable",
            Self::Expired => "expired",
            Self::NotAllowed => "not-allowed",
        }
    }

    /// The defect whose [`as_str`](Self::as_str) is `name`; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.as_str() == name)
    }
}

impl fmt::Display for DefectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

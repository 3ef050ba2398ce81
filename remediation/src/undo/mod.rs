//! Takes back tags that tagwarden wrote and that were not changed since. Only the `tagwarden` command does this; the
//! functions neither do it nor are allowed to.
//!
//! ```text
//! ledger ─┐
//! EC2 ────┼──▶ plan ──▶ shown, asked ──▶ the same, read again ──▶ written down ──▶ DeleteTags ──▶ completed
//! policy ─┘
//! ```
//!
//! | what | where it lives |
//! |---|---|
//! | [`plan()`]: acts, instances and policy → what to take back, what to leave and why; pure | `plan` |
//! | [`Undo`]: reads what a plan is made of, and carries it out | `execute` |
//! | the steps under way, and what becomes of each | `work` |
//!
//! What is taken back goes by three rules. *The last word counts*: only the latest act on a tag of an instance can be
//! taken back, and only while the tag has the value which that act wrote. *No value of somebody else is overwritten*: EC2 itself compares
//! the value as it takes a tag away. *Nothing is shut down by it*: a tag stays where the instance would have none at all
//! without it, or where the policy now stops or terminates an instance that lacks it.
//!
//! A value that somebody set to exactly what tagwarden had written cannot be distinguished from tagwarden's own.

mod execute;
mod plan;
mod work;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use tagwarden_core::{DefectName, State};

use crate::plan::{Act, ActState, Cause, Remedy, RemedyName, Step, ValueOrigin};
use crate::run_id::RunId;

pub use execute::{Undo, UndoError, UndoPreview};
pub use plan::{UndoFacts, plan};
pub use work::{UndoOutcome, UndoResult};

/// What to take back, what to leave, and what cannot be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoPlan {
    /// Tags to take away or to empty, by instance and key.
    pub steps: Vec<UndoStep>,
    /// Tags that were asked for and stay, by instance and key.
    pub left: Vec<KeptTag>,
    /// Stops and terminations, by instance.
    pub shutdowns: Vec<PastShutdown>,
}

/// A tag that tagwarden wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTag {
    /// `i-…`.
    pub instance_id: String,
    /// The tag.
    pub tag_key: String,
    /// The value that was written.
    pub value: String,
    /// Where the value came from; `None` where an older version wrote it.
    pub origin: Option<ValueOrigin>,
    /// The rule that asked for it.
    pub rule_id: i64,
    /// The run that wrote it.
    pub run_id: RunId,
    /// When that was.
    pub at: DateTime<Utc>,
}

/// One tag to take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoStep {
    /// What was written.
    pub written: WrittenTag,
    /// What was there before, and will be again.
    pub before: Before,
    /// The rule of the present policy that asks for the tag: the next sweep that enforces writes it again.
    pub asked_by: Option<i64>,
}

/// What was there before tagwarden wrote a tag: it writes no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// No such tag.
    Missing,
    /// The tag, with an empty value.
    Empty {
        /// The value: empty, or blanks alone.
        value: String,
    },
}

/// A tag that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTag {
    /// What was written.
    pub written: WrittenTag,
    /// Why it stays.
    pub reason: KeepReason,
}

/// Why a tag stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepReason {
    /// Somebody has changed its value.
    Changed {
        /// The value that it has.
        now: String,
    },
    /// Somebody has taken it away.
    Removed,
    /// The instance is terminated, or not there any more.
    InstanceGone,
    /// A later run found it missing or empty, and wrote it again.
    WrittenAgain {
        /// That run.
        run_id: RunId,
    },
    /// It was taken back before.
    Undone {
        /// The run that took it back.
        run_id: RunId,
    },
    /// A run is writing it, or taking it back, at this moment.
    AtWork {
        /// That run.
        run_id: RunId,
    },
    /// Another undo of the same tags is at work on the instance.
    Contended,
    /// The call that was to write it failed, so the value may be somebody else's.
    Unsure,
    /// Without it the instance would have no tags at all, and would be ended for that.
    LastTag,
    /// The policy has a hold: nothing is written.
    Hold {
        /// The hold's reason.
        reason: String,
    },
    /// The policy cannot be read, and may stop or terminate an instance without it.
    PolicyUnread,
    /// The policy ends an instance without it.
    WouldShutDown {
        /// The policy's rule.
        rule_id: i64,
        /// What the rule does: stop or terminate.
        remedy: RemedyName,
    },
}

/// A stop or a termination: no tag can take that back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastShutdown {
    /// `i-…`.
    pub instance_id: String,
    /// Which of both.
    pub remedy: RemedyName,
    /// The run that did it.
    pub run_id: RunId,
    /// When that was.
    pub at: DateTime<Utc>,
    /// What the instance is now; `None` if EC2 does not know it any more.
    pub state: Option<State>,
}

impl UndoPlan {
    /// How many instances the steps are on.
    #[must_use]
    pub fn instances(&self) -> usize {
        let ids = self.steps.iter().map(|step| &step.written.instance_id);
        ids.collect::<std::collections::BTreeSet<_>>().len()
    }
}

impl UndoStep {
    /// The act that takes the tag back, about to be done.
    pub(crate) fn to_act(&self) -> Act {
        let written = &self.written;
        let cause = Cause::Tag {
            rule_id: written.rule_id,
            tag_key: written.tag_key.clone(),
            defect: match self.before {
                Before::Missing => DefectName::Missing,
                Before::Empty { .. } => DefectName::Empty,
            },
        };
        Act {
            step: Step {
                instance_id: written.instance_id.clone(),
                cause,
                remedy: Remedy::Tag {
                    value: written.value.clone(),
                    unknown: None,
                    origin: None,
                },
            },
            remedy: RemedyName::Untag,
            tags_before: BTreeMap::from([(written.tag_key.clone(), written.value.clone())]),
            state: ActState::Begun,
            why: None,
            code: None,
            undoes: Some(written.run_id.clone()),
        }
    }
}

impl WrittenTag {
    /// Which tag of which instance it is.
    pub(crate) fn place(&self) -> (&str, &str) {
        (&self.instance_id, &self.tag_key)
    }
}

impl PastShutdown {
    /// Whether the instance can be started again.
    #[must_use]
    pub fn can_be_started(&self) -> bool {
        self.state.is_some_and(State::is_stopped)
    }
}

impl KeepReason {
    /// The reason's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "changed",
            Self::Removed => "removed",
            Self::InstanceGone => "instance-gone",
            Self::WrittenAgain { .. } => "written-again",
            Self::Undone { .. } => "undone",
            Self::AtWork { .. } => "at-work",
            Self::Contended => "contended",
            Self::Unsure => "unsure",
            Self::LastTag => "last-tag",
            Self::PolicyUnread => "policy-unread",
            Self::Hold { .. } => "hold",
            Self::WouldShutDown { .. } => "would-end",
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { now } => write!(f, "somebody has changed it to {now:?}"),
            Self::Removed => f.write_str("somebody has taken it away"),
            Self::InstanceGone => f.write_str("the instance does not exist any more"),
            Self::WrittenAgain { run_id } => {
                write!(f, "it was missing in between; run {run_id} wrote it again")
            }
            Self::Undone { run_id } => write!(f, "undone before, by run {run_id}"),
            Self::AtWork { run_id } => {
                write!(f, "run {run_id} is at work on it: try again in 15 minutes")
            }
            Self::Contended => {
                f.write_str("another undo is at work on the instance: try again in a minute")
            }
            Self::Unsure => {
                f.write_str("the call that was to write it failed: it may be somebody else's")
            }
            Self::LastTag => f.write_str(
                "without it the instance would have no tags, and would be ended for that: give it another tag first",
            ),
            Self::Hold { reason } => {
                write!(f, "the policy has a hold, so nothing is written: {reason}")
            }
            Self::PolicyUnread => f.write_str(
                "the policy cannot be read, and may stop or terminate the instance without it: correct the policy first",
            ),
            Self::WouldShutDown { rule_id, remedy } => write!(
                f,
                "without it rule {rule_id} would {} the instance: exempt the instance first",
                remedy.as_str()
            ),
        }
    }
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;

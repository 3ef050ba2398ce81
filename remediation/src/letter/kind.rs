//! What a letter is about.

use crate::plan::{Outcome, Reason, Remedy};
use crate::report::Entry;
use crate::settings::Mode;

/// What an entry of a letter is about. The most urgent comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LetterKind {
    /// The resource is to be stopped or terminated.
    Notice,
    /// The policy waits for something that only its owner can do.
    ActionNeeded,
    /// The resource was stopped or terminated, or would have been.
    Shutdown,
    /// The resource got a tag, or would have got it.
    Tagged,
}

impl LetterKind {
    /// What `entry` is about for its owner; `None` for what is the administrators' business, and for what a later run
    /// does by itself.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        let is_shutdown = entry.step.remedy.is_shutdown();
        match &entry.outcome {
            Outcome::Done | Outcome::WouldDo => Some(match &entry.step.remedy {
                Remedy::Stop { .. } | Remedy::Terminate => Self::Shutdown,
                Remedy::Notify { .. } => Self::ActionNeeded,
                Remedy::Tag { .. } | Remedy::TagLauncher | Remedy::TagFromSource { .. } => {
                    Self::Tagged
                }
            }),
            Outcome::Deferred(reason) | Outcome::Refused(reason) => match reason {
                Reason::Announced { .. }
                | Reason::Ends { .. }
                | Reason::Stopped { .. }
                | Reason::Counting { .. } => Some(Self::Notice),
                Reason::Budget { limit } if *limit > 0 => Some(Self::Notice),
                Reason::Managed { .. }
                | Reason::Protected
                | Reason::UnreadableExemption { .. }
                | Reason::RemovedRepeatedly { .. } => Some(Self::ActionNeeded),
                Reason::RefusedByEc2 { .. } if is_shutdown => Some(Self::ActionNeeded),
                _ => None,
            },
            Outcome::Failed(_) | Outcome::Unclear(_) => None,
        }
    }

    /// The kind's name, as programs and filter policies read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::ActionNeeded => "action-needed",
            Self::Shutdown => "shutdown",
            Self::Tagged => "tagged",
        }
    }

    /// What becomes of instances, for a title and a subject.
    pub(super) fn title(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Notice, _) => "Will be stopped or terminated",
            (Self::ActionNeeded, _) => "Need you to do something",
            (Self::Shutdown, Mode::Enforce) => "Stopped or terminated",
            (Self::Shutdown, Mode::DryRun) => "Would be stopped or terminated",
            (Self::Tagged, Mode::Enforce) => "Tagged",
            (Self::Tagged, Mode::DryRun) => "Would be tagged",
        }
    }
}

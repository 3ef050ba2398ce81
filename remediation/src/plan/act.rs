//! An act: a step that changes an instance, as the ledger keeps it.

use std::collections::BTreeMap;

use tagwarden_core::likeness::is_blank;
use tagwarden_core::{Policy, Resource, ShutdownTarget};

use super::{Cause, CountdownReason, Outcome, Remedy, Step};
use crate::run_id::RunId;

/// One act: one remedy for one finding on one instance, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The step that asks for the act. An act that undoes holds the step that it takes back.
    pub step: Step,
    /// What is done: the step's remedy, or [`RemedyName::Untag`].
    pub remedy: RemedyName,
    /// The instance's tags right before: all of them for a stop or a termination, otherwise the tag's own if it was
    /// there.
    pub tags_before: BTreeMap<String, String>,
    /// How far it got.
    pub state: ActState,
    /// Why it was not done, or why it is not clear whether it was done.
    pub why: Option<String>,
    /// AWS's error code, where AWS gave one.
    pub code: Option<String>,
    /// The run that wrote the tag which this act takes away.
    pub undoes: Option<RunId>,
}

/// What an act does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RemedyName {
    /// Writes a tag.
    Tag,
    /// Stops the instance.
    Stop,
    /// Terminates the instance.
    Terminate,
    /// Takes a tag away again, or its value: `tagwarden undo`.
    Untag,
}

/// How far an act got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActState {
    /// It was about to be done. The instance shows whether it was.
    Begun,
    /// It was done.
    Done,
    /// The instance had changed since it was planned, so it was not done.
    Spared,
    /// EC2 refused it.
    Refused,
    /// It failed.
    Failed,
    /// Its function ended before it was done.
    Abandoned,
}

impl Act {
    /// The shutdown of `target` that `cause` asks for, about to be done; `None` if `remedy` is no shutdown.
    pub(super) fn shutdown(
        target: ShutdownTarget<'_>,
        cause: Cause,
        remedy: Remedy,
    ) -> Option<Self> {
        let resource = target.resource();
        let step = Step {
            instance_id: resource.id.clone(),
            cause,
            remedy,
        };
        Self::of(step, &resource.tags).filter(|act| act.remedy.is_destructive())
    }

    /// The act that `step` asks for, about to be done to an instance with these tags; `None` for a step that changes
    /// nothing.
    #[must_use]
    pub fn of(step: Step, tags: &BTreeMap<String, String>) -> Option<Self> {
        let remedy = match step.remedy {
            // The value is not known yet.
            Remedy::TagLauncher | Remedy::TagFromSource { .. } => return None,
            _ => RemedyName::of(&step.remedy)?,
        };
        let tags_before = match (remedy, step.cause.tag_key()) {
            (RemedyName::Tag, Some(key)) => tags
                .get_key_value(key)
                .map(|(key, value)| (key.clone(), value.clone()))
                .into_iter()
                .collect(),
            _ => tags.clone(),
        };
        Some(Self {
            step,
            remedy,
            tags_before,
            state: ActState::Begun,
            why: None,
            code: None,
            undoes: None,
        })
    }

    /// `i-…`.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        &self.step.instance_id
    }

    /// The rule that asked for it; none for an instance without any tags.
    #[must_use]
    pub fn rule_id(&self) -> Option<i64> {
        self.step.cause.rule_id()
    }

    /// The rule's tag.
    #[must_use]
    pub fn tag_key(&self) -> Option<&str> {
        self.step.cause.tag_key()
    }

    /// Whether it is done because a tag is not there, or by a rule that may apply for that.
    pub(crate) fn is_for_absence(&self, policy: &Policy) -> bool {
        CountdownReason::from(&self.step.cause).rests_on_absence(policy)
    }

    /// The value that is written. Of a tag that is taken away: none, or the empty value that is left of it.
    #[must_use]
    pub fn tag_value(&self) -> Option<&str> {
        match (self.remedy, &self.step.remedy) {
            (RemedyName::Untag, _) => self.step.cause.is_empty_tag().then_some(""),
            (_, Remedy::Tag { value, .. }) => Some(value),
            _ => None,
        }
    }

    /// Whether the instance, as it is now, shows that the act was done. One that does not exist any more was terminated.
    pub(crate) fn shows_on(&self, live: Option<&Resource>) -> bool {
        let Some(live) = live else {
            return self.remedy.is_destructive();
        };
        let tag = self.tag_key().and_then(|key| live.tags.get(key));
        let tag = tag.map(String::as_str);
        match self.remedy {
            RemedyName::Tag => tag.is_some() && tag == self.tag_value(),
            RemedyName::Untag => tag.is_none_or(is_blank),
            RemedyName::Stop => live.state.is_stopped() || live.state.is_gone(),
            RemedyName::Terminate => live.state.is_gone(),
        }
    }

    /// Notes what became of it.
    pub(crate) fn settle(&mut self, outcome: &Outcome) {
        self.state = match outcome {
            Outcome::Done => ActState::Done,
            Outcome::WouldDo | Outcome::Deferred(_) => ActState::Spared,
            Outcome::Refused(_) => ActState::Refused,
            Outcome::Failed(_) => ActState::Failed,
            // The next run looks whether it was done.
            Outcome::Unclear(_) => ActState::Begun,
        };
        self.why = outcome.reason();
        self.code = match outcome {
            Outcome::Failed(failure) | Outcome::Unclear(failure) => failure.code.clone(),
            _ => None,
        };
    }

    /// Notes that it was not done, because `why`.
    pub(crate) fn spare(&mut self, why: impl Into<String>) {
        self.state = ActState::Spared;
        self.why = Some(why.into());
        self.code = None;
    }
}

impl RemedyName {
    /// What `remedy` does; `None` if it only reports.
    #[must_use]
    pub fn of(remedy: &Remedy) -> Option<Self> {
        match remedy {
            Remedy::Tag { .. } | Remedy::TagLauncher | Remedy::TagFromSource { .. } => {
                Some(Self::Tag)
            }
            Remedy::Stop { .. } => Some(Self::Stop),
            Remedy::Terminate => Some(Self::Terminate),
            Remedy::Notify { .. } => None,
        }
    }

    /// Whether it stops or terminates.
    #[must_use]
    pub fn is_destructive(self) -> bool {
        matches!(self, Self::Stop | Self::Terminate)
    }

    /// The name, as it is written down.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Stop => "stop",
            Self::Terminate => "terminate",
            Self::Untag => "untag",
        }
    }
}

impl ActState {
    /// The name, as it is written down. An abandoned act is written down as failed, because older functions know no
    /// other name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Spared => "spared",
            Self::Refused => "refused",
            Self::Failed | Self::Abandoned => "failed",
        }
    }
}

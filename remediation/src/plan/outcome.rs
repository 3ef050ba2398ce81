//! What became of a step.

use tagwarden_aws::AwsError;

use super::Reason;
use crate::error_code::ErrorKind;

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// A dry run: it would have been done.
    WouldDo,
    /// Left for a later run.
    Deferred(Reason),
    /// Not done, and not to be done as things stand.
    Refused(Reason),
    /// Tried, or to be worked out, and failed.
    Failed(StepFailure),
    /// The call may have been carried out: its answer does not say, or never came. A report calls this failed.
    Unclear(StepFailure),
}

/// What went wrong with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// AWS's error code, where AWS gave one.
    pub code: Option<String>,
    /// What went wrong, for a person to read.
    pub text: String,
}

impl Outcome {
    /// The outcome's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WouldDo => "would-do",
            Self::Deferred(_) => "deferred",
            Self::Refused(_) => "refused",
            Self::Failed(_) | Self::Unclear(_) => "failed",
        }
    }

    /// Whether the same may succeed in a later run without any change by a person: AWS throttled it, failed, or did
    /// not answer.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Failed(failure) | Self::Unclear(failure) => failure.may_pass(),
            Self::Done | Self::WouldDo | Self::Deferred(_) | Self::Refused(_) => false,
        }
    }

    /// Whether it names the day of a shutdown that must be announced.
    #[must_use]
    pub fn is_notice(&self) -> bool {
        matches!(
            self,
            Self::Deferred(Reason::Announced { .. } | Reason::Stopped { .. } | Reason::Ends { .. })
        )
    }

    /// Whether the step was only delayed: a later run does it if nothing changes.
    #[must_use]
    pub fn only_delays(&self) -> bool {
        match self {
            Self::Deferred(reason) | Self::Refused(reason) => reason.only_delays(),
            Self::Done | Self::WouldDo | Self::Failed(_) | Self::Unclear(_) => false,
        }
    }

    /// Why, where it was not done.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Done | Self::WouldDo => None,
            Self::Deferred(reason) | Self::Refused(reason) => Some(reason.to_string()),
            Self::Failed(failure) | Self::Unclear(failure) => Some(failure.text.clone()),
        }
    }
}

impl StepFailure {
    /// A failure that AWS gave no code for.
    #[must_use]
    pub fn without_code(text: impl Into<String>) -> Self {
        Self {
            code: None,
            text: text.into(),
        }
    }

    /// Whether the same may succeed without any change by a person.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        ErrorKind::of(self.code.as_deref()).may_pass()
    }
}

impl From<&AwsError> for StepFailure {
    fn from(error: &AwsError) -> Self {
        Self {
            code: error.code().map(ToOwned::to_owned),
            text: error.to_string(),
        }
    }
}

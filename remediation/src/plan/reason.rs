//! Why a step is not taken.

use std::fmt;

use chrono::{NaiveDate, TimeDelta};

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The instance is younger than the grace period. Deferred.
    Grace {
        /// How old it is; `None` if EC2 does not say when it was launched.
        age: Option<TimeDelta>,
        /// How old it must be.
        grace: TimeDelta,
    },
    /// There was no time to ask CloudTrail. Deferred.
    LookUpUnfinished,
    /// The function had no time left. Deferred.
    NoTime,
    /// CloudTrail does not show the launch, which it may show minutes late. Deferred.
    LaunchNotShown {
        /// How old the instance is; `None` if EC2 does not say when it was launched.
        age: Option<TimeDelta>,
        /// How old it must be.
        grace: TimeDelta,
    },
    /// The policy changed while the run was on. Deferred.
    PolicyChanged,
    /// The run was cancelled before it came to this. Deferred.
    Interrupted,
    /// The instance has a manager, which would replace it forever, or alone may end it. Refused.
    Owned {
        /// Such as `the Auto Scaling group web`.
        owner: String,
        /// Such as `which would replace it`: [`Manager::concern`](tagwarden_core::Manager::concern).
        concern: &'static str,
        /// What would last, such as `tag the group`: [`Manager::fix`](tagwarden_core::Manager::fix).
        fix: &'static str,
    },
    /// There is no ledger to write the act down in. Refused.
    NoLedger,
    /// The hour's budget of stops and terminations is used up. Refused.
    Budget {
        /// How many are allowed.
        limit: usize,
    },
    /// It is stopped, and has not been for long enough to be terminated. Deferred.
    Stopped {
        /// When it will have been.
        terminate_on: NaiveDate,
    },
    /// EC2 refused many of the run's instances, so the others were not tried. Deferred.
    ManyProtected,
    /// The instance is protected against this. Refused.
    Protected,
    /// The instance does not exist any more. Refused.
    Vanished,
    /// The tag was restored several times within a week, and somebody removed it each time. Refused.
    RemovedRepeatedly {
        /// When it is written again at the earliest.
        until: NaiveDate,
        /// Who removed it last; `None` where that was not looked up or is not known.
        by: Option<String>,
    },
}

impl Reason {
    /// The reason's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Grace { .. } => "grace",
            Self::LookUpUnfinished => "look-up-unfinished",
            Self::NoTime => "no-time",
            Self::LaunchNotShown { .. } => "launch-not-shown",
            Self::PolicyChanged => "policy-changed",
            Self::Interrupted => "interrupted",
            Self::Owned { .. } => "owned",
            Self::NoLedger => "no-ledger",
            Self::Budget { .. } => "budget",
            Self::Stopped { .. } => "stopped",
            Self::ManyProtected => "many-protected",
            Self::Protected => "protected",
            Self::Vanished => "vanished",
            Self::RemovedRepeatedly { .. } => "removed-repeatedly",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grace {
                age: Some(age),
                grace,
            } => write!(
                f,
                "launched {} minutes ago, the grace period is {} minutes",
                age.num_minutes(),
                grace.num_minutes()
            ),
            Self::Grace { age: None, .. } => f.write_str("EC2 does not say when it was launched"),
            Self::LookUpUnfinished => {
                f.write_str("there was no time left to ask CloudTrail who launched it")
            }
            Self::LaunchNotShown {
                age: Some(age),
                grace,
            } => write!(
                f,
                "CloudTrail does not show its launch of {} minutes ago yet, and has until {} minutes after it",
                age.num_minutes(),
                grace.num_minutes()
            ),
            Self::LaunchNotShown { age: None, .. } => f.write_str(
                "CloudTrail does not show its launch yet, and EC2 does not say when it was launched",
            ),
            Self::NoTime => f.write_str("there was no time left for it"),
            Self::PolicyChanged => f.write_str("the policy changed during the run"),
            Self::Interrupted => f.write_str("the run was ended before it came to it"),
            Self::Owned {
                owner,
                concern,
                fix,
            } => write!(f, "it belongs to {owner}, {concern}: {fix}"),
            Self::NoLedger => f.write_str("no ledger table is configured (TAGWARDEN_LEDGER_TABLE)"),
            Self::Budget { limit } => write!(
                f,
                "the limit of {limit} stops and terminations an hour is reached (TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR)"
            ),
            Self::Stopped { terminate_on } => write!(
                f,
                "it is stopped, and will be terminated on {terminate_on} unless it is tagged"
            ),
            Self::ManyProtected => {
                f.write_str("too many others turned out to be protected in this run")
            }
            Self::Protected => f.write_str("the instance is protected against it"),
            Self::Vanished => f.write_str("the instance does not exist any more"),
            Self::RemovedRepeatedly { until, by } => {
                f.write_str("it was restored three times within a week, and removed each time")?;
                if let Some(by) = by {
                    write!(f, ", last by {by}")?;
                }
                write!(
                    f,
                    "; it is not written again before {until}: put the tag into the code that removes it"
                )
            }
        }
    }
}

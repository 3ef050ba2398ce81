//! What EC2 refused to shut down, as the ledger remembers it.

use chrono::{DateTime, TimeDelta, Utc};

use super::Reason;

/// How long an instance is not tried again that EC2 refused to shut down.
const NOT_AGAIN: TimeDelta = TimeDelta::days(1);

/// EC2's refusal to stop or terminate one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// [`Reason::Protected`] or [`Reason::RefusedByEc2`].
    pub reason: Reason,
    /// When EC2 refused it last.
    pub at: DateTime<Utc>,
}

impl Refusal {
    /// When it is tried again.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        self.at.checked_add_signed(NOT_AGAIN).unwrap_or(self.at)
    }

    /// Whether it is too early to try again.
    #[must_use]
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        now.signed_duration_since(self.at) < NOT_AGAIN
    }
}

//! How long an instance has been stopped and untagged: what the ledger notes between the stop and the termination.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_core::Instance;

/// How long before its termination a stopped instance is reported.
pub(super) const NOTICE: TimeDelta = TimeDelta::days(1);

/// How often the ledger notes that an instance is still stopped and untagged.
pub(super) const SEEN: TimeDelta = TimeDelta::days(1);

/// How long a countdown stands unconfirmed before it starts over, because the instance may have been tagged or running
/// in between. Sweeps may be a week apart.
pub(super) const SEEN_AGAIN: TimeDelta = TimeDelta::days(8);

/// How long an instance has been stopped and untagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Countdown {
    /// Since when, without a break.
    pub since: DateTime<Utc>,
    /// When it was last seen so, to a day.
    #[serde(default)]
    pub seen_at: Option<DateTime<Utc>>,
    /// When the report last said that it will be terminated.
    #[serde(default)]
    pub reminded_at: Option<DateTime<Utc>>,
}

impl Countdown {
    /// A countdown that starts at `now`.
    pub(crate) fn starting(now: DateTime<Utc>) -> Self {
        Self {
            since: now,
            seen_at: Some(now),
            reminded_at: None,
        }
    }

    /// Whether the instance, stopped and untagged at `now`, has been so all the time.
    pub(super) fn holds(&self, instance: &Instance, now: DateTime<Utc>) -> bool {
        let is_started_since = instance.started_at.is_some_and(|at| at > self.since);
        !is_started_since && now - self.seen_at() <= SEEN_AGAIN
    }

    pub(super) fn seen_at(&self) -> DateTime<Utc> {
        self.seen_at.unwrap_or(self.since)
    }
}

/// The first moment at which an instance may be terminated whose notice was sent at `reminded_at`.
pub(super) fn after_notice(reminded_at: DateTime<Utc>) -> DateTime<Utc> {
    reminded_at
        .checked_add_signed(NOTICE)
        .unwrap_or(reminded_at)
}

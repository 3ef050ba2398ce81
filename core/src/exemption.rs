//! Instances that the policy leaves alone for a while.
//!
//! The tag `tagwarden:exempt-until` exempts its instance: a date, a blank and the reason in words, such as
//! `2026-12-31 moves to the new account`. It holds to the end of that day in UTC, and then ends by itself.
//!
//! It is a tag, because a tag is seen where the instance is seen, comes with the instance in every AWS document
//! without another call, and can be governed: a policy of IAM or of the organisation says who may write it, with the
//! condition key [`aws:TagKeys`](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html).
//! A rule of the policy table can never write it, see [`is_own_key`](crate::policy::is_own_key).
//!
//! Its end is no change of the instance: AWS Config hears of it at the rule's next scheduled evaluation, and the
//! remediation at its next sweep.

use chrono::{DateTime, NaiveDate, Utc};

use crate::Instance;
use crate::date::iso_date;

/// The key of the tag that exempts its instance; compared exactly.
pub const EXEMPTION_KEY: &str = "tagwarden:exempt-until";

/// What the exemption tag of an instance says at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption<'a> {
    /// The policy leaves the instance alone.
    Holds {
        /// The last day of it, to its end in UTC.
        until: NaiveDate,
        /// Why; never blank.
        reason: &'a str,
    },
    /// It is over, and has no effect any more.
    Ended {
        /// The last day of it.
        until: NaiveDate,
    },
    /// The tag is not a date and a reason, and has no effect.
    Unreadable,
}

impl<'a> Exemption<'a> {
    /// What the tag of `instance` says at `now`; `None` without such a tag.
    #[must_use]
    pub fn of(instance: &'a Instance, now: DateTime<Utc>) -> Option<Self> {
        let value = instance.tags.get(EXEMPTION_KEY)?;
        Some(match read(value) {
            None => Self::Unreadable,
            Some((until, _)) if until < now.date_naive() => Self::Ended { until },
            Some((until, reason)) => Self::Holds { until, reason },
        })
    }
}

/// The date and the reason in a tag's value.
fn read(value: &str) -> Option<(NaiveDate, &str)> {
    let (date, reason) = value.trim().split_once(char::is_whitespace)?;
    let reason = reason.trim_start();
    let says_something = reason.contains(char::is_alphanumeric);
    Some((iso_date(date)?, reason)).filter(|_| says_something)
}

#[cfg(test)]
mod tests;

//! The tag that exempts an instance until a date.
//!
//! The value of the tag `tagwarden:exempt-until` is a date, a blank and a reason, such as
//! `2026-12-31 moves to the new account`. The exemption holds to the end of that day in UTC.
//!
//! The exemption is a tag for three reasons. People see it where they see the instance. Every AWS document that
//! describes the instance has it, so that it costs no call. And an IAM or organization policy can restrict who writes
//! it, with the condition key
//! [`aws:TagKeys`](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html).
//! No rule of the policy table can write it: see [`is_own_key`](crate::policy::is_own_key).
//!
//! The end of an exemption does not change the instance, so no event announces it. AWS Config learns of it at the
//! rule's next scheduled evaluation, and the remediation at its next sweep.

use chrono::{DateTime, NaiveDate, Utc};

use crate::date::iso_date;
use crate::resource::Instance;

/// The key of the exemption tag. Keys are compared exactly.
pub const EXEMPTION_KEY: &str = "tagwarden:exempt-until";

/// What an exemption tag means at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption<'a> {
    /// The policy does not apply to the instance.
    Holds {
        /// Its last day; it holds to the end of that day in UTC.
        until: NaiveDate,
        /// The reason; never blank.
        reason: &'a str,
    },
    /// The exemption has ended and has no effect.
    Ended {
        /// Its last day.
        until: NaiveDate,
    },
    /// The value is not a date and a reason, so the tag has no effect.
    Unreadable,
}

impl<'a> Exemption<'a> {
    /// The exemption of `instance` at `now`; `None` if the instance has no exemption tag.
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

/// The date and the reason in the value of an exemption tag; `None` if either is missing or unreadable.
fn read(value: &str) -> Option<(NaiveDate, &str)> {
    let (date, reason) = value.trim().split_once(char::is_whitespace)?;
    let reason = reason.trim_start();
    let has_words = reason.contains(char::is_alphanumeric);
    Some((iso_date(date)?, reason)).filter(|_| has_words)
}

#[cfg(test)]
mod tests;

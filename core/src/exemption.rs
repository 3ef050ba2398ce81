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
//! A tag that looks like an exemption and cannot be read exempts nothing, but protects the instance from a shutdown for
//! [14 days](UNREADABLE_PROTECTS_DAYS) after the first report of it. A typing error must not cost a machine, and must not
//! protect one forever either.
//!
//! The end of an exemption does not change the instance, so no event announces it. AWS Config learns of it at the
//! rule's next scheduled evaluation, and the remediation at its next sweep.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use crate::date::iso_date;
use crate::likeness::is_near_miss;
use crate::resource::Resource;

/// The key of the exemption tag. Only a tag with exactly this key exempts.
pub const EXEMPTION_KEY: &str = "tagwarden:exempt-until";

/// [`EXEMPTION_KEY`] without its prefix, a common typing error.
const KEY_WITHOUT_PREFIX: &str = "exempt-until";

/// The length in bytes of the shortest near miss: `exemptuntil`.
const SHORTEST_KEY: usize = 11;

/// The days after its first report for which an exemption that cannot be read protects from a shutdown.
pub const UNREADABLE_PROTECTS_DAYS: u64 = 14;

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
    /// A tag looks like an exemption and is none: its key is a near miss of [`EXEMPTION_KEY`], or its value is not a date
    /// and a reason. It exempts nothing, and protects from a shutdown for a time.
    Unreadable {
        /// The key of the tag.
        key: &'a str,
        /// The value of the tag.
        value: &'a str,
    },
}

impl<'a> Exemption<'a> {
    /// When it is over, or was; `None` if it cannot be read.
    #[must_use]
    pub fn end(&self) -> Option<DateTime<Utc>> {
        let (Self::Holds { until, .. } | Self::Ended { until }) = self else {
            return None;
        };
        let day = until.checked_add_days(Days::new(1))?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    }

    /// The exemption of `instance` at `now`; `None` if the instance has no tag that looks like an exemption.
    ///
    /// A tag whose key is a near miss and whose date has passed is an exemption that has ended: with the right key it
    /// would have no effect either.
    #[must_use]
    pub fn of(instance: &'a Resource, now: DateTime<Utc>) -> Option<Self> {
        let read = |(key, value): (&'a String, &'a String)| match read(value) {
            Some((until, _)) if until < now.date_naive() => Self::Ended { until },
            Some((until, reason)) if key == EXEMPTION_KEY => Self::Holds { until, reason },
            _ => Self::Unreadable { key, value },
        };
        let exact = instance.tags.get_key_value(EXEMPTION_KEY).map(read);
        let near_misses = instance
            .tags
            .iter()
            .filter(|(key, _)| is_near_miss_of_key(key));
        let mut exemptions = exact.into_iter().chain(near_misses.map(read));
        let first = exemptions.next()?;
        // One that was extended under a misspelt key protects although the old one has ended.
        let unreadable = match first {
            Self::Ended { .. } => exemptions.find(|it| matches!(it, Self::Unreadable { .. })),
            _ => None,
        };
        Some(unreadable.unwrap_or(first))
    }
}

/// Whether `key` is [`EXEMPTION_KEY`], or a person can take it for that key: see [`is_near_miss`]. Its prefix may be left
/// out.
#[must_use]
pub fn is_exemption_like(key: &str) -> bool {
    key == EXEMPTION_KEY || is_near_miss_of_key(key)
}

fn is_near_miss_of_key(key: &str) -> bool {
    // Nearly every key is shorter. This runs for every tag of every instance.
    key.len() >= SHORTEST_KEY
        && key != EXEMPTION_KEY
        && (is_near_miss(key, EXEMPTION_KEY) || is_near_miss(key, KEY_WITHOUT_PREFIX))
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

//! `WhenExpired` and `AtMost`: what a rule says about end dates.

use std::fmt;

use chrono::{DateTime, Days, NaiveTime, Utc};

/// What a rule with `WhenExpired` says about the end date in its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndDateRule {
    /// `WhenExpired`.
    pub when_expired: WhenExpired,
    /// `AtMost`: how many whole days ahead an end date may lie; `None` for no limit.
    pub at_most: Option<u64>,
}

/// `WhenExpired`: what is done once an end date has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenExpired {
    /// Report it.
    Notify,
    /// Stop the resource.
    Stop,
    /// Terminate the resource.
    Terminate,
}

impl EndDateRule {
    /// Whether an end date whose end is `end` lies further ahead of `now` than the rule allows. A date is allowed to the
    /// end of the last day.
    #[must_use]
    pub fn is_too_far(&self, end: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let last = self.last(now);
        last.is_some_and(|last| end > last)
    }

    /// The first moment after the last end date that is allowed at `now`; `None` without a limit.
    #[must_use]
    pub fn last(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let day = now
            .date_naive()
            .checked_add_days(Days::new(self.at_most?))?;
        let next = day.checked_add_days(Days::new(1))?;
        Some(next.and_time(NaiveTime::MIN).and_utc())
    }
}

impl WhenExpired {
    /// The values of `WhenExpired`.
    pub const NAMES: [&str; 3] = ["Notify", "Stop", "Terminate"];

    /// The value of `WhenExpired` with the name `name`; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Notify, Self::Stop, Self::Terminate]
            .into_iter()
            .find(|it| it.as_str() == name)
    }

    /// The name, as the table has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "Notify",
            Self::Stop => "Stop",
            Self::Terminate => "Terminate",
        }
    }

    /// Whether it shuts the resource down.
    #[must_use]
    pub fn is_shutdown(self) -> bool {
        self != Self::Notify
    }
}

impl fmt::Display for WhenExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::date::end_of;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("2027-02-26", false)]
    #[case("2027-02-26T23:59:59Z", false)]
    #[case("2027-02-27T00:00:00Z", false)]
    #[case("2027-02-27T00:00:01Z", true)]
    #[case("2027-02-27", true)]
    #[case("9998-12-31", true)]
    #[case("2026-01-01", false)]
    fn at_most_counts_whole_days(#[case] date: &str, #[case] is_too_far: bool) {
        let rule = EndDateRule {
            when_expired: WhenExpired::Stop,
            at_most: Some(90),
        };
        for now in ["2026-11-28T00:00:00Z", "2026-11-28T23:59:59Z"] {
            assert_eq!(rule.is_too_far(end_of(date).unwrap(), at(now)), is_too_far);
        }
        let without = EndDateRule {
            at_most: None,
            ..rule
        };
        assert!(!without.is_too_far(end_of(date).unwrap(), at("2026-11-28T00:00:00Z")));
    }

    #[test]
    fn when_expired_has_names() {
        for name in WhenExpired::NAMES {
            assert_eq!(WhenExpired::from_name(name).unwrap().to_string(), name);
        }
        assert_eq!(WhenExpired::from_name("stop"), None);
    }
}

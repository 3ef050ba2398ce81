//! End dates: when a resource may go, as the tag of a rule with `WhenExpired` says.
//!
//! A date is read strictly. Whatever a person could read in two ways is unreadable, and nothing is done because of it.

use std::fmt;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};

use super::times::Notice;
use crate::date::iso_date;

/// The year before which no date is believed. EC2 exists since 2006, so an earlier end is a typing error, or the zero of
/// a program: `0001-01-01T00:00:00Z`, `1970-01-01`.
const FIRST_YEAR: i32 = 2006;

/// The length of `2026-12-31T23:59:59`.
const SECONDS_END: usize = 19;

/// What a rule with `WhenExpired` says about the end date in its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndDateRule {
    /// `WhenExpired`.
    pub when_expired: WhenExpired,
    /// `AtMost`: how many whole days ahead an end date may lie; `None` for no limit.
    pub at_most: Option<Days>,
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

/// Reads an end date: the first moment after it, in UTC; `None` for a text that is not one.
///
/// An end date is an ISO 8601 date such as `2026-12-31`, which lasts to the end of that day in UTC, or a moment with its
/// zone by RFC 3339, such as `2026-12-31T18:00:00+01:00`. It allocates nothing.
#[must_use]
pub fn end_of(text: &str) -> Option<DateTime<Utc>> {
    let end = match iso_date(text) {
        Some(day) => day
            .checked_add_days(Days::new(1))?
            .and_time(NaiveTime::MIN)
            .and_utc(),
        None => moment(text)?,
    };
    (chrono::Datelike::year(&end) >= FIRST_YEAR).then_some(end)
}

/// Reads a moment by RFC 3339. chrono accepts more: a blank for the `T`, and `-00:00`, the zone that nobody knows.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    let (seconds, rest) = bytes.split_at_checked(SECONDS_END)?;
    let is_strict = seconds.iter().enumerate().all(|(position, byte)| match position {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|it| it.is_ascii_digit()).count();
            fraction.get(digits..).filter(|_| digits > 0)?
        }
        zone => zone,
    };
    let has_zone = match zone {
        b"Z" => true,
        [b'+' | b'-', h, i, b':', m, n] => {
            [h, i, m, n].into_iter().all(u8::is_ascii_digit) && zone != b"-00:00"
        }
        _ => false,
    };
    // A leap second is in no clock of EC2.
    if !is_strict || !has_zone || seconds.get(17..) == Some(b"60".as_slice()) {
        return None;
    }
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(moment.with_timezone(&Utc))
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
        let day = now.date_naive().checked_add_days(self.at_most?)?;
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

/// The whole days from `now` to `end`, as people count them: 0 on the last day, negative once it has passed.
#[must_use]
pub fn days_left(end: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    // The end of a day is the first moment of the next.
    let last = end - TimeDelta::nanoseconds(1);
    (last.date_naive() - now.date_naive()).num_days()
}

/// The times at which a shutdown is announced if its rule has no `Notice`: one day before.
#[must_use]
pub fn default_notice() -> Notice {
    Notice::one_day()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[rstest]
    #[case::a_day("2026-12-31", "2027-01-01T00:00:00Z")]
    #[case::a_leap_day("2028-02-29", "2028-03-01T00:00:00Z")]
    #[case::utc("2026-12-31T18:00:00Z", "2026-12-31T18:00:00Z")]
    #[case::fraction("2026-12-31T18:00:00.250Z", "2026-12-31T18:00:00.250Z")]
    #[case::east("2026-12-31T18:00:00+01:00", "2026-12-31T17:00:00Z")]
    #[case::west("2026-12-31T18:00:00-08:00", "2027-01-01T02:00:00Z")]
    #[case::plus_zero("2026-12-31T18:00:00+00:00", "2026-12-31T18:00:00Z")]
    #[case::first_year("2006-01-01", "2006-01-02T00:00:00Z")]
    #[case::far("9998-12-31", "9999-01-01T00:00:00Z")]
    fn reads_a_date_and_a_moment_with_a_zone(#[case] text: &str, #[case] end: &str) {
        assert_eq!(end_of(text), Some(at(end)));
    }

    /// Among them every format that other tools take, by which a person may have written it.
    #[rstest]
    fn takes_nothing_else_for_an_end_date(
        #[values(
            "",
            " ",
            "never",
            "30d",
            "1w",
            "Q4",
            "2026",
            "2026-12",
            "2026-W53",
            "2026-365",
            "20261231",
            "2026/12/31",
            "2026.12.31",
            "31-12-2026",
            "31/12/2026",
            "31.12.2026",
            "12/31/2026",
            "01/02/2027",
            "Dec 31 2026",
            "31 December 2026",
            "2026-12-31 ",
            " 2026-12-31",
            "2026-12-31.",
            "2026-12-31 kept for audit",
            "2026-13-01",
            "2026-02-30",
            "2026-2-3",
            "26-12-31",
            "+2026-12-31",
            "２０２６-12-31",
            "2026-12-31Z",
            "2026-12-31T18:00Z",
            "2026-12-31T18:00:00",
            "2026-12-31 18:00:00",
            "2026-12-31 18:00:00 UTC",
            "2026-12-31 18:00:00Z",
            "2026-12-31t18:00:00z",
            "2026-12-31T18:00:00 Z",
            "2026-12-31T18:00:00+0100",
            "2026-12-31T18:00:00+1:00",
            "2026-12-31T18:00:00+01",
            "2026-12-31T18:00:00EST",
            "2026-12-31T18:00:00-00:00",
            "2026-12-31T18:00:00.Z",
            "2026-12-31T18:00:00,5Z",
            "2026-12-31T24:00:00Z",
            "2026-12-31T23:59:60Z",
            "2026-12-31T18:00:00+24:00",
            "2026-12-31T18:00:00+01:60",
            "stop@2026/12/31",
            "1798761600",
            "1798761600000",
            "0001-01-01T00:00:00Z",
            "1970-01-01",
            "2005-12-30",
            "0026-12-31"
        )]
        text: &str,
    ) {
        assert_eq!(end_of(text), None);
    }

    #[rstest]
    #[case("2026-11-28T09:00:00Z", "2026-11-28", 0)]
    #[case("2026-11-28T23:59:59Z", "2026-11-28", 0)]
    #[case("2026-11-29T00:00:00Z", "2026-11-28", -1)]
    #[case("2026-11-28T09:00:00Z", "2026-12-01", 3)]
    #[case("2026-11-28T09:00:00Z", "2026-11-29T00:00:01Z", 1)]
    fn counts_the_days_that_are_left(#[case] now: &str, #[case] date: &str, #[case] days: i64) {
        assert_eq!(days_left(end_of(date).unwrap(), at(now)), days);
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
            at_most: Some(Days::new(90)),
        };
        for now in ["2026-11-28T00:00:00Z", "2026-11-28T23:59:59Z"] {
            assert_eq!(rule.is_too_far(end_of(date).unwrap(), at(now)), is_too_far);
        }
        let without = EndDateRule { at_most: None, ..rule };
        assert!(!without.is_too_far(end_of(date).unwrap(), at("2026-11-28T00:00:00Z")));
    }

    #[test]
    fn when_expired_has_names() {
        for name in WhenExpired::NAMES {
            assert_eq!(WhenExpired::from_name(name).unwrap().to_string(), name);
        }
        assert_eq!(WhenExpired::from_name("stop"), None);
    }

    proptest! {
        /// Whatever is read begins with a year, a month and a day that nobody can take for another, and has a zone if it
        /// has a time.
        #[test]
        fn nobody_can_read_an_end_date_in_two_ways(text in "[0-9T:Z+. -]{8,26}|20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,3})?(Z|[+-][0-2][0-9]:[0-6][0-9])?)?") {
            if let Some(end) = end_of(&text) {
                let day: chrono::NaiveDate = text[..10].parse().unwrap();
                let start = day.and_time(NaiveTime::MIN).and_utc();
                prop_assert!((end - start).abs() <= TimeDelta::days(2), "{text} {end}");
                let has_zone = text.ends_with('Z') || matches!(text.as_bytes()[text.len() - 6], b'+' | b'-');
                prop_assert!(text.len() == 10 || has_zone, "{text}");
                prop_assert_eq!(&text[4..5], "-");
            }
        }

        #[test]
        fn no_text_causes_a_panic(text in "\\PC{0,30}") {
            let _ = end_of(&text);
        }
    }
}

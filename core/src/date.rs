//! Dates as people write them in tags.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

/// Reads an ISO 8601 date such as `2026-12-31`; `None` for any other text.
///
/// chrono alone accepts more, such as a month of one digit or a sign before the year.
#[must_use]
pub fn iso_date(text: &str) -> Option<NaiveDate> {
    let is_iso = text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| {
            if matches!(position, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if is_iso { text.parse().ok() } else { None }
}

/// The year before which no date is believed. EC2 exists since 2006, so an earlier end is a typing error, or the zero of
/// a program: `0001-01-01T00:00:00Z`, `1970-01-01`.
const FIRST_YEAR: i32 = 2006;

/// The length of `2026-12-31T23:59:59`.
const SECONDS_END: usize = 19;

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
    (end.year() >= FIRST_YEAR).then_some(end)
}

/// Reads a moment by RFC 3339. chrono accepts more: a blank for the `T`, and `-00:00`, the zone that nobody knows.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    let (seconds, rest) = bytes.split_at_checked(SECONDS_END)?;
    let is_strict = seconds
        .iter()
        .enumerate()
        .all(|(position, byte)| match position {
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

/// The whole days from `now` to `end`, as people count them: 0 on the last day, negative once it has passed.
#[must_use]
pub fn days_left(end: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    // The end of a day is the first moment of the next.
    let last = end - TimeDelta::nanoseconds(1);
    (last.date_naive() - now.date_naive()).num_days()
}

#[cfg(test)]
#[path = "date/end_of.rs"]
mod end_of_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_dates_that_are_not_iso_8601() {
        let last_day = NaiveDate::from_ymd_opt(2026, 12, 31);
        assert_eq!(iso_date("2026-12-31"), last_day);
        for text in [
            "",
            "2026-12-3",
            "2026-13-31",
            "2026-02-30",
            "+2026-1-31",
            "2026/12/31",
            "31-12-2026",
            "2026-12-31 ",
            "2026-12-31T00:00:00Z",
            "２０２６-12",
        ] {
            assert_eq!(iso_date(text), None, "{text}");
        }
    }
}

//! Times: as people type them, and as programs read them.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};

/// A time: relative to the present, or absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This long before the present.
    Ago(TimeDelta),
    /// At this time.
    At(DateTime<Utc>),
}

/// A text that is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be how long ago (90s, 15m, 2h, 7d, 3w), a date in UTC (2026-11-20: its beginning) or a time (2026-11-20T15:30:00Z)"
)]
pub struct NotATime;

impl When {
    /// The time, relative to `now`. A time before the earliest possible one becomes that one.
    pub fn from(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(ago) => now
                .checked_sub_signed(ago)
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
            Self::At(at) => at,
        }
    }
}

impl FromStr for When {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::At(date.and_time(NaiveTime::MIN).and_utc()));
        }
        // This also takes a blank for the T.
        if let Ok(time) = text.parse::<DateTime<Utc>>() {
            return Ok(Self::At(time));
        }
        let number = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
        let unit = text.get(number.len()..).unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = number.parse().ok().filter(|_| is_number).ok_or(NotATime)?;
        let ago = match unit {
            "s" => TimeDelta::try_seconds(number),
            "m" => TimeDelta::try_minutes(number),
            "h" => TimeDelta::try_hours(number),
            "d" => TimeDelta::try_days(number),
            "w" => TimeDelta::try_weeks(number),
            _ => None,
        };
        ago.map(Self::Ago).ok_or(NotATime)
    }
}

/// `2026-11-23T12:00:00.000Z`, for programs.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0s", "2026-11-23T12:00:00Z")]
    #[case("90s", "2026-11-23T11:58:30Z")]
    #[case("15m", "2026-11-23T11:45:00Z")]
    #[case("2h", "2026-11-23T10:00:00Z")]
    #[case("7d", "2026-11-16T12:00:00Z")]
    #[case("3w", "2026-11-02T12:00:00Z")]
    #[case("2026-11-20", "2026-11-20T00:00:00Z")]
    #[case("2026-11-20T15:30:00Z", "2026-11-20T15:30:00Z")]
    #[case("2026-11-20T15:30:00+02:00", "2026-11-20T13:30:00Z")]
    #[case("2026-11-20 15:30:00Z", "2026-11-20T15:30:00Z")]
    fn reads_times(#[case] text: &str, #[case] expected: DateTime<Utc>) {
        let when: When = text.parse().unwrap();
        assert_eq!(when.from("2026-11-23T12:00:00Z".parse().unwrap()), expected);
    }

    #[rstest]
    #[case("")]
    #[case("h")]
    #[case("2")]
    #[case("2 h")]
    #[case("-2h")]
    #[case("+2h")]
    #[case("2H")]
    #[case("2hh")]
    #[case("2y")]
    #[case("yesterday")]
    #[case("2026-13-01")]
    #[case("2026-11-20 15:30")]
    #[case("2026-11-20T15:30:00")]
    #[case("99999999999999999999s")]
    #[case("9999999999999999w")]
    fn rejects_other_texts(#[case] text: &str) {
        assert_eq!(text.parse::<When>(), Err(NotATime));
    }

    #[test]
    fn a_time_before_the_earliest_becomes_the_earliest() {
        let when: When = "9999999999w".parse().unwrap();
        assert_eq!(when.from(Utc::now()), DateTime::<Utc>::MIN_UTC);
    }
}

//! The functions that `Default` may name for `Action` = Function.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A value that is computed when a tag is written: `today()` or `now()`, with an optional offset such as `today()+30d`
/// or `now()-1w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    base: Base,
    offset_days: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Today,
    Now,
}

/// The largest offset in either direction, about a century. A larger one is a typing error, and its date could need
/// more than four digits for the year.
const MAX_OFFSET_DAYS: i64 = 36_500;

impl Function {
    /// How many whole days ahead of the present its value lies at least.
    #[must_use]
    pub fn days_ahead(&self) -> i64 {
        self.offset_days
    }

    /// Whether its value is a day, which lasts to its end, and not a moment.
    #[must_use]
    pub fn is_day(&self) -> bool {
        self.base == Base::Today
    }

    /// The value at `now`, in UTC: for `today()` an ISO 8601 date (`2026-11-23`), for `now()` a date and time to the
    /// second (`2026-11-23T09:30:00Z`).
    #[must_use]
    pub fn value(&self, now: DateTime<Utc>) -> String {
        let moment = TimeDelta::try_days(self.offset_days)
            .and_then(|offset| now.checked_add_signed(offset))
            .unwrap_or(now);
        match self.base {
            Base::Today => moment.date_naive().to_string(),
            Base::Now => moment.to_rfc3339_opts(SecondsFormat::Secs, true),
        }
    }
}

/// Why a text is not a [`Function`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFunction {
    /// The text does not begin with the name of a function.
    #[error("{0:?} is not a known function: use today() or now(), with an offset like today()+30d")]
    Unknown(String),
    /// The text after the name of the function is not an offset.
    #[error(
        "{0:?} has an offset that cannot be read: write +30d or -2w (days or weeks, a century at most)"
    )]
    Offset(String),
}

impl FromStr for Function {
    type Err = InvalidFunction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let (base, rest) = if let Some(rest) = trimmed.strip_prefix("today()") {
            (Base::Today, rest)
        } else if let Some(rest) = trimmed.strip_prefix("now()") {
            (Base::Now, rest)
        } else {
            return Err(InvalidFunction::Unknown(text.to_owned()));
        };
        let offset_days =
            offset_days(rest.trim()).ok_or_else(|| InvalidFunction::Offset(text.to_owned()))?;
        Ok(Self { base, offset_days })
    }
}

/// Reads an offset such as `+30d` or `-2w` as days. No text means no offset.
fn offset_days(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (sign, amount) = match text.strip_prefix('+') {
        Some(amount) => (1, amount),
        None => (-1, text.strip_prefix('-')?),
    };
    let (digits, days_per_unit) = match amount.strip_suffix('d') {
        Some(digits) => (digits, 1),
        None => (amount.strip_suffix('w')?, 7),
    };
    let digits = digits.trim();
    // `parse` would accept a second sign: `+-3d`.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let days = digits.parse::<i64>().ok()?.checked_mul(days_per_unit)?;
    (days <= MAX_OFFSET_DAYS).then_some(sign * days)
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.base {
            Base::Today => "today()",
            Base::Now => "now()",
        })?;
        match self.offset_days {
            0 => Ok(()),
            days => write!(f, "{days:+}d"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn value(function: &str, now: &str) -> String {
        function
            .parse::<Function>()
            .unwrap()
            .value(now.parse().unwrap())
    }

    #[rstest]
    #[case("today()", "2026-11-23T23:59:59Z", "2026-11-23")]
    #[case("today()+30d", "2026-11-23T08:00:00Z", "2026-12-23")]
    #[case("today() + 2w", "2026-11-23T08:00:00Z", "2026-12-07")]
    #[case("today()-1d", "2028-03-01T00:00:00Z", "2028-02-29")]
    #[case("  today()+0d ", "2026-11-23T08:00:00Z", "2026-11-23")]
    #[case("now()", "2026-11-23T08:46:56.789Z", "2026-11-23T08:46:56Z")]
    #[case("now()+1w", "2026-12-31T23:00:00Z", "2027-01-07T23:00:00Z")]
    fn gives_iso_8601_in_utc(#[case] function: &str, #[case] now: &str, #[case] expected: &str) {
        assert_eq!(value(function, now), expected);
    }

    #[rstest]
    #[case("", "not a known function")]
    #[case("tomorrow()", "not a known function")]
    #[case("Today()", "not a known function")]
    #[case("today", "not a known function")]
    #[case("today()+", "offset")]
    #[case("today()+d", "offset")]
    #[case("today()+30", "offset")]
    #[case("today()+-3d", "offset")]
    #[case("today()+3x", "offset")]
    #[case("today()30d", "offset")]
    #[case("today()+36501d", "offset")]
    #[case("today()+99999999999999999999w", "offset")]
    fn rejects_unknown_functions_and_offsets(#[case] text: &str, #[case] why: &str) {
        let error = text.parse::<Function>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in r"(today|now)?\(?\)?[+-]?\PC{0,24}") {
            if let Ok(function) = text.parse::<Function>() {
                prop_assert!(!function.value(DateTime::UNIX_EPOCH).is_empty());
                let again = function.to_string().parse::<Function>();
                prop_assert_eq!(again, Ok(function));
            }
        }
    }
}

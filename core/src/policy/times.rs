//! Lengths of time in the policy: `Notice` and `AtMost`.

use std::fmt;

use chrono::TimeDelta;

/// The longest time that `Notice` and `AtMost` take, about a century. A longer one is a typing error.
const MAX_DAYS: i64 = 36_500;

/// The longest notice. What was announced a year ago is forgotten.
const MAX_NOTICE: TimeDelta = TimeDelta::days(366);

/// `Notice`: how long before a shutdown it is announced, as one or more times such as `14d, 3d, 1d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Each of them positive; the longest comes first, and none is twice in it.
    times: Vec<TimeDelta>,
}

impl Notice {
    /// A notice at these times.
    ///
    /// # Errors
    /// [`InvalidNotice`] names the first time that cannot be read, or says that there is none.
    pub fn of<'a>(times: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidNotice> {
        let read = |text: &'a str| {
            let time = hours(text).filter(|time| *time <= MAX_NOTICE);
            time.ok_or_else(|| InvalidNotice::Time(text.to_owned()))
        };
        let mut times: Vec<TimeDelta> = times.into_iter().map(read).collect::<Result<_, _>>()?;
        times.sort_unstable_by(|left, right| right.cmp(left));
        times.dedup();
        if times.is_empty() {
            return Err(InvalidNotice::Nothing);
        }
        Ok(Self { times })
    }

    /// One day before.
    #[must_use]
    pub fn one_day() -> Self {
        Self {
            times: vec![TimeDelta::days(1)],
        }
    }

    /// The times, from the longest to the shortest. There is at least one.
    #[must_use]
    pub fn times(&self) -> &[TimeDelta] {
        &self.times
    }

    /// The longest of them.
    #[must_use]
    pub fn longest(&self) -> TimeDelta {
        self.times.first().copied().unwrap_or_default()
    }

    /// The shortest of them.
    #[must_use]
    pub fn shortest(&self) -> TimeDelta {
        self.times.last().copied().unwrap_or_default()
    }
}

/// Why a list is not a [`Notice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNotice {
    /// One of its times cannot be read.
    #[error(
        "has {0:?}, which is not a time before the shutdown: write 14d, 1w or 36h (a year at most)"
    )]
    Time(String),
    /// It has no times.
    #[error("says nothing: give at least one time, such as 1d")]
    Nothing,
}

/// Reads a number of hours, days or weeks such as `36h`, `14d` or `2w`, of at least one; `None` for another text.
fn hours(text: &str) -> Option<TimeDelta> {
    let text = text.trim();
    match text.strip_suffix('h') {
        Some(number) => positive(number)
            .filter(|hours| *hours <= MAX_DAYS * 24)
            .and_then(TimeDelta::try_hours),
        None => days(text).and_then(TimeDelta::try_days),
    }
}

/// Reads a number of whole days or weeks such as `90d` or `12w`, of at least one day and at most a century.
#[must_use]
pub fn days(text: &str) -> Option<i64> {
    let text = text.trim();
    let (number, days_per_unit) = match text.strip_suffix('d') {
        Some(number) => (number, 1),
        None => (text.strip_suffix('w')?, 7),
    };
    let days = positive(number)?.checked_mul(days_per_unit)?;
    (days <= MAX_DAYS).then_some(days)
}

fn positive(digits: &str) -> Option<i64> {
    // `parse` would accept a sign.
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number)?;
    (number > 0).then_some(number)
}

/// As people write it: `14d, 3d, 36h`.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, time) in self.times.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            match time.num_hours() {
                hours if hours % 24 == 0 => write!(f, "{}d", hours / 24)?,
                hours => write!(f, "{hours}h")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["14d", "3d", "1d"], "14d, 3d, 1d")]
    #[case(&["1d", "2w", " 3d "], "14d, 3d, 1d")]
    #[case(&["36h", "24h", "1d"], "36h, 1d")]
    fn reads_a_notice(#[case] list: &[&str], #[case] expected: &str) {
        let notice = Notice::of(list.iter().copied()).unwrap();
        assert_eq!(notice.to_string(), expected);
        assert!(notice.longest() >= notice.shortest());
        assert!(notice.shortest() > TimeDelta::zero());
    }

    #[rstest]
    #[case("")]
    #[case("0d")]
    #[case("-1d")]
    #[case("+1d")]
    #[case("1")]
    #[case("d")]
    #[case("1 d")]
    #[case("1.5d")]
    #[case("1day")]
    #[case("1D")]
    #[case("1m")]
    #[case("367d")]
    #[case("99999999999999999999h")]
    #[case("１d")]
    fn rejects_what_is_not_a_time(#[case] text: &str) {
        let error = Notice::of(["1d", text]).unwrap_err();
        assert_eq!(error, InvalidNotice::Time(text.to_owned()));
    }

    #[test]
    fn rejects_an_empty_notice() {
        assert_eq!(Notice::of([]), Err(InvalidNotice::Nothing));
    }

    #[rstest]
    #[case("90d", Some(90))]
    #[case("12w", Some(84))]
    #[case("36500d", Some(36_500))]
    #[case("36501d", None)]
    #[case("0d", None)]
    #[case("12h", None)]
    #[case("", None)]
    fn reads_whole_days(#[case] text: &str, #[case] expected: Option<i64>) {
        assert_eq!(days(text), expected);
    }
}

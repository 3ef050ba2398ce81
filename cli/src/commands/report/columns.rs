//! Columns over time: where they stand, and how high they are.
//!
//! A chart is stretched to the room there is, so lengths are in units of its own, and no text is in it.

use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use serde::Serialize;

/// From one column to the next.
pub const PITCH: usize = 10;

/// The height of a chart.
pub const HEIGHT: usize = 1000;

/// What is in a column at all is this high at least: to be seen.
const LOWEST: usize = 15;

/// A stretch of time that one column stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    Day,
    /// From Monday on.
    Week,
}

/// The spans of a time, in order, without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans {
    span: Span,
    first: NaiveDate,
    count: usize,
}

/// One column: from where to where, out of [`HEIGHT`], measured from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    pub x: usize,
    pub y: usize,
    pub height: usize,
}

impl Span {
    /// The first day of the span that `day` is in.
    pub fn first_day(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => {
                let since_monday = u64::from(day.weekday().num_days_from_monday());
                day.checked_sub_days(Days::new(since_monday)).unwrap_or(day)
            }
        }
    }

    fn length(self) -> TimeDelta {
        match self {
            Self::Day => TimeDelta::days(1),
            Self::Week => TimeDelta::weeks(1),
        }
    }
}

impl Spans {
    /// The spans from the one that `first` is in to the one that `last` is in; at least one.
    pub fn new(span: Span, first: NaiveDate, last: NaiveDate) -> Self {
        let first = span.first_day(first.min(last));
        let whole = (last - first).num_days() / span.length().num_days();
        let count = usize::try_from(whole).unwrap_or(0) + 1;
        Self { span, first, count }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Which of them `day` is in.
    pub fn index(&self, day: NaiveDate) -> Option<usize> {
        let days = usize::try_from((day - self.first).num_days()).ok()?;
        let length = usize::try_from(self.span.length().num_days()).ok()?;
        Some(days / length).filter(|index| *index < self.count)
    }

    /// The first day of each.
    pub fn days(&self) -> Vec<NaiveDate> {
        let length = self.span.length();
        let days = std::iter::successors(Some(self.first), |day| day.checked_add_signed(length));
        days.take(self.count).collect()
    }
}

/// A column that rises from `base` (measured from above), of `number` where `most` reaches `room` high.
pub fn rising(index: usize, number: usize, most: usize, room: usize, base: usize) -> Block {
    let height = height(number, most, room);
    Block {
        x: index * PITCH,
        y: base.saturating_sub(height),
        height,
    }
}

/// A column that hangs from `base`.
pub fn hanging(index: usize, number: usize, most: usize, room: usize, base: usize) -> Block {
    Block {
        x: index * PITCH,
        y: base,
        height: height(number, most, room),
    }
}

fn height(number: usize, most: usize, room: usize) -> usize {
    if number == 0 {
        return 0;
    }
    let height = number.saturating_mul(room).checked_div(most).unwrap_or(0);
    height.max(LOWEST).min(room)
}

/// `23 Nov 2026`.
pub fn day(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

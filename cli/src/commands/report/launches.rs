//! How many instances are compliant, by the week in which they were launched.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::columns::{self, Block, HEIGHT, PITCH, Span, Spans};
use super::instance_view::InstanceView;
use crate::words::count;
use crate::words::thousands;

/// The most weeks that the page shows: half a year.
const MOST_WEEKS: i64 = 26;

/// The fewest weeks that the page shows, because one column is not a chart.
const FEWEST_WEEKS: i64 = 8;

/// The instances of each week, compliant ones above the line and others below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Launches {
    pub weeks: Vec<Week>,
    /// The width of the chart.
    pub width: usize,
    /// The position of the line, measured from the top.
    pub line: usize,
    /// The most compliant instances of one week, and the most others.
    pub most_good: usize,
    pub most_bad: usize,
    /// The first days of the first and the last week.
    pub first: String,
    pub last: String,
    /// The launches that the chart leaves out, each note a whole sentence.
    pub notes: Vec<String>,
}

/// A week, and what was launched in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Week {
    /// Its Monday.
    pub day: String,
    pub good: usize,
    pub bad: usize,
    pub above: Block,
    pub below: Block,
}

/// Compliant instances, and others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    good: usize,
    bad: usize,
}

impl Tally {
    fn add(&mut self, is_compliant: bool) {
        *if is_compliant {
            &mut self.good
        } else {
            &mut self.bad
        } += 1;
    }

    fn sum(self) -> usize {
        self.good + self.bad
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }
}

/// The instances that were judged, by the day of their launch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchDays {
    days: BTreeMap<NaiveDate, Tally>,
    /// How many were launched on a day that is not known.
    unknown: usize,
}

impl LaunchDays {
    /// The launches of these instances.
    pub fn of(views: &[InstanceView<'_>]) -> Self {
        let mut found = Self::default();
        for view in views {
            let Some(is_compliant) = view.is_compliant() else {
                continue;
            };
            match view.launched_on() {
                Some(day) => found.days.entry(day).or_default().add(is_compliant),
                None => found.unknown += 1,
            }
        }
        found
    }
}

impl AddAssign for LaunchDays {
    fn add_assign(&mut self, other: Self) {
        for (day, tally) in other.days {
            *self.days.entry(day).or_default() += tally;
        }
        self.unknown += other.unknown;
    }
}

impl Launches {
    /// The launches up to `now`; `None` if not one of them has a known day.
    pub fn new(launched: &LaunchDays, now: DateTime<Utc>) -> Option<Self> {
        let today = now.date_naive();
        let (oldest, _) = launched.days.first_key_value()?;
        let spans = spans(*oldest, today);
        let mut weeks = vec![Tally::default(); spans.count()];
        let (mut earlier, mut later) = (Tally::default(), Tally::default());
        let unknown = launched.unknown;
        for (day, tally) in &launched.days {
            let week = spans.index(*day).and_then(|index| weeks.get_mut(index));
            match week {
                Some(week) => *week += *tally,
                None if *day > today => later += *tally,
                None => earlier += *tally,
            }
        }
        let first_days = spans.days();
        let first = *first_days.first()?;
        let last = *first_days.last()?;
        let mut notes = Vec::new();
        if earlier.sum() > 0 {
            notes.push(told(earlier, &format!("before {}", columns::day(first))));
        }
        if later.sum() > 0 {
            let week_end = columns::day(today);
            notes.push(told(
                later,
                &format!("after {week_end}, the day of this page"),
            ));
        }
        if unknown > 0 {
            let number = count(unknown, "instance");
            notes.push(format!("The launch date of {number} is not known."));
        }
        Some(Self {
            notes,
            first: columns::day(first),
            last: columns::day(last),
            ..Self::of(&weeks, &first_days)
        })
    }

    fn of(tallies: &[Tally], days: &[NaiveDate]) -> Self {
        let most_good = tallies.iter().map(|week| week.good).max().unwrap_or(0);
        let most_bad = tallies.iter().map(|week| week.bad).max().unwrap_or(0);
        let both = most_good + most_bad;
        // Both sides of the line have the same scale.
        let line = (most_good * HEIGHT).checked_div(both).unwrap_or(HEIGHT);
        let week = |(index, (tally, day)): (usize, (&Tally, &NaiveDate))| Week {
            day: columns::day(*day),
            good: tally.good,
            bad: tally.bad,
            above: columns::rising(index, tally.good, most_good, line, line),
            below: columns::hanging(index, tally.bad, most_bad, HEIGHT - line, line),
        };
        Self {
            weeks: tallies.iter().zip(days).enumerate().map(week).collect(),
            width: tallies.len() * PITCH,
            line,
            most_good,
            most_bad,
            first: String::new(),
            last: String::new(),
            notes: Vec::new(),
        }
    }
}

/// The weeks up to `today`, from the one of `oldest` if that is not too far back.
fn spans(oldest: NaiveDate, today: NaiveDate) -> Spans {
    let weeks_ago = |weeks: i64| {
        let ago = chrono::TimeDelta::weeks(weeks - 1);
        today.checked_sub_signed(ago).unwrap_or(NaiveDate::MIN)
    };
    let first = oldest.clamp(weeks_ago(MOST_WEEKS), weeks_ago(FEWEST_WEEKS));
    Spans::new(Span::Week, first, today)
}

/// `12 instances were launched before 1 Jun 2026: 8 compliant, 4 not.`
fn told(tally: Tally, when: &str) -> String {
    let (sum, good, bad) = (tally.sum(), thousands(tally.good), thousands(tally.bad));
    let were = if sum == 1 {
        "1 instance was".to_owned()
    } else {
        format!("{} instances were", thousands(sum))
    };
    format!("{were} launched {when}: {good} compliant, {bad} not.")
}

impl InstanceView<'_> {
    /// The day on which it was launched, in UTC.
    fn launched_on(&self) -> Option<NaiveDate> {
        let launched_at = self.forecast.instance.launched_at?;
        Some(launched_at.date_naive())
    }
}

//! Counts the ledger's acts by day or week.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tagwarden_remediation::ledger::{Act, ActState, Batch, RemedyName};

use super::columns::{self, Block, HEIGHT, PITCH, Span, Spans};

/// The most days that are shown one by one. For a longer period, a column is a week.
const MOST_DAYS: i64 = 62;

/// The acts of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acts {
    /// The source of the acts, such as `the ledger tagwarden-ledger in us-east-1`.
    pub from: String,
    /// The first and the last day.
    pub since: String,
    pub until: String,
    /// What a column stands for: `day` or `week`.
    pub span: &'static str,
    /// The width of a chart.
    pub width: usize,
    /// One for each kind of act.
    pub series: Vec<Series>,
    /// The days or weeks with any acts, and how many of each kind, in the order of the series.
    pub rows: Vec<ActsRow>,
    /// The number of acts.
    pub total: usize,
}

/// The acts of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    pub kind: ActKind,
    /// The words after the number of acts, and the heading above a column of numbers.
    pub name: &'static str,
    pub heading: &'static str,
    pub total: usize,
    /// The most of one day or week.
    pub most: usize,
    pub columns: Vec<ActsColumn>,
}

/// A day or week in which there are acts of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActsColumn {
    pub day: String,
    pub number: usize,
    pub block: Block,
}

/// A day or week in which there are acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActsRow {
    pub day: String,
    pub numbers: Vec<usize>,
}

/// Acts by remedy and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActKind {
    Tagged,
    Stopped,
    Terminated,
    Untagged,
    /// Refused, failed, spared or abandoned.
    NotDone,
    /// Started, and not completed yet.
    Open,
}

impl ActKind {
    const ALL: [Self; 6] = [
        Self::Tagged,
        Self::Stopped,
        Self::Terminated,
        Self::Untagged,
        Self::NotDone,
        Self::Open,
    ];

    fn of(act: &Act) -> Self {
        match (act.state, act.remedy) {
            (ActState::Begun, _) => Self::Open,
            (ActState::Spared | ActState::Refused | ActState::Failed | ActState::Abandoned, _) => {
                Self::NotDone
            }
            (ActState::Done, RemedyName::Tag) => Self::Tagged,
            (ActState::Done, RemedyName::Untag) => Self::Untagged,
            (ActState::Done, RemedyName::Stop) => Self::Stopped,
            (ActState::Done, RemedyName::Terminate) => Self::Terminated,
        }
    }

    fn name(self, number: usize) -> &'static str {
        match (self, number) {
            (Self::Tagged, 1) => "tag written",
            (Self::Tagged, _) => "tags written",
            (Self::Stopped, 1) => "instance stopped",
            (Self::Stopped, _) => "instances stopped",
            (Self::Terminated, 1) => "instance terminated",
            (Self::Terminated, _) => "instances terminated",
            (Self::Untagged, 1) => "tag taken back",
            (Self::Untagged, _) => "tags taken back",
            (Self::NotDone, _) => "not done: refused, failed or spared",
            (Self::Open, _) => "begun, and not completed yet",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Tagged => "Tags written",
            Self::Stopped => "Instances stopped",
            Self::Terminated => "Instances terminated",
            Self::Untagged => "Tags taken back",
            Self::NotDone => "Not done",
            Self::Open => "Under way",
        }
    }

    /// Whether the page shows this kind even without acts, because "0 instances terminated" is worth knowing.
    fn is_always_told(self) -> bool {
        self != Self::Open
    }
}

/// The acts of a period, counted, of one ledger or of several.
#[derive(Clone, Debug)]
pub struct ActCounts {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    span: Span,
    spans: Spans,
    numbers: BTreeMap<ActKind, Vec<usize>>,
}

impl ActCounts {
    /// No acts yet of those that were begun from `since` to `until`.
    pub fn new(since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let (first, last) = (since.date_naive(), until.date_naive());
        let span = if (last - first).num_days() > MOST_DAYS {
            Span::Week
        } else {
            Span::Day
        };
        Self {
            since,
            until,
            span,
            spans: Spans::new(span, first, last),
            numbers: BTreeMap::new(),
        }
    }

    /// Counts the acts of a ledger.
    pub fn add(&mut self, batches: &[Batch]) {
        let in_time = |batch: &&Batch| self.since <= batch.begun_at && batch.begun_at <= self.until;
        for batch in batches.iter().filter(in_time) {
            let Some(index) = self.spans.index(batch.begun_at.date_naive()) else {
                continue;
            };
            for act in &batch.acts {
                let kind = self.numbers.entry(ActKind::of(act));
                let kind = kind.or_insert_with(|| vec![0; self.spans.count()]);
                if let Some(number) = kind.get_mut(index) {
                    *number += 1;
                }
            }
        }
    }
}

impl Acts {
    /// The acts of `batches` that were begun from `since` to `until`.
    pub fn new(
        from: String,
        batches: &[Batch],
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Self {
        let mut counts = ActCounts::new(since, until);
        counts.add(batches);
        Self::of(from, &counts)
    }

    /// The acts that were counted.
    pub fn of(from: String, counts: &ActCounts) -> Self {
        let ActCounts {
            since,
            until,
            span,
            spans,
            numbers,
        } = counts;
        let (first, last) = (since.date_naive(), until.date_naive());
        let days: Vec<String> = spans.days().into_iter().map(columns::day).collect();
        let told = ActKind::ALL
            .into_iter()
            .filter(|kind| kind.is_always_told() || numbers.contains_key(kind));
        let told: Vec<(ActKind, Vec<usize>)> = told
            .map(|kind| (kind, numbers.get(&kind).cloned().unwrap_or_default()))
            .collect();
        let row = |(index, day): (usize, &String)| ActsRow {
            day: day.clone(),
            numbers: told
                .iter()
                .map(|(_, numbers)| numbers.get(index).copied().unwrap_or(0))
                .collect(),
        };
        let rows = days.iter().enumerate().map(row);
        let rows = rows.filter(|row| row.numbers.iter().any(|number| *number > 0));
        let rows: Vec<ActsRow> = rows.collect();
        let series = told
            .iter()
            .map(|(kind, numbers)| Series::new(*kind, numbers, &days));
        Self {
            from,
            since: columns::day(first),
            until: columns::day(last),
            span: match span {
                Span::Day => "day",
                Span::Week => "week",
            },
            width: spans.count() * PITCH,
            series: series.collect(),
            rows,
            total: told.iter().flat_map(|(_, numbers)| numbers).sum(),
        }
    }
}

impl Series {
    fn new(kind: ActKind, numbers: &[usize], days: &[String]) -> Self {
        let most = numbers.iter().copied().max().unwrap_or(0);
        let column = |(index, (number, day)): (usize, (&usize, &String))| ActsColumn {
            day: day.clone(),
            number: *number,
            block: columns::rising(index, *number, most, HEIGHT, HEIGHT),
        };
        let columns = numbers.iter().zip(days).enumerate().map(column);
        let total = numbers.iter().sum();
        Self {
            kind,
            name: kind.name(total),
            heading: kind.heading(),
            total,
            most,
            columns: columns.filter(|column| column.number > 0).collect(),
        }
    }
}

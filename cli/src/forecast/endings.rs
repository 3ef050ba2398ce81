//! What ends when: the end dates of the instances.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tagwarden_core::Policy;
use tagwarden_core::date::days_left;
use tagwarden_core::policy::WhenExpired;

use super::{InstanceForecast, VerdictName};

/// The most end dates that are shown. The soonest come first.
const MOST: usize = 200;

/// How many days ahead a plan looks.
const SOON: i64 = 45;

/// The most end dates that a plan shows.
const MOST_SOON: usize = 20;

/// The end dates, the soonest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endings {
    pub rows: Vec<EndingRow>,
    /// How many more there are.
    pub more: usize,
}

/// One end date of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndingRow {
    pub id: String,
    pub name: Option<String>,
    pub tag_key: String,
    /// The date, as the tag has it.
    pub date: String,
    /// The number of days that are left; negative once it has passed.
    pub days: i64,
    /// In words: `in 3 days`, `today`, `2 days ago`.
    pub left: String,
    /// What is done then, in words.
    pub what: &'static str,
}

impl Endings {
    /// The end dates at `at` of the instances that `policy` applies to; `None` if no rule has end dates.
    pub fn new<'f, 'a: 'f>(
        forecasts: impl IntoIterator<Item = &'f InstanceForecast<'a>>,
        policy: &Policy,
        at: DateTime<Utc>,
    ) -> Option<Self> {
        if !policy.has_end_dates() {
            return None;
        }
        let mut rows = Vec::new();
        let forecasts = forecasts.into_iter();
        for forecast in forecasts.filter(|it| it.verdict() != VerdictName::NotApplicable) {
            let instance = forecast.instance;
            rows.extend(policy.end_dates(instance).map(|it| {
                // A manager, a protection or the settings may stand against it, whatever the rule says.
                let is_kept = forecast.prospects.most.is_clear();
                let row = EndingRow {
                    id: instance.id.clone(),
                    name: forecast.name().map(ToOwned::to_owned),
                    tag_key: it.rule.tag_key.clone(),
                    date: it.value.to_owned(),
                    days: days_left(it.end, at),
                    left: in_words(days_left(it.end, at)),
                    what: match it.when_expired {
                        WhenExpired::Notify => "reported",
                        WhenExpired::Stop | WhenExpired::Terminate if is_kept => "only reported",
                        WhenExpired::Stop => "stopped",
                        WhenExpired::Terminate => "terminated",
                    },
                };
                (it.end, row)
            }));
        }
        rows.sort_by(|left, right| (left.0, &left.1.id).cmp(&(right.0, &right.1.id)));
        let more = rows.len().saturating_sub(MOST);
        rows.truncate(MOST);
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Some(Self { rows, more })
    }

    /// These end dates and those of another place, the soonest first.
    pub fn with(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.rows
            .sort_by(|left, right| (left.days, &left.id).cmp(&(right.days, &right.id)));
        let hidden = self.rows.len().saturating_sub(MOST);
        self.rows.truncate(MOST);
        self.more += other.more + hidden;
        self
    }

    /// The soonest of those that end within some weeks, and how many more there are.
    pub fn soon(&self, all: bool) -> (&[EndingRow], usize) {
        let is_soon = |row: &&EndingRow| all || row.days <= SOON;
        let soon = self.rows.iter().take_while(is_soon).count();
        let shown = if all { soon } else { soon.min(MOST_SOON) };
        let rows = self.rows.get(..shown).unwrap_or_default();
        (rows, self.rows.len() - shown + self.more)
    }
}

fn in_words(days: i64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        days if days > 0 => format!("in {days} days"),
        days => format!("{} days ago", days.unsigned_abs()),
    }
}

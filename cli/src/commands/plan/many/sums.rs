//! A place in numbers, and all places together.

use std::ops::AddAssign;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::commands::plan::show::view::{ChangeTally, PlanView, tally, tally_of_changes};
use crate::forecast::ForecastCounts;
use crate::places::notes::PlaceNotes;
use crate::places::{Place, UnreadPlace};
use crate::words::{count, thousands};

/// The numbers of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFigures {
    Plan(ForecastCounts),
    Comparison {
        before: ForecastCounts,
        after: ForecastCounts,
        tally: ChangeTally,
    },
}

/// A place that was read, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceFigures {
    pub place: Place,
    pub figures: PlanFigures,
}

/// All places.
#[derive(Clone, Debug, Default)]
pub struct PlansSum {
    /// How many places were asked for.
    pub asked: usize,
    /// Those that were read.
    pub places: Vec<PlaceFigures>,
    /// Those that were not.
    pub unread: Vec<UnreadPlace>,
    /// What all places that were read come to; `None` if none was.
    pub figures: Option<PlanFigures>,
    /// When the first place was read.
    pub at: Option<DateTime<Utc>>,
    /// What is not known, and where.
    pub notes: PlaceNotes,
}

impl PlansSum {
    /// Adds a place that was read.
    pub fn add(&mut self, place: &Place, figures: PlaceFigures, view: &PlanView) {
        match &mut self.figures {
            None => self.figures = Some(figures.figures),
            Some(sum) => *sum += figures.figures,
        }
        self.at.get_or_insert(view.at);
        for note in &view.notes {
            self.notes.add(place, note);
        }
        self.places.push(figures);
    }

    /// What everything comes to, as a sentence.
    pub fn tally(&self) -> String {
        match &self.figures {
            None => "Nothing was planned.".to_owned(),
            Some(PlanFigures::Plan(counts)) => tally(counts),
            Some(PlanFigures::Comparison { after, tally, .. }) => tally_of_changes(after, tally),
        }
    }

    /// `6 of 7 places were read: 3 accounts, 2 Regions`.
    pub fn reach(&self) -> String {
        let distinct = |part: fn(&Place) -> &str| {
            let parts = self.places.iter().map(|it| part(&it.place));
            parts.collect::<std::collections::BTreeSet<_>>().len()
        };
        let (accounts, regions) = (distinct(|it| &it.account), distinct(|it| &it.region));
        let (accounts, regions) = (count(accounts, "account"), count(regions, "Region"));
        let read = self.places.len();
        let verb = if self.asked == 1 { "was" } else { "were" };
        format!(
            "{} of {} {verb} read: {accounts}, {regions}",
            thousands(read),
            count(self.asked, "place"),
        )
    }

    /// The members of the counts, as in the document of one place.
    pub fn counts_to_json(&self) -> Value {
        self.figures
            .as_ref()
            .map_or(Value::Null, PlanFigures::to_json)
    }
}

impl PlanFigures {
    fn to_json(&self) -> Value {
        match self {
            Self::Plan(counts) => json!(counts),
            Self::Comparison { before, after, .. } => json!({"before": before, "after": after}),
        }
    }

    /// The titles of the columns that [`cells`](Self::cells) fills.
    pub fn titles(&self) -> &'static [&'static str] {
        match self {
            Self::Plan(_) => &[
                "Instances",
                "Compliant",
                "Non-compliant",
                "To tag",
                "To stop",
                "To terminate",
            ],
            Self::Comparison { .. } => &["Instances", "Change", "Destructive"],
        }
    }

    /// The numbers of a row of the table of places.
    pub fn cells(&self) -> Vec<String> {
        let numbers = match self {
            Self::Plan(counts) => vec![
                counts.instances + counts.volumes,
                counts.compliant,
                counts.non_compliant,
                counts.would_tag,
                counts.would_stop,
                counts.would_terminate,
            ],
            Self::Comparison { after, tally, .. } => vec![
                after.instances + after.volumes,
                tally.changes,
                tally.destructive(),
            ],
        };
        numbers.into_iter().map(thousands).collect()
    }
}

impl AddAssign for PlanFigures {
    fn add_assign(&mut self, other: Self) {
        match (self, other) {
            (Self::Plan(sum), Self::Plan(counts)) => *sum += counts,
            (
                Self::Comparison {
                    before,
                    after,
                    tally,
                },
                Self::Comparison {
                    before: other_before,
                    after: other_after,
                    tally: other_tally,
                },
            ) => {
                *before += other_before;
                *after += other_after;
                *tally += other_tally;
            }
            // All places have the same options.
            (Self::Plan(_) | Self::Comparison { .. }, _) => {}
        }
    }
}

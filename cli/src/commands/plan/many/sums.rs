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
pub struct PlanFigures {
    /// Of the instances under the policy.
    pub counts: ForecastCounts,
    /// Of what changes, if the policy replaces another one.
    pub change: Option<ChangeFigures>,
}

/// The numbers of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeFigures {
    /// Of the instances under the other policy.
    pub before: ForecastCounts,
    pub tally: ChangeTally,
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
            Some(PlanFigures { counts, change }) => match change {
                None => tally(counts),
                Some(change) => tally_of_changes(counts, &change.tally),
            },
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
            .map_or(Value::Null, PlanFigures::document)
    }
}

impl PlanFigures {
    fn document(&self) -> Value {
        match &self.change {
            None => json!(self.counts),
            Some(change) => json!({"before": change.before, "after": self.counts}),
        }
    }

    /// The titles of the columns that [`cells`](Self::cells) fills.
    pub fn titles(&self) -> &'static [&'static str] {
        match self.change {
            None => &[
                "Instances",
                "Compliant",
                "Non-compliant",
                "To tag",
                "To stop",
                "To terminate",
            ],
            Some(_) => &["Instances", "Change", "Destructive"],
        }
    }

    /// The numbers of a row of the table of places.
    pub fn cells(&self) -> Vec<String> {
        let counts = &self.counts;
        let looked_at = counts.instances + counts.volumes;
        let numbers = match &self.change {
            None => vec![
                looked_at,
                counts.compliant,
                counts.non_compliant,
                counts.would_tag,
                counts.would_stop,
                counts.would_terminate,
            ],
            Some(change) => vec![looked_at, change.tally.changes, change.tally.destructive()],
        };
        numbers.into_iter().map(thousands).collect()
    }
}

impl AddAssign for PlanFigures {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        // All places have the same options, so that both have one or neither.
        if let (Some(sum), Some(change)) = (&mut self.change, other.change) {
            sum.before += change.before;
            sum.tally += change.tally;
        }
    }
}

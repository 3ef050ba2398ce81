//! The page of many accounts and Regions.

use std::collections::BTreeSet;

use chrono::Utc;

use super::acts::{ActCounts, Acts};
use super::page::{PageHead, UnreadRow};
use super::sum::ReportSum;
use super::{Args, LedgerActs, Out};
use crate::exit::{CommandError, Exit};
use crate::forecast::Forecast;
use crate::forecast::inputs::{InputArgs, Inputs};
use crate::forecast::places::each;
use crate::output;
use crate::places::notes::PlaceNotes;
use crate::places::options::AskedPlaces;
use crate::places::{Place, UnreadGroup, incomplete};
use crate::stream::{self, is_stream};
use crate::words::{count, thousands};

/// What is known of the places beside what is added up.
#[derive(Default)]
struct Seen {
    places: BTreeSet<Place>,
    instances: usize,
    policies: BTreeSet<String>,
    notes: PlaceNotes,
    /// Of the ledgers that were read.
    acts: Option<ActCounts>,
    ledgers: usize,
    without_ledger: Vec<Place>,
}

/// Reads the places, and writes one page of all of them.
pub fn run(
    args: &Args,
    inputs: InputArgs<'_>,
    asked: &AskedPlaces,
    out: Out<'_>,
) -> Result<Exit, CommandError> {
    let recording = args.sources.instances.as_deref();
    if recording.is_some() && args.settings.ledger_table.is_some() {
        return Err(CommandError::misused(
            &"--ledger-table names the ledger of one account, and the recording is of several",
            "Leave it out. Without --instances, the ledger of that name is read in each account.",
        ));
    }
    let mut sum = ReportSum::default();
    let mut seen = Seen::default();
    let mut unread = Vec::new();
    let ledger = async |inputs: &Inputs| args.ledger_of(inputs).await;
    let read = each(inputs, asked, ledger, |place, result| {
        match result {
            Err(it) => unread.push(it),
            Ok((inputs, acts)) => {
                let forecast = Forecast::new(&inputs, &inputs.policy);
                sum.add(&inputs, &forecast, Some(place));
                seen.add(place, &inputs, acts);
            }
        }
        Ok(())
    })?;
    if seen.places.is_empty() {
        // There is nothing to show.
        return Err(incomplete(&unread, read.asked).after(&reasons(&unread)));
    }
    seen.notes.add_all(read.notes);
    if seen.ledgers > 0 {
        for place in &seen.without_ledger {
            seen.notes.add(place, "No ledger was read there.");
        }
    }
    let rows = UnreadGroup::of(&unread).into_iter().map(|group| UnreadRow {
        places: group.places(),
        why: group.why().to_owned(),
        what_next: group.what_next().to_owned(),
    });
    let acts = seen.acts.as_ref().map(|acts| {
        let from = format!("the ledgers of {}", count(seen.ledgers, "place"));
        Acts::of(from, acts)
    });
    let head = PageHead {
        title: args.title.clone(),
        from: seen.from(recording.map(stream::name)),
        policy: seen.policy(),
        at: sum.at.unwrap_or_else(Utc::now),
    };
    let notes = seen.notes.lines(seen.places.len());
    let page = sum.page(head, acts, notes, Some((read.asked, rows.collect())));
    out.write_page(&page)?;
    if !is_stream(&args.file) {
        output::note(format_args!(
            "{} of {} written to {}",
            count(seen.instances, "instance"),
            count(seen.places.len(), "place"),
            args.file.display()
        ));
    }
    if unread.is_empty() || asked.may_be_unreadable {
        Ok(Exit::Done)
    } else {
        Err(incomplete(&unread, read.asked))
    }
}

/// Why each place could not be read, where there is no page to say so.
fn reasons(unread: &[crate::places::UnreadPlace]) -> String {
    let groups = UnreadGroup::of(unread);
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    format!("Nothing was written.\n\n{}\n\n", groups.join("\n\n"))
}

impl Seen {
    fn add(&mut self, place: &Place, inputs: &Inputs, acts: Option<LedgerActs>) {
        self.places.insert(place.clone());
        self.instances += inputs.instances.len();
        self.policies.insert(inputs.policy.name.clone());
        for note in &inputs.notes {
            self.notes.add(place, note);
        }
        let Some(LedgerActs {
            since,
            now,
            batches,
        }) = acts
        else {
            self.without_ledger.push(place.clone());
            return;
        };
        self.ledgers += 1;
        let counts = self.acts.get_or_insert_with(|| ActCounts::new(since, now));
        counts.add(&batches);
    }

    /// `3 accounts and 2 Regions`.
    fn from(&self, recording: Option<String>) -> String {
        let distinct = |part: fn(&Place) -> &str| {
            let parts: BTreeSet<&str> = self.places.iter().map(part).collect();
            parts.len()
        };
        let accounts = count(distinct(|it| &it.account), "account");
        let regions = count(distinct(|it| &it.region), "Region");
        let places = format!("{accounts} and {regions}");
        match recording {
            Some(name) => format!("{name}: {places}"),
            None => places,
        }
    }

    fn policy(&self) -> String {
        let mut policies = self.policies.iter();
        match (policies.next(), policies.next()) {
            (Some(policy), None) => policy.clone(),
            _ => format!("{} policies", thousands(self.policies.len())),
        }
    }
}

impl Args {
    /// What the ledger of a place holds, if one is named.
    async fn ledger_of(&self, inputs: &Inputs) -> Result<Option<LedgerActs>, CommandError> {
        let access = inputs.access.as_ref().filter(|_| !inputs.is_recorded);
        let Some(access) = access else {
            return Ok(None);
        };
        let Some(table) = self.ledger_table(access.variables.stack()) else {
            return Ok(None);
        };
        self.ledger_acts(access.clone(), table).await.map(Some)
    }
}

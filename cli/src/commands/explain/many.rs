//! The explanations of instances that may be in any of many places.

use serde_json::{Map, Value, json};

use super::{Args, document, text};
use crate::exit::{CommandError, Exit, heard};
use crate::forecast::explained::ExplainArgs;
use crate::forecast::found::FoundInstances;
use crate::output::{self, OutputForm};
use crate::places::options::AskedPlaces;
use crate::places::{UnreadGroup, UnreadPlace, some_of};
use crate::words::count;

/// Looks for the instances, and writes the explanations of those that there are to standard output.
pub fn run(
    args: &Args,
    explain: ExplainArgs<'_>,
    asked: &AskedPlaces,
) -> Result<Exit, CommandError> {
    let found = FoundInstances::read(explain, asked)?;
    heard(match args.form.output {
        OutputForm::Text => output::print(&page(&found)),
        OutputForm::Json => output::print_json(members(&found)),
    })?;
    if found.unknown.is_empty() {
        // An instance is in one place only, so what the others hold says nothing else about it.
        return Ok(Exit::Done);
    }
    let mut what = format!(
        "there is no {} in {}",
        found.unknown.join(", no "),
        looked_in(&found)
    );
    let mut what_next = "Check the id, --accounts and --regions. EC2 shows a terminated instance for about an hour."
        .to_owned();
    if !found.unread.is_empty() {
        let groups: Vec<String> = UnreadGroup::of(&found.unread)
            .iter()
            .map(UnreadGroup::places)
            .collect();
        let groups = some_of(&groups);
        what = if found.looked_in.is_empty() {
            let ids = found.unknown.join(", ");
            format!("{ids} could not be looked for in {groups}")
        } else {
            format!("{what}, and could not be looked for in {groups}")
        };
        what_next =
            format!("It may be in a place that was not read: the output says why. {what_next}");
    }
    Err(CommandError::new(&what, what_next))
}

/// The places that were looked into, some of them at least.
fn looked_in(found: &FoundInstances) -> String {
    match found.looked_in.len() {
        0 | 1 => some_of(&found.looked_in),
        places => format!("{}: {}", count(places, "place"), some_of(&found.looked_in)),
    }
}

fn page(found: &FoundInstances) -> String {
    let pages = found.explained.iter().map(text::page);
    let mut pages: Vec<String> = pages.filter(|page| !page.is_empty()).collect();
    if !found.unknown.is_empty() {
        let groups = UnreadGroup::of(&found.unread);
        pages.extend(groups.iter().map(|group| format!("{group}\n")));
    }
    pages.join("\n")
}

fn members(found: &FoundInstances) -> Map<String, Value> {
    let places = found.explained.iter().map(|explained| {
        let mut members = document::members(explained);
        // What is not here may be elsewhere.
        members.remove("unknown");
        Value::from(members)
    });
    let members = [
        ("places", places.collect()),
        ("lookedIn", json!(found.looked_in)),
        (
            "unreadable",
            found.unread.iter().map(UnreadPlace::to_json).collect(),
        ),
        ("unknown", json!(found.unknown)),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

//! The plans of places for a comment on a pull request.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::sums::PlansSum;
use super::{PlacePlan, PlansWriter, ShownPlan};
use crate::commands::plan::show::markdown::{self, MOST_NOTE_CHARS};
use crate::markdown::escape;
use crate::places::UnreadGroup;
use crate::words::count;

/// The most bytes of the sections of places. The rest of what GitHub takes is for what stands before and after them.
const MOST_BYTES: usize = 40_000;

/// The most rows of the table of places, and the most unread places.
const MOST_ROWS: usize = 100;

/// The most characters of why a place could not be read.
const MOST_WHY_CHARS: usize = 400;

/// Keeps the sections until the sums are known, which come first.
#[derive(Default)]
pub struct Markdown {
    sections: String,
    left_out: usize,
}

impl PlansWriter for Markdown {
    fn place(&mut self, _out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()> {
        let section = match &plan.shown {
            ShownPlan::Plan(_, forecast) if forecast.instances.is_empty() => return Ok(()),
            ShownPlan::Plan(counts, forecast) => markdown::plan(&plan.view, *counts, forecast),
            ShownPlan::Comparison(comparison) if comparison.shown().next().is_none() => {
                return Ok(());
            }
            ShownPlan::Comparison(comparison) => markdown::comparison(&plan.view, comparison),
        };
        // Once a place is left out, so are all that follow, as rows are.
        if self.left_out > 0 || self.sections.len() + section.len() > MOST_BYTES {
            self.left_out += 1;
            return Ok(());
        }
        let place = escape(&plan.place.to_string());
        let _ = write!(self.sections, "\n### {place}\n\n");
        for line in section.lines() {
            // Its headings are below this one. Values never begin a line.
            let deeper = if line.starts_with("## ") || line.starts_with("### ") {
                "##"
            } else {
                ""
            };
            let _ = writeln!(self.sections, "{deeper}{line}");
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()> {
        let mut text = format!("## {}\n\n{}.\n", sum.tally(), sum.reach());
        if !sum.unread.is_empty() {
            text.push_str("\n### Not read\n\n");
        }
        let groups = UnreadGroup::of(&sum.unread);
        for group in groups.iter().take(MOST_ROWS) {
            let what: String = group.why().chars().take(MOST_WHY_CHARS).collect();
            let _ = writeln!(
                text,
                "- **{}**: {}. {}",
                escape(&group.places()),
                escape(&what),
                escape(group.what_next())
            );
        }
        more(&mut text, groups.len());
        if let Some(figures) = &sum.figures {
            let titles = figures.titles();
            let _ = writeln!(
                text,
                "\n### By place\n\n| Account | Region | {} |\n|---|---{}|",
                titles.join(" | "),
                "|---:".repeat(titles.len())
            );
            for it in sum.places.iter().take(MOST_ROWS) {
                let (account, region) = (escape(&it.place.account), escape(&it.place.region));
                let cells = it.figures.cells().join(" | ");
                let _ = writeln!(text, "| {account} | {region} | {cells} |");
            }
            if sum.places.len() > 1 {
                let cells = figures.cells().join(" | ");
                let _ = writeln!(text, "| all read | | {cells} |");
            }
            more(&mut text, sum.places.len());
        }
        text.push_str(&self.sections);
        if self.left_out > 0 {
            let _ = writeln!(
                text,
                "\n**{} left out**, because GitHub takes 65,536 characters. `--output json` has everything.",
                count(self.left_out, "place")
            );
        }
        for note in sum.notes.lines(sum.places.len()) {
            let note: String = note.chars().take(MOST_NOTE_CHARS).collect();
            let _ = writeln!(text, "\n{}", escape(&note));
        }
        out.write_all(text.as_bytes())
    }
}

/// Says how many of `places` a list leaves out.
fn more(text: &mut String, places: usize) {
    if let more @ 1.. = places.saturating_sub(MOST_ROWS) {
        let _ = writeln!(text, "\n{} more.", count(more, "place"));
    }
}

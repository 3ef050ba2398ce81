//! The plans of places as JSON and CSV.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::sums::PlansSum;
use super::{PlacePlan, PlansWriter, ShownPlan};
use crate::commands::plan::show::machine::{self, CHANGES_HEAD, PLAN_HEAD};
use crate::output::{VERSION, write_json};
use crate::places::UnreadPlace;
use crate::spreadsheet::CsvWriter;
use crate::when::rfc3339;

/// Writes the members one after the other: those of the places first, and the sums last.
#[derive(Default)]
pub struct Json {
    has_places: bool,
}

impl PlansWriter for Json {
    fn place(&mut self, out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()> {
        let mut document = match &plan.shown {
            ShownPlan::Plan(counts, forecast) => machine::plan(&plan.view, *counts, forecast),
            ShownPlan::Comparison(comparison) => machine::comparison(&plan.view, comparison),
        };
        if let Value::Object(members) = &mut document {
            // A recording has no account that was called, but its instances are in one.
            members.insert("account".to_owned(), json!(plan.place.account));
            members.insert("region".to_owned(), json!(plan.place.region));
            members.remove("version");
        }
        let begin = if self.has_places {
            ","
        } else {
            "{\n  \"places\": ["
        };
        self.has_places = true;
        write!(out, "{begin}\n    ")?;
        indented(out, &document, "    ")
    }

    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()> {
        let begin = if self.has_places {
            "\n  ]"
        } else {
            "{\n  \"places\": []"
        };
        write!(out, "{begin}")?;
        let unread: Vec<Value> = sum.unread.iter().map(UnreadPlace::to_json).collect();
        let members = [
            ("version", json!(VERSION)),
            ("at", json!(sum.at.map(rfc3339))),
            ("asked", json!(sum.asked)),
            ("read", json!(sum.places.len())),
            ("unreadable", json!(unread)),
            ("notes", json!(sum.notes.lines(sum.places.len()))),
            ("counts", sum.counts_to_json()),
        ];
        for (name, value) in members {
            write!(out, ",\n  {}: ", json!(name))?;
            indented(out, &value, "  ")?;
        }
        out.write_all(b"\n}\n")
    }
}

/// Writes a value whose further lines begin with `margin`. A text in JSON has no line ends.
fn indented(out: &mut dyn Write, value: &Value, margin: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    write_json(&mut bytes, value)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().split('\n').collect();
    out.write_all(lines.join(&format!("\n{margin}")).as_bytes())
}

/// Writes the rows of one place, each with the place before it.
#[derive(Default)]
pub struct Csv {
    /// How many columns a row has, once there is a head.
    columns: usize,
}

impl Csv {
    fn head(&mut self, out: &mut dyn Write, head: &[&str]) -> io::Result<()> {
        if self.columns > 0 {
            return Ok(());
        }
        self.columns = head.len() + 2;
        let place = ["account", "region"];
        CsvWriter::new(out).row(place.into_iter().chain(head.iter().copied()))
    }
}

impl PlansWriter for Csv {
    fn place(&mut self, out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()> {
        let place = [plan.place.account.as_str(), plan.place.region.as_str()];
        match &plan.shown {
            ShownPlan::Plan(_, forecast) => {
                self.head(out, &PLAN_HEAD)?;
                let mut writer = CsvWriter::new(out);
                machine::plan_rows(&mut writer, &place, &plan.view, forecast)
            }
            ShownPlan::Comparison(comparison) => {
                self.head(out, &CHANGES_HEAD)?;
                let mut writer = CsvWriter::new(out);
                machine::comparison_rows(&mut writer, &place, &plan.view, comparison)
            }
        }
    }

    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()> {
        self.head(out, &PLAN_HEAD)?;
        // A program that adds up the rows must not take such a place for an empty one.
        let mut writer = CsvWriter::new(out);
        for unread in &sum.unread {
            let why = format!("not read: {}", unread.why);
            let mut row = vec![
                unread.account.as_str(),
                unread.region.as_deref().unwrap_or_default(),
            ];
            row.resize(self.columns.saturating_sub(1), "");
            row.push(&why);
            writer.row(row)?;
        }
        Ok(())
    }
}

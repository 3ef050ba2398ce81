//! The plans of places for a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use comfy_table::{Cell, Color};
use owo_colors::OwoColorize;

use super::sums::{PlanFigures, PlansSum};
use super::{PlacePlan, PlansWriter, ShownPlan};
use crate::commands::plan::show::text;
use crate::places::UnreadGroup;
use crate::table::{self, Column, cell, table};
use crate::words::printable_line;

/// The columns of the table of places: the place, and up to six numbers.
const PLAN: [Column; 8] = [
    Column::whole("Account"),
    Column::whole("Region"),
    Column::whole("Instances"),
    // Without it, the table fits into 80 columns.
    Column::spare("Compliant"),
    Column::whole("Non-compliant"),
    Column::whole("To tag"),
    Column::whole("To stop"),
    Column::whole("To terminate"),
];

const CHANGES: [Column; 5] = [
    Column::whole("Account"),
    Column::whole("Region"),
    Column::whole("Instances"),
    Column::whole("Change"),
    Column::whole("Destructive"),
];

pub struct Text;

impl PlansWriter for Text {
    fn place(&mut self, out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()> {
        let text = match &plan.shown {
            // The table of places has it.
            ShownPlan::Plan(counts, _) if counts.instances + counts.volumes == 0 => return Ok(()),
            ShownPlan::Plan(counts, forecast) => text::plan(&plan.view, *counts, forecast),
            ShownPlan::Comparison(comparison) => text::comparison(&plan.view, comparison),
        };
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    }

    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()> {
        let mut text = String::new();
        for group in UnreadGroup::of(&sum.unread) {
            let _ = writeln!(text, "{}\n", group.to_string().red());
        }
        let _ = writeln!(text, "{}\n", "By place".bold());
        let rows = sum.places.iter().map(|it| {
            let place = [cell(&it.place.account), cell(&it.place.region)];
            let numbers = it.figures.cells().into_iter().map(cell);
            place.into_iter().chain(numbers).collect()
        });
        let unread = sum.unread.iter().map(|it| {
            let why = Cell::new("not read").fg(Color::DarkRed);
            vec![
                cell(&it.account),
                cell(it.region.as_deref().unwrap_or("all")),
                why,
            ]
        });
        let mut rows: Vec<Vec<Cell>> = rows.chain(unread).collect();
        if let (Some(figures), true) = (&sum.figures, sum.places.len() > 1) {
            let numbers = figures.cells().into_iter().map(cell);
            let all = [cell("all read"), cell("")];
            rows.push(all.into_iter().chain(numbers).collect());
        }
        let columns: &[Column] = match &sum.figures {
            Some(PlanFigures {
                change: Some(_), ..
            }) => &CHANGES,
            _ => &PLAN,
        };
        for row in &mut rows {
            row.resize(columns.len(), cell(""));
        }
        text.push_str(&table(columns, rows, table::width()));
        text.push('\n');
        let notes = sum.notes.lines(sum.places.len());
        for note in &notes {
            let _ = writeln!(text, "{}", printable_line(note));
        }
        if !notes.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}.\n{}", sum.reach(), sum.tally().bold());
        out.write_all(text.as_bytes())
    }
}

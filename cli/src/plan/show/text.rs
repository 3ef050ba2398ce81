//! A plan for a terminal. Styled here; whatever writes the text strips what is not wanted.

use std::fmt::Write as _;

use comfy_table::{Cell, Color};
use owo_colors::OwoColorize;

use super::rows::{self, Mark, Row};
use super::{Frame, moves, tally, tally_of_changes, verdict, verdicts};
use crate::plan::compare::Comparison;
use crate::plan::forecast::{Counts, Group, Plan};
use crate::table::{self, Column, table};

const STEPS: [Column; 3] = [
    Column::new("What"),
    Column::whole("Instance"),
    Column::new("Why"),
];

const CHANGES: [Column; 3] = [
    Column::whole("Instance"),
    Column::new("Verdict"),
    Column::new("What is done about it"),
];

pub fn plan(frame: &Frame, counts: Counts, plan: &Plan<'_>) -> String {
    let mut text = format!(
        "{}:\n{}.\n\n",
        frame.headline(counts.instances),
        verdicts(&counts)
    );
    let forecasts = frame.sorted(plan);
    for group in Group::ALL {
        let rows = rows::rows(&forecasts, group, frame.all);
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}\n", group.title().bold());
        let rows = rows.into_iter().map(cells).collect();
        text.push_str(&table(&STEPS, rows, table::width()));
        text.push('\n');
    }
    notes(&mut text, frame);
    let _ = writeln!(text, "{}", tally(&counts).bold());
    text
}

pub fn comparison(frame: &Frame, comparison: &Comparison<'_>) -> String {
    let instances = comparison.after.forecasts.len();
    let mut text = format!("{}:\n\n", frame.headline(instances));
    let changes = frame.sorted_changes(comparison);
    let told = changes
        .iter()
        .map(|change| ((verdict(*change), moves(*change)), change.after));
    let rows: Vec<Vec<Cell>> = rows::alike(told, frame.all)
        .into_iter()
        .map(|((verdict, moves), instances)| {
            let moves = moves.iter().map(|(sign, what)| format!("{sign} {what}"));
            let moves: Vec<String> = moves.collect();
            vec![
                Cell::new(instances),
                Cell::new(verdict),
                Cell::new(moves.join("\n")),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&table(&CHANGES, rows, table::width()));
        text.push('\n');
    }
    notes(&mut text, frame);
    let tally = tally_of_changes(instances, &changes);
    let _ = writeln!(text, "{}", tally.bold());
    text
}

fn notes(text: &mut String, frame: &Frame) {
    for note in &frame.notes {
        let _ = writeln!(text, "{note}");
    }
    if !frame.notes.is_empty() {
        text.push('\n');
    }
}

fn cells(row: Row) -> Vec<Cell> {
    let what = format!("{} {}", row.mark.as_str(), row.what);
    let what = match row.mark {
        Mark::Add => Cell::new(what).fg(Color::DarkGreen),
        Mark::Change => Cell::new(what).fg(Color::DarkYellow),
        Mark::End => Cell::new(what).fg(Color::DarkRed),
        Mark::Nothing => Cell::new(row.what),
    };
    vec![what, Cell::new(row.instances), Cell::new(row.why)]
}

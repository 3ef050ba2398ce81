//! A plan for a terminal. The text is styled; the output stream strips the styles where they are not wanted.

use std::fmt::Write as _;

use comfy_table::{Cell, Color};
use owo_colors::OwoColorize;

use super::view::{
    PlanView, ending, more_endings, moves, tally, tally_of_changes, verdict, verdicts,
};
use crate::forecast::compare::Comparison;
use crate::forecast::rows::{ForecastRow, Mark};
use crate::forecast::{Forecast, ForecastCounts, StepGroup, rows};
use crate::table::{self, Column, cell, table};
use crate::words::printable_line;

const STEPS: [Column; 3] = [
    Column::new("What"),
    Column::whole("Instance"),
    Column::new("Why"),
];

const ENDINGS: [Column; 3] = [
    Column::whole("When"),
    Column::whole("Instance"),
    Column::new("What"),
];

const CHANGES: [Column; 3] = [
    Column::whole("Instance"),
    Column::new("Verdict"),
    Column::new("What is done about it"),
];

pub fn plan(view: &PlanView, counts: ForecastCounts, forecast: &Forecast<'_>) -> String {
    let mut text = format!("{}:\n{}.\n\n", view.headline(&counts), verdicts(&counts));
    let instances = view.sorted(forecast);
    for group in StepGroup::ALL {
        let rows = rows::rows(&instances, group, view.all);
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}\n", group.title().bold());
        let rows = rows.into_iter().map(cells).collect();
        text.push_str(&table(&STEPS, rows, table::width()));
        text.push('\n');
    }
    endings(&mut text, view);
    notes(&mut text, view);
    let _ = writeln!(text, "{}", tally(&counts).bold());
    text
}

pub fn comparison(view: &PlanView, comparison: &Comparison<'_>) -> String {
    let counts = comparison.after.counts();
    let mut text = format!("{}:\n\n", view.headline(&counts));
    let changes = view.sorted_changes(comparison);
    let keyed = changes
        .iter()
        .map(|change| ((verdict(*change), moves(*change)), change.after));
    let rows: Vec<Vec<Cell>> = rows::merge_alike(keyed, view.all)
        .into_iter()
        .map(|((verdict, moves), instances)| {
            let moves = moves.iter().map(|(sign, what)| format!("{sign} {what}"));
            let moves: Vec<String> = moves.collect();
            vec![cell(instances), cell(verdict), cell(moves.join("\n"))]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&table(&CHANGES, rows, table::width()));
        text.push('\n');
    }
    notes(&mut text, view);
    let tally = tally_of_changes(&counts, &view.change_tally(comparison));
    let _ = writeln!(text, "{}", tally.bold());
    text
}

fn endings(text: &mut String, view: &PlanView) {
    let Some((rows, more)) = view.endings.as_ref().map(|it| it.soon(view.all)) else {
        return;
    };
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}\n", "What ends when".bold());
    let rows = rows.iter().map(|row| ending(row).map(cell).to_vec());
    text.push_str(&table(&ENDINGS, rows.collect(), table::width()));
    if more > 0 {
        let _ = writeln!(text, "{}", more_endings(more));
    }
    text.push('\n');
}

fn notes(text: &mut String, view: &PlanView) {
    for note in &view.notes {
        let _ = writeln!(text, "{}", printable_line(note));
    }
    if !view.notes.is_empty() {
        text.push('\n');
    }
}

fn cells(row: ForecastRow) -> Vec<Cell> {
    let what = format!("{} {}", row.mark.as_str(), row.what);
    let what = match row.mark {
        Mark::Add => cell(what).fg(Color::DarkGreen),
        Mark::Change => cell(what).fg(Color::DarkYellow),
        Mark::End => cell(what).fg(Color::DarkRed),
        Mark::Nothing => cell(row.what),
    };
    vec![what, cell(row.instances), cell(row.why)]
}

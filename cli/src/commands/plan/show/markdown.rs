//! A plan for a comment on a pull request: GitHub's Markdown.

use std::fmt::Write as _;

use super::view::{PlanView, moves, tally, tally_of_changes, verdict, verdicts};
use crate::forecast::compare::Comparison;
use crate::forecast::{Forecast, ForecastCounts, StepGroup, rows};

pub fn plan(view: &PlanView, counts: ForecastCounts, forecast: &Forecast<'_>) -> String {
    let mut text = format!(
        "## {}\n\n{}: {}.\n",
        tally(&counts),
        escape(&view.headline(counts.instances)),
        verdicts(&counts)
    );
    let instances = view.sorted(forecast);
    for group in StepGroup::ALL {
        let rows = rows::rows(&instances, group, view.all);
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n### {}\n\n| What | Instance | Why |\n|---|---|---|",
            group.title()
        );
        for row in rows {
            let cells = [&row.what, &row.instances, &row.why].map(|cell| escape(cell));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    notes(&mut text, view);
    text
}

pub fn comparison(view: &PlanView, comparison: &Comparison<'_>) -> String {
    let instances = comparison.after.instances.len();
    let changes = view.sorted_changes(comparison);
    let mut text = format!(
        "## {}\n\n{}.\n",
        tally_of_changes(instances, &changes),
        escape(&view.headline(instances))
    );
    let keyed = changes
        .iter()
        .map(|change| ((verdict(*change), moves(*change)), change.after));
    let rows = rows::merge_alike(keyed, view.all);
    if !rows.is_empty() {
        text.push_str("\n| Instance | Verdict | What is done about it |\n|---|---|---|\n");
    }
    for ((verdict, moves), instances) in rows {
        let moves = moves.iter().map(|(sign, what)| format!("{sign} {what}"));
        let moves: Vec<String> = moves.map(|line| escape(&line)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            escape(&instances),
            escape(&verdict),
            moves.join("<br>")
        );
    }
    notes(&mut text, view);
    text
}

fn notes(text: &mut String, view: &PlanView) {
    if !view.notes.is_empty() {
        text.push('\n');
    }
    for note in &view.notes {
        let _ = writeln!(text, "{}", escape(note));
    }
}

/// Escapes everything that Markdown would interpret, because anybody can write tags.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An at sign would notify people.
            '@' => escaped.push_str("&#64;"),
            '\n' | '\r' => escaped.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

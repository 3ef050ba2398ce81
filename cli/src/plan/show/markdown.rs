//! A plan for a comment on a pull request: Markdown as GitHub has it.

use std::fmt::Write as _;

use super::rows;
use super::{Frame, moves, tally, tally_of_changes, verdict, verdicts};
use crate::plan::compare::Comparison;
use crate::plan::forecast::{Counts, Group, Plan};

pub fn plan(frame: &Frame, counts: Counts, plan: &Plan<'_>) -> String {
    let mut text = format!(
        "## {}\n\n{}: {}.\n",
        tally(&counts),
        escape(&frame.headline(counts.instances)),
        verdicts(&counts)
    );
    let forecasts = frame.sorted(plan);
    for group in Group::ALL {
        let rows = rows::rows(&forecasts, group, frame.all);
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
    notes(&mut text, frame);
    text
}

pub fn comparison(frame: &Frame, comparison: &Comparison<'_>) -> String {
    let instances = comparison.after.forecasts.len();
    let changes = frame.sorted_changes(comparison);
    let mut text = format!(
        "## {}\n\n{}.\n",
        tally_of_changes(instances, &changes),
        escape(&frame.headline(instances))
    );
    let told = changes
        .iter()
        .map(|change| ((verdict(*change), moves(*change)), change.after));
    let rows = rows::alike(told, frame.all);
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
    notes(&mut text, frame);
    text
}

fn notes(text: &mut String, frame: &Frame) {
    if !frame.notes.is_empty() {
        text.push('\n');
    }
    for note in &frame.notes {
        let _ = writeln!(text, "{}", escape(note));
    }
}

/// The text as it is, whatever it holds: tags are written by anybody.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An at sign would call people to the pull request.
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

//! A plan for a comment on a pull request: GitHub's Markdown.

use std::fmt::Write as _;

use super::view::{
    PlanView, ending, more_endings, moves, tally, tally_of_changes, verdict, verdicts,
};
use crate::forecast::compare::Comparison;
use crate::forecast::{Forecast, ForecastCounts, StepGroup, rows};
use crate::markdown::escape;
use crate::words::thousands;

/// The most bytes of a plan. GitHub refuses comments of more than 65,536 characters, and a pipeline may add some of its own.
const MOST_BYTES: usize = 64_000;

pub fn plan(view: &PlanView, counts: ForecastCounts, forecast: &Forecast<'_>) -> String {
    let mut page = Page::new(
        &tally(&counts),
        &format!("{}: {}", escape(&view.headline(&counts)), verdicts(&counts)),
        view,
    );
    let instances = view.sorted(forecast);
    for group in StepGroup::ALL {
        let rows = rows::rows(&instances, group, view.all);
        if rows.is_empty() {
            continue;
        }
        page.begin_table(
            Some(group.title()),
            "| What | Instance | Why |\n|---|---|---|",
        );
        for row in rows {
            let cells = [&row.what, &row.instances, &row.why].map(|cell| escape(cell));
            page.row(&cells);
        }
    }
    if let Some((rows, more)) = view.endings.as_ref().map(|it| it.soon(view.all)) {
        let title = match more {
            0 => "What ends when".to_owned(),
            more => format!(
                "What ends when ({})",
                more_endings(more).trim_end_matches('.')
            ),
        };
        page.begin_table(Some(&title), "| When | Instance | What |\n|---|---|---|");
        for row in rows {
            page.row(&ending(row).map(|cell| escape(&cell)));
        }
    }
    page.end()
}

pub fn comparison(view: &PlanView, comparison: &Comparison<'_>) -> String {
    let counts = comparison.after.counts();
    let changes = view.sorted_changes(comparison);
    let mut page = Page::new(
        &tally_of_changes(&counts, &view.change_tally(comparison)),
        &escape(&view.headline(&counts)),
        view,
    );
    let keyed = changes
        .iter()
        .map(|change| ((verdict(*change), moves(*change)), change.after));
    let rows = rows::merge_alike(keyed, view.all);
    if !rows.is_empty() {
        page.begin_table(
            None,
            "| Instance | Verdict | What is done about it |\n|---|---|---|",
        );
    }
    for ((verdict, moves), instances) in rows {
        let moves = moves.iter().map(|(sign, what)| format!("{sign} {what}"));
        let moves: Vec<String> = moves.map(|line| escape(&line)).collect();
        page.row(&[escape(&instances), escape(&verdict), moves.join("<br>")]);
    }
    page.end()
}

/// A page that is cut where GitHub would refuse it. The headline and the notes are always there.
struct Page {
    text: String,
    notes: String,
    /// The beginning of a table, until its first row.
    table: String,
    /// How many rows are left out.
    left_out: usize,
}

impl Page {
    fn new(title: &str, headline: &str, view: &PlanView) -> Self {
        let mut notes = String::new();
        if !view.notes.is_empty() {
            notes.push('\n');
        }
        for note in &view.notes {
            // Notes are few, but somebody may have written a long one: a hold's reason is in one.
            let note: String = note.chars().take(MOST_NOTE_CHARS).collect();
            let _ = writeln!(notes, "{}", escape(&note));
        }
        Self {
            text: format!("## {title}\n\n{headline}.\n"),
            notes,
            table: String::new(),
            left_out: 0,
        }
    }

    fn begin_table(&mut self, title: Option<&str>, head: &str) {
        self.table = match title {
            Some(title) => format!("\n### {title}\n\n{head}\n"),
            None => format!("\n{head}\n"),
        };
    }

    fn row(&mut self, cells: &[String; 3]) {
        let row = format!("{}| {} |\n", self.table, cells.join(" | "));
        let length = self.text.len() + row.len() + self.notes.len() + LEFT_OUT.len();
        // Once a row is left out, so are all that follow: what is shown is the beginning.
        if self.left_out > 0 || length > MOST_BYTES {
            self.left_out += 1;
            return;
        }
        self.table.clear();
        self.text.push_str(&row);
    }

    fn end(self) -> String {
        let Self {
            mut text,
            notes,
            left_out,
            ..
        } = self;
        if left_out > 0 {
            let rows = thousands(left_out);
            let _ = writeln!(text, "\n{}", LEFT_OUT.replacen("{}", &rows, 1));
        }
        text.push_str(&notes);
        text
    }
}

/// What stands where rows are left out.
const LEFT_OUT: &str = "**{} more rows are left out**, because GitHub takes 65,536 characters. `--output json` has \
                        everything, and `--only` shows a part.";

/// The most characters of a note.
pub const MOST_NOTE_CHARS: usize = 2_000;

//! A plan for a comment on a pull request: GitHub's Markdown.

use std::fmt::Write as _;

use super::view::{
    PlanView, ending, more_endings, moves, tally, tally_of_changes, verdict, verdicts,
};
use crate::forecast::compare::Comparison;
use crate::forecast::{Forecast, ForecastCounts, StepGroup, rows};
use crate::words::{printable, thousands};

/// The most bytes of a plan. GitHub refuses comments of more than 65,536 characters, and a pipeline may add some of its own.
const MOST_BYTES: usize = 64_000;

pub fn plan(view: &PlanView, counts: ForecastCounts, forecast: &Forecast<'_>) -> String {
    let mut page = Page::new(
        &tally(&counts),
        &format!(
            "{}: {}",
            escape(&view.headline(counts.instances)),
            verdicts(&counts)
        ),
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
    let instances = comparison.after.instances.len();
    let changes = view.sorted_changes(comparison);
    let mut page = Page::new(
        &tally_of_changes(instances, &view.all_changes(comparison), changes.len()),
        &escape(&view.headline(instances)),
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
const MOST_NOTE_CHARS: usize = 2_000;

/// Escapes everything that Markdown would interpret, because anybody can write tags.
fn escape(text: &str) -> String {
    let text = printable(text);
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        // Neither of these forms a link by itself, and both look as before.
        if let Some(after) = rest.strip_prefix("://") {
            escaped.push_str(":\\//");
            rest = after;
            continue;
        }
        if rest
            .get(..4)
            .is_some_and(|it| it.eq_ignore_ascii_case("www."))
        {
            let (www, after) = rest.split_at(3);
            escaped.push_str(www);
            escaped.push_str("\\.");
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An at sign would notify people, also as an entity, unless something stands after it.
            '@' => escaped.push_str("&#64;&#8203;"),
            '\n' => escaped.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_notifies_nobody() {
        assert_eq!(
            escape("see https://x.example or WWW.x.example, @ann\u{1b}[1m"),
            "see https:\\//x.example or WWW\\.x.example, &#64;&#8203;ann\\\\u{1b}\\[1m"
        );
    }
}

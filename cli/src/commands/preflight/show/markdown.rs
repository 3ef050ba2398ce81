//! For a comment on a pull request: GitHub's Markdown.

use std::fmt::Write as _;

use super::view::{PreflightView, ResourceView};
use crate::markdown::escape;
use crate::words::{printable, thousands};

/// The most bytes of the page. GitHub refuses comments of more than 65,536 characters, and a pipeline may add some of its
/// own.
const MOST_BYTES: usize = 60_000;

pub fn page(view: &PreflightView<'_>) -> String {
    let mut page = format!(
        "## {}\n\n{}.\n",
        escape(&view.tally()),
        escape(&view.headline())
    );
    let mut notes = String::new();
    for note in &view.notes {
        let _ = writeln!(notes, "\n{}", escape(note));
    }
    let mut left_out = 0_usize;
    for resource in &view.resources {
        if resource.judged.findings.is_empty() {
            continue;
        }
        let part = part(view, resource);
        if left_out > 0 || page.len() + part.len() + notes.len() > MOST_BYTES {
            left_out += 1;
        } else {
            page.push_str(&part);
        }
    }
    if left_out > 0 {
        let number = thousands(left_out);
        let _ = writeln!(
            page,
            "\n**{number} more resources are left out**, because GitHub takes 65,536 characters. `--output json` has \
             everything."
        );
    }
    page.push_str(&notes);
    page
}

fn part(view: &PreflightView<'_>, resource: &ResourceView<'_>) -> String {
    let place = match &resource.resource.place {
        Some(place) => format!(" ({}:{})", escape(&place.path), place.start.0),
        None => String::new(),
    };
    let mut part = format!(
        "\n### {}{place}\n\n",
        escape(&resource.resource.launch.address)
    );
    for finding in &resource.judged.findings {
        let level = finding.level.as_str();
        let _ = writeln!(part, "- **{level}**: {}", escape(&finding.message));
    }
    for doubt in &resource.judged.doubts {
        let _ = writeln!(part, "- Only warnings: {}", escape(doubt));
    }
    let code = printable(&view.fix(resource));
    if !code.is_empty() {
        let language = resource.resource.language.name();
        // A fence that no text can end.
        let longest = code.split(|it| it != '`').map(str::len).max();
        let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
        let _ = write!(part, "\n{fence}{language}\n{code}{fence}\n");
    }
    part
}

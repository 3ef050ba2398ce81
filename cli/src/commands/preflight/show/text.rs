//! For a terminal. The text is styled; the output stream strips the styles where they are not wanted.

use std::fmt::Write as _;

use owo_colors::OwoColorize;

use super::view::{PreflightView, ResourceView};
use crate::pipeline::FindingLevel;
use crate::words::{printable, printable_line, thousands};

pub fn text(view: &PreflightView<'_>) -> String {
    let mut text = format!("{}:\n\n", printable_line(&view.headline()));
    for (first, others) in alike(&view.resources) {
        resource(&mut text, view, first, others);
    }
    for note in &view.notes {
        let _ = writeln!(text, "{}", printable_line(note));
    }
    if !view.notes.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", view.tally().bold());
    text
}

fn resource(text: &mut String, view: &PreflightView<'_>, it: &ResourceView<'_>, others: usize) {
    let more = match others {
        0 => String::new(),
        others => format!(" and {} more alike", thousands(others)),
    };
    let file = match &it.resource.place {
        Some(place) => format!(" ({}:{})", place.path, place.start.0),
        None if view.inputs.len() > 1 => format!(" ({})", it.input.path),
        None => String::new(),
    };
    let address = printable_line(&it.resource.launch.address);
    let _ = writeln!(text, "{}{more}{}", address.bold(), printable_line(&file));
    for finding in &it.judged.findings {
        let level = match finding.level {
            FindingLevel::Error => "error".red().bold().to_string(),
            FindingLevel::Warning => "warning".yellow().bold().to_string(),
            FindingLevel::Note => "note".bold().to_string(),
        };
        let _ = writeln!(text, "  {level}: {}", printable_line(&finding.message));
    }
    for doubt in &it.judged.doubts {
        let _ = writeln!(text, "  Only warnings: {}", printable_line(doubt));
    }
    text.push('\n');
    let code = view.fix(it);
    if !code.is_empty() {
        for line in printable(&code).lines() {
            let _ = writeln!(text, "    {line}");
        }
        text.push('\n');
    }
}

/// The first of the resources with findings that are copies of one block and have the same ones, and how many others
/// there are.
fn alike<'v, 'a>(resources: &'v [ResourceView<'a>]) -> Vec<(&'v ResourceView<'a>, usize)> {
    let found = resources.iter().filter(|it| !it.judged.findings.is_empty());
    let mut groups: Vec<(&ResourceView<'_>, String, usize)> = Vec::new();
    for resource in found {
        let block = resource.block();
        // Copies of a block follow each other, but for those of a module.
        let known = groups.iter_mut().rev().take(MOST_COMPARED);
        let mut known = known.filter(|(first, of, _)| {
            *of == block
                && first.input.path == resource.input.path
                && first.judged == resource.judged
        });
        match known.next() {
            Some((.., others)) => *others += 1,
            None => groups.push((resource, block, 0)),
        }
    }
    let groups = groups.into_iter();
    groups.map(|(first, _, others)| (first, others)).collect()
}

/// The most groups that a resource is compared with.
const MOST_COMPARED: usize = 64;

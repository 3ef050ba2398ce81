//! Shows an examination as text, Markdown and JSON.

use std::fmt::Write as _;

use comfy_table::{Cell, Color};
use owo_colors::OwoColorize;
use serde_json::{Map, Value, json};

use super::checks::{Area, Weight};
use super::exam::{Complaint, Exam, UnseenPart};
use crate::markdown;
use crate::table::{self, Column, cell, table};
use crate::words::{count, printable_line};

const COLUMNS: [Column; 2] = [Column::whole("Part"), Column::whole("State")];

/// What was found in a part.
#[derive(Clone, Copy, Debug, Default)]
struct AreaState {
    faults: usize,
    notes: usize,
    unseen: usize,
    is_seen: bool,
}

impl AreaState {
    fn of(exam: &Exam, area: Area) -> Self {
        let complaints = exam.complaints.iter();
        let complaints: Vec<_> = complaints.filter(|it| it.check.area == area).collect();
        let of = |weight: Weight| {
            let matching = complaints.iter().filter(|it| it.check.weight == weight);
            matching.count()
        };
        Self {
            faults: of(Weight::Fault),
            notes: of(Weight::Note),
            unseen: exam.unseen.iter().filter(|it| it.area == area).count(),
            is_seen: exam.seen.contains(&area),
        }
    }

    /// The one word for programs: the worst of what there is.
    fn name(self) -> &'static str {
        match self {
            Self { faults: 1.., .. } => "fault",
            Self { unseen: 1.., .. } => "unseen",
            Self { notes: 1.., .. } => "note",
            Self { is_seen: true, .. } => "sound",
            _ => "unused",
        }
    }

    fn words(self) -> String {
        let counts = [(self.faults, "fault"), (self.notes, "note")];
        let counts = counts.into_iter().filter(|(number, _)| *number > 0);
        let mut words: Vec<String> = counts.map(|(number, what)| count(number, what)).collect();
        match (self.unseen, self.is_seen) {
            (0, _) => {}
            (_, true) => words.push("not all seen".to_owned()),
            (_, false) => words.push("not seen".to_owned()),
        }
        if words.is_empty() {
            words.push(self.name().to_owned());
        }
        words.join(", ")
    }

    fn cell(self) -> Cell {
        let color = match self.name() {
            "fault" => Color::DarkRed,
            "sound" => Color::DarkGreen,
            "unused" => return cell(self.words()),
            _ => Color::DarkYellow,
        };
        cell(self.words()).fg(color)
    }
}

/// What is looked at.
fn header(exam: &Exam, mode: Option<&str>) -> String {
    let mode = mode.map_or_else(String::new, |mode| format!(", {mode}"));
    format!("The stack {} in {}{mode}", exam.stack, exam.access)
}

/// The last line: what it comes to.
fn summary(exam: &Exam) -> String {
    let (faults, notes) = (exam.count(Weight::Fault), exam.count(Weight::Note));
    let unseen = match exam.unseen.len() {
        0 => String::new(),
        number => format!(", {} not seen", count(number, "thing")),
    };
    let counts = format!(
        "{}, {}{unseen}.",
        count(faults, "fault"),
        count(notes, "note")
    );
    let verdict = if exam.is_sound() {
        "Nothing was found that keeps tagwarden from working"
    } else if faults == 0 {
        "No fault was found, and what was not seen may hide one"
    } else {
        "Faults keep tagwarden from working, in whole or in part"
    };
    format!("{verdict}: {counts}")
}

/// Everything, for people.
pub fn text(exam: &Exam, mode: Option<&str>) -> String {
    let mut text = format!("{}:\n\n", printable_line(&header(exam, mode)));
    for complaint in &exam.complaints {
        let (title, area) = (complaint.check.weight.name(), complaint.check.area.title());
        let title = match complaint.check.weight {
            Weight::Fault => title.red().to_string(),
            Weight::Note => title.yellow().to_string(),
        };
        let what = printable_line(&complaint.what);
        let _ = writeln!(text, "{title}  {area}: {what}");
        for fix in &complaint.fixes {
            let _ = writeln!(text, "    {}", printable_line(fix));
        }
        text.push('\n');
    }
    for unseen in &exam.unseen {
        let (question, why) = (
            printable_line(&unseen.question),
            printable_line(&unseen.why),
        );
        let (title, area) = ("not seen".yellow(), unseen.area.title());
        let next = printable_line(&unseen.what_next);
        let _ = writeln!(
            text,
            "{title}  {area}: {question}. {}\n    {next}\n",
            sentence(&why)
        );
    }
    let rows = Area::ALL.map(|area| vec![cell(area.title()), AreaState::of(exam, area).cell()]);
    text.push_str(&table(&COLUMNS, rows.into(), table::width()));
    let _ = writeln!(text, "\n{}", summary(exam));
    text
}

/// The text with a full stop.
fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{text}{end}")
}

/// Everything, for a comment or a summary of a job.
pub fn markdown(exam: &Exam, mode: Option<&str>) -> String {
    let mut text = format!("### {}\n\n", markdown::escape(&header(exam, mode)));
    let _ = writeln!(text, "{}\n", markdown::escape(&summary(exam)));
    for complaint in &exam.complaints {
        let (weight, area) = (complaint.check.weight.name(), complaint.check.area.title());
        let what = markdown::escape(&complaint.what);
        let _ = writeln!(text, "- **{weight}**, {area}: {what}");
        // An indented block takes every character as it is.
        for fix in &complaint.fixes {
            let _ = write!(text, "\n      {}", printable_line(fix));
        }
        text.push_str("\n\n");
    }
    for unseen in &exam.unseen {
        let say = |text: &str| markdown::escape(text);
        let _ = writeln!(
            text,
            "- **not seen**, {}: {}. {} {}\n",
            unseen.area.title(),
            say(&unseen.question),
            say(&sentence(&unseen.why)),
            say(&unseen.what_next)
        );
    }
    text.push_str("| Part | State |\n|---|---|\n");
    for area in Area::ALL {
        let state = AreaState::of(exam, area).words();
        let _ = writeln!(text, "| {} | {state} |", area.title());
    }
    text
}

/// Everything, for programs.
pub fn json(exam: &Exam, mode: Option<&str>) -> Map<String, Value> {
    let complaints = |weight: Weight| -> Value {
        let complaints = exam.complaints.iter();
        let complaints = complaints.filter(|it| it.check.weight == weight);
        complaints.map(complaint_json).collect()
    };
    let areas = Area::ALL.map(|area| {
        let state = AreaState::of(exam, area);
        json!({
            "area": area.name(),
            "state": state.name(),
            "faults": state.faults,
            "notes": state.notes,
            "unseen": state.unseen,
        })
    });
    let mut members = exam.access.to_json();
    // The settings of a stack that was opened. This one may be broken.
    members.remove("stack");
    for (name, value) in [
        ("stackName", json!(exam.stack)),
        ("mode", json!(mode)),
        ("sound", json!(exam.is_sound())),
        ("faults", complaints(Weight::Fault)),
        ("notes", complaints(Weight::Note)),
        ("unseen", exam.unseen.iter().map(unseen_json).collect()),
        ("areas", json!(areas)),
    ] {
        members.insert(name.to_owned(), value);
    }
    members
}

fn complaint_json(complaint: &Complaint) -> Value {
    json!({
        "check": complaint.check.id,
        "area": complaint.check.area.name(),
        "means": complaint.check.meaning,
        "what": complaint.what,
        "fixes": complaint.fixes,
    })
}

fn unseen_json(unseen: &UnseenPart) -> Value {
    json!({
        "area": unseen.area.name(),
        "question": unseen.question,
        "call": unseen.call,
        "why": unseen.why,
        "whatNext": unseen.what_next,
        "hides": unseen.hides.name(),
    })
}

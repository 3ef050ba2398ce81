//! The report as people read it: the customer's words, one line an instance and tag.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};
use tagwarden_core::{Kind, wording};

use super::template_error::TemplateError;
use super::{Entry, ReportCounts, UndeliveredLetter};
use crate::plan::{Cause, Outcome, Reason, Remedy};
use crate::run_id::RunId;
use crate::settings::Mode;

/// The report's first line.
pub const HEADING: &str = "The following tagging policy violations occurred:";

/// The most instances over the budget that are named. The next runs name the others.
const MOST_NAMED: usize = 10;

/// The most letters that could not be sent of which the text says why.
const MOST_UNDELIVERED: usize = 20;

/// One entry's line.
#[must_use]
pub fn line(entry: &Entry) -> String {
    let line = line_of_any_run(entry);
    printable(&match &entry.done_by {
        None => line,
        Some(run_id) => format!("{line} By run {run_id}, which did not report it."),
    })
}

/// `text` with a space for each character that is a command to a terminal, ends a line, or shows what is around it in another
/// order. A tag's writer writes into the report, and must not add lines to it or make it say something else.
#[must_use]
pub fn printable(text: &str) -> String {
    text.replace(is_unprintable, " ")
}

/// Control characters, line separators, what changes the direction of a text, and what is no character.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}'..='\u{ffff}'
        )
}

fn line_of_any_run(entry: &Entry) -> String {
    let id = &entry.step.instance_id;
    match &entry.step.remedy {
        Remedy::Stop { .. } => format!("-- {id} {}", shutdown(entry, "stopped")),
        Remedy::Terminate => format!("-- {id} {}", shutdown(entry, "terminated")),
        Remedy::Tag { .. } | Remedy::TagLauncher | Remedy::TagFromSource { .. } => {
            format!("-- {} {id} {}", entry.step.kind().title(), tagging(entry))
        }
        Remedy::Notify { correction } => {
            let correction = correction.as_ref();
            let correction = correction.map_or_else(String::new, |text| format!(": {text}"));
            let defect = defect(&entry.step.cause);
            let end = if correction.ends_with('?') { "" } else { "." };
            let title = entry.step.kind().title();
            format!("-- {title} {id} {defect}. Reported only{correction}{end}")
        }
    }
}

fn defect(cause: &Cause) -> String {
    match (cause.defect(), cause.tag_key()) {
        (Some(defect), Some(tag_key)) => wording::tag_defect(defect, tag_key),
        _ => wording::UNTAGGED.to_owned(),
    }
}

fn tagging(entry: &Entry) -> String {
    let defect = defect(&entry.step.cause);
    let is_new = !entry.step.cause.is_empty_tag();
    let why = match &entry.step.remedy {
        Remedy::Tag {
            value,
            unknown: Some(why),
            ..
        } => format!(" {value}: {why}."),
        Remedy::Tag {
            value,
            origin: Some(origin),
            ..
        } => {
            let origin = origin.describe();
            origin.map_or_else(String::new, |from| format!(" {value:?} is from {from}."))
        }
        _ => String::new(),
    };
    match &entry.outcome {
        Outcome::Done if is_new => format!("{defect}. New tag created.{why}"),
        Outcome::Done => format!("{defect}. Value set.{why}"),
        Outcome::WouldDo if is_new => format!("{defect}. New tag would be created.{why}"),
        Outcome::WouldDo => format!("{defect}. Value would be set.{why}"),
        Outcome::Deferred(reason) => format!("{defect}. Left for later: {reason}."),
        Outcome::Refused(reason) => format!("{defect}. Not tagged: {reason}."),
        Outcome::Failed(why) | Outcome::Unclear(why) => {
            format!("{defect}. Tagging failed: {}.", one_line(&why.text))
        }
    }
}

fn shutdown(entry: &Entry, done: &str) -> String {
    let cause = wording::sentence(&entry.step.cause.to_string());
    let then = match &entry.step.remedy {
        Remedy::Stop {
            terminate_on: Some(day),
        } => format!(" It will be terminated on {day} unless it is tagged."),
        _ => String::new(),
    };
    match &entry.outcome {
        Outcome::Done => format!("has been {done}. Reason: {cause}.{then}"),
        Outcome::WouldDo => format!("would be {done}. Reason: {cause}.{then}"),
        // It has not expired before its date.
        Outcome::Deferred(reason @ Reason::Ends { days_left, .. }) if *days_left >= 0 => {
            let rule = entry.step.cause.rule_id().unwrap_or_default();
            format!(
                "is to be {done}. Reason: Its end date comes (rule {rule}). Left for later: {reason}."
            )
        }
        Outcome::Deferred(reason) => {
            format!("is to be {done}. Reason: {cause}. Left for later: {reason}.")
        }
        Outcome::Refused(reason) => {
            let reason = one_line(&reason.to_string());
            format!("has not been {done}. Reason: {cause}. Refused: {reason}.")
        }
        Outcome::Failed(why) | Outcome::Unclear(why) => {
            format!(
                "could not be {done}. Reason: {cause}. Failed: {}.",
                one_line(&why.text)
            )
        }
    }
}

/// The one line of all the instances that the budget kept from being stopped or terminated.
#[must_use]
pub fn over_budget(ids: &[&str], reason: &Reason) -> String {
    let shown = ids.get(..MOST_NAMED.min(ids.len())).unwrap_or_default();
    let more = match ids.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (verb, noun) = if ids.len() == 1 {
        ("has", "instance")
    } else {
        ("have", "instances")
    };
    format!(
        "-- {} {noun} {verb} not been stopped or terminated: {}{more}. Refused: {reason}.",
        ids.len(),
        shown.join(", ")
    )
}

/// The lines below the entries: what was looked at, what became of it, and whether it was a dry run.
///
/// `repeated` entries are not above, because they were reported before.
#[must_use]
pub fn closing(mode: Mode, counts: &ReportCounts, repeated: usize) -> String {
    let parts: Vec<String> = [
        (counts.tagged, "tagged"),
        (counts.stopped, "stopped"),
        (counts.terminated, "terminated"),
        (counts.would_tag, "would be tagged"),
        (counts.would_stop, "would be stopped"),
        (counts.would_terminate, "would be terminated"),
        (counts.notified, "reported only"),
        (counts.deferred, "left for later"),
        (counts.refused, "refused"),
        (counts.failed, "failed"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let plural = if counts.instances == 1 { "" } else { "s" };
    let volumes = match counts.volumes {
        0 => String::new(),
        count => format!(" and {count} {}", Kind::Volume.noun(count)),
    };
    let summary = format!(
        "{} instance{plural}{volumes} looked at: {}.",
        counts.instances,
        parts.join(", ")
    );
    let summary = match repeated {
        0 => summary,
        1 => format!("{summary} 1 line reported earlier today is not repeated."),
        lines => format!("{summary} {lines} lines reported earlier today are not repeated."),
    };
    match mode {
        Mode::Enforce => summary,
        Mode::DryRun => format!(
            "{summary}\nThis was a dry run: nothing was changed. Set TAGWARDEN_MODE=enforce to apply these changes."
        ),
    }
}

/// How to see the entries that a text leaves out, because there are too many: so many, of instances in `region`.
#[must_use]
pub(super) fn rest(left: usize, region: Option<&str>) -> String {
    let lines = if left == 1 { "line is" } else { "lines are" };
    let region = region.map_or_else(String::new, |region| format!(" --region {region}"));
    format!(
        "{left} more {lines} not in this text. Programs receive them all. To see what is still to be done:\n   tagwarden plan{region}"
    )
}

/// The letters that could not be sent, and why.
#[must_use]
pub(super) fn undelivered(letters: &[UndeliveredLetter]) -> String {
    let shown = letters.iter().take(MOST_UNDELIVERED);
    let lines = shown.map(|it| {
        let line = format!("{}, to {}: {}.", it.owner, it.contact, one_line(&it.why));
        format!("\n* {}", printable(&line))
    });
    let lines: String = lines.collect();
    let more = match letters.len().saturating_sub(MOST_UNDELIVERED) {
        0 => String::new(),
        more => format!("\n* and {more} more"),
    };
    format!("Letters to these owners could not be sent:{lines}{more}")
}

/// What people read in a message with a further part of the JSON.
#[must_use]
pub(super) fn further_part(part: usize, parts: usize, run_id: &RunId) -> String {
    format!(
        "This message is for programs: part {part} of {parts} of the report of run {run_id}. Its text came with the first part."
    )
}

/// The lines and nothing else: what a report comes to if the built-in template fails, which a test forbids.
pub(super) fn plain(entries: &[&Entry], closing: &str, error: &TemplateError) -> String {
    let lines: Vec<String> = entries.iter().map(|entry| line(entry)).collect();
    format!("{HEADING}\n{}\n\n{closing}\n{error}\n", lines.join("\n"))
}

/// The line of a report in the built-in text, of a table that has a template which is not to be used.
#[must_use]
pub fn broken_template(row_id: i64, error: &TemplateError) -> String {
    format!(
        "This is the built-in text: the report's template (row {row_id} of the policy table) cannot be used. {}.",
        wording::sentence(&one_line(&error.to_string()))
    )
}

/// The line of a report whose letters have the built-in text, because the table's template of letters is not to be used.
#[must_use]
pub(crate) fn broken_letter_template(row_id: i64, error: &TemplateError) -> String {
    format!(
        "Letters have the built-in text: the letters' template (row {row_id} of the policy table) cannot be used. {}.",
        wording::sentence(&one_line(&error.to_string()))
    )
}

/// What is published instead of a report when a sweep finds a policy it must not act on: the first `problems`, and how many are
/// `left`.
#[must_use]
pub(super) fn broken_policy(table: &str, problems: &[String], left: usize) -> String {
    let mut text =
        format!("Nothing was checked or changed: the policy table {table} is not valid.\n");
    for problem in problems {
        let _ = writeln!(text, "-- {problem}");
    }
    if left > 0 {
        let _ = writeln!(
            text,
            "{left} more are not in this text. To see them: tagwarden check"
        );
    }
    text
}

/// A moment as people read it, to the minute.
pub(crate) fn moment(at: DateTime<Utc>) -> impl fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

/// `text` on one line, not longer than a line should be, and without the full stop that the line brings.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 500;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(LONGEST).collect();
    line.trim_end_matches('.').to_owned()
}

//! The result of an `apply`, for people and for programs.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tagwarden_remediation::on_demand::SweepResult;
use tagwarden_remediation::plan::{Outcome, Reason};
use tagwarden_remediation::report::{Entry, text};

use super::agreement::SkippedStep;
use crate::commands::plan::show::{self, PlanView};
use crate::forecast::ForecastCounts;
use crate::forecast::inputs::Inputs;
use crate::saved_plan::SavedPlan;
use crate::words::{count, printable_line};

/// What an `apply` planned and did.
#[derive(Debug)]
pub struct ApplyResult<'a> {
    pub inputs: &'a Inputs,
    /// What was planned.
    pub planned: ForecastCounts,
    /// What was done; `None` where there was nothing to do.
    pub swept: Option<&'a SweepResult>,
    /// Whether a signal ended the run before its time.
    pub is_interrupted: bool,
    /// What was planned and is not done.
    pub skipped: Vec<SkippedStep>,
    /// How many steps are left for a new plan, because they were not in this one.
    pub left_out: usize,
    /// The saved plan that is applied.
    pub saved: Option<&'a SavedPlan>,
    /// The engine's warnings, which did not end the run.
    pub warnings: Vec<String>,
}

/// The report, also where it was published.
pub fn report(swept: &SweepResult) -> String {
    let report = &swept.report;
    let mut text = String::new();
    if !report.entries.is_empty() {
        let _ = writeln!(text, "\n{}", text::HEADING);
    }
    for entry in &report.entries {
        let _ = writeln!(text, "{}", printable_line(&text::line(entry)));
    }
    let closing = if report.entries.is_empty() {
        format!(
            "{} looked at: nothing to do.",
            count(report.instances, "instance")
        )
    } else {
        text::closing(report.mode, &report.counts(), 0)
    };
    let _ = writeln!(text, "\n{closing}\nRun {}.", report.run_id);
    if let Some(sentence) = due(&counting(&report.entries)) {
        let _ = writeln!(text, "\n{sentence}");
    }
    text
}

/// What was skipped, and what is left for a new plan; empty if that is nothing.
pub fn not_done(skipped: &[SkippedStep], left_out: usize) -> String {
    let mut text = String::new();
    if !skipped.is_empty() {
        text.push_str("\nSkipped, because it is not so any more:\n");
    }
    for step in skipped {
        let _ = writeln!(text, "   {}", step.line());
    }
    if left_out > 0 {
        let steps = count(left_out, "further step");
        let _ = writeln!(
            text,
            "\n{steps} would be taken now and {} not in the plan: a new plan shows {}.",
            if left_out == 1 { "is" } else { "are" },
            if left_out == 1 { "it" } else { "them" },
        );
    }
    text
}

/// A shutdown that waits for another look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CountedShutdown {
    instance_id: String,
    remedy: &'static str,
    /// When a run first saw the reason.
    since: DateTime<Utc>,
    /// When the shutdown may happen at the earliest.
    due: DateTime<Utc>,
}

/// How many shutdowns a run that begins at `at` or later would begin to count down.
pub fn to_begin(entries: &[Entry], at: DateTime<Utc>) -> usize {
    let counted = counting(entries).into_iter();
    counted.filter(|it| it.since >= at).count()
}

/// The shutdowns that wait for another look.
fn counting(entries: &[Entry]) -> Vec<CountedShutdown> {
    let counted = entries.iter().filter_map(|entry| match entry.outcome {
        Outcome::Deferred(Reason::Counting { since, day }) => Some(CountedShutdown {
            instance_id: entry.step.instance_id.clone(),
            remedy: entry.step.remedy.name(),
            since,
            due: day,
        }),
        _ => None,
    });
    counted.collect()
}

/// When the shutdowns are due, and what to do then; `None` if there are none.
fn due(counted: &[CountedShutdown]) -> Option<String> {
    let first = counted.iter().map(|it| it.due).min()?;
    let last = counted.iter().map(|it| it.due).max()?;
    let moment = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC");
    let when = if first == last {
        format!("{}", moment(first))
    } else {
        format!("{} to {}", moment(first), moment(last))
    };
    Some(format!(
        "{} counted down, due {when}. Run the command again after that, or leave it to the function.",
        count(counted.len(), "shutdown")
    ))
}

impl ApplyResult<'_> {
    pub fn to_json(&self, view: &PlanView) -> Map<String, Value> {
        let report = self
            .swept
            .map_or(&self.inputs.policy.report, |swept| &swept.report);
        let run_id = self.swept.map(|swept| &swept.report.run_id);
        let unpublished = self.swept.and_then(|swept| swept.unreported.as_ref());
        let mut document = show::head(view);
        document.remove("against");
        for (name, value) in [
            ("planned", json!(self.planned)),
            ("runId", json!(run_id)),
            ("counts", json!(report.counts())),
            ("steps", json!(report.entries)),
            ("counting", json!(counting(&report.entries))),
            ("plan", json!(self.saved.map(SavedPlan::time))),
            ("skipped", json!(self.skipped)),
            ("leftOut", json!(self.left_out)),
            ("interrupted", json!(self.is_interrupted)),
            ("warnings", json!(self.warnings)),
            ("unpublished", json!(unpublished.map(ToString::to_string))),
        ] {
            document.insert(name.to_owned(), value);
        }
        document
    }
}

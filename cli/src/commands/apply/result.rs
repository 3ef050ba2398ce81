//! The result of an `apply`, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use tagwarden_remediation::on_demand::SweepResult;
use tagwarden_remediation::report::text;

use crate::commands::plan::show::{self, PlanView};
use crate::forecast::ForecastCounts;
use crate::forecast::inputs::Inputs;

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
        let _ = writeln!(text, "{}", text::line(entry));
    }
    let closing = text::closing(report.mode, &report.counts(), 0);
    let _ = writeln!(text, "\n{closing}\nRun {}.", report.run_id);
    text
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
            ("interrupted", json!(self.is_interrupted)),
            ("warnings", json!(self.warnings)),
            ("unpublished", json!(unpublished.map(ToString::to_string))),
        ] {
            document.insert(name.to_owned(), value);
        }
        document
    }
}

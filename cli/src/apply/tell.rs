//! What was done, told to a person and to a program.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use tagwarden_remediation::on_demand::SweepResult;
use tagwarden_remediation::report::text;

use crate::plan::forecast::Counts;
use crate::plan::show::{self, Frame};
use crate::plan::source::Look;

/// How an `apply` ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What was seen before.
    pub look: &'a Look,
    /// What was planned, by instances.
    pub planned: Counts,
    /// What was done; `None` where there was nothing to do.
    pub swept: Option<&'a SweepResult>,
    /// Whether somebody ended it before its time.
    pub is_interrupted: bool,
    /// What did not go as it should have, and kept it from nothing.
    pub warnings: Vec<String>,
}

/// The report, whoever else it was published to.
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

/// Everything as JSON.
pub fn json(frame: &Frame, ended: &Ended<'_>) -> Map<String, Value> {
    let report = ended
        .swept
        .map_or(&ended.look.after.report, |swept| &swept.report);
    let run_id = ended.swept.map(|swept| &swept.report.run_id);
    let unpublished = ended.swept.and_then(|swept| swept.unreported.as_ref());
    let mut document = show::head(frame);
    document.remove("against");
    for (name, value) in [
        ("planned", json!(ended.planned)),
        ("runId", json!(run_id)),
        ("counts", json!(report.counts())),
        ("steps", json!(report.entries)),
        ("interrupted", json!(ended.is_interrupted)),
        ("warnings", json!(ended.warnings)),
        ("unpublished", json!(unpublished.map(ToString::to_string))),
    ] {
        document.insert(name.to_owned(), value);
    }
    document
}

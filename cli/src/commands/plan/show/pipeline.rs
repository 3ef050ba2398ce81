//! A plan for the tools of a pipeline: SARIF and `JUnit`.

use std::io::{self, Write};

use tagwarden_remediation::plan::{Cause, Remedy};
use tagwarden_remediation::report::Entry;

use super::view::{PlanView, verdict};
use crate::forecast::compare::{Comparison, InstanceChange};
use crate::forecast::rows::{what, why};
use crate::forecast::{Forecast, InstanceForecast, VerdictName, group};
use crate::output;
use crate::pipeline::junit::{self, PipelineTest, TestResult};
use crate::pipeline::{FilePlace, FindingKind, FindingLevel, PipelineFinding, sarif};
use crate::words::on_one_line;

const UNTAGGED: FindingKind = FindingKind {
    id: "untagged",
    means: "The instance has no tags at all.",
};

const MISSING: FindingKind = FindingKind {
    id: "missing-tag",
    means: "The instance lacks the tag of a rule.",
};

const EMPTY: FindingKind = FindingKind {
    id: "empty-tag",
    means: "The tag of a rule has no value.",
};

const DEFECTIVE: FindingKind = FindingKind {
    id: "defective-tag",
    means: "The value of a rule's tag is not what the rule asks for.",
};

const NON_COMPLIANT: FindingKind = FindingKind {
    id: "non-compliant",
    means: "The instance is non-compliant, and the plan does nothing about it.",
};

/// What a finding can be of.
pub const KINDS: [FindingKind; 5] = [UNTAGGED, MISSING, EMPTY, DEFECTIVE, NON_COMPLIANT];

/// Writes findings as SARIF.
pub fn sarif(
    out: &mut dyn Write,
    view: &PlanView,
    findings: Vec<PipelineFinding>,
) -> io::Result<()> {
    let document = sarif::document("plan", &KINDS, findings, &view.notes);
    output::write_json(out, &document)
}

/// Writes tests as `JUnit`.
pub fn junit(out: &mut dyn Write, tests: Vec<PipelineTest>) -> io::Result<()> {
    junit::write(out, "tagwarden plan", tests)
}

/// A finding for each step, and for each non-compliant instance without steps.
pub fn findings(view: &PlanView, forecast: &Forecast<'_>) -> Vec<PipelineFinding> {
    let mut findings = Vec::new();
    for forecast in view.sorted(forecast) {
        let entries = forecast.entries.iter();
        findings.extend(entries.map(|entry| finding(view, forecast, entry)));
        if forecast.entries.is_empty() && forecast.verdict() == VerdictName::NonCompliant {
            findings.push(without_steps(view, forecast));
        }
    }
    findings
}

/// A finding for each step that comes, and for each instance that becomes non-compliant without one.
pub fn new_findings(view: &PlanView, comparison: &Comparison<'_>) -> Vec<PipelineFinding> {
    let mut findings = Vec::new();
    for change in view.all_changes(comparison) {
        let before = findings.len();
        findings.extend(
            change
                .gained()
                .map(|entry| finding(view, change.after, entry)),
        );
        if findings.len() == before && change.becomes(VerdictName::NonCompliant) {
            findings.push(without_steps(view, change.after));
        }
    }
    findings
}

/// A test for each instance.
pub fn tests(view: &PlanView, forecast: &Forecast<'_>) -> Vec<PipelineTest> {
    let instances = view.sorted(forecast).into_iter();
    instances
        .map(|forecast| {
            let steps: Vec<String> = forecast.entries.iter().map(step).collect();
            test(view, forecast, &steps)
        })
        .collect()
}

/// A test for each instance that changes.
pub fn tests_of_changes(view: &PlanView, comparison: &Comparison<'_>) -> Vec<PipelineTest> {
    let changes = view.all_changes(comparison).into_iter();
    changes
        .map(|change| test(view, change.after, &moves(change)))
        .collect()
}

/// What changes, a line each.
fn moves(change: InstanceChange<'_, '_>) -> Vec<String> {
    let gained = change.gained().map(|entry| format!("+ {}", step(entry)));
    let lost = change.lost().map(|entry| format!("- {}", step(entry)));
    let verdict = std::iter::once(verdict(change));
    verdict.chain(gained).chain(lost).collect()
}

fn finding(view: &PlanView, forecast: &InstanceForecast<'_>, entry: &Entry) -> PipelineFinding {
    let id = &forecast.instance.id;
    let cause = &entry.step.cause;
    let is_end = matches!(entry.step.remedy, Remedy::Stop { .. } | Remedy::Terminate);
    let level = if is_end && view.ending.contains(id) {
        FindingLevel::Error
    } else {
        level(forecast)
    };
    PipelineFinding {
        kind: kind(cause),
        level,
        message: format!("{}: {}", named(forecast), step(entry)),
        place: place(view, cause.rule_id()),
        instance: Some(id.clone()),
        identity: format!(
            "{id}\n{}\n{}",
            cause.name(),
            cause.tag_key().unwrap_or_default()
        ),
    }
}

fn without_steps(view: &PlanView, forecast: &InstanceForecast<'_>) -> PipelineFinding {
    let annotation = forecast.annotation().unwrap_or_default();
    PipelineFinding {
        kind: NON_COMPLIANT,
        level: level(forecast),
        message: format!("{}: {}", named(forecast), on_one_line(&annotation)),
        place: place(view, None),
        instance: Some(forecast.instance.id.clone()),
        identity: forecast.instance.id.clone(),
    }
}

fn level(forecast: &InstanceForecast<'_>) -> FindingLevel {
    match forecast.verdict() {
        VerdictName::NonCompliant => FindingLevel::Warning,
        VerdictName::Compliant | VerdictName::NotApplicable => FindingLevel::Note,
    }
}

fn kind(cause: &Cause) -> FindingKind {
    match cause.name() {
        "untagged" => UNTAGGED,
        "missing" => MISSING,
        "empty" => EMPTY,
        _ => DEFECTIVE,
    }
}

/// The place of a rule; of what no rule asks for, the beginning of the file.
fn place(view: &PlanView, rule_id: Option<i64>) -> Option<FilePlace> {
    let places = view.places.as_ref()?;
    let place = rule_id.and_then(|id| places.rules.get(&id)).cloned();
    Some(place.unwrap_or_else(|| FilePlace {
        path: places.path.clone(),
        start: (1, 1),
        end: (1, 2),
    }))
}

fn test(view: &PlanView, forecast: &InstanceForecast<'_>, lines: &[String]) -> PipelineTest {
    let annotation = forecast.annotation().map(|text| on_one_line(&text));
    let result = if view.failing.contains(&forecast.instance.id) {
        let mut kinds = forecast.entries.iter().map(|it| kind(&it.step.cause).id);
        let verdict = forecast.verdict().as_str().to_owned();
        TestResult::Failed {
            kind: kinds.next().unwrap_or(NON_COMPLIANT.id).to_owned(),
            message: annotation.unwrap_or(verdict),
        }
    } else if forecast.verdict() == VerdictName::NotApplicable {
        TestResult::Skipped {
            why: annotation.unwrap_or_default(),
        }
    } else {
        TestResult::Passed
    };
    PipelineTest {
        group: view.policy.clone(),
        name: named(forecast),
        result,
        output: lines.join("\n"),
    }
}

/// `Will tag: tag ProjectCode = "Proj007" (missing tag ProjectCode (rule 1))`.
fn step(entry: &Entry) -> String {
    format!("{}: {} ({})", group(entry).title(), what(entry), why(entry))
}

/// `i-… (search)`.
fn named(forecast: &InstanceForecast<'_>) -> String {
    let id = &forecast.instance.id;
    match forecast.name() {
        Some(name) => format!("{id} ({})", on_one_line(name)),
        None => id.clone(),
    }
}

//! What was found, for the tools of a pipeline.

use tagwarden_core::preflight::PreflightFinding;

use super::view::{PreflightView, ResourceView};
use crate::pipeline::PipelineFinding;
use crate::pipeline::junit::{PipelineTest, TestResult};
use crate::words::{printable, printable_line};

/// The findings, each with the code to write.
pub fn findings(view: &PreflightView<'_>) -> Vec<PipelineFinding> {
    let findings = view.resources.iter().flat_map(|resource| {
        let findings = resource.judged.findings.iter();
        findings.map(|finding| of(resource, finding))
    });
    findings.collect()
}

fn of(resource: &ResourceView<'_>, finding: &PreflightFinding) -> PipelineFinding {
    let address = &resource.resource.launch.address;
    let rule = finding.rule.as_ref().map(|rule| rule.id.to_string());
    PipelineFinding {
        kind: finding.kind,
        level: finding.level,
        message: in_words(resource, finding),
        place: resource.place_of(finding).cloned(),
        instance: Some(address.clone()),
        // Neither the line nor the words, so that a finding stays the same where others are fixed above it.
        identity: format!("{address}\n{}", rule.unwrap_or_default()),
    }
}

/// The message, why it is not known, and the code to write.
fn in_words(resource: &ResourceView<'_>, finding: &PreflightFinding) -> String {
    let address = printable_line(&resource.resource.launch.address);
    let mut lines = vec![format!("{address}: {}", printable_line(&finding.message))];
    lines.extend(resource.judged.doubts.iter().cloned());
    let code = resource.fix_of(finding);
    if !code.is_empty() {
        lines.push(code.trim_end().to_owned());
    }
    // Names and values are from the file, and GitHub shows the lines in its log.
    printable(&lines.join("\n"))
}

/// A test for each resource.
pub fn tests(view: &PreflightView<'_>) -> Vec<PipelineTest> {
    view.resources.iter().map(|it| test(view, it)).collect()
}

fn test(view: &PreflightView<'_>, resource: &ResourceView<'_>) -> PipelineTest {
    let judged = &resource.judged;
    let mut failures = judged.findings.iter().filter(|it| view.is_failure(it));
    let result = match (&judged.not_applicable, failures.next()) {
        (Some(why), _) => TestResult::Skipped { why: why.clone() },
        (None, None) => TestResult::Passed,
        (None, Some(worst)) => TestResult::Failed {
            kind: worst.kind.id.to_owned(),
            message: worst.message.clone(),
        },
    };
    let lines = judged.findings.iter().map(|finding| {
        let level = finding.level.as_str();
        format!("{level}: {}", in_words(resource, finding))
    });
    let lines: Vec<String> = lines.collect();
    PipelineTest {
        group: resource.input.path.clone(),
        name: printable_line(&resource.resource.launch.address),
        result,
        output: lines.join("\n"),
    }
}

//! The answer to the event of a hook, in CloudFormation's form.

use serde::Serialize;
use serde_json::Value;
use tagwarden_core::preflight::{FindingLevel, FixTag, PreflightFinding, yaml_list};
use tagwarden_core::wording::sentence;

/// The most characters of a message: CloudFormation cuts it there.
const LONGEST_MESSAGE: usize = 4_096;

/// The most characters of a text in an annotation.
///
/// See [Annotation](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Annotation.html).
const LONGEST_TEXT: usize = 16_384;

/// The most annotations. No limit is documented; the worst findings come first.
const MOST_ANNOTATIONS: usize = 50;

/// The answer to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HookAnswer {
    /// Whether the resource must not be made as it is.
    pub(crate) is_failed: bool,
    pub(crate) message: String,
    annotations: Vec<HookAnnotation>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct HookAnnotation {
    annotation_name: String,
    status: &'static str,
    status_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation_message: Option<String>,
    severity_level: &'static str,
}

/// The answer, in CloudFormation's form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HookResponse<'a> {
    hook_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<HookAnnotation>,
}

impl HookAnswer {
    /// Lets the operation go on, with the reason: a whole sentence.
    pub(crate) fn pass(why: impl Into<String>) -> Self {
        Self {
            is_failed: false,
            message: why.into(),
            annotations: Vec::new(),
        }
    }

    /// The answer for the resource `name`, in which these findings were found. The errors among them fail it.
    ///
    /// `notes` are whole sentences without their ends. With `propagates`, tags need `PropagateAtLaunch`.
    pub(crate) fn of_findings(
        name: &str,
        findings: &[PreflightFinding],
        notes: &[String],
        propagates: bool,
    ) -> Self {
        let is_failed = findings.iter().any(|it| it.level == FindingLevel::Error);
        let head = match findings {
            [] => format!("{name} keeps the tag policy."),
            _ if is_failed => format!("{name} does not keep the tag policy:"),
            _ => format!("{name} passes the tag policy:"),
        };
        let mut parts = vec![head];
        parts.extend(findings.iter().map(|finding| {
            let level = finding.level.as_str();
            format!("{level}: {}", ended(&finding.message))
        }));
        parts.extend(notes.iter().map(|note| sentence(&ended(note))));
        let annotations = findings.iter().take(MOST_ANNOTATIONS);
        Self {
            is_failed,
            message: parts.join(" "),
            annotations: annotations.map(|it| annotation(it, propagates)).collect(),
        }
    }

    /// The answer as JSON, with the token of the request.
    pub(crate) fn into_json(self, token: Option<&str>) -> Value {
        let response = HookResponse {
            hook_status: if self.is_failed { "FAILED" } else { "SUCCESS" },
            error_code: self.is_failed.then_some("NonCompliant"),
            message: cut(&self.message, LONGEST_MESSAGE),
            client_request_token: token,
            annotations: self.annotations,
        };
        // Texts always have a JSON form.
        serde_json::to_value(response).unwrap_or_default()
    }
}

fn annotation(finding: &PreflightFinding, propagates: bool) -> HookAnnotation {
    let (status, severity_level) = match finding.level {
        FindingLevel::Error => ("FAILED", "HIGH"),
        // It could not be judged.
        FindingLevel::Warning => ("SKIPPED", "LOW"),
        FindingLevel::Note => ("PASSED", "INFORMATIONAL"),
    };
    let fixes: Vec<&FixTag> = finding.fixes.iter().collect();
    let code = (!fixes.is_empty()).then(|| yaml_list(&fixes, propagates));
    HookAnnotation {
        annotation_name: match &finding.rule {
            Some(rule) => format!("{}/rule-{}", finding.kind.id, rule.id),
            None => finding.kind.id.to_owned(),
        },
        status,
        status_message: cut(&sentence(&ended(&finding.message)), LONGEST_TEXT),
        remediation_message: code
            .map(|code| cut(&format!("Write in the template:\n{code}"), LONGEST_TEXT)),
        severity_level,
    }
}

/// A sentence with its end.
fn ended(text: &str) -> String {
    let end = if text.ends_with(['?', '.']) { "" } else { "." };
    format!("{text}{end}")
}

/// The beginning of a text, in at most `longest` characters.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let beginning = text.chars().take(longest.saturating_sub(1));
    beginning.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_what_is_too_long() {
        let answer = HookAnswer::pass("é".repeat(5_000)).into_json(None);
        let message = answer["message"].as_str().unwrap();
        assert_eq!(message.chars().count(), LONGEST_MESSAGE);
        assert!(message.ends_with("é…"));
        assert_eq!(cut("é…", 2), "é…");
    }
}

//! The versions of the functions' code, from what they write to their logs when they start.

use chrono::DateTime;
use serde_json::{Value, json};

use super::checks::{Area, FUNCTION_VERSIONS};
use super::exam::{Exam, Look};
use super::functions::{FunctionPair, LambdaFunction};
use super::stack::VERSION;
use crate::aws::other::{OtherCall, OtherService};

const FILTER: OtherCall = OtherCall::new(OtherService::Logs, "logs:FilterLogEvents");

/// What a function writes when it starts.
const STARTED: &str = "\"tagwarden started\"";

/// The most pages of a log. CloudWatch answers with empty pages while it searches.
const MOST_PAGES: usize = 5;

/// Compares the versions with each other. The stack's check compares with this command's.
pub async fn examine(exam: &mut Exam, pair: &FunctionPair) {
    let mut versions = Vec::new();
    for function in [&pair.rule, &pair.remediation].into_iter().flatten() {
        if let Some(version) = version(exam, function).await {
            versions.push((function.name.clone(), version));
        }
    }
    let [(_, of_rule), (_, of_remediation)] = versions.as_slice() else {
        return;
    };
    if of_rule == of_remediation {
        return;
    }
    let named: Vec<String> = versions
        .iter()
        .map(|(name, version)| format!("{name} runs version {version}"))
        .collect();
    let what = format!(
        "The function {}; this command is of version {VERSION}.",
        named.join(", and ")
    );
    let deploy = exam.deploy(&[]);
    exam.complain(FUNCTION_VERSIONS, what, [deploy]);
}

/// The version that the function named at its last start since its last change. Such a start ran the code of now.
async fn version(exam: &mut Exam, function: &LambdaFunction) -> Option<String> {
    let question = format!("which version the code of {} has", function.name);
    let look = Look::minor(Area::Functions, &question);
    // Lambda's zone has no colon: `2026-11-28T12:00:00.000+0000`.
    let changed = DateTime::parse_from_str(&function.last_modified, "%Y-%m-%dT%H:%M:%S%.f%z");
    let since = changed.map(|at| at.timestamp_millis()).unwrap_or_default();
    let mut parameters = json!({
        "logGroupName": function.log_group,
        "filterPattern": STARTED,
        "startTime": since,
    });
    let mut last: Option<(i64, String)> = None;
    for _ in 0..MOST_PAGES {
        let page = FILTER.send(&exam.access.config, parameters.clone()).await;
        // The log group may be missing until the function runs.
        let page = exam.see_if_any(look, &["ResourceNotFoundException"], page);
        let Some(page) = page.ok()? else {
            break;
        };
        let events = page.get("events").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            let at = event.get("timestamp").and_then(Value::as_i64);
            let at = at.unwrap_or_default();
            let message = event.get("message").and_then(Value::as_str);
            let line: Value = message
                .and_then(|it| serde_json::from_str(it).ok())
                .unwrap_or_default();
            let version = line.pointer("/fields/version").and_then(Value::as_str);
            if let Some(version) = version
                && last.as_ref().is_none_or(|(latest, _)| *latest <= at)
            {
                last = Some((at, version.to_owned()));
            }
        }
        let Some(token) = page.get("nextToken").and_then(Value::as_str) else {
            break;
        };
        if let Some(members) = parameters.as_object_mut() {
            members.insert("nextToken".to_owned(), json!(token));
        }
    }
    if let Some((_, version)) = last {
        return Some(version);
    }
    let why = "its log names no start since its last change: it has not run yet, or it logs warnings only";
    exam.not_told(look, why, "Look again once it has run.");
    None
}

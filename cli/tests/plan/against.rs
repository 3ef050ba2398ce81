//! `tagwarden plan --against`: what changes from one policy to another.

use std::process::Output;

use insta::assert_snapshot;
use serde_json::Value;

use crate::fleet::{RECORDED_AT, recording};
use crate::recorded::{offline, policy, told};
use crate::world::SAMPLE;

/// Another default; what lacks an end date is ended; who launched it does not matter any more.
const NEW: &str = "\
rules:
  - {RuleId: 1, TagKey: ProjectCode, Action: Update, Required: Y, Default: Proj042}
  - {RuleId: 3, TagKey: Expires, Action: Terminate, Required: Y}
";

fn compare(test: &str, before: &str, after: &str, arguments: &[&str]) -> Output {
    let before = policy(&format!("{test}-before"), before);
    let after = policy(&format!("{test}-after"), after);
    let (fleet, launches) = (recording("fleet.json"), recording("launches.json"));
    let mut all = vec!["plan", "--policy", &after, "--against", &before];
    all.extend([
        "--instances",
        &fleet,
        "--events",
        &launches,
        "--at",
        RECORDED_AT,
        "--rules-may-destroy",
        "stop-and-terminate",
    ]);
    all.extend(arguments);
    offline(&all).output().unwrap()
}

#[test]
fn as_text() {
    let output = compare("against-text", SAMPLE, NEW, &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_snapshot!(told(&output));
}

#[test]
fn as_markdown() {
    let output = compare("against-markdown", SAMPLE, NEW, &["--output", "markdown"]);
    assert_snapshot!(told(&output));
}

#[test]
fn as_csv() {
    let output = compare("against-csv", SAMPLE, NEW, &["--output", "csv"]);
    assert_snapshot!(told(&output));
}

#[test]
fn as_json() {
    let output = compare("against-json", SAMPLE, NEW, &["--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["counts"]["before"]["wouldTerminate"], 3);
    assert_eq!(document["counts"]["after"]["wouldTerminate"], 4);
    let changes = document["changes"].as_array().unwrap();
    let wiki = changes.iter().find(|it| it["name"] == "wiki").unwrap();
    assert_eq!(wiki["before"]["verdict"], "COMPLIANT");
    assert_eq!(wiki["before"]["steps"][0]["remedy"], "tag");
    assert_eq!(wiki["after"]["verdict"], "NON_COMPLIANT");
    assert_eq!(wiki["after"]["steps"][0]["remedy"], "terminate");
    assert!(
        !changes.iter().any(|it| it["name"] == "web"),
        "it does not change"
    );
}

#[test]
fn finds_no_change_under_the_same_policy() {
    // Rules that are numbered anew do the same.
    let renumbered = SAMPLE.replace("RuleId: 1", "RuleId: 11");
    let output = compare("against-same", SAMPLE, &renumbered, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = told(&output);
    assert!(
        text.ends_with("No instance changes its verdict or what is done about it.\n"),
        "{text}"
    );
}

#[test]
fn exit_status_counts_only_new_changes() {
    let status = |test: &str, before: &str, after: &str, fail_on: &str| {
        let test = format!("against-status-{test}-{fail_on}");
        let output = compare(&test, before, after, &["--fail-on", fail_on]);
        output.status.code().unwrap()
    };
    for fail_on in ["changes", "destructive", "noncompliant"] {
        assert_eq!(status("new", SAMPLE, NEW, fail_on), 2, "{fail_on}");
    }
    // The way back ends less, though it ends something.
    assert_eq!(status("back", NEW, SAMPLE, "changes"), 2);
    assert_eq!(status("back", NEW, SAMPLE, "destructive"), 0);
    // What is ended by both is changed by the new one, and yet not ended anew.
    let more = NEW.to_owned() + "  - {RuleId: 4, TagKey: Owner, Action: Notify, Required: N}\n";
    assert_eq!(status("more", NEW, &more, "changes"), 2);
    assert_eq!(status("more", NEW, &more, "destructive"), 0);
    let other_default = SAMPLE.replace("Proj007", "Proj042");
    assert_eq!(status("default", SAMPLE, &other_default, "noncompliant"), 0);
    assert_eq!(status("default", SAMPLE, &other_default, "changes"), 2);
}

#[test]
fn shows_only_the_changes_asked_for() {
    let only = |what: &str| {
        let test = format!("against-only-{what}");
        let output = compare(&test, SAMPLE, NEW, &["--only", what, "--output", "json"]);
        assert_eq!(output.status.code(), Some(2));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let changes = document["changes"].as_array().unwrap().clone();
        let names = changes
            .iter()
            .map(|it| it["name"].as_str().unwrap_or("-").to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(only("compliant"), ["billing", "reports", "wiki", "archive"]);
    assert_eq!(only("terminate"), ["wiki"]);
    assert_eq!(only("refused"), ["-"]);
    assert_eq!(only("stop"), Vec::<String>::new());
}

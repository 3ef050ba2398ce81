//! `tagwarden plan --against`: what changes from one policy to another.

use std::process::Output;

use insta::assert_snapshot;
use serde_json::{Value, json};

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
    assert_eq!(document["counts"]["before"]["wouldTerminate"], 4);
    assert_eq!(document["counts"]["after"]["wouldTerminate"], 5);
    let changes = document["changes"].as_array().unwrap();
    let wiki = changes.iter().find(|it| it["name"] == "wiki").unwrap();
    assert_eq!(wiki["before"]["verdict"], "COMPLIANT");
    assert_eq!(wiki["before"]["steps"][0]["remedy"], "tag");
    assert_eq!(wiki["after"]["verdict"], "NON_COMPLIANT");
    assert_eq!(wiki["after"]["steps"][0]["remedy"], "terminate");
    assert_eq!(wiki["destructive"], "new");
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

/// Offline, of `count` instances that have the tag `ProjectCode` only.
fn gate(test: &str, age: &str, count: usize, sides: [&str; 2], arguments: &[&str]) -> Output {
    let before = policy(&format!("{test}-before"), sides[0]);
    let after = policy(&format!("{test}-after"), sides[1]);
    let instances = (0..count).map(|number| {
        json!({
            "InstanceId": format!("i-{number:017x}"),
            "State": {"Name": "running"},
            "LaunchTime": age,
            "Tags": [{"Key": "ProjectCode", "Value": "P"}],
        })
    });
    let fleet = json!({"Reservations": [{"Instances": instances.collect::<Vec<_>>()}]});
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.json"));
    std::fs::write(&path, fleet.to_string()).unwrap();
    let path = path.to_str().unwrap();
    let mut all = vec!["plan", "--policy", &after, "--against", &before];
    all.extend(["--instances", path, "--at", RECORDED_AT]);
    all.extend(["--fail-on", "destructive"]);
    all.extend(arguments);
    offline(&all).output().unwrap()
}

const PERMITTED: [&str; 2] = ["--rules-may-destroy", "stop-and-terminate"];
const LONG_AGO: &str = "2026-01-01T00:00:00Z";
const HARMLESS: &str = "\
rules:
  - {RuleId: 1, TagKey: ProjectCode, Action: Update, Required: Y, Default: Proj007}
";

fn with_owner(action: &str) -> String {
    format!("{HARMLESS}  - {{RuleId: 2, TagKey: Owner, Action: {action}, Required: Y}}\n")
}

#[test]
fn what_is_only_delayed_is_destructive() {
    let terminate = with_owner("Terminate");
    let sides = [HARMLESS, terminate.as_str()];
    // More than the hour's budget; younger than the grace period.
    for (test, age, count) in [
        ("gate-budget", LONG_AGO, 25),
        ("gate-grace", "2026-11-23T11:58:00Z", 2),
    ] {
        let output = gate(test, age, count, sides, &PERMITTED);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let tally = format!("to be stopped or terminated {count}, no longer 0.");
        assert!(told(&output).contains(&tally), "{output:?}");
        // The filter finds them as well.
        let only = [&PERMITTED[..], &["--only", "terminate", "--all"]].concat();
        let output = gate(&format!("{test}-only"), age, count, sides, &only);
        assert_eq!(told(&output).matches("+ terminate").count(), count);
    }
    // A budget of 0 is no delay. Neither is a setting that permits nothing, of which the plan speaks.
    let without_budget = [&PERMITTED[..], &["--max-destructive-per-hour", "0"]].concat();
    let output = gate("gate-no-budget", LONG_AGO, 3, sides, &without_budget);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = gate("gate-not-permitted", LONG_AGO, 3, sides, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note =
        "The rules want to stop or terminate 3 instances, and these settings do not permit it";
    assert!(told(&output).contains(note), "{output:?}");
}

#[test]
fn a_worse_shutdown_is_destructive() {
    let (stop, terminate) = (with_owner("Stop"), with_owner("Terminate"));
    let sides = [stop.as_str(), terminate.as_str()];
    let output = gate("gate-worse", LONG_AGO, 2, sides, &PERMITTED);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let tally = "no longer 0, terminated instead of stopped 2.";
    assert!(told(&output).contains(tally), "{output:?}");
    let back = [terminate.as_str(), stop.as_str()];
    let output = gate("gate-better", LONG_AGO, 2, back, &PERMITTED);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn less_warning_is_destructive() {
    let terminate = with_owner("Terminate");
    let with = |test: &str, arguments: &[&str]| {
        let all = [&PERMITTED[..], arguments].concat();
        gate(test, LONG_AGO, 1, [&terminate, &terminate], &all)
    };
    for (test, arguments, line) in [
        (
            "gate-sooner",
            ["--against-setting", "grace-minutes=120"],
            "~ terminate after 15 minutes, not 2 hours",
        ),
        (
            "gate-unannounced",
            ["--against-setting", "notice-hours=24"],
            "~ terminate without the notice of 1 day",
        ),
        (
            "gate-permission",
            ["--against-setting", "rules-may-destroy=no"],
            "+ terminate",
        ),
    ] {
        let output = with(test, &arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(told(&output).contains(line), "{output:?}");
    }
    // More warning is not, although less of one kind is.
    let later = ["--against-setting", "grace-minutes=1"];
    assert_eq!(with("gate-later", &later).status.code(), Some(0));
    let both = [
        "--grace-minutes",
        "10000",
        "--against-setting",
        "grace-minutes=1",
        "--against-setting",
        "notice-hours=1",
    ];
    assert_eq!(with("gate-both", &both).status.code(), Some(2));
    let output = with("gate-misused", &["--against-setting", "grace=1"]);
    assert!(
        crate::support::stderr(&output).contains("the name must be one of untagged,"),
        "{output:?}"
    );
}

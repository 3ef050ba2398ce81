//! `tagwarden plan` of recordings: without AWS.

use std::process::{Output, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::fleet::{RECORDED_AT, recording};
use crate::support::{command, stderr, stdout};
use crate::world::SAMPLE;

/// The command where nothing says where AWS is, with the recordings and the customer's policy.
fn plan(test: &str, arguments: &[&str]) -> Output {
    let policy = policy(test, SAMPLE);
    let mut all = vec!["plan", "--policy", &policy, "--at", RECORDED_AT];
    let (fleet, launches) = (recording("fleet.json"), recording("launches.json"));
    if !arguments.contains(&"--instances") {
        all.extend(["--instances", &fleet, "--events", &launches]);
    }
    all.extend(arguments);
    offline(&all).output().unwrap()
}

/// The command, in an environment in which any call of AWS fails.
pub fn offline(arguments: &[&str]) -> std::process::Command {
    let mut command = command(arguments);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_") || name.starts_with("TAGWARDEN_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nowhere")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .stdin(Stdio::null());
    command
}

/// A policy file of this test's own.
pub fn policy(name: &str, text: &str) -> String {
    file(&format!("{name}.yaml"), text)
}

/// A file of a test's own.
pub fn file(name: &str, text: &str) -> String {
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plan-{name}"));
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// What was written, without the places of files.
pub fn told(output: &Output) -> String {
    let here = format!("{}/tests/plan/recorded/", env!("CARGO_MANIFEST_DIR"));
    let there = format!("{}/plan-", env!("CARGO_TARGET_TMPDIR"));
    stdout(output).replace(&here, "").replace(&there, "")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn as_text() {
    let output = plan("text", &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(stderr(&output), "");
    assert_snapshot!(told(&output));
}

#[test]
fn as_markdown() {
    let output = plan("markdown", &["--output", "markdown"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_snapshot!(told(&output));
}

#[test]
fn as_csv() {
    let output = plan("csv", &["--output", "csv"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_snapshot!(told(&output));
}

#[test]
fn as_json() {
    let output = plan("json", &["--output", "json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let document = document(&output);
    assert_eq!(document["version"], 1);
    assert_eq!(document["at"], "2026-11-23T12:00:00.000Z");
    assert_eq!(
        document["counts"],
        json!({
            "instances": 20, "compliant": 2, "nonCompliant": 16, "notApplicable": 2,
            "wouldTag": 13, "wouldStop": 0, "wouldTerminate": 4, "delayedStop": 0, "delayedTerminate": 1, "notified": 0, "deferred": 1, "refused": 0,
            "failed": 0,
        })
    );
    let instances = document["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 20);
    let billing = instances.iter().find(|it| it["name"] == "billing").unwrap();
    assert_eq!(
        *billing,
        json!({
            "instanceId": billing["instanceId"],
            "name": "billing",
            "vpcId": "vpc-0a1b2c3d4e5f60718",
            "state": "running",
            "launchedAt": "2026-11-21T12:00:00Z",
            "verdict": "NON_COMPLIANT",
            "annotation": "missing tag CreatedBy (rule 2)",
            "steps": [{
                "instanceId": billing["instanceId"], "finding": "missing", "ruleId": 2, "tagKey": "CreatedBy",
                "remedy": "tag", "tagValue": "bob", "valueOrigin": "launcher", "outcome": "would-do",
            }],
        })
    );
}

#[test]
fn every_instance_can_be_named() {
    let few = plan("few", &["--only", "tag"]);
    assert!(told(&few).contains("8 instances, such as "), "{few:?}");
    let all = plan("all", &["--only", "tag", "--all"]);
    assert!(!told(&all).contains("such as"), "{all:?}");
    assert_eq!(told(&all).matches("(node)").count(), 6);
}

/// The names, or else the ids' absence, of the instances in a CSV plan, in its order.
fn names(output: &Output) -> Vec<String> {
    let mut names: Vec<String> = csv::Reader::from_reader(output.stdout.as_slice())
        .records()
        .map(|record| record.unwrap()[1].to_owned())
        .collect();
    names.dedup();
    names
}

#[test]
fn filters_what_is_shown_and_counts_everything() {
    let only = |what: &str| {
        let output = plan(
            &format!("only-{what}"),
            &["--output", "csv", "--only", what],
        );
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        names(&output)
    };
    assert_eq!(only("compliant"), ["web", "wiki"]);
    assert_eq!(only("compliant,tag"), ["wiki"]);
    assert_eq!(only("terminate"), [""]);
    assert_eq!(only("stop"), Vec::<String>::new());
    assert_eq!(only("not-applicable"), ["", "spare"]);
    let text = plan("only-text", &["--only", "later"]);
    let text = told(&text);
    assert!(text.contains("20 instances of fleet.json"), "{text}");
    assert!(text.contains("Left for later"), "{text}");
    assert!(!text.contains("Will"), "{text}");
    assert!(
        text.contains("Plan: 13 instances to tag, 0 to stop, 4 to terminate (1 of them later)."),
        "{text}"
    );
}

#[test]
fn instances_are_sorted_as_asked_for() {
    let sorted = |by: &str| {
        let only = "compliant,noncompliant,tag";
        let arguments = ["--output", "csv", "--sort", by, "--only", only];
        names(&plan(&format!("sort-{by}"), &arguments))
    };
    let by_name = sorted("name");
    let mut expected = by_name.clone();
    expected.sort_by_key(|name| (name.is_empty(), name.clone()));
    assert_eq!(by_name, expected);
    assert_eq!(by_name.first().unwrap(), "archive");
    assert_eq!(sorted("id").first().unwrap(), "search");
    assert_eq!(sorted("launched").first().unwrap(), "archive");
    assert_eq!(sorted("verdict").last().unwrap(), "wiki");
    // Not the one in another VPC, which the policy reaches without --vpc-ids.
    assert_eq!(sorted("vpc").len(), by_name.len());
}

#[test]
fn exits_as_fail_on_says() {
    let sound = "rules:\n  - {RuleId: 1, TagKey: Name, Action: Notify, Required: N}\n";
    let status = |test: &str, text: &str, arguments: &[&str]| {
        let policy = policy(&format!("status-{test}"), text);
        let fleet = recording("fleet.json");
        let mut all = vec![
            "plan",
            "--instances",
            &fleet,
            "--policy",
            &policy,
            "--at",
            RECORDED_AT,
        ];
        all.extend(arguments);
        offline(&all).output().unwrap().status.code().unwrap()
    };
    // Those without any tags are non-compliant whatever the rules.
    let notify = ["--untagged", "notify"];
    assert_eq!(status("nothing", sound, &notify), 0);
    assert_eq!(status("untagged", sound, &[]), 2);
    let destructive = ["--fail-on", "destructive"];
    assert_eq!(
        status("tags", SAMPLE, &[&notify[..], &destructive].concat()),
        0
    );
    assert_eq!(status("ends", SAMPLE, &destructive), 2);
    let noncompliant = ["--fail-on", "noncompliant"];
    assert_eq!(
        status("bad", sound, &[&notify[..], &noncompliant].concat()),
        2
    );
    let tagged = ["--vpc-ids", "vpc-1", "--fail-on", "noncompliant"];
    assert_eq!(status("good", sound, &tagged), 0);
}

#[test]
fn the_settings_are_the_functions() {
    let counts = |test: &str, arguments: &[&str], variables: &[(&str, &str)]| {
        let policy = policy(&format!("settings-{test}"), SAMPLE);
        let fleet = recording("fleet.json");
        let mut all = vec![
            "plan",
            "--instances",
            &fleet,
            "--policy",
            &policy,
            "--at",
            RECORDED_AT,
        ];
        all.extend(["--output", "json"]);
        all.extend(arguments);
        let mut command = offline(&all);
        command.envs(variables.iter().copied());
        let counts = document(&command.output().unwrap())["counts"].clone();
        let count = |name: &str| counts[name].as_u64().unwrap();
        let ends = count("wouldStop") * 100 + count("wouldTerminate") * 10;
        (
            ends + count("notified"),
            count("deferred"),
            count("refused"),
        )
    };
    // The protected one counts, because a recording does not tell, and so does what is only delayed.
    assert_eq!(counts("none", &[], &[]), (40, 1, 0));
    let untagged = ("TAGWARDEN_UNTAGGED", "notify");
    assert_eq!(counts("variable", &[], &[untagged]), (4, 0, 0));
    assert_eq!(
        counts("option", &["--untagged", "stop"], &[untagged]),
        (400, 1, 0)
    );
    assert_eq!(counts("grace", &["--grace-minutes", "0"], &[]), (40, 0, 0));
    let budget = ["--max-destructive-per-hour", "1"];
    assert_eq!(counts("budget", &budget, &[]), (40, 1, 2));
    let vpc = ("TAGWARDEN_VPC_IDS", "vpc-0f9e8d7c6b5a40312");
    assert_eq!(counts("vpc", &[], &[vpc]), (10, 0, 0));
    assert_eq!(counts("every-vpc", &["--vpc-ids", ""], &[vpc]), (40, 1, 0));
    // A function's mode is no concern of a plan, and neither are its topic and its ledger offline.
    let others = [
        ("TAGWARDEN_MODE", "enforce"),
        ("TAGWARDEN_TOPIC_ARN", "nonsense"),
        ("TAGWARDEN_LEDGER_TABLE", "ledger"),
    ];
    assert_eq!(counts("others", &[], &others), (40, 1, 0));
}

#[test]
fn names_an_unreadable_setting() {
    let output = plan("setting", &["--grace-minutes", "15m"]);
    assert_eq!(output.status.code(), Some(64));
    let message = stderr(&output);
    assert!(
        message.contains("'15m' for '--grace-minutes <MINUTES>'"),
        "{message}"
    );
    assert!(message.contains("whole number"), "{message}");
    let policy = policy("setting-variable", SAMPLE);
    let fleet = recording("fleet.json");
    let output = offline(&["plan", "--instances", &fleet, "--policy", &policy])
        .env("TAGWARDEN_GRACE_MINUTES", "15m")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.starts_with("error: the environment variable TAGWARDEN_GRACE_MINUTES is \"15m\""),
        "{message}"
    );
}

#[test]
fn without_events_launchers_are_not_known() {
    let fleet = recording("fleet.json");
    let output = plan("no-events", &["--instances", &fleet, "--only", "tag"]);
    let text = told(&output);
    assert!(text.contains("+ CreatedBy = its launcher"), "{text}");
    // The archive's launch is older than anything that CloudTrail remembers.
    assert!(text.contains("+ CreatedBy = \"Undefined\""), "{text}");
    assert!(text.contains(
        "No recording says who launched 3 instances: the remediation will ask CloudTrail.\n"
    ));
}

#[test]
fn recordings_are_read_in_every_shape() {
    let fleet = std::fs::read_to_string(recording("fleet.json")).unwrap();
    let fleet: Value = serde_json::from_str(&fleet).unwrap();
    let reservations = fleet["Reservations"].as_array().unwrap();
    let instances = reservations.iter().map(|it| it["Instances"].clone());
    let nested: Vec<Value> = instances.collect();
    let flat: Vec<Value> = nested
        .iter()
        .flat_map(|it| it.as_array().unwrap().clone())
        .collect();
    let (first, rest) = reservations.split_at(4);
    let pages = format!(
        "{}\n{}\n",
        json!({"Reservations": first, "NextToken": "t"}),
        json!({"Reservations": rest})
    );
    let expected = document(&plan("shape", &["--output", "json"]));
    for (shape, text) in [
        ("reservations", json!(reservations).to_string()),
        ("nested", json!(nested).to_string()),
        ("flat", json!(flat).to_string()),
        ("instances", json!({"Instances": flat}).to_string()),
        ("pages", pages),
        ("twice", format!("{fleet}{fleet}")),
    ] {
        let path = file(&format!("shape-{shape}.json"), &text);
        let launches = recording("launches.json");
        let arguments = [
            "--instances",
            &path,
            "--events",
            &launches,
            "--output",
            "json",
        ];
        let found = document(&plan(&format!("shape-{shape}"), &arguments));
        assert_eq!(found["instances"], expected["instances"], "{shape}");
    }
}

#[test]
fn reads_a_config_snapshot() {
    let tags = json!({"Name": "web", "ProjectCode": ""});
    let item = |id: &str, time: &str, members: Value| {
        let mut item = json!({
            "resourceType": "AWS::EC2::Instance", "resourceId": id, "configurationItemStatus": "OK",
            "configurationItemCaptureTime": time, "awsAccountId": "111111111111",
        });
        item.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        item
    };
    let running = json!({"state": {"name": "running"}, "launchTime": "2026-11-01T00:00:00.000Z"});
    let (older, newer) = ("2026-11-23T08:00:00.000Z", "2026-11-23T09:00:00.000Z");
    let snapshot = json!({
        "fileVersion": "1.0",
        "configurationItems": [
            item("i-00000000000000001", newer, json!({"tags": tags, "configuration": running})),
            item("i-00000000000000001", older, json!({"tags": {}, "configuration": running})),
            item("i-00000000000000002", newer, json!({"configurationItemStatus": "ResourceDeleted"})),
            // A resource of another kind, whose members mean something else.
            {"resourceType": "AWS::EC2::Volume", "resourceId": "vol-1", "configuration": {"state": "in-use"}},
        ],
    });
    let path = file("snapshot.json", &snapshot.to_string());
    let output = plan("snapshot", &["--instances", &path, "--output", "json"]);
    let document = document(&output);
    assert_eq!(document["counts"]["instances"], 2);
    assert_eq!(
        document["instances"][0]["annotation"],
        "empty tag ProjectCode (rule 1); missing tag CreatedBy (rule 2); optional: missing tag Expires (rule 3)"
    );
    assert_eq!(document["instances"][1]["verdict"], "NOT_APPLICABLE");
}

#[test]
fn standard_input_is_a_recording() {
    let policy = policy("stdin", SAMPLE);
    let fleet = std::fs::File::open(recording("fleet.json")).unwrap();
    let output = offline(&["plan", "--instances", "-", "--policy", &policy])
        .stdin(fleet)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stdout(&output).starts_with("20 instances of standard input under "));
}

#[test]
fn reports_a_recording_without_tags() {
    let instances =
        [1, 2].map(|number| {
        json!({"InstanceId": format!("i-0000000000000000{number}"), "State": "running", "Tags": null})
    });
    let path = file("no-tags.json", &json!(instances).to_string());
    let output = plan("no-tags", &["--instances", &path]);
    assert!(
        told(&output).contains(
            "No instance of the recording has tags. If it was made with --query, the query may"
        ),
        "{output:?}"
    );
}

#[test]
fn colours_are_for_terminals() {
    let (plain, coloured) = (plan("plain", &[]), plan("coloured", &["--color", "always"]));
    assert!(!stdout(&plain).contains('\u{1b}'));
    assert!(stdout(&coloured).contains("\u{1b}["));
    let policy = policy("no-color", SAMPLE);
    let fleet = recording("fleet.json");
    let output = offline(&["plan", "--instances", &fleet, "--policy", &policy])
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(!stdout(&output).contains('\u{1b}'));
}

/// `--at` takes what `--since` takes.
#[test]
fn the_moment_is_a_date_a_time_or_an_age() {
    let at = |when: &str| {
        let policy = policy("at", SAMPLE);
        let fleet = recording("fleet.json");
        let line = ["--policy", &policy, "--at", when, "--output", "json"];
        let line = [&["plan", "--instances", &fleet], &line[..]].concat();
        offline(&line).output().unwrap()
    };
    let moment = |when: &str| {
        let at = document(&at(when))["at"].clone();
        at.as_str().unwrap().parse::<DateTime<Utc>>().unwrap()
    };
    let noon = "2026-11-20T12:00:00Z";
    assert_eq!(
        moment("2026-11-20").to_rfc3339(),
        "2026-11-20T00:00:00+00:00"
    );
    assert_eq!(moment(noon), noon.parse::<DateTime<Utc>>().unwrap());
    let age = Utc::now() - moment("2h");
    assert!(
        (age - TimeDelta::hours(2)).abs() < TimeDelta::minutes(5),
        "{age}"
    );
    // Ages and dates are computed for any moment that can be typed.
    for extreme in ["9999999999w", "+262142-12-31T00:00:00Z"] {
        assert_eq!(at(extreme).status.code(), Some(2), "{extreme}");
    }
    let output = at("yesterday");
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("a date in UTC"), "{output:?}");
}

//! `tagwarden plan` for the tools of a pipeline.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::account::world;
use crate::fleet::{RECORDED_AT, recording};
use crate::pipeline_formats::{junit, sarif};
use crate::recorded::offline;
use crate::support::{stderr, stdout};
use crate::world::SAMPLE;

/// The command of the recorded fleet, in a folder with the policies.
fn plan(test: &str, arguments: &[&str]) -> Output {
    let directory =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plan-pipeline-{test}"));
    std::fs::create_dir_all(&directory).unwrap();
    let new = "# A new policy.\nrules:\n  - RuleId: 3\n    TagKey: Expires\n    Action: Terminate\n    Required: Y\n";
    std::fs::write(directory.join("policy.yaml"), SAMPLE).unwrap();
    std::fs::write(directory.join("new.yaml"), new).unwrap();
    let (fleet, launches) = (recording("fleet.json"), recording("launches.json"));
    let line = [
        "plan",
        "--instances",
        &fleet,
        "--events",
        &launches,
        "--at",
        RECORDED_AT,
    ];
    offline(&[&line, arguments].concat())
        .current_dir(directory)
        .output()
        .unwrap()
}

#[test]
fn sarif_puts_each_step_at_the_line_of_its_rule() {
    let output = plan("sarif", &["--policy", "policy.yaml", "--output", "sarif"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let run = sarif(&output);
    let results = run["results"].as_array().unwrap();
    // The worst comes first.
    assert_eq!(results[0]["level"], "error");
    assert_eq!(results[0]["ruleId"], "untagged");
    let place = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        (
            place["artifactLocation"]["uri"].clone(),
            place["region"]["startLine"].clone(),
        )
    };
    assert_eq!(place(&results[0]), (json!("policy.yaml"), json!(1)));
    let creator = results.iter().find(|it| {
        it["message"]["text"]
            .as_str()
            .unwrap()
            .contains("CreatedBy = \"bob\"")
    });
    let creator = creator.unwrap();
    assert_eq!(place(creator), (json!("policy.yaml"), json!(7)));
    assert_eq!(
        creator["locations"][0]["logicalLocations"][0]["name"],
        "i-00000000000000003"
    );
    // As many steps as in the JSON document.
    let json = plan("sarif", &["--policy", "policy.yaml", "--output", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let steps = json["instances"].as_array().unwrap().iter();
    let steps: usize = steps.map(|it| it["steps"].as_array().unwrap().len()).sum();
    assert_eq!(results.len(), steps);
    let notes = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(
        notes.as_array().unwrap().len(),
        json["notes"].as_array().unwrap().len()
    );
}

/// Fingerprints do not move with lines, times or wording.
#[test]
fn a_result_is_the_same_in_the_next_run() {
    let fingerprints = |policy: &str, at: &str| -> BTreeSet<String> {
        let fleet = recording("fleet.json");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plan-pipeline-same.yaml");
        std::fs::write(&path, policy).unwrap();
        let path = path.display().to_string();
        let line = [
            "plan",
            "--instances",
            &fleet,
            "--policy",
            &path,
            "--at",
            at,
            "--output",
            "sarif",
        ];
        let run = sarif(&offline(&line).output().unwrap());
        let results = run["results"].as_array().unwrap().iter();
        let of = |it: &Value| {
            it["partialFingerprints"]["tagwarden/v1"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        results.map(of).collect()
    };
    let moved = format!("# One line more.\n{SAMPLE}");
    assert_eq!(
        fingerprints(SAMPLE, RECORDED_AT),
        fingerprints(&moved, "2026-11-24T12:00:00Z")
    );
}

#[test]
fn without_a_file_the_instance_is_the_place() {
    let world = world("pipeline");
    let run = sarif(&world.run(&["plan", "--output", "sarif"]));
    let location = &run["results"][0]["locations"][0];
    assert_eq!(location["physicalLocation"], Value::Null);
    assert!(
        location["logicalLocations"][0]["name"]
            .as_str()
            .unwrap()
            .starts_with("i-")
    );
}

/// The tests that fail are the instances for which the command ends with 2.
#[test]
fn junit_fails_for_what_fail_on_asks_for() {
    let json = plan("junit", &["--policy", "policy.yaml", "--output", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let count = |name: &str| usize::try_from(json["counts"][name].as_u64().unwrap()).unwrap();
    for (fail_on, expected) in [
        ("destructive", count("wouldStop") + count("wouldTerminate")),
        ("noncompliant", count("nonCompliant")),
    ] {
        let line = [
            "--policy",
            "policy.yaml",
            "--output",
            "junit",
            "--fail-on",
            fail_on,
        ];
        let output = plan("junit", &line);
        assert_eq!(output.status.code(), Some(2));
        let tests = junit(&output);
        assert_eq!(tests.len(), 20);
        let failed = tests.iter().filter(|(.., failed)| failed.is_some());
        assert_eq!(failed.count(), expected, "{fail_on}");
    }
    let same = [
        "--policy",
        "policy.yaml",
        "--against",
        "policy.yaml",
        "--output",
        "junit",
    ];
    let output = plan("junit", &same);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(junit(&output), []);
}

#[test]
fn a_comparison_has_what_is_new() {
    let line = [
        "--policy",
        "new.yaml",
        "--against",
        "policy.yaml",
        "--rules-may-destroy",
        "stop-and-terminate",
    ];
    let output = plan(
        "against",
        &[
            &line[..],
            &["--fail-on", "destructive", "--output", "sarif"],
        ]
        .concat(),
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let run = sarif(&output);
    let errors = run["results"].as_array().unwrap().iter();
    let errors = errors.filter(|it| it["level"] == "error");
    let errors: Vec<&str> = errors
        .map(|it| it["message"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("i-00000000000000006 (wiki): Will terminate"),
        "{errors:?}"
    );
    let output = plan(
        "against",
        &[
            &line[..],
            &["--fail-on", "destructive", "--output", "junit"],
        ]
        .concat(),
    );
    let failed: Vec<_> = junit(&output)
        .into_iter()
        .filter(|it| it.2.is_some())
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].1, "i-00000000000000006 (wiki)");
}

/// What XML cannot hold is left out, and what it would take for markup is escaped.
#[test]
fn a_name_cannot_break_the_document() {
    let fleet = json!([{
        "InstanceId": "i-00000000000000001", "LaunchTime": "2026-11-01T00:00:00Z",
        "State": {"Name": "running"}, "VpcId": "vpc-1",
        "Tags": [{"Key": "Name", "Value": "a\u{1b}[31m]]><b>&\"\u{0}"}],
    }]);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (path, policy) = (
        directory.join("pipeline-evil.json"),
        directory.join("pipeline-evil.yaml"),
    );
    std::fs::write(&path, fleet.to_string()).unwrap();
    std::fs::write(&policy, SAMPLE).unwrap();
    let (path, policy) = (path.display().to_string(), policy.display().to_string());
    let line = |form| {
        [
            "plan",
            "--instances",
            &path,
            "--policy",
            &policy,
            "--output",
            form,
        ]
        .map(ToOwned::to_owned)
    };
    let run = |form| {
        let line = line(form);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        offline(&line).output().unwrap()
    };
    let output = run("junit");
    assert_eq!(junit(&output).len(), 1);
    assert!(!stdout(&output).contains('\u{1b}'));
    sarif(&run("sarif"));
}

//! The two scripts in the template, each with something in AWS's place. That of the Systems Manager document meets a
//! Lambda that is too busy, and a function that fails or refuses. That which fills the policy table meets full tables.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::moto::REQUIREMENTS;
use crate::template::STACK;
use crate::venv;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/document.py");
const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/seed.py");

fn run(runner: &str, cases: &Value) -> Vec<Value> {
    let mut python = Command::new(venv::installed("moto", REQUIREMENTS).join("python"));
    python.args([runner, STACK]);
    python.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(cases.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn fails_for_failures_only_and_tries_again_while_lambda_is_busy() {
    let instance = "i-0a1b2c3d4e5f60718";
    let done = json!({"failed": 0, "refused": 0});
    // A held run refuses everything.
    let refused = json!({"failed": 0, "refused": 1});
    let failed = json!({"failed": 1, "refused": 1});
    let cases = json!([
        {"resource": instance, "counts": done},
        {"resource": "vol-0a1b2c3d4e5f60718", "counts": done},
        {"resource": instance, "counts": refused},
        {"resource": instance, "counts": failed},
        {"resource": instance, "error": "the policy table is not valid"},
        {"resource": instance, "counts": done, "throttled": 3},
        {"resource": instance, "counts": done, "throttled": 1000},
    ]);
    let results = run(DOCUMENT, &cases);
    let [once, volume, refusal, failure, error, busy, too_busy] = results.as_slice() else {
        panic!("{results:?}");
    };
    assert_eq!(once["sent"], json!([{"instanceIds": [instance]}]));
    assert_eq!(once["returned"], done);
    assert_eq!(
        volume["sent"],
        json!([{"resourceIds": ["vol-0a1b2c3d4e5f60718"]}])
    );
    assert_eq!(refusal["returned"], refused);
    for (result, said) in [
        (
            failure,
            "RuntimeError: something failed; the report says why",
        ),
        (
            error,
            "RuntimeError: the remediation failed: the policy table is not valid",
        ),
        (too_busy, "TooManyRequestsException"),
    ] {
        assert!(
            result["raised"].as_str().unwrap().starts_with(said),
            "{result}"
        );
    }
    // An error of the function is not repeated: it may have acted.
    assert_eq!(error["sent"].as_array().unwrap().len(), 1);
    assert_eq!(busy["returned"], done);
    assert_eq!(busy["sent"].as_array().unwrap().len(), 4);
    assert!(busy["waited"].as_f64().unwrap() >= 3.0, "{busy}");
    // The function's own five minutes still fit into the step's time.
    let waited = too_busy["waited"].as_f64().unwrap();
    let timeout = too_busy["timeout"].as_f64().unwrap();
    assert!(waited > 180.0 && waited + 300.0 < timeout, "{too_busy}");
    // The longest that Systems Manager allows a script:
    // https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeScript.html
    assert!(timeout <= 600.0, "{timeout}");
}

/// `PolicySeed` is what the custom resource of version 0.1.0 was called. CloudFormation deletes it in the upgrade.
#[test]
fn fills_a_table_without_rows_once_and_removes_nothing() {
    let event = |kind: &str, id: &str, table: &str, before: Option<&str>| {
        let mut event = json!({
            "RequestType": kind,
            "PhysicalResourceId": id,
            "ResourceProperties": {"Table": table},
        });
        if let Some(before) = before {
            event["OldResourceProperties"] = json!({"Table": before});
        }
        event
    };
    let mut create = event("Create", "", "new", None);
    create.as_object_mut().unwrap().remove("PhysicalResourceId");
    let results = run(
        SEED,
        &json!([
            {"event": create},
            {"event": create, "rows": 1},
            {"event": event("Update", "sample-policy", "new", Some("new"))},
            {"event": event("Update", "sample-policy", "other", Some("new"))},
            {"event": event("Delete", "sample-policy", "new", None)},
            {"event": event("Delete", "policy-seed", "new", None)},
            {"event": create, "denied": 3},
            {"event": create, "denied": 100},
        ]),
    );
    let rules = ["ProjectCode", "CreatedBy", "Expires"];
    let filled = |table: &str| json!(rules.map(|key| [table, key]));
    let done = |id: &str| json!(["SUCCESS", id, null]);
    for (at, id, put) in [
        (0, "sample-policy", filled("new")),
        (1, "sample-policy", json!([])),
        (2, "sample-policy", json!([])),
        (3, "sample-policy", filled("other")),
        (4, "sample-policy", json!([])),
        (5, "policy-seed", json!([])),
        (6, "sample-policy", filled("new")),
    ] {
        assert_eq!(results[at]["answer"], done(id), "{at}");
        assert_eq!(results[at]["put"], put, "{at}");
    }
    // IAM takes some seconds, and the function has a minute.
    assert!(results[6]["waited"].as_f64().unwrap() > 5.0);
    assert_eq!(results[7]["answer"][0], "FAILED");
    let waited = results[7]["waited"].as_f64().unwrap();
    assert!((20.0..50.0).contains(&waited), "{waited}");
}

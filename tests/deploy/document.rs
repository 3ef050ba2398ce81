//! The script of the Systems Manager document, in Lambda's place something that is too busy, fails or refuses.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::moto::REQUIREMENTS;
use crate::template::STACK;
use crate::venv;

const RUNNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/document.py");

fn run(cases: &Value) -> Vec<Value> {
    let mut python = Command::new(venv::installed("moto", REQUIREMENTS).join("python"));
    python.args([RUNNER, STACK]);
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
    let results = run(&json!([
        {"resource": instance, "counts": done},
        {"resource": "vol-0a1b2c3d4e5f60718", "counts": done},
        {"resource": instance, "counts": refused},
        {"resource": instance, "counts": failed},
        {"resource": instance, "error": "the policy table is not valid"},
        {"resource": instance, "counts": done, "throttled": 3},
        {"resource": instance, "counts": done, "throttled": 1000},
    ]));
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

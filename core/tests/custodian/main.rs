//! Cloud Custodian 0.9.53's own filters, on the same instances. Every disagreement is one of those that are listed and
//! explained here.
//!
//! | module | what is compared |
//! |---|---|
//! | `conditions` | `When` with value filters |
//! | `dates` | end dates with `value_type: expiration`, in every format that people and other tools use |
//! | `values` | `Allowed`, missing and empty tags with `in`, `glob`, `regex`, `not-in`, `absent`, `empty` and `present` |

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, too"
)]

mod conditions;
mod dates;
mod values;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tagwarden_core::Policy;
use tagwarden_core::policy::Row;

#[path = "../../../tests/support/venv.rs"]
mod venv;

const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/custodian/requirements.txt"
);
const FILTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/custodian/filters.py");

/// Whether Custodian's filters match, in order; an error is no match.
fn custodian(questions: &[(Value, Value)]) -> Vec<bool> {
    let programs = venv::installed("custodian", REQUIREMENTS);
    let mut process = Command::new(programs.join("python"))
        .arg(FILTERS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(questions).unwrap();
    process.stdin.take().unwrap().write_all(&input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    answers
        .iter()
        .map(|answer| answer == &json!(true))
        .collect()
}

fn policy(rows: Value) -> Policy {
    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
    Policy::from_rows(rows).unwrap()
}

//! Other people's programs judge the same inputs as `tagwarden preflight`: c7n-left and checkov the sources and plans of
//! Terraform, cfn-lint the templates of CloudFormation. Each difference has a reason here. One without a reason fails, and so
//! does a reason that nothing needs.

#![cfg(unix)]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod cdk;
#[path = "../../../tests/support/node.rs"]
mod node;
#[allow(dead_code, reason = "shared with the tests of preflight")]
#[path = "../preflight/plans.rs"]
mod plans;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod templates;
mod terraform;
#[path = "../../../tests/support/venv.rs"]
mod venv;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The linters of the repository's own templates, which are also oracles.
const CHECKOV: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/deploy/requirements.txt"
);
const CFN_LINT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/moto/requirements.txt"
);

/// What all of them judge by: who owns it must be said, and one value is limited.
const POLICY: &str = "\
rules:
  - RuleId: 1
    TagKey: Owner
    Action: Notify
    Required: Y
  - RuleId: 2
    TagKey: Env
    Action: Notify
    Required: N
    Allowed: [Prod, Stage, team-*]
";

/// A case, the resource in it, and the key that is wrong.
type Found = (String, String, &'static str);

/// Why a program finds something else than tagwarden.
struct Difference {
    case: &'static str,
    /// `tagwarden`, or the other program: who finds something that the other does not.
    finder: &'static str,
    key: &'static str,
    reason: &'static str,
}

/// Compares what tagwarden and `other` found.
fn compare(other: &str, ours: &BTreeSet<Found>, theirs: &BTreeSet<Found>, known: &[Difference]) {
    let mut needed = BTreeSet::new();
    let mut unexplained = Vec::new();
    let only = |finder, some: &BTreeSet<Found>, others: &BTreeSet<Found>| {
        let only: Vec<(&str, Found)> = some
            .difference(others)
            .map(|it| (finder, it.clone()))
            .collect();
        only
    };
    let differences = [only("tagwarden", ours, theirs), only(other, theirs, ours)].concat();
    for (finder, (case, resource, key)) in differences {
        let reason = known
            .iter()
            .position(|it| it.case == case && it.finder == finder && it.key == key);
        match reason {
            Some(at) => {
                needed.insert(at);
            }
            None => unexplained.push(format!("{case}: only {finder} finds {key} of {resource}")),
        }
    }
    assert!(
        unexplained.is_empty(),
        "{other}:\n{}",
        unexplained.join("\n")
    );
    for (at, difference) in known.iter().enumerate() {
        assert!(difference.reason.len() > 20);
        assert!(
            needed.contains(&at),
            "{other}: nothing needs the reason {:?} of {}",
            difference.reason,
            difference.case
        );
    }
}

/// An empty folder for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracles-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    folder
}

/// The findings of this level in a file, by resource and key.
fn preflight(folder: &Path, case: &str, file: &str, level: &str) -> BTreeSet<Found> {
    let mut command = support::command(&["preflight", file, "--output", "json"]);
    command.arg("--policy").arg(folder.join("policy.yaml"));
    command.current_dir(folder.join(case));
    let output = command.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{case}: {error}: {output:?}"));
    let mut found = BTreeSet::new();
    for resource in document["resources"].as_array().unwrap() {
        let address = resource["address"].as_str().unwrap();
        for finding in resource["findings"].as_array().unwrap() {
            if finding["level"] != level {
                continue;
            }
            let key = match finding["tagKey"].as_str() {
                Some("Env") => "Env",
                // An instance without tags lacks what is required.
                Some("Owner") | None => "Owner",
                Some(other) => panic!("{other}"),
            };
            found.insert((case.to_owned(), address.to_owned(), key));
        }
    }
    found
}

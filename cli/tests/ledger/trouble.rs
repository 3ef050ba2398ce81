//! What stands between the commands and the ledger, and what the messages say to do.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::json;
use tagwarden_sandbox::Fault;

use crate::scene::{LEDGER, Scene, wrote};
use crate::support::{fail_alike, stderr};

const COMMANDS: [&[&str]; 3] = [
    &["history"],
    &["undo", "--since", "1h", "--yes"],
    &["undo", "--run", "20261101T000000Z-deadbeef", "--yes"],
];

/// Every command fails alike, and writes nothing.
fn fails(scene: &Scene, more: &[&str], parts: &[&str]) {
    let prepare = |arguments: &[&str]| scene.command(&[arguments, more].concat());
    fail_alike(&COMMANDS, prepare, parts);
    assert_eq!(scene.writes(), 0);
}

#[test]
fn rejects_a_missing_ledger_table() {
    let scene = Scene::new("nameless");
    let parts = [
        "--ledger-table",
        "TAGWARDEN_LEDGER_TABLE",
        "LedgerTable",
        "describe-stacks",
    ];
    fails(&scene, &[], &parts);
    assert_eq!(scene.account.calls().len(), 0);
}

#[test]
fn takes_the_ledger_table_from_the_environment() {
    let scene = Scene::new("environment");
    let mut command = scene.command(&["history"]);
    let output = command
        .env("TAGWARDEN_LEDGER_TABLE", LEDGER)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn no_such_table() {
    let scene = Scene::new("absent");
    let parts = [
        "\"other\"",
        "us-east-1",
        "ResourceNotFoundException",
        "--ledger-table",
    ];
    fails(&scene, &["--ledger-table", "other"], &parts);
}

#[rstest]
#[case("AccessDeniedException", "docs/ledger.md")]
#[case("ExpiredTokenException", "aws sso login")]
fn refused(#[case] code: &str, #[case] what_next: &str) {
    let scene = Scene::new(&format!("refused-{code}"));
    scene
        .account
        .fail(Fault::new("Query", code, "No.").always());
    fails(
        &scene,
        &["--ledger-table", LEDGER],
        &[code, LEDGER, what_next],
    );
}

#[test]
fn instances_that_cannot_be_read() {
    let scene = Scene::new("no-ec2");
    let acts = [wrote("i-00000000000000001", "K", "v", "done")];
    scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    let denied = Fault::new("DescribeInstances", "UnauthorizedOperation", "No.");
    scene.account.fail(denied.status(403).always());
    let output = scene.run(&["undo", "--since", "1h", "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.starts_with("error: ec2:DescribeInstances: UnauthorizedOperation"),
        "{message}"
    );
    assert!(message.contains("docs/ledger.md"), "{message}");
}

#[test]
fn names_a_table_that_is_not_a_ledger() {
    let scene = Scene::new("other-things");
    let today = scene.account.now().format("%Y-%m-%d").to_string();
    let item = json!({"Pk": today, "Sk": "x", "Acts": "none"});
    scene.account.put_item(LEDGER, item);
    let output = scene.run(&["history"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains(&format!("{today:?}, \"x\" of the ledger")),
        "{message}"
    );
}

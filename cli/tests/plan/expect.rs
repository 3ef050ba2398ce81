//! Every command names the account, and refuses another than the expected one.

use serde_json::Value;

use crate::apply::{LEDGER, with_ledger};
use crate::fake::Fake;
use crate::support::{HERE, stderr, stdout};
use crate::world::{SAMPLE, World};

/// Every command that calls AWS.
const COMMANDS: [&[&str]; 9] = [
    &["diff", "policy.yaml"],
    &["push", "policy.yaml", "--yes"],
    &["pull"],
    &["plan"],
    &["explain", "i-00000000000000002"],
    &["apply", "--yes", "--ledger-table", LEDGER],
    &["history", "--ledger-table", LEDGER],
    &["undo", "--since", "1h", "--yes", "--ledger-table", LEDGER],
    &["report", "page.html", "--ledger-table", LEDGER],
];

fn world(test: &str) -> World {
    let world = with_ledger(test);
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    world
}

#[test]
fn every_command_names_the_account() {
    let world = world("expect-named");
    for arguments in COMMANDS {
        let output = world.run(arguments);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
        let told = match arguments {
            ["pull"] => {
                let output = world.run(&["pull", "pulled.yaml"]);
                stderr(&output).to_owned()
            }
            _ => [stdout(&output), stderr(&output)].concat(),
        };
        assert!(told.contains(HERE), "{arguments:?}: {told}");
    }
    let page = world.read("page.html");
    assert!(page.contains("us-east-1, account 111111111111"));
}

/// Wherever the expectation comes from, nothing but the caller's identity is asked.
#[test]
fn refuses_another_account_before_anything_is_read() {
    let world = world("expect-other");
    for arguments in COMMANDS {
        let by_option = [arguments, &["--expect-account", "123456789012"]].concat();
        let mut by_variable = world.command(arguments);
        by_variable.env("TAGWARDEN_EXPECT_ACCOUNT", "123456789012");
        for output in [world.run(&by_option), by_variable.output().unwrap()] {
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert_eq!(stdout(&output), "");
            let what = "error: these credentials belong to account 111111111111, and --expect-account is 123456789012\n\n\
                        Nothing was read or written. ";
            assert!(stderr(&output).starts_with(what), "{output:?}");
        }
    }
    let calls = world.account.calls();
    assert_eq!(calls.len(), world.account.count("GetCallerIdentity"));
    assert_eq!(calls.len(), 2 * COMMANDS.len());
    assert!(!world.path("page.html").exists());
}

#[test]
fn accepts_the_expected_account() {
    let world = world("expect-this");
    for expected in ["111111111111", "123456789012,111111111111"] {
        let output = world.run(&["diff", "policy.yaml", "--expect-account", expected]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        // The option wins over the environment.
        let mut command = world.command(&["pull", "--expect-account", expected]);
        command.env("TAGWARDEN_EXPECT_ACCOUNT", "123456789012");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[test]
fn rejects_what_is_no_number_of_an_account() {
    let world = world("expect-nonsense");
    let output = world.run(&["pull", "--expect-account", "prod"]);
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    assert!(stderr(&output).contains("(12 digits)"), "{output:?}");
    let mut command = world.command(&["pull"]);
    command.env("TAGWARDEN_EXPECT_ACCOUNT", "prod");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let what =
        "error: TAGWARDEN_EXPECT_ACCOUNT is \"prod\": not the number of an AWS account (12 digits)";
    assert!(stderr(&output).starts_with(what), "{output:?}");
    assert_eq!(world.account.calls().len(), 0);
}

#[test]
fn an_unknown_account_stops_only_who_expects_one() {
    let world = world("expect-unknown");
    let fake = Fake::new();
    fake.refuse("GetCallerIdentity", "AccessDenied");
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        fake.serve_for(&mut command);
        command.output().unwrap()
    };
    let output = run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let whose =
        "us-east-1 (account unknown: sts:GetCallerIdentity: AccessDenied, keys of the environment)";
    assert!(stdout(&output).contains(whose), "{output:?}");
    let output = run(&["diff", "policy.yaml", "--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["account"], Value::Null);
    assert_eq!(
        document["accountProblem"],
        "sts:GetCallerIdentity: AccessDenied: You may not."
    );
    let asked = world.account.calls().len();
    let output = run(&["diff", "policy.yaml", "--expect-account", "111111111111"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let what = "error: the account of these credentials is not known, and --expect-account is 111111111111: \
                sts:GetCallerIdentity: AccessDenied: You may not.\n\nNothing was read or written. ";
    assert!(stderr(&output).starts_with(what), "{output:?}");
    assert_eq!(world.account.calls().len(), asked);
}

/// A plan of files asks nobody, so there is nothing to refuse.
#[test]
fn files_belong_to_no_account() {
    let world = world("expect-files");
    world.write("fleet.json", r#"{"Reservations": []}"#);
    let arguments = [
        "plan",
        "--instances",
        "fleet.json",
        "--policy",
        "policy.yaml",
    ];
    let mut command = world.command(&arguments);
    command.env("TAGWARDEN_EXPECT_ACCOUNT", "123456789012");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).starts_with("0 instances of fleet.json under policy.yaml"));
    // With the table, an account is asked.
    let mut command = world.command(&["plan", "--instances", "fleet.json"]);
    let output = command.output().unwrap();
    let also = format!("UTC; read from AWS: {HERE}:\n");
    assert!(stdout(&output).contains(&also), "{output:?}");
}

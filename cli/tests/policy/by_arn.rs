//! A policy table that is named by its ARN: called in its Region, and written to by its own account only.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

/// The account's own table.
const ARN: &str = "arn:aws:dynamodb:us-east-1:111111111111:table/acme_cloud_policy_tagging_def";
/// Another account's.
const CENTRAL: &str = "arn:aws:dynamodb:us-east-1:222222222222:table/acme_cloud_policy_tagging_def";

#[test]
fn every_command_takes_it_from_another_region() {
    let world = World::new("by-arn");
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command
            .env("AWS_REGION", "eu-west-1")
            .env("TAGWARDEN_POLICY_TABLE", ARN);
        command.output().unwrap()
    };
    let pulled = run(&["pull", "policy.yaml"]);
    assert_eq!(pulled.status.code(), Some(0), "{pulled:?}");
    assert_eq!(world.read("policy.yaml"), SAMPLE);
    let place = "us-east-1 (account 111111111111)";
    let told = format!("3 rules written to policy.yaml, from {place}\n");
    assert_eq!(stderr(&pulled), told);

    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj008"));
    let diff = run(&["diff", "policy.yaml"]);
    assert_eq!(diff.status.code(), Some(2), "{diff:?}");
    let header = format!(
        "The policy table {TABLE} in {place}, called from eu-west-1 (account 111111111111, keys of the environment)"
    );
    assert!(stdout(&diff).contains(&header), "{}", stdout(&diff));
    let diff = run(&["diff", "policy.yaml", "--output", "json"]);
    let document: Value = serde_json::from_slice(&diff.stdout).unwrap();
    for (member, expected) in [
        ("table", ARN),
        ("region", "us-east-1"),
        ("account", "111111111111"),
    ] {
        assert_eq!(document[member], expected);
    }

    let pushed = run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(pushed.status.code(), Some(0), "{pushed:?}");
    assert_eq!(world.items()[0]["Default"], "Proj008");
    let planned = run(&["plan", "--output", "json"]);
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
    let document: Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(document["policy"], format!("the policy table {ARN}"));
}

#[test]
fn only_its_own_account_writes_to_it() {
    let world = World::new("by-arn-foreign");
    world.write("policy.yaml", SAMPLE);
    let push = world.run(&["push", "--yes", "--table", CENTRAL, "policy.yaml"]);
    assert_eq!(push.status.code(), Some(1), "{push:?}");
    assert_eq!(
        stderr(&push),
        format!(
            "error: the policy table {CENTRAL} is account 222222222222's, and these credentials are account \
             111111111111's\n\
             \nNothing was written. DynamoDB writes several rows at once only with the credentials of the table's own \
             account: use them (--profile, AWS_PROFILE).\n"
        )
    );
    assert_eq!(world.account.count("Scan"), 0);
    assert_eq!(world.writes(), 0);

    // The others ask, and say whose it is.
    for arguments in [
        &["pull", "--table", CENTRAL][..],
        &["diff", "--table", CENTRAL, "policy.yaml"],
        &["export", "--tag-policy", "--table", CENTRAL],
    ] {
        let output = world.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = stderr(&output);
        let parts = [
            "acme_cloud_policy_tagging_def in us-east-1 (account 222222222222), called from us-east-1 (account 111111111111",
            "The table is account 222222222222's",
            "docs/organization.md",
        ];
        for part in parts {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
}

#[rstest]
#[case("sns", "arn:aws:sns:us-east-1:111111111111:policy", "an ARN of sns")]
#[case(
    "index",
    "arn:aws:dynamodb:us-east-1:111111111111:table/policy/index/by-key",
    "the ARN of table/policy/index/by-key"
)]
#[case(
    "no-account",
    "arn:aws:dynamodb:us-east-1:table/policy",
    "arn:aws:dynamodb:REGION"
)]
fn another_arn_is_refused(#[case] test: &str, #[case] table: &str, #[case] why: &str) {
    let world = World::new(&format!("by-arn-{test}"));
    let refused = world.run(&["pull", "--table", table]);
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(stderr(&refused).contains(why), "{}", stderr(&refused));

    let mut command = world.command(&["pull"]);
    let refused = command.env("TAGWARDEN_POLICY_TABLE", table);
    let refused = refused.output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let message = stderr(&refused);
    assert!(message.contains(why), "{message}");
    assert!(
        message.contains(&format!(
            "the environment variable TAGWARDEN_POLICY_TABLE is {}",
            json!(table)
        )),
        "{message}"
    );
    assert_eq!(world.account.count("Scan"), 0);
}

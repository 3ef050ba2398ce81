//! What stands between the command and the table, and what the messages say to do.

use rstest::rstest;
use tagwarden_sandbox::Fault;

use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

const COMMANDS: [&[&str]; 3] = [
    &["diff", "policy.yaml"],
    &["push", "--yes", "policy.yaml"],
    &["pull"],
];

/// Every command fails alike: exit 1, nothing on standard output, a message with these parts.
fn fails(world: &World, prepare: impl Fn(&[&str]) -> std::process::Command, parts: &[&str]) {
    world.write("policy.yaml", SAMPLE);
    for arguments in COMMANDS {
        let output = prepare(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        assert!(message.starts_with("error: "), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
    assert_eq!(world.writes(), 0);
}

#[test]
fn no_such_table() {
    let world = World::without_table("no-table");
    let parts = [
        TABLE,
        "us-east-1",
        "ResourceNotFoundException",
        "--table",
        "docs/deploy.md",
    ];
    fails(&world, |arguments| world.command(arguments), &parts);
}

#[test]
fn no_credentials() {
    let world = World::new("no-credentials");
    let parts = ["there are no AWS credentials", "--profile", "aws sso login"];
    fails(
        &world,
        |arguments| world.command_without_credentials(arguments),
        &parts,
    );
    assert_eq!(world.account.calls().len(), 0);
}

#[test]
fn no_region() {
    let world = World::new("no-region");
    let prepare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env_remove("AWS_REGION");
        command
    };
    fails(
        &world,
        prepare,
        &["there is no AWS Region to call", "--region"],
    );
}

#[rstest]
#[case(
    "AccessDeniedException",
    "is not authorized to perform: dynamodb:Scan",
    "docs/policy-file.md"
)]
#[case(
    "ExpiredTokenException",
    "The security token included in the request is expired",
    "aws sso login"
)]
fn refused(#[case] code: &str, #[case] message: &str, #[case] what_next: &str) {
    let world = World::new(&format!("refused-{code}"));
    world
        .account
        .fail(Fault::new("Scan", code, message).always());
    fails(
        &world,
        |arguments| world.command(arguments),
        &[code, message, what_next],
    );
}

#[test]
fn nobody_answers() {
    let world = World::new("nobody");
    let prepare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        // Port 9, discard: nobody listens there.
        command.args(["--endpoint-url", "http://127.0.0.1:9"]);
        command
    };
    fails(
        &world,
        prepare,
        &[
            "dynamodb:Scan",
            "AWS could not be reached",
            "--endpoint-url",
        ],
    );
    assert_eq!(world.account.calls().len(), 0);
}

#[test]
fn a_profile_is_used_whatever_keys_the_environment_has() {
    let world = World::new("profile");
    world.write(
        "aws-config",
        "[profile prod]\nregion = eu-central-1\naws_access_key_id = AKIAPROFILE000000000\naws_secret_access_key = x\n",
    );
    world.write("policy.yaml", SAMPLE);
    let mut command = world.command(&["diff", "policy.yaml", "--profile", "prod"]);
    let output = command.env_remove("AWS_REGION").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).contains("in eu-central-1"), "{output:?}");
    // A profile without keys is an error, not a reason to take others.
    let parts = [
        "the profile \"absent\" gives no AWS credentials",
        "list-profiles",
    ];
    let prepare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["--profile", "absent"]);
        command
    };
    fails(&world, prepare, &parts);
}

#[test]
fn the_profile_may_come_from_the_environment() {
    let world = World::new("aws-profile");
    let keys = "[prod]\naws_access_key_id = AKIAPROFILE000000000\naws_secret_access_key = x\n";
    world.write("aws-credentials", keys);
    let mut command = world.command_without_credentials(&["pull"]);
    let output = command.env("AWS_PROFILE", "prod").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

//! What stands between the command and the table, and what the messages say to do.

use rstest::rstest;
use tagwarden_sandbox::Fault;

use crate::support::{fail_alike, stdout};
use crate::world::{SAMPLE, TABLE, World};

const COMMANDS: [&[&str]; 3] = [
    &["diff", "policy.yaml"],
    &["push", "--yes", "policy.yaml"],
    &["pull"],
];

/// Every command fails alike, and writes nothing.
fn fails(world: &World, prepare: impl Fn(&[&str]) -> std::process::Command, parts: &[&str]) {
    world.write("policy.yaml", SAMPLE);
    fail_alike(&COMMANDS, prepare, parts);
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
    fails(&world, prepare, &["no AWS Region given", "--region"]);
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
#[case("InvalidSignatureException", "Signature not yet current", "`date -u`")]
#[case(
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
    "A Region that is not enabled"
)]
#[case(
    "SubscriptionRequiredException",
    "The AWS Access Key Id needs a subscription for the service",
    "another Region with --region"
)]
#[case(
    "ThrottlingException",
    "Rate of requests exceeds the allowed throughput",
    "wait a minute"
)]
#[case(
    "ValidationException",
    "The provided key element does not match the schema",
    "this is the wrong table. Name another with --table"
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
            // What the SDK tells programmers ends before.
            "Connection refused (os error 111)\n",
        ],
    );
    assert_eq!(world.account.calls().len(), 0);
}

#[rstest]
#[case("127.0.0.1:5000")]
#[case("localhost:5000")]
#[case("nonsense")]
#[case("http://")]
fn rejects_an_invalid_endpoint(#[case] url: &str) {
    let world = World::new(&format!("address-{}", url.replace([':', '/'], "-")));
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
        let prepare = |arguments: &[&str]| {
            let mut command = world.command(arguments);
            command.env(variable, url);
            command
        };
        let what = format!("AWS cannot be called at {url:?} ({variable})\n");
        fails(&world, prepare, &[&what, "http://127.0.0.1:5000"]);
    }
    let prepare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["--endpoint-url", url]);
        command
    };
    fails(&world, prepare, &["(--endpoint-url)"]);
    assert_eq!(world.account.calls().len(), 0);
}

#[test]
fn rejects_an_invalid_region() {
    let world = World::new("odd-region");
    let prepare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["--region", "us east 1"]);
        command
    };
    fails(
        &world,
        prepare,
        &["\"us east 1\" is not an AWS Region", "--region"],
    );
}

#[test]
fn names_what_a_profile_lacks() {
    let world = World::new("half-profile");
    world.write("aws-config", "[profile half]\naws_access_key_id = AKIA\n");
    let why =
        "credentials: invalid credential source in `half`: profile missing aws_secret_access_key\n";
    let by_option = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["--profile", "half"]);
        command
    };
    fails(&world, by_option, &[why, "aws configure --profile NAME"]);
    let by_variable = |arguments: &[&str]| {
        let mut command = world.command_without_credentials(arguments);
        command.env("AWS_PROFILE", "half");
        command
    };
    fails(&world, by_variable, &[why, "(AWS_PROFILE)"]);
}

#[test]
fn prefers_the_profile_to_keys_in_the_environment() {
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
        "there is no profile \"absent\"",
        "These profiles are defined: prod.",
    ];
    let prepare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["--profile", "absent"]);
        command
    };
    fails(&world, prepare, &parts);
}

#[test]
fn reads_the_profile_from_the_environment() {
    let world = World::new("aws-profile");
    let keys = "[prod]\naws_access_key_id = AKIAPROFILE000000000\naws_secret_access_key = x\n";
    world.write("aws-credentials", keys);
    let mut command = world.command_without_credentials(&["pull"]);
    let output = command.env("AWS_PROFILE", "prod").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

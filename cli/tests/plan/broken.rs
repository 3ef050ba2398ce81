//! Recordings that are none: what is wrong, in which file, and where.

use rstest::rstest;

use crate::fleet::recording;
use crate::recorded::{file, offline, policy};
use crate::support::{stderr, stdout};
use crate::world::SAMPLE;

/// The error of a plan of a recording with this text, without the place of the file.
fn error(option: &str, name: &str, text: &[u8]) -> String {
    let policy = policy(&format!("broken-{name}"), SAMPLE);
    let path = file(&format!("broken-{name}.json"), "");
    std::fs::write(&path, text).unwrap();
    let fleet = recording("fleet.json");
    let mut arguments = vec!["plan", "--policy", &policy, option, &path];
    if option == "--events" {
        arguments.extend(["--instances", &fleet]);
    }
    let output = offline(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let directory = path.rsplit_once('/').unwrap().0;
    stderr(&output).replace(&format!("{directory}/plan-broken-"), "")
}

#[rstest]
#[case("empty", "", "empty.json: the file is empty")]
#[case("blank", " \n\n", "blank.json: the file is empty")]
#[case(
    "no-json",
    "Reservations:\n- Groups: []\n",
    "no-json.json:1:1: expected value"
)]
#[case(
    "cut",
    "{\"Reservations\": [\n {\"Instances\": [\n  {\"InstanceId\": \"i-1\"",
    "cut.json:3:22: Reservations[0].Instances[0]: EOF while parsing an object"
)]
#[case(
    "no-id",
    "{\"Reservations\": [{\"Instances\": []},\n {\"Instances\": [{\"InstanceId\": \"i-1\"},\n  {\"Tags\": []}]}]}",
    "no-id.json:3:15: Reservations[1].Instances[1]: missing field `InstanceId`"
)]
#[case(
    "time",
    "{\"Reservations\": [{\"Instances\": [\n{\"InstanceId\": \"i-1\", \"LaunchTime\": \"yesterday\"}]}]}",
    "time.json:2:49: Reservations[0].Instances[0]: input contains invalid characters"
)]
#[case(
    "tags",
    "{\"Instances\": [{\"InstanceId\": \"i-1\", \"Tags\": {\"Name\": \"web\"}}]}",
    "tags.json:1:62: Instances[0]: invalid type: map, expected a sequence"
)]
#[case(
    "list",
    "[{\"InstanceId\": \"i-1\"}, {\"Id\": \"i-2\"}]",
    "list.json:1:38: [1]: missing field `InstanceId`"
)]
#[case(
    "item",
    "{\"configurationItems\": [{\"resourceType\": \"AWS::EC2::Instance\", \"resourceId\": \"i-1\"}]}",
    "item.json:1:84: configurationItems[0]: missing field `configurationItemStatus`"
)]
#[case(
    "members",
    "{\"Snapshots\": [], \"NextToken\": \"t\"}",
    "members.json:1:35: instances are in Reservations or configurationItems, but the members of this file are NextToken, Snapshots"
)]
#[case(
    "events",
    "{\"Events\": []}",
    "events.json:1:14: instances are in Reservations or configurationItems, but this file has Events, which belong to --events"
)]
#[case(
    "number",
    "12",
    "number.json:1:2: invalid type: integer `12`, expected instances"
)]
#[case(
    "after",
    "{\"Instances\": []} nonsense",
    "after.json:1:20: expected ident"
)]
fn of_instances(#[case] name: &str, #[case] text: &str, #[case] expected: &str) {
    let error = error("--instances", name, text.as_bytes());
    assert!(error.starts_with(&format!("error: {expected}")), "{error}");
    assert!(
        error.ends_with("`aws ec2 describe-instances --output json > FILE` writes such a file.\n"),
        "{error}"
    );
}

#[rstest]
#[case("e-empty", "", "e-empty.json: the file is empty")]
#[case(
    "e-members",
    "{\"Reservations\": []}",
    "e-members.json:1:20: launches are in Events, but this file has Reservations, which belong to --instances"
)]
#[case(
    "e-type",
    "{\"Events\": [{},\n {\"EventName\": 5}]}",
    "e-type.json:2:18: Events[1]: invalid type: integer `5`, expected a string"
)]
#[case(
    "e-text",
    "\"Events\"",
    "e-text.json:1:8: invalid type: string \"Events\", expected events"
)]
fn of_events(#[case] name: &str, #[case] text: &str, #[case] expected: &str) {
    let error = error("--events", name, text.as_bytes());
    assert!(error.starts_with(&format!("error: {expected}")), "{error}");
    assert!(error.contains("`aws cloudtrail lookup-events"), "{error}");
}

#[test]
fn names_a_compressed_file_that_was_cut_off() {
    let error = error("--instances", "gzip", &[0x1f, 0x8b, 8, 0, 0, 0]);
    assert_eq!(
        error,
        "error: gzip.json cannot be read: unexpected end of file\n\n\
         It was cut off or damaged: copy it again. `aws ec2 describe-instances --output json > FILE` writes such a file.\n"
    );
}

#[test]
fn names_a_missing_file() {
    let policy = policy("broken-absent", SAMPLE);
    let output = offline(&[
        "plan",
        "--policy",
        &policy,
        "--instances",
        "/nowhere/fleet.json",
    ])
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: /nowhere/fleet.json cannot be read: No such file or directory (os error 2)\n\n\
         Check the path. `aws ec2 describe-instances --output json > FILE` writes such a file.\n"
    );
}

#[test]
fn shows_the_problems_of_the_policy_file() {
    let broken = policy("broken-policy", &SAMPLE.replace("UserLookup", "Userlookup"));
    let fleet = recording("fleet.json");
    let sound = policy("broken-not", SAMPLE);
    for arguments in [
        &["plan", "--instances", &fleet, "--policy", &broken][..],
        &[
            "plan",
            "--instances",
            &fleet,
            "--policy",
            &sound,
            "--against",
            &broken,
        ],
    ] {
        let output = offline(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stdout(&output), "");
        assert!(
            stderr(&output).contains("did you mean UserLookup?"),
            "{output:?}"
        );
    }
}

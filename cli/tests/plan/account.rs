//! `tagwarden plan` of an account.

use std::process::Output;

use chrono::Utc;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Fault};

use crate::fleet::{self, VPC};
use crate::support::{HERE, stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

pub fn world(test: &str) -> World {
    let world = World::new(&format!("plan-{test}"));
    fleet::launch(&world.account);
    world
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The calls that change something.
pub fn writes(account: &Account) -> usize {
    let reads = [
        "GetCallerIdentity",
        "DescribeInstances",
        "DescribeInstanceAttribute",
        "DescribeSpotInstanceRequests",
        "DescribeTags",
        "LookupEvents",
        "Scan",
        "Query",
        "GetItem",
        "BatchGetItem",
    ];
    let calls = account.calls();
    let is_write = |operation: &str| !reads.contains(&operation);
    calls
        .iter()
        .filter(|call| is_write(&call.operation))
        .count()
}

#[test]
fn reads_the_account_and_changes_nothing() {
    let world = world("account");
    let before = world.account.instances();
    let output = world.run(&["plan", "--vpc-ids", VPC, "--output", "json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(stderr(&output), "");
    let document = document(&output);
    assert_eq!(document["from"], "us-east-1");
    assert_eq!(document["policy"], format!("the policy table {TABLE}"));
    assert_eq!(document["notes"], json!([]));
    // Unlike a recording, EC2 tells which is protected, and does not list other VPCs.
    assert_eq!(
        document["counts"],
        json!({
            "instances": 18, "compliant": 2, "nonCompliant": 15, "notApplicable": 1,
            "wouldTag": 13, "wouldStop": 0, "wouldTerminate": 2, "delayedStop": 0, "delayedTerminate": 1, "notified": 0, "deferred": 1, "refused": 1,
            "failed": 0,
        })
    );
    let steps = document["instances"].as_array().unwrap().iter();
    let steps = steps.flat_map(|it| it["steps"].as_array().unwrap());
    let creators = steps.filter(|it| it["tagKey"] == "CreatedBy");
    let creators: Vec<&str> = creators
        .map(|it| it["tagValue"].as_str().unwrap())
        .collect();
    assert_eq!(creators, ["bob", "maria@example.com", "ann", "Undefined"]);
    assert_eq!(world.account.instances(), before);
    assert_eq!(writes(&world.account), 0);
}

#[test]
fn plans_a_recording_like_the_account() {
    let world = world("same");
    let live = document(&world.run(&["plan", "--output", "json"]));
    // A recording holds those that are gone, too.
    let mut instances = world.account.instances();
    instances.retain(|it| !it.state.is_ending());
    let instances: Vec<Value> = instances.iter().map(described).collect();
    world.write(
        "fleet.json",
        &json!({"Reservations": [{"Instances": instances}]}).to_string(),
    );
    let offline = document(&world.run(&["plan", "--instances", "fleet.json", "--output", "json"]));
    let verdicts = |document: &Value| {
        let instances = document["instances"].as_array().unwrap().clone();
        let told = |it: &Value| {
            [
                "instanceId",
                "name",
                "vpcId",
                "state",
                "launchedAt",
                "verdict",
                "annotation",
            ]
            .map(|member| it[member].clone())
        };
        instances.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&offline), verdicts(&live));
    assert_eq!(offline["policy"], live["policy"]);
}

/// The instance as the AWS CLI writes it.
fn described(instance: &tagwarden_sandbox::InstanceRecord) -> Value {
    let tags = instance
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    json!({
        "InstanceId": instance.id,
        "State": {"Code": instance.state.code(), "Name": instance.state.as_str()},
        "LaunchTime": instance.launch_time,
        "Tags": tags.collect::<Value>(),
        "VpcId": instance.vpc_id,
        "NetworkInterfaces": [{"Attachment": {"DeviceIndex": 0, "AttachTime": instance.attach_time}}],
    })
}

#[test]
fn compares_a_file_with_the_table() {
    let world = world("table");
    world.write("new.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let output = world.run(&["plan", "--policy", "new.yaml", "--against", "table"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    let today = Utc::now().format("%Y-%m-%d");
    assert!(
        text.starts_with(&format!(
            "19 instances of {HERE}: new.yaml against the policy table {TABLE}, as of {today}"
        )),
        "{text}"
    );
    assert!(text.contains("+ tag ProjectCode = \"Proj042\""), "{text}");
    assert!(text.contains("- tag ProjectCode = \"Proj007\""), "{text}");
    world.write("same.yaml", SAMPLE);
    let output = world.run(&["plan", "--policy", "same.yaml", "--against", "table"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn uses_what_the_ledger_notes() {
    let world = world("ledger");
    world.account.create_table_with_keys("ledger", "Pk", "Sk");
    let protected = world.account.instances()[6].id.clone();
    let today = Utc::now().format("%Y-%m-%d").to_string();
    world.account.put_item(
        "ledger",
        json!({"Pk": "protected", "Sk": today, "Entries": [protected]}),
    );
    let output = world.run(&["plan", "--ledger-table", "ledger", "--output", "csv"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let row = stdout(&output)
        .lines()
        .find(|line| line.starts_with(&protected));
    assert!(
        row.unwrap()
            .ends_with(",refused,the instance is protected against it"),
        "{row:?}"
    );
}

#[test]
fn trouble_is_told_with_what_to_do() {
    let denied = |operation: &str, code: &str| Fault::new(operation, code, "You may not.");
    for (test, operation, code, says, next) in [
        (
            "describe",
            "DescribeInstances",
            "UnauthorizedOperation",
            "ec2:DescribeInstances",
            "docs/plan.md lists the permissions",
        ),
        (
            "scan",
            "Scan",
            "AccessDeniedException",
            "the policy table",
            "do not allow that",
        ),
    ] {
        let world = world(&format!("trouble-{test}"));
        world.account.fail(denied(operation, code));
        let output = world.run(&["plan"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = stderr(&output);
        assert!(
            message.starts_with("error: ") && message.contains(says),
            "{message}"
        );
        assert!(message.contains(next), "{message}");
    }
    let world = World::without_table("plan-no-table");
    let output = world.run(&["plan"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("There is no such table here."),
        "{output:?}"
    );
    let world = world_with_broken_table();
    let output = world.run(&["plan"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains("rule 9: Action \"Delete\" is not an action"),
        "{message}"
    );
    assert!(
        message.contains("Fix it: `tagwarden pull policy.yaml`"),
        "{message}"
    );
}

fn world_with_broken_table() -> World {
    let world = world("broken-table");
    let row = json!({"RuleId": 9, "TagKey": "Old", "Action": "Delete", "Required": "N"});
    world.account.put_item(TABLE, row);
    world
}

#[test]
fn notes_what_it_may_not_read() {
    let world = world("unasked");
    world.account.fail(Fault::new(
        "DescribeInstanceAttribute",
        "UnauthorizedOperation",
        "You may not.",
    ));
    let output = world.run(&["plan"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("Which instances are protected is not known: "),
        "{text}"
    );
    // A launcher that could not be looked up is a step that failed.
    let world = self::world("unasked-trail");
    world.account.fail(Fault::new(
        "LookupEvents",
        "AccessDeniedException",
        "You may not.",
    ));
    let output = world.run(&["plan", "--only", "failed"]);
    let text = stdout(&output);
    assert!(text.contains("cloudtrail:LookupEvents"), "{text}");
}

/// `--debug` shows the calls, and changes nothing else.
#[test]
fn debug_shows_each_call_and_no_secret() {
    let world = world("debug");
    let plain = world.run(&["plan", "--vpc-ids", VPC, "--output", "json"]);
    // The first answer is a refusal, and the call is tried again.
    let fault = Fault::new("Scan", "ThrottlingException", "Slow down.");
    world.account.fail(fault.times(1));
    let output = world.run(&["--debug", "plan", "--vpc-ids", VPC, "--output", "json"]);
    assert_eq!(output.status.code(), plain.status.code(), "{output:?}");
    let steps = |output: &Output| document(output)["instances"].clone();
    assert_eq!(steps(&output), steps(&plain));
    let message = stderr(&output);
    for part in [
        "debug: setting: untagged = Terminate\n",
        "debug: dynamodb Scan at 127.0.0.1:",
        ": 400 ThrottlingException, attempt 1 of ",
        ": 200, attempt 2 of ",
        "debug: ec2 DescribeInstances at 127.0.0.1:",
        "debug: cloudtrail LookupEvents at 127.0.0.1:",
        " ms",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let lines = message.lines();
    assert!(
        lines.clone().all(|line| line.starts_with("debug: ")),
        "{message}"
    );
    for secret in ["AKIA", "Signature", "aws4_request", "Bearer"] {
        assert!(!message.contains(secret), "{message}");
    }
    // Of a recording, nothing is called.
    world.write("policy.yaml", SAMPLE);
    let fleet = fleet::recording("fleet.json");
    let line = [
        "plan",
        "--debug",
        "--instances",
        &fleet,
        "--policy",
        "policy.yaml",
    ];
    let output = world.run(&line);
    let lines = stderr(&output).lines();
    assert!(
        lines
            .clone()
            .all(|line| line.starts_with("debug: setting: ")),
        "{output:?}"
    );
}

//! Volumes in recordings: what `plan` and `explain` say of them.

use serde_json::{Value, json};

use crate::recorded::{file, offline, policy};
use crate::support::stdout;

const INSTANCE: &str = "i-00000000000000001";
const ATTACHED: &str = "vol-00000000000000001";
const DETACHED: &str = "vol-00000000000000002";

const RULES: &str = "
rules:
  - {RuleId: 10, TagKey: Project, Action: Update, Required: Y, Default: none}
  - {RuleId: 20, TagKey: Project, Action: Update, Required: Y, Default: none, From: instance, ResourceTypes: volume}
  - {RuleId: 30, TagKey: Owner, Action: Terminate, Required: Y, ResourceTypes: [instance, volume]}
";

/// The output of `describe-instances` and of `describe-volumes`, one after the other.
fn described() -> String {
    let instances = json!({"Reservations": [{"OwnerId": "111122223333", "Instances": [{
        "InstanceId": INSTANCE, "State": {"Name": "running"}, "LaunchTime": "2026-11-01T00:00:00Z", "VpcId": "vpc-1",
        "Tags": [{"Key": "Project", "Value": "shop"}, {"Key": "Owner", "Value": "ann"}],
    }]}]});
    let volumes = json!({"Volumes": [
        {
            "VolumeId": ATTACHED, "State": "in-use", "CreateTime": "2026-11-01T00:00:00Z",
            "Attachments": [{"InstanceId": INSTANCE, "State": "attached"}],
        },
        {
            "VolumeId": DETACHED, "State": "available", "CreateTime": 1_793_491_200.5, "Attachments": [],
            "Tags": [{"Key": "Name", "Value": "old"}],
        },
    ]});
    format!("{instances}\n{volumes}")
}

/// The same as items of a snapshot of AWS Config.
fn items() -> String {
    let item = |kind: &str, id: &str, members: Value| {
        let mut item = json!({
            "resourceType": format!("AWS::EC2::{kind}"), "resourceId": id, "configurationItemStatus": "OK",
            "configurationItemCaptureTime": "2026-11-23T08:00:00.000Z", "resourceCreationTime": "2026-11-01T00:00:00.000Z",
        });
        let members = members.as_object().unwrap().clone();
        item.as_object_mut().unwrap().extend(members);
        item
    };
    let attachment = json!([{
        "resourceId": INSTANCE, "resourceType": "AWS::EC2::Instance", "name": "Is attached to Instance",
    }]);
    let running = json!({
        "state": {"name": "running"}, "launchTime": "2026-11-01T00:00:00.000Z", "vpcId": "vpc-1",
    });
    json!({"configurationItems": [
        item("Instance", INSTANCE, json!({"tags": {"Project": "shop", "Owner": "ann"}, "configuration": running})),
        item("Volume", ATTACHED, json!({
            "tags": {}, "relationships": attachment, "configuration": {"state": {"value": "in-use"}},
        })),
        item("Volume", DETACHED, json!({
            "tags": {"Name": "old"}, "relationships": [], "configuration": {"state": {"value": "available"}},
        })),
    ]})
    .to_string()
}

fn output(command: &str, recording: &str, text: &str, arguments: &[&str]) -> String {
    let name = format!("volumes-{command}-{recording}");
    let (rules, fleet) = (policy(&name, RULES), file(&format!("{name}.json"), text));
    let mut all = vec![command, "--policy", &rules, "--instances", &fleet];
    all.extend(arguments);
    let output = offline(&all).output().unwrap();
    stdout(&output).to_owned()
}

#[test]
fn a_plan_shows_volumes_beside_their_instances() {
    for (recording, text) in [("described", described()), ("items", items())] {
        let plan = output(
            "plan",
            recording,
            &text,
            &["--resource-types", "instance,volume"],
        );
        for expected in [
            "1 instance and 2 volumes of ",
            "1 compliant, 2 non-compliant, 0 not applicable.",
            "+ Project = \"shop\"  vol-00000000000000001        missing tag Project (rule 20): from its instance i-00000000000000001",
            "+ Project = \"none\"  vol-00000000000000002 (old)  missing tag Project (rule 20)",
            "report  vol-00000000000000001        missing tag Owner (rule 30)",
            "Plan: 2 resources to tag, 0 to stop, 0 to terminate. Also: 2 reported only.",
        ] {
            assert!(plan.contains(expected), "{recording}: {expected}\n{plan}");
        }
    }
}

/// What the stack does not cover is not looked at, and the plan says so.
#[test]
fn a_plan_of_instances_says_which_rules_have_no_effect() {
    for (recording, text) in [("described-alone", described()), ("items-alone", items())] {
        let plan = output("plan", recording, &text, &[]);
        assert!(plan.contains("1 instance of "), "{plan}");
        assert!(!plan.contains("vol-"), "{plan}");
        let note =
            "has rules for volumes, which are not looked at: add volume to --resource-types.";
        assert!(plan.contains(note), "{plan}");
    }
}

/// A sentence that begins with the name of a file has the name as it is.
#[test]
fn a_note_names_the_policy_file_as_it_was_typed() {
    policy("volumes-named", RULES);
    let fleet = file("volumes-named.json", &described());
    let arguments = [
        "plan",
        "--policy",
        "plan-volumes-named.yaml",
        "--instances",
        &fleet,
    ];
    let mut command = offline(&arguments);
    let output = command
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let plan = stdout(&output);
    assert!(
        plan.contains("\nplan-volumes-named.yaml has rules for volumes,"),
        "{plan}"
    );
}

/// With VPCs, a volume counts by its instance, and a detached one is out of scope.
#[test]
fn a_plan_of_a_vpc_leaves_detached_volumes_out() {
    for (vpc, expected) in [
        ("vpc-1", "1 compliant, 1 non-compliant, 1 not applicable."),
        ("vpc-2", "0 compliant, 0 non-compliant, 3 not applicable."),
    ] {
        let arguments = ["--resource-types", "instance,volume", "--vpc-ids", vpc];
        let plan = output("plan", vpc, &described(), &arguments);
        assert!(plan.contains(expected), "{plan}");
    }
}

#[test]
fn explains_a_volume() {
    let text = output("explain", "described", &described(), &[ATTACHED]);
    for expected in [
        "Verdict     NON_COMPLIANT: missing tag Project (rule 20); missing tag Owner (rule 30)",
        "Attached to i-00000000000000001",
        "Created     2026-11-01 00:00 UTC",
        "does not apply: it is for instances",
        "Write \"shop\": from its instance i-00000000000000001",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

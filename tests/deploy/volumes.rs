//! A stack that covers volumes, and one that does not.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ec2::types::Volume;
use aws_sdk_eventbridge::Client as Events;
use serde_json::{Value, json};

use crate::moto_account::{Account, eventually, eventually_mailed, launch};
use crate::stack::{Stack, deployment};
use crate::template::{STACK, Template};
use crate::whole_loop::{POLICY_TABLE, assert_nothing_was_denied, scheduled};

const BOTH: &str = "ResourceTypes=AWS::EC2::Instance,AWS::EC2::Volume";

/// What only a stack with volumes has.
const OF_VOLUMES: [&str; 2] = ["ReadVolumes", "TagVolumes"];

/// What only a stack with instances has.
const OF_INSTANCES: [&str; 3] = ["StopInstances", "TagInstances", "TerminateInstances"];

/// What of the stack depends on its resource types: the types of the rule's scope and of the event pattern, the
/// functions' variable, and which of the policies there are.
#[derive(Debug, PartialEq)]
struct Covered {
    rule: Vec<String>,
    events: Value,
    variables: BTreeSet<String>,
    policies: BTreeSet<&'static str>,
}

async fn covered(stack: &Stack) -> Covered {
    let account = &stack.account;
    let rules = account.config.describe_config_rules().send().await.unwrap();
    let [rule] = rules.config_rules() else {
        panic!("one rule: {rules:?}");
    };
    let events = Events::new(account.sdk_config()).describe_rule();
    let events = events.name(&stack.resources["ComplianceChanges"]);
    let pattern = events.send().await.unwrap().event_pattern.unwrap();
    let pattern: Value = serde_json::from_str(&pattern).unwrap();
    let mut variables = BTreeSet::new();
    for function in ["RuleFunction", "RemediationFunction"] {
        let environment = account.environment(&stack.resources[function]).await;
        variables.insert(environment["TAGWARDEN_RESOURCE_TYPES"].clone());
    }
    let policies = OF_VOLUMES.into_iter().chain(OF_INSTANCES);
    Covered {
        rule: rule.scope().unwrap().compliance_resource_types().to_vec(),
        events: pattern["detail"]["resourceType"].clone(),
        variables,
        policies: policies
            .filter(|it| stack.resources.contains_key(*it))
            .collect(),
    }
}

/// The pattern that the ids given to the stack's document must match.
fn pattern_of_document(stack: &Stack) -> Value {
    let mut aws = deployment("eu-west-3").aws();
    aws.args([
        "ssm",
        "get-document",
        "--query",
        "Content",
        "--output",
        "text",
    ]);
    aws.args(["--name", &stack.resources["RemediationDocument"]]);
    let content: Value = serde_json::from_slice(&aws.output().unwrap().stdout).unwrap();
    content["parameters"]["InstanceId"]["allowedPattern"].clone()
}

/// A stack of before has instances and nothing else, and so it stays until somebody asks for more.
#[tokio::test]
async fn resource_types_are_the_scope_of_all_parts_of_the_stack() {
    const INSTANCE: &str = "AWS::EC2::Instance";
    const VOLUME: &str = "AWS::EC2::Volume";
    let types = |of: &[&str]| of.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let mut stack = Stack::deploy("eu-west-3", &["Mode=enforce"]).await;
    let of_instances = Covered {
        rule: types(&[INSTANCE]),
        events: json!([INSTANCE]),
        variables: ["instance".to_owned()].into(),
        policies: ["TagInstances", "TerminateInstances"].into(),
    };
    assert_eq!(covered(&stack).await, of_instances);
    assert_eq!(pattern_of_document(&stack), json!("^i-[0-9a-f]{8,17}$"));

    stack.update(&[BOTH]);
    let of_both = Covered {
        rule: types(&[INSTANCE, VOLUME]),
        events: json!([INSTANCE, VOLUME]),
        variables: ["instance,volume".to_owned()].into(),
        policies: [
            "ReadVolumes",
            "TagVolumes",
            "TagInstances",
            "TerminateInstances",
        ]
        .into(),
    };
    assert_eq!(covered(&stack).await, of_both);
    let pattern = pattern_of_document(&stack);
    assert_eq!(pattern, json!("^(i|vol)-[0-9a-f]{8,17}$"));

    // A stack of volumes may shut nothing down, whatever else it is given.
    stack.update(&[
        "ResourceTypes=AWS::EC2::Volume",
        "RulesMayDestroy=stop-and-terminate",
    ]);
    let of_volumes = Covered {
        rule: types(&[VOLUME]),
        events: json!([VOLUME]),
        variables: ["volume".to_owned()].into(),
        policies: OF_VOLUMES.into(),
    };
    assert_eq!(covered(&stack).await, of_volumes);

    stack.update(&[BOTH, "Mode=dry-run"]);
    assert_eq!(covered(&stack).await.policies, ["ReadVolumes"].into());
    stack.update(&[
        "ResourceTypes=AWS::EC2::Instance",
        "RulesMayDestroy=no",
        "Mode=enforce",
    ]);
    assert_eq!(covered(&stack).await, of_instances);
}

/// Adds a rule by which a volume gets its project from its instance.
async fn put_rule_for_volumes(stack: &Stack) {
    let dynamodb = aws_sdk_dynamodb::Client::new(stack.account.sdk_config());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: &str| AttributeValue::N(value.to_owned());
    let put = || dynamodb.put_item().table_name(POLICY_TABLE);
    let format = put().item("RuleId", number("99"));
    let format = format.item("PolicyFormat", number("2"));
    format.send().await.unwrap();
    let rule = put().item("RuleId", number("9"));
    let rule = rule.item("TagKey", text("ProjectCode"));
    let rule = rule.item("Action", text("Update"));
    let rule = rule.item("Required", text("Y"));
    let rule = rule.item("From", text("instance"));
    let rule = rule.item("ResourceTypes", text("volume"));
    rule.send().await.unwrap();
}

async fn volume(account: &Account<'_>, id: &str) -> Volume {
    let read = account.ec2.describe_volumes().volume_ids(id);
    read.send().await.unwrap().volumes.unwrap().remove(0)
}

async fn project(account: &Account<'_>, id: &str) -> Option<String> {
    let volume = volume(account, id).await;
    let mut tags = volume.tags().iter();
    let tag = tags.find(|tag| tag.key() == Some("ProjectCode"))?;
    tag.value().map(ToOwned::to_owned)
}

/// The stack that covers volumes, from the change of a volume to its verdict: by events, and by the sweep.
#[tokio::test]
async fn an_untagged_volume_of_a_tagged_instance_is_tagged_and_compliant() {
    const REGION: &str = "ap-northeast-2";
    let stack = Stack::deploy(REGION, &["Mode=enforce", "Untagged=notify", BOTH]).await;
    put_rule_for_volumes(&stack).await;
    let account = &stack.account;
    let verdict = async |id: &str| account.verdicts().await.remove(id);

    // A volume of nobody lacks its project, and there is nothing to take it from.
    let vpc = account.create_vpc().await;
    let tags = [
        ("Name", "web"),
        ("ProjectCode", "Proj042"),
        ("CreatedBy", "ana"),
        ("Expires", "2027-01-31"),
    ];
    let instance = launch(&account.ec2_of_ana(), &vpc.subnet, &tags).await;
    let zone = format!("{REGION}a");
    let create = account.ec2.create_volume().availability_zone(&zone).size(1);
    let alone = create.send().await.unwrap().volume_id.unwrap();
    let is_bad = |verdict: &Option<String>| verdict.as_deref() == Some("NON_COMPLIANT");
    eventually(async || verdict(&alone).await, is_bad).await;
    let reported = format!("-- Volume {alone} missing tag ProjectCode.");
    eventually_mailed(account, &stack.mailbox, &[reported]).await;
    assert_eq!(project(account, &alone).await, None);

    // The root volume came with the instance, without a tag. Its verdict's event is enough.
    let read = account.ec2.describe_volumes().send().await.unwrap();
    let of_instance = |volume: &&Volume| {
        let mut attachments = volume.attachments().iter();
        attachments.any(|it| it.instance_id() == Some(&instance))
    };
    let root = read.volumes().iter().find(of_instance).unwrap();
    let root = root.volume_id().unwrap();
    let is_good = |verdict: &Option<String>| verdict.as_deref() == Some("COMPLIANT");
    eventually(async || verdict(root).await, is_good).await;
    assert_eq!(project(account, root).await.as_deref(), Some("Proj042"));

    // What stays NON_COMPLIANT sends no event: once the other one is attached, the sweep finds it.
    let attach = account.ec2.attach_volume().volume_id(&alone);
    let attach = attach.instance_id(&instance).device("/dev/sdf");
    attach.send().await.unwrap();
    assert!(is_bad(&verdict(&alone).await));
    stack.send(&scheduled(REGION)).await;
    eventually(async || verdict(&alone).await, is_good).await;
    assert_eq!(project(account, &alone).await.as_deref(), Some("Proj042"));
    assert_eq!(verdict(&instance).await.as_deref(), Some("COMPLIANT"));

    // By the Remediate button too, which passes the volume's id.
    let answer = stack.automate(&alone).unwrap();
    assert_eq!(
        (&answer["mode"], &answer["failed"]),
        (&json!("enforce"), &json!(0))
    );

    eventually(async || account.backlog().await, |messages| *messages == 0).await;
    assert_nothing_was_denied(&stack);
    let volume_arn = format!("arn:aws:ec2:{REGION}:123456789012:volume/{alone}");
    let calls = stack.calls("RemediationRole", |_| true);
    let tagged = calls.iter().filter(|call| {
        call["action"] == "ec2:CreateTags"
            && call["resources"]
                .as_array()
                .unwrap()
                .contains(&json!(volume_arn))
    });
    assert_eq!(tagged.count(), 1);
    let at_rule = stack.calls("RuleRole", |_| true);
    assert!(
        !at_rule
            .iter()
            .any(|call| call["action"] == "ec2:CreateTags")
    );
}

/// What volumes need is granted in statements of their own, which a stack of instances does not have.
#[test]
fn a_stack_of_instances_is_granted_nothing_for_volumes() {
    let needs_volumes = |condition: Option<&str>| {
        condition.is_some_and(|it| matches!(it, "CoversVolumes" | "TagsVolumes"))
    };
    for statement in Template::read(STACK).statements {
        let text = format!("{:?} {:?}", statement.actions, statement.resources);
        assert_eq!(
            text.to_lowercase().contains("volume"),
            needs_volumes(statement.condition.as_deref()),
            "{statement:?}"
        );
    }
}

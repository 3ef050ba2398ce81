//! What an update from version 0.1.0 does to a running stack, by the provider's schemas.
//!
//! The emulators do not follow these: they update in place what AWS replaces. So the templates are compared here, and
//! `tests/ministack/upgrade.rs` shows the update itself.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use serde_json::Value;

use crate::resolved::{Given, Resolved, Whole};
use crate::template::{PACK, STACK};

/// The template of version 0.1.0, as people deployed it.
pub const STACK_0_1_0: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/deploy/fixtures/tagwarden-0.1.0.yaml"
);
const PACK_0_1_0: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/deploy/fixtures/conformance-pack-0.1.0.yaml"
);

/// The resources that an update may replace or remove, each with the reason. What is not needed here fails too.
const ALLOWED: [(&str, &str); 1] = [(
    "PolicySeed",
    "removed: a custom resource that wrote the sample rules once. Its end does nothing. Another resource, SamplePolicy, \
     does this now, because the function of a custom resource must not change",
)];

/// A stack of these names: the default, another, and the longest `StackSet` that 0.1.0 worked in.
const STACKS: [&str; 3] = [
    "tagwarden",
    "acme-tags",
    "StackSet-tagged-e6cac20f-6d3c-46e9-8314-53e0d4591532",
];

/// Parameters that a stack of 0.1.0 may have, and keeps.
const KEPT: [&[(&str, &str)]; 9] = [
    &[],
    &[("Mode", "enforce")],
    &[
        ("Mode", "enforce"),
        ("Untagged", "stop"),
        ("TerminateAfterDays", "14"),
        ("RulesMayDestroy", "stop-and-terminate"),
    ],
    &[("Email", "cloud@acme.example"), ("ReportSubject", "Tags")],
    &[("CreateConfigRule", "false")],
    &[
        ("CreatePolicyTable", "false"),
        ("PolicyTableName", "corp_tags"),
    ],
    &[("SeedPolicy", "false")],
    &[("ReservedConcurrency", "5"), ("MemorySize", "512")],
    &[
        ("RuleName", "acme-tags"),
        ("VpcIds", "vpc-0a1b2c3d4e5f60718"),
        ("LogRetentionDays", "365"),
        ("LogLevel", "ERROR"),
        ("SweepSchedule", "cron(0 6 * * ? *)"),
        ("EvaluationFrequency", "One_Hour"),
    ],
];

/// What CloudFormation does to the resources of one stack.
#[derive(Debug, Default)]
struct Changes {
    /// Logical ids, and why.
    lost: BTreeMap<String, String>,
}

/// Compares what the same stack is by both templates.
fn changes(
    schemas: &Whole,
    old: &BTreeMap<String, Resolved>,
    new: &BTreeMap<String, Resolved>,
) -> Changes {
    let mut changes = Changes::default();
    for id in old.keys().filter(|id| !new.contains_key(*id)) {
        changes.lost.insert(id.clone(), "removed".to_owned());
    }
    // What refers to a replaced resource has another value, so that this repeats until nothing is added.
    loop {
        let before = changes.lost.len();
        for (id, was) in old {
            let Some(is) = new.get(id) else { continue };
            if changes.lost.contains_key(id) {
                continue;
            }
            if let Some(reason) = replaced(schemas, was, is, &changes) {
                changes.lost.insert(id.clone(), reason);
            }
        }
        if changes.lost.len() == before {
            return changes;
        }
    }
}

/// Why the resource is replaced; `None` if it is updated in place, if at all.
fn replaced(schemas: &Whole, was: &Resolved, is: &Resolved, changes: &Changes) -> Option<String> {
    if was.kind != is.kind {
        return Some(format!("{} becomes {}", was.kind, is.kind));
    }
    if is_custom(&is.kind) {
        let token = &is.properties["ServiceToken"];
        let same = *token == was.properties["ServiceToken"] && !refers_to_lost(token, changes);
        return (!same).then(|| format!("ServiceToken becomes {token}"));
    }
    let schema = &schemas.schemas[&is.kind];
    let list = |name: &str| schema[name].as_array().cloned().unwrap_or_default();
    let fixed = list("createOnlyProperties");
    let mut sometimes = list("conditionalCreateOnlyProperties");
    if is.properties["UpdateMethod"] == "NewVersion" {
        // A document gets a new version, and everything about it may change but its name and type.
        sometimes.clear();
    }
    fixed.iter().chain(&sometimes).find_map(|path| {
        let path = path.as_str().unwrap().trim_start_matches("/properties");
        let (was, is) = (was.properties.pointer(path), is.properties.pointer(path));
        let same = was == is && !is.is_some_and(|it| refers_to_lost(it, changes));
        (!same).then(|| format!("{path}: {was:?} becomes {is:?}"))
    })
}

fn is_custom(kind: &str) -> bool {
    kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource"
}

fn refers_to_lost(value: &Value, changes: &Changes) -> bool {
    let text = value.to_string();
    let mut lost = changes.lost.keys();
    lost.any(|id| text.contains(&format!("${{{id}}}")) || text.contains(&format!("${{{id}.")))
}

#[test]
fn an_update_from_0_1_0_replaces_and_removes_nothing_that_counts() {
    let (old, new) = (Whole::read(STACK_0_1_0), Whole::read(STACK));
    let mut needed = BTreeSet::new();
    for stack in STACKS {
        for kept in KEPT {
            let given = Given::named(stack).with(kept);
            let changes = changes(&new, &old.resources(&given), &new.resources(&given));
            for (id, reason) in changes.lost {
                let allowed = ALLOWED.iter().find(|it| it.0 == id);
                let (name, _) = allowed.unwrap_or_else(|| panic!("{id} in {given:?}: {reason}"));
                needed.insert(*name);
            }
        }
    }
    assert_eq!(needed, ALLOWED.map(|it| it.0).into());
}

/// Where a resource of this kind is lost in an update, it is kept in the account: acts, policies, evidence.
#[test]
fn what_holds_data_is_kept_when_it_is_replaced() {
    let given = Given::named("tagwarden").with(&[("CreateLettersTopic", "true")]);
    for (id, resource) in Whole::read(STACK).resources(&given) {
        match resource.kind.as_str() {
            // A table that its own stack failed to create would keep its name from the next attempt.
            "AWS::DynamoDB::Table" => {
                assert_eq!(resource.deletion, "RetainExceptOnCreate", "{id}");
                assert_eq!(resource.replacement, "Retain", "{id}");
            }
            "AWS::Logs::LogGroup" => assert_eq!(resource.replacement, "Retain", "{id}"),
            _ => {}
        }
    }
}

/// Protection against deletion and a creation that failed together leave a table that nobody can delete, and whose name
/// keeps the next attempt from succeeding. ministack deletes protected tables, so that it cannot show this.
#[test]
fn tables_are_not_protected_from_deletion_before_the_stack_stands() {
    let whole = Whole::read(STACK);
    let protected = |given: &Given| {
        let tables = whole.resources(given).into_values();
        let tables = tables.filter(|it| it.kind == "AWS::DynamoDB::Table");
        tables
            .map(|it| it.properties["DeletionProtectionEnabled"].clone())
            .map(|it| it == true || it == "true")
            .collect::<Vec<_>>()
    };
    let given = Given::named("tagwarden");
    assert_eq!(protected(&given), [false, false]);
    assert_eq!(
        protected(&given.with(&[("ProtectTables", "true")])),
        [true, true]
    );
}

/// The subscription of `Email` is part of the topic. As a resource of its own the address would have to confirm again.
#[test]
fn nobody_has_to_confirm_a_subscription_again() {
    let (old, new) = (Whole::read(STACK_0_1_0), Whole::read(STACK));
    for kept in KEPT {
        let given = Given::named("tagwarden").with(kept);
        let (was, is) = (old.resources(&given), new.resources(&given));
        let subscribed =
            |it: &BTreeMap<String, Resolved>| it["Topic"].properties["Subscription"].clone();
        assert_eq!(subscribed(&was), subscribed(&is), "{kept:?}");
        let added = is
            .iter()
            .filter(|(id, it)| it.kind == "AWS::SNS::Subscription" && !was.contains_key(*id));
        assert_eq!(added.count(), 0, "{kept:?}");
    }
}

/// Scripts and packs read the outputs.
#[test]
fn outputs_stay() {
    let (old, new) = (Whole::read(STACK_0_1_0), Whole::read(STACK));
    for stack in STACKS {
        let given = Given::named(stack);
        let is = new.outputs(&given);
        for (name, value) in old.outputs(&given) {
            assert_eq!(is.get(&name), Some(&value), "{name}");
        }
    }
}

/// The values of 0.1.0's parameters that are refused today, each with the reason.
const REFUSED_TODAY: [(&str, &str, &str); 1] = [(
    "ReservedConcurrency",
    "1",
    "the queue's mapping keeps two in flight, so that the second was throttled until its events were dead letters",
)];

/// CloudFormation checks the values that a stack keeps against the new template.
#[test]
fn takes_every_parameter_of_0_1_0() {
    let (old, new) = (Whole::read(STACK_0_1_0), Whole::read(STACK));
    for (name, was) in old.template["Parameters"].as_object().unwrap() {
        let is = &new.template["Parameters"][name];
        assert_eq!(is["Type"], was["Type"], "{name}");
        // What nobody gave changes with the default.
        assert_eq!(is["Default"], was["Default"], "{name}");
        for (limit, may) in [
            ("MinValue", f64::le as fn(&f64, &f64) -> bool),
            ("MaxValue", f64::ge),
        ] {
            let of = |it: &Value| it[limit].as_f64();
            let wider = of(is).is_none_or(|is| of(was).is_some_and(|was| may(&is, &was)));
            assert!(wider, "{name}: {limit}");
        }
        for value in examples(name, was) {
            let refused = REFUSED_TODAY
                .iter()
                .any(|it| (it.0, it.1) == (name, &value));
            assert_eq!(takes(is, &value), !refused, "{name}={value}");
        }
    }
}

/// Values that the parameter took: all of them, or some for its pattern.
fn examples(name: &str, parameter: &Value) -> Vec<String> {
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return values.iter().map(crate::resolved::plain).collect();
    }
    let mut examples: Vec<&str> =
        vec!["", "0", "1", "14", "365", "tagwarden", "cloud@acme.example"];
    examples.extend([
        "acme_cloud_policy_tagging_def",
        "A-b_c.9",
        "rate(6 hours)",
        "cron(0 6 * * ? *)",
    ]);
    examples.extend([
        "vpc-0a1b2c3d4e5f60718,vpc-1a2b3c4d",
        "ACME Cloud Tagging Policy Report",
    ]);
    let examples = examples.into_iter().map(ToOwned::to_owned);
    let taken: Vec<String> = examples.filter(|it| takes(parameter, it)).collect();
    assert!(
        !taken.is_empty(),
        "{name}: none of the examples was a value of it"
    );
    taken
}

pub fn takes(parameter: &Value, value: &str) -> bool {
    let among = |values: &Vec<Value>| values.iter().any(|it| crate::resolved::plain(it) == value);
    let number = value.parse::<f64>();
    let is_number = parameter["Type"] == "Number";
    let within = |limit: &str, may: fn(&f64, &f64) -> bool| {
        let limit = parameter[limit].as_f64();
        limit.is_none_or(|limit| number.as_ref().is_ok_and(|it| may(it, &limit)))
    };
    let pattern = parameter["AllowedPattern"].as_str();
    parameter["AllowedValues"].as_array().is_none_or(among)
        && (!is_number || number.is_ok())
        && within("MinValue", f64::ge)
        && within("MaxValue", f64::le)
        && pattern.is_none_or(|it| Regex::new(it).unwrap().is_match(value))
}

/// A pack that is put again keeps its rule, with its history and exceptions, and its remediation.
#[test]
fn an_update_of_the_pack_replaces_nothing() {
    let (old, new) = (Whole::read(PACK_0_1_0), Whole::read(PACK));
    let arns = [
        (
            "RuleFunctionArn",
            "arn:aws:lambda:eu-west-1:111122223333:function:tagwarden-rule",
        ),
        ("RemediationDocument", "tagwarden-remediate-instance"),
        (
            "AutomationRoleArn",
            "arn:aws:iam::111122223333:role/tagwarden-AutomationRole-X",
        ),
    ];
    for automatic in ["false", "true"] {
        let given = Given::named("pack")
            .with(&arns)
            .with(&[("Automatic", automatic)]);
        let changes = changes(&new, &old.resources(&given), &new.resources(&given));
        assert_eq!(changes.lost, BTreeMap::new());
    }
}

/// The comparison finds what would break: each change here is one that AWS answers with a replacement or an error.
#[test]
fn the_comparison_finds_replacements() {
    let old = Whole::read(STACK_0_1_0);
    let given = Given::named("tagwarden");
    let was = old.resources(&given);
    let lost = |id: &str, path: &str, value: &str| {
        let mut is = was.clone();
        let properties = &mut is.get_mut(id).unwrap().properties;
        properties[path] = Value::from(value);
        let lost = changes(&old, &was, &is).lost;
        lost.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(lost("Queue", "VisibilityTimeout", "9"), [""; 0]);
    assert_eq!(
        lost("Queue", "QueueName", "mine"),
        ["Queue", "QueueToRemediation"]
    );
    // A function with another name has another ARN, and so has the custom resource another ServiceToken.
    let by_name = lost("SeedFunction", "FunctionName", "tagwarden-sample");
    assert_eq!(by_name, ["PolicySeed", "SeedFunction"]);
    assert_eq!(lost("AutomationRole", "Path", "/"), ["AutomationRole"]);
    let mut is = was.clone();
    is.remove("Topic");
    let removed = changes(&old, &was, &is).lost;
    assert!(removed.contains_key("Topic"), "{removed:?}");
}

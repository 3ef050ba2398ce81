//! Conditions, compared with Custodian's value filters.

use serde_json::{Value, json};
use tagwarden_core::Resource;
use tagwarden_core::policy::RuleStanding;
use tagwarden_core::resource::DescribedInstance;

use super::{custodian, policy};

/// A condition, and the filter that says the same.
fn conditions() -> Vec<(&'static str, Value)> {
    let value = |key: &str, op: &str, value: Value| json!({"type": "value", "key": key, "op": op, "value": value});
    let presence = |key: &str, value: &str| json!({"type": "value", "key": key, "value": value});
    vec![
        ("tag:Env = prod", value("tag:Env", "eq", json!("prod"))),
        (
            "tag:Env = prod, stage",
            value("tag:Env", "in", json!(["prod", "stage"])),
        ),
        ("tag:Env = st*", value("tag:Env", "glob", json!("st*"))),
        ("tag:Env", presence("tag:Env", "present")),
        ("!tag:Env", presence("tag:Env", "absent")),
        ("tag:Env != prod", value("tag:Env", "ne", json!("prod"))),
        (
            "instance-type = p5*",
            value("InstanceType", "glob", json!("p5*")),
        ),
        (
            "instance-type = t3*",
            value("InstanceType", "glob", json!("t3*")),
        ),
        ("key-name", presence("KeyName", "present")),
        ("!key-name", presence("KeyName", "absent")),
        (
            "!instance-lifecycle",
            presence("InstanceLifecycle", "absent"),
        ),
        (
            "availability-zone = us-east-1?",
            value("Placement.AvailabilityZone", "glob", json!("us-east-1?")),
        ),
        (
            "iam-instance-profile.arn = *ci",
            value("IamInstanceProfile.Arn", "glob", json!("*ci")),
        ),
        ("image-id != ami-1", value("ImageId", "ne", json!("ami-1"))),
        (
            "subnet-id = subnet-1",
            value("SubnetId", "eq", json!("subnet-1")),
        ),
        ("vpc-id = vpc-1", value("VpcId", "eq", json!("vpc-1"))),
    ]
}

fn fleet() -> Vec<Value> {
    let instance = |tags: Value| {
        json!({
            "InstanceId": "i-0a1b2c3d4e5f60718", "InstanceType": "p5.48xlarge", "ImageId": "ami-1",
            "SubnetId": "subnet-1", "VpcId": "vpc-1", "Placement": {"AvailabilityZone": "us-east-1a"},
            "State": {"Name": "running"}, "LaunchTime": "2026-11-20T00:00:00+00:00", "Tags": tags,
        })
    };
    let env = |key: &str, value: &str| instance(json!([{"Key": key, "Value": value}]));
    let mut others = env("Env", "dev");
    let members = json!({
        "KeyName": "ann", "InstanceLifecycle": "spot",
        "IamInstanceProfile": {"Arn": "arn:aws:iam::111122223333:instance-profile/ci"},
    });
    let members = members.as_object().unwrap().clone();
    others.as_object_mut().unwrap().extend(members);
    vec![
        instance(json!([])),
        env("Env", "prod"),
        env("Env", "Prod"),
        env("Env", "stage"),
        env("Env", ""),
        env("env", "prod"),
        env("Env", " prod"),
        others,
    ]
}

/// Why tagwarden and Custodian may disagree about `condition` and `instance`; `None` if they must not.
///
/// tagwarden says *undecided* where Custodian says yes or no, because a typing error must not move an instance from a rule
/// that reports to one that terminates. And a tag that is not there, or blank, makes no `!=` hold, because a lost tag must
/// not make a rule apply; in Custodian it does.
fn explanation(condition: &str, instance: &Resource) -> Option<&'static str> {
    let value = instance.tags.get("Env").map(String::as_str);
    let near_key = instance.tags.contains_key("env");
    match (condition, value) {
        ("tag:Env = prod" | "tag:Env = prod, stage" | "tag:Env" | "!tag:Env", None) if near_key => {
            Some("undecided: the key is nearly right")
        }
        ("tag:Env = prod" | "tag:Env = prod, stage", Some("Prod" | " prod")) => {
            Some("undecided: the value is nearly right")
        }
        ("tag:Env != prod", None) => Some("a tag that is not there makes no rule apply"),
        ("tag:Env != prod", Some("")) => Some("a blank tag makes no rule apply"),
        ("tag:Env != prod", Some("Prod" | " prod")) => Some("it is nearly prod"),
        _ => None,
    }
}

#[test]
fn conditions_differ_from_custodian_only_as_explained() {
    let conditions = conditions();
    let fleet = fleet();
    let pairs = || {
        conditions
            .iter()
            .flat_map(|it| fleet.iter().map(move |one| (it, one)))
    };
    let questions: Vec<(Value, Value)> = pairs()
        .map(|((_, filter), instance)| (filter.clone(), instance.clone()))
        .collect();
    let answers = custodian(&questions);
    let mut explained = 0;
    for (((condition, _), described), theirs) in pairs().zip(answers) {
        let policy = policy(json!([
            {"RuleId": -1, "PolicyFormat": 2},
            {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "When": condition},
        ]));
        let DescribedInstance(instance) = serde_json::from_value(described.clone()).unwrap();
        let standing = policy.standing(&policy.rules()[0], &instance);
        let ours = match standing {
            RuleStanding::Applies => Some(true),
            RuleStanding::Fails(_) => Some(false),
            _ => None,
        };
        let explanation = explanation(condition, &instance);
        explained += usize::from(explanation.is_some());
        let agrees = ours == Some(theirs);
        assert_eq!(
            agrees,
            explanation.is_none(),
            "{condition}: {standing}, Custodian: {theirs}, {described}"
        );
    }
    assert_eq!(explained, 13);
}

//! Cloud Custodian 0.9.53's own filters, on the same instances: end dates in every format that people use, and conditions.
//! Every disagreement is one of those that are listed and explained here.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, too"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tagwarden_core::policy::{Row, RuleStanding};
use tagwarden_core::resource::DescribedInstance;
use tagwarden_core::{DefectName, Instance, Policy, Scope, assess};

#[path = "../../tests/support/venv.rs"]
mod venv;

const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/custodian/requirements.txt"
);
const FILTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/custodian/filters.py");

/// Whether Custodian's filters match, in order; an error is no match.
fn custodian(questions: &[(Value, Value)]) -> Vec<bool> {
    let programs = venv::installed("custodian", REQUIREMENTS);
    let mut process = Command::new(programs.join("python"))
        .arg(FILTERS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(questions).unwrap();
    process.stdin.take().unwrap().write_all(&input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    answers
        .iter()
        .map(|answer| answer == &json!(true))
        .collect()
}

fn policy(rows: Value) -> Policy {
    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
    Policy::from_rows(rows).unwrap()
}

/// What a tool makes of an end date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It has passed: the resource may go.
    Passed,
    /// It has not.
    Ahead,
    /// It is not a date.
    NoDate,
}

use Reading::{Ahead, NoDate, Passed};

/// Why tagwarden refuses what Custodian takes.
const TWO_WAYS: &str = "day and month can be exchanged, and dateutil guesses";
const NOT_ISO: &str = "not ISO 8601: dateutil takes any order and any separator";
const NO_ZONE: &str = "a time without a zone is another moment in each office";
const INCOMPLETE: &str = "dateutil fills in the present day for what is missing";
const NUMBER: &str = "a number is read as seconds since 1970, and nobody can check it by looking";
const BLANK: &str = "a blank that nobody sees is a typing error: it is reported, not guessed";
const ZONE_NAME: &str = "dateutil drops the name of a zone that it does not know";
const ZERO: &str = "EC2 exists since 2006: a typing error, or a program's zero";

/// What Custodian makes of a value instead, and why.
type Disagreement = Option<(Reading, &'static str)>;

/// A value, what tagwarden makes of it, and where Custodian makes something else of it.
const DATES: [(&str, Reading, Disagreement); 43] = [
    ("2020-12-31", Passed, None),
    ("2099-12-31", Ahead, None),
    ("9999-12-31", Ahead, None),
    ("2020-12-31T18:00:00Z", Passed, None),
    ("2099-12-31T18:00:00Z", Ahead, None),
    ("2020-12-31T18:00:00+01:00", Passed, None),
    ("2099-12-31T18:00:00-08:00", Ahead, None),
    ("01/02/2020", NoDate, Some((Passed, TWO_WAYS))),
    ("01/02/2099", NoDate, Some((Ahead, TWO_WAYS))),
    ("31/12/2020", NoDate, Some((Passed, NOT_ISO))),
    ("31/12/2099", NoDate, Some((Ahead, NOT_ISO))),
    ("12/31/2020", NoDate, Some((Passed, NOT_ISO))),
    ("31-12-2020", NoDate, Some((Passed, NOT_ISO))),
    ("31.12.2020", NoDate, Some((Passed, NOT_ISO))),
    ("2020/12/31", NoDate, Some((Passed, NOT_ISO))),
    ("2099/12/31", NoDate, Some((Ahead, NOT_ISO))),
    ("2099.12.31", NoDate, Some((Ahead, NOT_ISO))),
    ("Dec 31 2020", NoDate, Some((Passed, NOT_ISO))),
    ("31 December 2020", NoDate, Some((Passed, NOT_ISO))),
    ("2020-12-31 18:00:00", NoDate, Some((Passed, NO_ZONE))),
    ("2020-12-31T18:00", NoDate, Some((Passed, NO_ZONE))),
    ("2099-12-31 18:00:00 UTC", NoDate, Some((Ahead, NOT_ISO))),
    ("2020-12-31T18:00:00EST", NoDate, Some((Passed, ZONE_NAME))),
    ("2020-12", NoDate, Some((Passed, INCOMPLETE))),
    ("2099-12", NoDate, Some((Ahead, INCOMPLETE))),
    ("1577836800", NoDate, Some((Passed, NUMBER))),
    ("4070908800", NoDate, Some((Ahead, NUMBER))),
    ("2020-12-31 ", NoDate, Some((Passed, BLANK))),
    ("0001-01-01T00:00:00Z", NoDate, Some((Passed, ZERO))),
    ("1970-01-01", NoDate, Some((Passed, ZERO))),
    // Neither acts on these. Custodian says nothing about them; tagwarden reports them, with what to write.
    ("20201231", NoDate, None),
    ("2099", NoDate, None),
    ("2020-12-31Z", NoDate, None),
    ("2020-13-01", NoDate, None),
    ("2099-12-31 kept for audit", NoDate, None),
    ("stop@2020/12/31", NoDate, None),
    ("never", NoDate, None),
    ("Never", NoDate, None),
    ("30d", NoDate, None),
    ("1w", NoDate, None),
    ("Q4", NoDate, None),
    ("tomorrow", NoDate, None),
    ("10", NoDate, None),
];

#[test]
fn end_dates_differ_from_custodian_only_as_explained() {
    let policy = policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate"},
    ]));
    let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
    let described = |value: &str| json!({"InstanceId": "i-0a1b2c3d4e5f60718", "Tags": [{"Key": "Expires", "Value": value}]});
    let mut questions = Vec::new();
    for (value, ..) in DATES {
        for op in ["lt", "ge"] {
            let filter = json!({
                "type": "value", "key": "tag:Expires", "value_type": "expiration", "op": op, "value": 0,
            });
            questions.push((filter, described(value)));
        }
    }
    let answers = custodian(&questions);
    for ((value, ours, theirs), answer) in DATES.iter().zip(answers.chunks(2)) {
        let DescribedInstance(instance) = serde_json::from_value(described(value)).unwrap();
        let assessment = assess(&policy, &Scope::default(), &instance, now);
        let found = match assessment.findings.first().map(|it| it.defect.name()) {
            None => Ahead,
            Some(DefectName::Expired) => Passed,
            Some(DefectName::Unreadable) => NoDate,
            Some(other) => panic!("{value:?}: {other}"),
        };
        assert_eq!(found, *ours, "{value:?}");
        let found = match answer {
            [true, false] => Passed,
            [false, true] => Ahead,
            _ => NoDate,
        };
        let expected = theirs.map_or(*ours, |(reading, _)| reading);
        assert_eq!(found, expected, "{value:?} in Custodian");
        assert!(
            theirs.is_none_or(|(reading, _)| reading != *ours),
            "{value:?} agrees"
        );
    }
}

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
fn explanation(condition: &str, instance: &Instance) -> Option<&'static str> {
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

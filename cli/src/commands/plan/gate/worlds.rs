//! Random worlds: policies of both formats, settings, and fleets with what CloudTrail will say of them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use tagwarden_core::settings::Environment;
use tagwarden_core::{InstanceDetails, Policy, Resource, State};
use tagwarden_remediation::Settings;

use super::future::LauncherStory;

/// The keys of tags and rules: keys that differ in case, tags of managers, what looks like an exemption, and end dates.
const KEYS: [&str; 8] = [
    "Owner",
    "owner",
    "ProjectCode",
    "Env",
    "Expires",
    "acme:scaler",
    "exempt-until",
    "karpenter.sh/nodepool",
];

/// Tags that no rule writes.
const PEOPLES_KEYS: [&str; 3] = [
    "Name",
    "tagwarden:exempt-until",
    "aws:autoscaling:groupName",
];

const VALUES: [&str; 9] = [
    "",
    " ",
    "x",
    "prod",
    "Prod",
    "2026-12-05 audit",
    "2020-01-01 audit",
    "soon",
    "ann",
];

/// End dates that have passed, that pass while the sweeps go on, that pass long after, and what cannot be read or is a word.
const DATES: [&str; 9] = [
    "2026-11-01",
    "2026-11-23",
    "2026-11-25",
    "2026-12-03T06:00:00+02:00",
    "2026-12-10",
    "2027-11-01",
    "never",
    "Q4",
    "",
];

/// Conditions on what people set, on what rules write, and on what a description may leave out.
const CONDITIONS: [&str; 12] = [
    "tag:Env = prod",
    "tag:Env != prod",
    "!tag:Env",
    "tag:Owner",
    "!tag:Owner",
    "tag:Owner = ann, x",
    "tag:ProjectCode = nobody; tag:Env",
    "!tag:Expires",
    "vpc-id = vpc-1",
    "instance-type = p5*",
    "key-name",
    "!key-name; tag:Owner != Undefined",
];

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    pub policy: Policy,
    pub settings: Settings,
}

/// An instance as the plan sees it, what it really is, and what CloudTrail will say of it.
#[derive(Clone, Debug)]
pub struct Launched {
    pub instance: Resource,
    /// What the description may leave out.
    pub truth: InstanceDetails,
    /// The tags of its subnet, which no recording has.
    pub subnet_tags: BTreeMap<String, String>,
    pub story: LauncherStory,
}

pub fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn rule(key: &'static str) -> impl Strategy<Value = Value> {
    let action = prop_oneof![
        2 => Just("Update"),
        1 => Just("UserLookup"),
        1 => Just("Function"),
        1 => Just("Notify"),
        3 => Just("Stop"),
        4 => Just("Terminate"),
    ];
    let required = prop_oneof![4 => Just("Y"), 1 => Just("N")];
    let value = prop::sample::select(VALUES.to_vec());
    (action, required, value).prop_map(move |(action, required, value)| {
        let value = match action {
            "Function" => "today()",
            _ if value.trim().is_empty() => "nobody",
            _ => value,
        };
        json!({"TagKey": key, "Action": action, "Required": required, "Default": value})
    })
}

/// The attributes of format 2 for a rule: which it has, and what they say.
fn attributes() -> impl Strategy<Value = Value> {
    let maybe = |weight: f64, values: &[&'static str]| {
        prop::option::weighted(weight, prop::sample::select(values.to_vec()))
    };
    (
        maybe(0.3, &CONDITIONS),
        maybe(0.25, &["prod, nobody", "x, ann, nobody", "never", "soo*"]),
        maybe(0.15, &["launcher", "tag:Env", "tag:Owner, launcher", "subnet"]),
        maybe(0.6, &["Terminate", "Terminate", "Stop", "Notify"]),
        maybe(0.5, &["1d", "3d, 1d", "14d, 3d, 1d", "36h"]),
        maybe(0.2, &["5d", "90d"]),
    )
        .prop_map(|(when, allowed, from, when_expired, notice, at_most)| {
            json!({
                "When": when, "Allowed": allowed, "From": from, "WhenExpired": when_expired, "Notice": notice,
                "AtMost": at_most,
            })
        })
}

/// A rule of format 2. What does not go with the rest of it is left out, so that most of these are valid.
fn newer_rule(key: &'static str) -> impl Strategy<Value = Value> {
    (rule(key), attributes()).prop_map(move |(mut rule, attributes)| {
        let mut attributes = attributes.as_object().unwrap().clone();
        let action = rule["Action"].as_str().unwrap().to_owned();
        let is_written = matches!(action.as_str(), "Update" | "Function");
        if !is_written {
            attributes.remove("From");
        }
        if key == "Expires" && action != "UserLookup" {
            attributes.insert("Allowed".to_owned(), json!("never"));
            rule["Default"] = match action.as_str() {
                "Function" => json!("today()+16d"),
                _ => json!("2026-12-08"),
            };
        } else {
            attributes.remove("WhenExpired");
            attributes.remove("AtMost");
        }
        let ends = attributes.get("WhenExpired").and_then(Value::as_str);
        let ends = ends.is_some_and(|it| it != "Notify");
        if !ends && !matches!(action.as_str(), "Stop" | "Terminate") {
            attributes.remove("Notice");
        }
        if ends && action == "Function" {
            attributes.remove("AtMost");
        }
        attributes.retain(|_, value| !value.is_null());
        rule.as_object_mut().unwrap().extend(attributes);
        rule
    })
}

fn policy_of(rows: Vec<Value>) -> Option<Policy> {
    let rows = rows.into_iter().zip(1..).map(|(mut row, id)| {
        row["RuleId"] = json!(id);
        row.as_object().unwrap().clone()
    });
    Policy::from_rows(rows).ok()
}

fn older_policy() -> impl Strategy<Value = Policy> {
    let keys = prop::sample::subsequence(KEYS.to_vec(), 1..=4);
    let rules = keys.prop_flat_map(|keys| keys.into_iter().map(rule).collect::<Vec<_>>());
    let hold = prop::bool::weighted(0.05);
    (rules, hold).prop_map(|(mut rows, is_held)| {
        if is_held {
            rows.push(json!({"Hold": "a move"}));
        }
        policy_of(rows).unwrap()
    })
}

/// A policy of format 2: several rules for a key, conditions, allowed values, sources, who rows and end dates.
fn newer_policy() -> impl Strategy<Value = Policy> {
    let keys = vec![
        "Owner",
        "Owner",
        "ProjectCode",
        "ProjectCode",
        "Env",
        "Expires",
        "Expires",
        "acme:scaler",
    ];
    let keys = prop::sample::subsequence(keys, 1..=5);
    let rules = keys.prop_flat_map(|keys| keys.into_iter().map(newer_rule).collect::<Vec<_>>());
    let who = prop::bool::weighted(0.5);
    (rules, who).prop_filter_map("not a valid policy", |(mut rows, has_who)| {
        if has_who {
            let tags = json!({"ProjectCode": "nobody", "Env": "prod", "Owner": "x"});
            rows.push(json!({"Who": "ann", "Tags": tags}));
        }
        rows.insert(0, json!({"PolicyFormat": 2}));
        policy_of(rows)
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![1 => older_policy(), 2 => newer_policy()]
}

fn settings() -> impl Strategy<Value = Settings> {
    let one_of = |values: &[&'static str]| prop::sample::select(values.to_vec());
    let all = (
        one_of(&["terminate", "stop", "notify"]),
        one_of(&["no", "stop", "stop-and-terminate", "stop-and-terminate"]),
        one_of(&["0", "15", "120", "2880"]),
        one_of(&["0", "0", "24", "72"]),
        one_of(&["0", "1", "2", "10"]),
        one_of(&["0", "0", "1", "3"]),
        one_of(&["", "acme:scaler", "own*"]),
        one_of(&["", "", "", "vpc-1"]),
    );
    all.prop_map(
        |(untagged, rules, grace, notice, budget, days, managers, vpcs)| {
            let variable = |name: &str| {
                let value = match name {
                    "TAGWARDEN_UNTAGGED" => untagged,
                    "TAGWARDEN_RULES_MAY_DESTROY" => rules,
                    "TAGWARDEN_GRACE_MINUTES" => grace,
                    "TAGWARDEN_NOTICE_HOURS" => notice,
                    "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR" => budget,
                    "TAGWARDEN_TERMINATE_AFTER_DAYS" => days,
                    "TAGWARDEN_MANAGER_TAGS" => managers,
                    "TAGWARDEN_VPC_IDS" => vpcs,
                    "TAGWARDEN_LEDGER_TABLE" => "ledger",
                    "TAGWARDEN_TOPIC_ARN" => "arn:aws:sns:eu-west-1:111122223333:reports",
                    _ => return None,
                };
                Some(value.to_owned()).filter(|value| !value.is_empty())
            };
            Settings::from_environment(&Environment::new(&variable)).unwrap()
        },
    )
}

/// What conditions ask about: what it really is, and what the description says of it.
fn details() -> impl Strategy<Value = (InstanceDetails, InstanceDetails)> {
    let kind = prop::sample::select(vec!["p5.48xlarge", "t3.micro"]);
    let key = prop::sample::select(vec![None, Some("bastion")]);
    (kind, key, prop::bool::weighted(0.7)).prop_map(|(kind, key, is_whole)| {
        let truth = InstanceDetails {
            is_whole: true,
            instance_type: Some(kind.to_owned()),
            key_name: key.map(ToOwned::to_owned),
            subnet_id: Some("subnet-1".to_owned()),
            ..InstanceDetails::default()
        };
        let partial = InstanceDetails {
            subnet_id: truth.subnet_id.clone(),
            ..InstanceDetails::default()
        };
        let described = if is_whole { truth.clone() } else { partial };
        (truth, described)
    })
}

fn tag() -> impl Strategy<Value = (&'static str, &'static str)> {
    let keys = KEYS.iter().chain(&PEOPLES_KEYS).copied();
    let keys: Vec<&'static str> = keys.collect();
    prop::sample::select(keys).prop_flat_map(|key| {
        let values = match key {
            "Expires" => DATES.to_vec(),
            _ => VALUES.to_vec(),
        };
        (Just(key), prop::sample::select(values))
    })
}

fn launched() -> impl Strategy<Value = Launched> {
    let tags = prop::collection::vec(tag(), 0..5);
    let minutes_old = prop::sample::select(vec![
        None,
        Some(3),
        Some(60),
        Some(14_400),
        Some(14_400),
        Some(288_000),
    ]);
    let state = prop_oneof![5 => Just(State::Running), 1 => Just(State::Stopped)];
    let vpc = prop::sample::select(vec!["vpc-1", "vpc-1", "vpc-2"]);
    let story = (any::<bool>(), any::<bool>(), 0..4_usize);
    let subnet = prop::option::of(prop::sample::select(vec!["prod", "nobody"]));
    (tags, minutes_old, state, vpc, story, details(), subnet).prop_map(
        |(tags, minutes_old, state, vpc, story, (truth, details), subnet)| {
            let launched_at = minutes_old.map(|minutes| now() - TimeDelta::minutes(minutes));
            let (is_recorded, has_name, shown_after) = story;
            Launched {
                instance: Resource {
                    vpc_id: Some(vpc.to_owned()),
                    launched_at,
                    started_at: launched_at,
                    details,
                    tags: tags
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .collect(),
                    ..Resource::instance(String::new(), state)
                },
                truth,
                subnet_tags: subnet
                    .iter()
                    .flat_map(|value| ["Env", "ProjectCode"].map(|key| (key, value)))
                    .map(|(key, value)| (key.to_owned(), (*value).to_owned()))
                    .collect(),
                story: LauncherStory {
                    is_recorded,
                    has_name,
                    shown_after,
                },
            }
        },
    )
}

/// Small fleets, and now and then one that is large enough for a sweep to be suspicious.
pub fn fleet() -> impl Strategy<Value = Vec<Launched>> {
    let small = prop::collection::vec(launched(), 1..5);
    let large = launched().prop_map(|one| vec![one; 21]);
    let fleet = prop_oneof![12 => small, 1 => large];
    fleet.prop_map(|mut fleet| {
        for (number, one) in fleet.iter_mut().enumerate() {
            one.instance.id = format!("i-{number:017x}");
        }
        fleet
    })
}

/// Two policies, often with the same settings, as `--against` has them where nothing else is said.
pub fn sides() -> impl Strategy<Value = (Side, Side)> {
    let settings = prop_oneof![
        3 => settings().prop_map(|settings| (settings.clone(), settings)),
        1 => (settings(), settings()),
    ];
    (policy(), policy(), settings).prop_map(|(before, after, (old, new))| {
        let side = |policy, settings| Side { policy, settings };
        (side(before, old), side(after, new))
    })
}

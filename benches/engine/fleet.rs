//! Instances and policies as values.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tagwarden_core::policy::Row;
use tagwarden_core::{Policy, Resource, State};

/// The time at which everything is assessed.
pub fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// The tag key of rule `number`, as long as usual keys.
fn key(number: usize) -> String {
    format!("acme:tag-{number:02}")
}

/// A policy of `rules` required rules, each with a default.
pub fn policy(rules: usize) -> Policy {
    let row = |number: usize| -> Row {
        let row = json!({
            "RuleId": number, "TagKey": key(number), "Action": "Update", "Required": "Y", "Default": "Proj007",
        });
        match row {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    };
    Policy::from_rows((1..=rules).map(row)).unwrap()
}

/// As [`policy`], with five allowed values and one condition for each rule, which holds.
pub fn policy_with_options(rules: usize) -> Policy {
    let row = |number: usize| -> Row {
        let row = json!({
            "RuleId": number, "TagKey": key(number), "Action": "Notify", "Required": "Y",
            "Allowed": ["prod", "stage", "test", "dev", "value-*"], "When": "tag:Name = web-*",
        });
        match row {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    };
    let format = json!({"RuleId": -1, "PolicyFormat": 2});
    let format = match format {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    Policy::from_rows((1..=rules).map(row).chain([format])).unwrap()
}

/// `count` running instances with a tag for each of `rules` rules. An instance for whose number `lacks` holds lacks the
/// last of these tags.
pub fn instances(count: usize, rules: usize, lacks: impl Fn(usize) -> bool) -> Vec<Resource> {
    let instance = |number: usize| {
        let last = if lacks(number) { rules - 1 } else { rules };
        let mut tags: BTreeMap<String, String> = (1..=last)
            .map(|rule| (key(rule), format!("value-{}", number % 97)))
            .collect();
        tags.insert("Name".to_owned(), format!("web-{number}"));
        let launched_at = now() - TimeDelta::minutes(60 + i64::try_from(number).unwrap());
        Resource {
            vpc_id: Some("vpc-0a1b2c3d4e5f60718".to_owned()),
            launched_at: Some(launched_at),
            started_at: Some(launched_at),
            tags,
            ..Resource::instance(format!("i-0{number:016x}"), State::Running)
        }
    };
    (0..count).map(instance).collect()
}

//! The memory that an assessment allocates, and a sweep.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, too"
)]

#[path = "allocations/sweep.rs"]
mod sweep;

use std::hint::black_box;

use serde_json::{Value, json};
use tagwarden_core::policy::Row;
use tagwarden_core::{Policy, Resource, Scope, State, assess};

/// Ten required rules.
fn policy() -> Policy {
    let row = |number| -> Row {
        let row = json!({"RuleId": number, "TagKey": format!("Tag{number}"), "Action": "Notify", "Required": "Y"});
        match row {
            Value::Object(members) => members,
            _ => Row::new(),
        }
    };
    Policy::from_rows((1..=10).map(row)).unwrap()
}

fn instance(tags: usize) -> Resource {
    Resource {
        vpc_id: Some("vpc-0a1b2c3d4e5f60718".to_owned()),
        tags: (1..=tags)
            .map(|number| (format!("Tag{number}"), "value".to_owned()))
            .collect(),
        ..Resource::instance("i-0123456789abcdef0", State::Running)
    }
}

fn allocations(instance: &Resource) -> u64 {
    let policy = policy();
    let scope = Scope::from_list("vpc-0a1b2c3d4e5f60718").unwrap();
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let assess = || _ = black_box(assess(&policy, &scope, black_box(instance), now));
    allocation_counter::measure(assess).count_total
}

#[test]
fn assesses_a_compliant_instance_without_allocating() {
    let mut exempt = instance(9);
    let until = "2026-12-31 moves to the new account".to_owned();
    exempt
        .tags
        .insert("tagwarden:exempt-until".to_owned(), until);
    let mut gone = instance(0);
    gone.state = State::Terminated;
    for instance in [instance(10), instance(11), exempt, gone] {
        assert_eq!(allocations(&instance), 0, "{:?}", instance.tags);
    }
}

#[test]
fn allocates_once_for_the_findings_of_an_instance() {
    for tags in [0, 9] {
        assert_eq!(allocations(&instance(tags)), 1);
    }
}

/// Ten rules with allowed values and two conditions each, and two with end dates, of which the second applies.
fn newer_policy() -> Policy {
    let row = |number| -> Row {
        let row = json!({
            "RuleId": number, "TagKey": format!("Tag{number}"), "Action": "Notify", "Required": "Y",
            "Allowed": ["a", "b", "c", "val*", "team-?"], "When": "tag:Tag1 != x*; vpc-id = vpc-0*",
        });
        match row {
            Value::Object(members) => members,
            _ => Row::new(),
        }
    };
    let others = json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {
            "RuleId": 0, "TagKey": "Expires", "Action": "Notify", "Required": "Y", "WhenExpired": "Terminate",
            "When": "tag:Kind = gpu", "Notice": "3d, 1d",
        },
        {"RuleId": 11, "TagKey": "Expires", "Action": "Notify", "Required": "Y", "WhenExpired": "Stop", "AtMost": "90d"},
    ]);
    let others: Vec<Row> = serde_json::from_value(others).unwrap();
    Policy::from_rows((1..=10).map(row).chain(others)).unwrap()
}

#[test]
fn conditions_values_and_end_dates_allocate_nothing_for_a_compliant_instance() {
    let policy = newer_policy();
    let mut instance = instance(10);
    instance
        .tags
        .insert("Expires".to_owned(), "2026-12-31".to_owned());
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let scope = Scope::default();
    let assessment = assess(&policy, &scope, &instance, now);
    assert!(!assessment.has_findings() && assessment.unknown.is_empty());
    let assess = || _ = black_box(assess(&policy, &scope, black_box(&instance), now));
    assert_eq!(allocation_counter::measure(assess).count_total, 0);
    let ends = || assert_eq!(policy.end_dates(black_box(&instance)).count(), 1);
    assert_eq!(allocation_counter::measure(ends).count_total, 0);
}

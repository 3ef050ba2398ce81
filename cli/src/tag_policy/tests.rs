//! Tag policies become rules, and rules tag policies.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use tagwarden_aws::policy_table::row;
use tagwarden_core::{Policy, Resource, Scope, State, Verdict, assess};

use super::import::ImportedPolicy;
use super::{export, import};

fn policy(imported: ImportedPolicy) -> Policy {
    Policy::from_rows(imported.items.into_iter().map(row)).unwrap()
}

fn imported(document: &Value) -> ImportedPolicy {
    import(&document.to_string()).unwrap()
}

/// Whether an instance with these tags keeps the policy, with what was found.
fn judgement(policy: &Policy, tags: &BTreeMap<String, String>) -> (bool, Vec<String>) {
    let mut instance = Resource::instance("i-0a1b2c3d4e5f60718", State::Running);
    instance.tags.clone_from(tags);
    let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
    let scope = Scope::default();
    let assessment = assess(policy, &scope, &instance, now);
    let findings = assessment.findings.iter();
    let findings = findings.map(|it| format!("{} {:?}", it.rule.tag_key, it.defect));
    (assessment.verdict == Verdict::Compliant, findings.collect())
}

fn keeps(policy: &Policy, tags: &[(&str, &str)]) -> bool {
    let tags = tags.iter();
    let tags = tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    judgement(policy, &tags.collect()).0
}

fn example() -> Value {
    json!({"tags": {
        "costcenter": {
            "tag_key": "CostCenter",
            "tag_value": ["100", "200", "300*"],
            "enforced_for": ["ec2:instance", "secretsmanager:ALL_SUPPORTED"],
            "report_required_tag_for": ["ec2:instance", "logs:log-group", "s3:bucket"],
        },
        "Project": {},
        "owner": {"tag_key": "Owner", "tag_value": ["*@example.com"]},
    }})
}

#[test]
fn keys_values_and_what_is_required_become_rules() {
    let imported = imported(&example());
    assert_eq!(
        imported.notes,
        [
            // In the order of the names.
            "CostCenter is required for 2 other types, which the rules do not judge: logs:log-group, s3:bucket.",
            "CostCenter is enforced for ec2:instance, secretsmanager:ALL_SUPPORTED: AWS refuses other values there, and \
             tagwarden reports them.",
        ]
    );
    let policy = policy(imported);
    for (tags, expected) in [
        (
            &[("CostCenter", "100"), ("Owner", "ann@example.com")][..],
            true,
        ),
        (&[("CostCenter", "3001")], true),
        (&[("CostCenter", "101")], false),
        (&[("costcenter", "100")], false),
        (&[("Owner", "ann@example.com")], false),
        (
            &[("CostCenter", "100"), ("Owner", "ann@example.org")],
            false,
        ),
        (&[("CostCenter", "100"), ("project", "")], true),
    ] {
        assert_eq!(keeps(&policy, tags), expected, "{tags:?}");
    }
}

#[test]
fn reads_a_policy_as_it_is_attached_and_the_answer_of_aws() {
    let attached = json!({"tags": {
        "@@operators_allowed_for_child_policies": ["@@none"],
        "owner": {
            "@@operators_allowed_for_child_policies": ["@@assign"],
            "tag_key": {"@@assign": "Owner", "@@operators_allowed_for_child_policies": ["@@none"]},
            "tag_value": {"@@assign": ["a", "b"]},
            "report_required_tag_for": {"@@assign": ["ec2:ALL_SUPPORTED"]},
        },
    }});
    let plain = json!({"tags": {"owner": {
        "tag_key": "Owner", "tag_value": ["a", "b"], "report_required_tag_for": ["ec2:*"],
    }}});
    let answer = json!({"EffectivePolicy": {"PolicyContent": plain.to_string(), "PolicyType": "TAG_POLICY"}});
    assert_eq!(imported(&attached), imported(&plain));
    assert_eq!(imported(&answer), imported(&plain));
}

#[test]
fn says_what_is_not_an_effective_tag_policy() {
    for (text, expected) in [
        ("{", "is not valid JSON"),
        ("{}", "it has no \"tags\""),
        (r#"{"tags": {"a": 7}}"#, "\"a\" is not an object"),
        (
            r#"{"tags": {"a": {"tag_value": [7]}}}"#,
            "tag_value of \"a\" is not a text",
        ),
        (
            r#"{"tags": {"a": {"tag_value": {"@@append": ["x"]}}}}"#,
            "has @@append",
        ),
        (
            r#"{"EffectivePolicy": {"PolicyContent": "{"}}"#,
            "has a PolicyContent that is not valid JSON",
        ),
    ] {
        let (what, what_next) = import(text).unwrap_err();
        assert!(what.contains(expected), "{what}");
        assert!(what_next.contains("describe-effective-policy"));
    }
}

#[test]
fn names_what_cannot_be_a_rule() {
    let document = json!({"tags": {
        "aws:x": {"tag_key": "aws:x"},
        "a": {"tag_key": "A", "tag_value": [], "color": "red"},
        "b": {"tag_key": "a"},
    }});
    let ImportedPolicy { items, notes } = imported(&document);
    assert_eq!(items.len(), 1);
    assert_eq!(notes[0], "a: \"color\" is not known, and is left out.");
    assert_eq!(
        notes[1],
        "A has an empty list of values, so that every value is allowed."
    );
    assert!(
        notes[2].starts_with("aws:x cannot be a rule, and is left out: "),
        "{notes:?}"
    );
    assert_eq!(
        notes[3],
        "b is left out, because the policy has its key twice."
    );
    assert!(
        notes[4].starts_with("An instance without any tags is NON_COMPLIANT"),
        "{notes:?}"
    );
}

#[test]
fn exports_what_fits_and_names_the_rest() {
    let rows = [
        json!({"RuleId": -1, "PolicyFormat": 2}),
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "Env", "Action": "Notify", "Required": "N", "Allowed": ["Prod", "team-*", "\"a, b\""]}),
        json!({"RuleId": 3, "TagKey": "Size", "Action": "Notify", "Required": "Y", "Allowed": ["db-?"]}),
        json!({"RuleId": 4, "TagKey": "Gpu", "Action": "Notify", "Required": "Y", "When": "instance-type = p5*"}),
        json!({"RuleId": 5, "TagKey": "Gpu", "Action": "Notify", "Required": "N"}),
        json!({"RuleId": 6, "TagKey": "env", "Action": "Notify", "Required": "N"}),
        json!({"RuleId": 7, "TagKey": "Until", "Action": "Notify", "Required": "N", "WhenExpired": "Notify"}),
        json!({"RuleId": 8, "Hold": "the network is being moved"}),
    ];
    let rows = rows.map(|row| row.as_object().unwrap().clone());
    let exported = export(&Policy::from_rows(rows).unwrap());
    let required = json!({"@@assign": ["ec2:instance"]});
    assert_eq!(
        exported.document,
        json!({"tags": {
            "projectcode": {"tag_key": {"@@assign": "ProjectCode"}, "report_required_tag_for": required},
            "env": {"tag_key": {"@@assign": "Env"}, "tag_value": {"@@assign": ["Prod", "team-*", "a, b"]}},
            "size": {"tag_key": {"@@assign": "Size"}, "report_required_tag_for": required},
            "until": {"tag_key": {"@@assign": "Until"}},
        }})
    );
    assert_eq!(
        exported.notes,
        [
            "Size allows patterns that a tag policy does not have (?, several *, a star itself), so that it takes every value.",
            "Gpu is left out, because a tag policy has no conditions (When).",
            "env is left out, because a tag policy has one key for all its spellings.",
            "Until has an end date, and a tag policy takes every value of it.",
            "A tag policy writes nothing and shuts nothing down: the actions and sources of the rules 1 are left out.",
            "The hold has no place in a tag policy.",
        ]
    );
}

/// A rule for volumes requires nothing of instances.
#[test]
fn exports_for_which_kinds_a_key_is_required() {
    let rows = [
        json!({"RuleId": 1, "TagKey": "Project", "Action": "Notify", "Required": "Y", "ResourceTypes": ["volume"]}),
        json!({"RuleId": 2, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "ResourceTypes": ["instance", "volume"]}),
        json!({"RuleId": 3, "TagKey": "Env", "Action": "Notify", "Required": "N"}),
        json!({"RuleId": 4, "TagKey": "Env", "Action": "Notify", "Required": "Y", "ResourceTypes": ["volume"]}),
        json!({"RuleId": 5, "TagKey": "Team", "Action": "Notify", "Required": "Y", "Allowed": ["a"]}),
        json!({"RuleId": 6, "TagKey": "Team", "Action": "Notify", "Required": "Y", "ResourceTypes": ["volume"]}),
        json!({"RuleId": 7, "PolicyFormat": 2}),
    ];
    let rows = rows.map(|row| row.as_object().unwrap().clone());
    let exported = export(&Policy::from_rows(rows).unwrap());
    let required = |key: &str| {
        let tag = &exported.document["tags"][key];
        tag["report_required_tag_for"]["@@assign"].clone()
    };
    assert_eq!(required("project"), json!(["ec2:volume"]));
    assert_eq!(required("owner"), json!(["ec2:instance", "ec2:volume"]));
    assert_eq!(required("env"), json!(["ec2:volume"]));
    assert_eq!(
        exported.notes,
        [
            "Team is left out, because a tag policy has no values of their own for volumes (ResourceTypes)."
        ]
    );
}

#[test]
fn says_when_a_policy_is_too_long() {
    let rows = (1..200).map(|id| {
        let row = json!({"RuleId": id, "TagKey": format!("key-{id}-{}", "x".repeat(60)), "Action": "Notify", "Required": "Y"});
        row.as_object().unwrap().clone()
    });
    let exported = export(&Policy::from_rows(rows).unwrap());
    let note = exported.notes.last().unwrap();
    assert!(note.contains("and AWS takes 10000"), "{note}");
}

/// Texts with everything that means something on one of the two sides.
fn value() -> impl Strategy<Value = String> {
    "[abAB *?\\\\\",;_-]{0,5}"
}

fn key() -> impl Strategy<Value = String> {
    "[abAB_:.]{1,3}"
}

fn tag_policy() -> impl Strategy<Value = Value> {
    let types = [
        "ec2:instance",
        "ec2:ALL_SUPPORTED",
        "ec2:volume",
        "s3:bucket",
    ];
    let types = || proptest::collection::vec(proptest::sample::select(types.to_vec()), 0..3);
    let values = proptest::option::of(proptest::collection::vec(value(), 0..4));
    let member = (proptest::option::of(key()), values, types(), types());
    let member = member.prop_map(|(key, values, required, enforced)| {
        let mut member = json!({"report_required_tag_for": required, "enforced_for": enforced});
        if let Some(key) = key {
            member["tag_key"] = json!(key);
        }
        if let Some(values) = values {
            member["tag_value"] = json!(values);
        }
        member
    });
    let members = proptest::collection::btree_map(key(), member, 0..5);
    members.prop_map(|members| json!({ "tags": members }))
}

proptest! {
    /// What AWS would hand back judges as what it was given.
    #[test]
    fn import_export_import_judges_the_same(
        document in tag_policy(),
        fleet in proptest::collection::vec(proptest::collection::btree_map(key(), value(), 0..4), 1..20),
    ) {
        let first = imported(&document);
        prop_assume!(!first.items.is_empty());
        let first = policy(first);
        let exported = export(&first);
        let second = imported(&exported.document);
        let second = policy(second);
        // Values with several stars do not fit, and the export says so.
        let is_whole = exported.notes.is_empty();
        for tags in &fleet {
            let (one, two) = (judgement(&first, tags), judgement(&second, tags));
            if is_whole {
                let sorted = |mut found: (bool, Vec<String>)| {
                    found.1.sort();
                    found
                };
                prop_assert_eq!(sorted(one), sorted(two), "{:?}", tags);
            }
        }
    }

    /// A value of a tag policy matches what AWS says: `*` is any text, and everything else itself.
    #[test]
    fn values_mean_the_same(value in value(), text in value()) {
        let pattern: tagwarden_core::policy::Pattern =
            tagwarden_core::policy::Pattern::of_starred(&value).parse().unwrap();
        let expected = match value.split_once('*') {
            None => value == text,
            Some((start, end)) if !end.contains('*') => {
                text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
            }
            Some(_) => return Ok(()),
        };
        prop_assert_eq!(pattern.matches(&text), expected);
        if value.matches('*').count() <= 1 {
            prop_assert_eq!(pattern.with_one_star(), Some(value));
        }
    }
}

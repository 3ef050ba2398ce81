use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::policy::Row;
use crate::{Instance, Policy, Scope, State, assess};

fn instance(tags: &[(&str, &str)]) -> Instance {
    Instance {
        id: "i-0a1b2c3d4e5f60718".to_owned(),
        vpc_id: None,
        state: State::Running,
        launched_at: None,
        started_at: None,
        spot_request_id: None,
        operator: None,
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn policy(rules: &[(&str, &str)]) -> Policy {
    let rows = rules.iter().zip(1..).map(|((key, required), id)| {
        json!({"RuleId": id, "TagKey": key, "Action": "Notify", "Required": required})
    });
    let rows: Vec<Row> = serde_json::from_value(rows.collect::<Value>()).unwrap();
    Policy::from_rows(rows).unwrap()
}

fn annotate(rules: &[(&str, &str)], tags: &[(&str, &str)]) -> Option<String> {
    let instance = instance(tags);
    let policy = policy(rules);
    annotation(&assess(&policy, &Scope::default(), &instance, now()))
}

#[test]
fn each_rule_and_tag_at_fault_is_named() {
    let rules = [("Expires", "N"), ("ProjectCode", "Y"), ("CreatedBy", "Y")];
    let text = annotate(&rules, &[("projectcode", "P1"), ("CreatedBy", "")]).unwrap();
    assert_eq!(
        text,
        "missing tag ProjectCode (rule 2; found projectcode); empty tag CreatedBy (rule 3); \
         optional: missing tag Expires (rule 1)"
    );
}

#[test]
fn there_is_nothing_to_say_of_an_instance_without_findings() {
    assert_eq!(annotate(&[("Owner", "Y")], &[("Owner", "ann")]), None);
    let optional = annotate(&[("Owner", "N")], &[("Name", "web")]).unwrap();
    assert_eq!(optional, "optional: missing tag Owner (rule 1)");
    let untagged = annotate(&[("Owner", "Y")], &[]).unwrap();
    assert_eq!(untagged, "The instance has no tags at all.");
}

#[test]
fn what_does_not_fit_is_counted() {
    let keys: Vec<String> = (0..20)
        .map(|number| format!("Department{number:02}"))
        .collect();
    let rules: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "Y")).collect();
    let text = annotate(&rules, &[("Name", "web")]).unwrap();
    assert_eq!(
        text,
        "missing tag Department00 (rule 1); missing tag Department01 (rule 2); \
         missing tag Department02 (rule 3); missing tag Department03 (rule 4); \
         missing tag Department04 (rule 5); missing tag Department05 (rule 6); \
         missing tag Department06 (rule 7); and 13 more"
    );
    assert_eq!(text.chars().count(), MAX_ANNOTATION_CHARS);
}

#[test]
fn one_finding_that_is_too_long_ends_with_a_whole_word() {
    let key = "K".repeat(128);
    let near_miss = "k".repeat(128);
    let rules = [(key.as_str(), "Y"), ("Owner", "Y")];
    let text = annotate(&rules, &[(near_miss.as_str(), "v")]).unwrap();
    assert_eq!(
        text,
        format!("missing tag {key} (rule 1; found… and 1 more")
    );
}

proptest! {
    #[test]
    fn config_takes_every_annotation(
        keys in prop::collection::btree_set("[^\\s]\\PC{0,126}[^\\s]", 1..12),
        required in any::<bool>(),
    ) {
        prop_assume!(keys.iter().all(|key| !crate::policy::is_reserved_key(key)));
        let required = if required { "Y" } else { "N" };
        let rules: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), required)).collect();
        let swapped: Vec<String> = keys.iter().map(|key| key.to_uppercase()).collect();
        let tags: Vec<(&str, &str)> = swapped.iter().map(|key| (key.as_str(), "")).collect();
        if let Some(text) = annotate(&rules, &tags) {
            let length = text.chars().count();
            prop_assert!((1..=MAX_ANNOTATION_CHARS).contains(&length), "{length}: {text}");
        }
    }
}

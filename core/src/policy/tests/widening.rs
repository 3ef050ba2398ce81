//! For a policy with one rule for a key, removing a condition only widens what the rules are for.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::policy;
use crate::policy::Policy;
use crate::{Assessment, InstanceDetails, Kind, Resource, Scope, State, Verdict, assess};

const KEYS: [&str; 3] = ["A", "B", "Owner"];

#[derive(Clone, Debug)]
struct ConditionalRule {
    action: &'static str,
    required: &'static str,
    is_limited: bool,
    when: Vec<String>,
}

fn any_condition() -> impl Strategy<Value = String> {
    let names = vec![
        "tag:A",
        "tag:B",
        "tag:Owner",
        "key-name",
        "instance-type",
        "vpc-id",
        "region",
    ];
    let values = vec!["a", "b", "A", "a*", "*", "a, b", "?", "us-*"];
    let parts = (
        prop::sample::select(names),
        0..4,
        prop::sample::select(values),
    );
    parts.prop_map(|(name, test, value)| match test {
        0 => name.to_owned(),
        1 => format!("!{name}"),
        2 => format!("{name} = {value}"),
        _ => format!("{name} != {value}"),
    })
}

fn any_rule() -> impl Strategy<Value = ConditionalRule> {
    let actions = vec!["Update", "UserLookup", "Notify", "Stop", "Terminate"];
    (
        prop::sample::select(actions),
        prop::sample::select(vec!["Y", "N"]),
        any::<bool>(),
        prop::collection::vec(any_condition(), 0..4),
    )
        .prop_map(|(action, required, is_limited, when)| ConditionalRule {
            action,
            required,
            is_limited,
            when,
        })
}

fn any_instance() -> impl Strategy<Value = Resource> {
    let tags = prop::collection::btree_map("[AaBb]|Owner|owner", "|a|b|A|ab| ", 0..4);
    let detail = || prop::option::of("a|b|A|ab");
    let zone = prop::option::of("us-east-1a|eu-west-1b");
    (tags, detail(), detail(), detail(), zone, any::<bool>()).prop_map(
        |(tags, key_name, instance_type, vpc_id, availability_zone, is_whole): (
            BTreeMap<String, String>,
            _,
            _,
            _,
            _,
            _,
        )| Resource {
            vpc_id,
            details: InstanceDetails {
                is_whole,
                instance_type,
                availability_zone,
                key_name,
                ..InstanceDetails::default()
            },
            tags,
            ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
        },
    )
}

/// The policy with one rule for each key; `None` if conditions of a rule contradict each other.
fn with(rules: &[ConditionalRule]) -> Option<Policy> {
    let mut rows = vec![json!({"RuleId": -1, "PolicyFormat": 2})];
    for ((rule, key), id) in rules.iter().zip(KEYS).zip(1..) {
        let mut row = json!({
            "RuleId": id, "TagKey": key, "Action": rule.action, "Required": rule.required, "Default": "a",
        });
        if rule.is_limited {
            row["Allowed"] = json!(["a", "x*"]);
        }
        if !rule.when.is_empty() {
            row["When"] = json!(rule.when);
        }
        rows.push(row);
    }
    policy(Value::from(rows)).ok()
}

fn findings(assessment: &Assessment<'_>) -> Vec<String> {
    let findings = assessment.findings.iter();
    findings
        .map(|it| {
            format!(
                "{} {:?} {:?}",
                it.rule.id,
                it.defect,
                it.rule.remedy(Kind::Instance, it.defect)
            )
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_global_rejects: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn removing_a_condition_of_a_policy_only_widens(
        rules in prop::collection::vec(any_rule(), 1..=KEYS.len()),
        instance in any_instance(),
        of_rule in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut fewer = rules.clone();
        let mut conditional: Vec<_> = fewer.iter_mut().filter(|it| !it.when.is_empty()).collect();
        prop_assume!(!conditional.is_empty());
        let of_rule = of_rule.index(conditional.len());
        let when = &mut conditional[of_rule].when;
        when.remove(at.index(when.len()));
        // Fewer conditions contradict each other in fewer places.
        let narrow = with(&rules);
        prop_assume!(narrow.is_some());
        let (narrow, wide) = (narrow.unwrap(), with(&fewer).unwrap());
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let before = assess(&narrow, &Scope::default(), &instance, now);
        let after = assess(&wide, &Scope::default(), &instance, now);

        let ids = |policy: &Policy| -> Vec<i64> { policy.rules_for(&instance).map(|it| it.id).collect() };
        let applying = ids(&wide);
        prop_assert!(ids(&narrow).iter().all(|id| applying.contains(id)));
        let found = findings(&after);
        for finding in findings(&before) {
            prop_assert!(found.contains(&finding), "{finding} is not in {found:?}");
        }
        if before.verdict == Verdict::NonCompliant {
            prop_assert_eq!(after.verdict, Verdict::NonCompliant);
        }
        if !matches!(before.verdict, Verdict::NotApplicable(_)) {
            prop_assert!(!matches!(after.verdict, Verdict::NotApplicable(_)));
        }
        prop_assert!(!before.is_untagged || after.is_untagged);
    }
}

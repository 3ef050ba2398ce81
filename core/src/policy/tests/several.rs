//! Several rules for one key: which of them applies, and which of them never could.

use rstest::rstest;
use serde_json::{Value, json};

use super::policy;
use crate::policy::{Policy, RuleStanding};
use crate::{InstanceDetails, NotApplicable, Resource, Scope, State, Verdict, assess};

fn instance(tags: &[(&str, &str)]) -> Resource {
    Resource {
        vpc_id: Some("vpc-1".to_owned()),
        details: InstanceDetails {
            is_whole: true,
            owner_id: Some("111122223333".to_owned()),
            ..InstanceDetails::default()
        },
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

/// A table of format 2 with rules for the key Owner: (id, action, When).
fn rules(rules: &[(i64, &str, Option<&str>)]) -> Value {
    let mut rows = vec![json!({"RuleId": -1, "PolicyFormat": 2})];
    for (id, action, when) in rules {
        let mut row = json!({"RuleId": id, "TagKey": "Owner", "Action": action, "Required": "Y"});
        if let Some(when) = when {
            row.as_object_mut()
                .unwrap()
                .insert("When".to_owned(), json!(when));
        }
        rows.push(row);
    }
    Value::from(rows)
}

fn applying(policy: &Policy, instance: &Resource) -> Vec<i64> {
    policy.rules_for(instance).map(|rule| rule.id).collect()
}

#[rstest]
#[case::first_holds(&[("Env", "prod")], &[10])]
#[case::second_holds(&[("Env", "stage")], &[20])]
#[case::neither(&[("Env", "dev")], &[30])]
#[case::no_tag(&[("Name", "web")], &[30])]
#[case::nearly(&[("Env", "Prod")], &[])]
#[case::nearly_the_key(&[("env", "prod")], &[])]
fn the_lowest_rule_whose_conditions_hold_applies(
    #[case] tags: &[(&str, &str)],
    #[case] expected: &[i64],
) {
    let table = rules(&[
        (30, "Terminate", None),
        (10, "Notify", Some("tag:Env = prod")),
        (20, "Stop", Some("tag:Env = prod, stage")),
    ]);
    let policy = policy(table).unwrap();
    assert_eq!(applying(&policy, &instance(tags)), expected);
}

/// A typing error does not move an instance from a rule that reports to one that terminates.
#[test]
fn nothing_is_found_where_a_rule_may_apply() {
    let table = rules(&[
        (10, "Notify", Some("tag:Env = prod")),
        (20, "Terminate", None),
    ]);
    let policy = policy(table).unwrap();
    let instance = instance(&[("Env", "Prod")]);
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let assessment = assess(&policy, &Scope::default(), &instance, now);
    assert_eq!(assessment.verdict, Verdict::Compliant);
    assert!(assessment.findings.is_empty());
    let said = crate::annotation::annotation(&assessment).unwrap();
    assert_eq!(
        said,
        r#"rule 10 may apply: whether tag:Env = prod holds is not known, because its value "Prod" is nearly right"#
    );
    let behind = policy.standing(&policy.rules()[1], &instance);
    assert_eq!(behind.to_string(), "does not apply: rule 10 comes first");
}

#[test]
fn each_rule_says_what_decided_it() {
    let table = rules(&[
        (10, "Notify", Some("tag:Env = prod")),
        (20, "Stop", Some("vpc-id = vpc-2")),
        (30, "Notify", Some("region = us-*")),
        (40, "Terminate", None),
    ]);
    let policy = policy(table).unwrap();
    let instance = instance(&[("Env", "dev")]);
    let said: Vec<String> = policy
        .rules()
        .iter()
        .map(|rule| policy.standing(rule, &instance).to_string())
        .collect();
    assert_eq!(
        said,
        [
            "does not apply: tag:Env = prod does not hold",
            "does not apply: vpc-id = vpc-2 does not hold",
            "may apply: whether region = us-* holds is not known, because its description does not say it",
            "does not apply: rule 30 comes first",
        ]
    );
    let prod = instance_with_env("prod");
    let first = policy.standing(&policy.rules()[0], &prod);
    assert_eq!(first, RuleStanding::Applies);
}

fn instance_with_env(value: &str) -> Resource {
    instance(&[("Env", value)])
}

/// (conditions of the only rule, tags) → verdict
#[rstest]
#[case::does_not_hold("tag:Env = prod", &[("Env", "dev")], Verdict::NotApplicable(NotApplicable::NoRule))]
#[case::holds("tag:Env = prod", &[("Env", "prod")], Verdict::NonCompliant)]
#[case::undecided("tag:Env = prod", &[("Env", "PROD")], Verdict::Compliant)]
#[case::untagged("tag:Env = prod", &[], Verdict::NonCompliant)]
#[case::untagged_elsewhere("vpc-id = vpc-2", &[], Verdict::NotApplicable(NotApplicable::NoRule))]
#[case::untagged_here("vpc-id = vpc-1; tag:Env", &[], Verdict::NonCompliant)]
#[case::untagged_unknown("region = us-east-1", &[], Verdict::Compliant)]
#[case::another_account("owner-id = 444455556666", &[("Name", "web")], Verdict::NotApplicable(NotApplicable::NoRule))]
fn without_a_rule_an_instance_is_not_applicable(
    #[case] when: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: Verdict<'_>,
) {
    let policy = policy(rules(&[(10, "Terminate", Some(when))])).unwrap();
    let instance = instance(tags);
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let assessment = assess(&policy, &Scope::default(), &instance, now);
    assert_eq!(assessment.verdict, expected);
    let is_untagged = tags.is_empty() && expected == Verdict::NonCompliant;
    assert_eq!(assessment.is_untagged, is_untagged);
}

#[test]
fn findings_are_in_the_order_of_the_rules() {
    let policy = policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y", "When": "tag:X = 1"},
        {"RuleId": 2, "TagKey": "B", "Action": "Notify", "Required": "Y"},
        {"RuleId": 3, "TagKey": "A", "Action": "Notify", "Required": "Y"},
    ]))
    .unwrap();
    let instance = instance(&[("Name", "web")]);
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let assessment = assess(&policy, &Scope::default(), &instance, now);
    let ids: Vec<i64> = assessment.findings.iter().map(|it| it.rule.id).collect();
    assert_eq!(ids, [2, 3]);
}

#[rstest]
#[case::behind_one_without(&[(10, "Notify", None), (20, "Stop", Some("tag:A = x"))], Some("rule 20: When can never apply: rule 10 has the same key and comes first wherever this one could"))]
#[case::twice_without(&[(10, "Notify", None), (20, "Stop", None)], Some(r#"rule 20: TagKey "Owner" already has a rule: rule 10"#))]
#[case::the_same(&[(10, "Notify", Some("tag:A = x; key-name")), (20, "Stop", Some("key-name ; tag:A=x"))], Some("rule 20: When can never apply: rule 10 has the same key and comes first wherever this one could"))]
#[case::narrower(&[(10, "Notify", Some("tag:A")), (20, "Stop", Some("tag:A = x"))], Some("rule 20: When can never apply: rule 10 has the same key and comes first wherever this one could"))]
#[case::wider(&[(10, "Notify", Some("tag:A = x")), (20, "Stop", Some("tag:A"))], None)]
#[case::the_last_for_the_rest(&[(10, "Notify", Some("tag:A = x")), (20, "Stop", None)], None)]
#[case::contradiction(&[(10, "Notify", Some("tag:A = x; !tag:A"))], Some(r#"rule 10: When can never hold: "tag:A = x" and "!tag:A" exclude each other"#))]
#[case::unknown_name(&[(10, "Notify", Some("instance-typ = p5*"))], Some("rule 10: When has \"instance-typ\", which is not a filter (did you mean instance-type?): use tag:KEY, instance-type, vpc-id, subnet-id, image-id, availability-zone, instance-lifecycle, key-name, iam-instance-profile.arn, owner-id, region"))]
#[case::says_nothing(&[(10, "Notify", Some(" "))], Some("rule 10: When says nothing: write a condition such as \"tag:Env = prod\", or leave it out"))]
#[case::no_value(&[(10, "Notify", Some("tag:A ="))], Some("rule 10: When has \"tag:A =\", which names no value: write \"tag:A = a, b\", or only the name"))]
fn finds_rules_that_can_never_apply(
    #[case] table: &[(i64, &str, Option<&str>)],
    #[case] problem: Option<&str>,
) {
    let problems = policy(rules(table)).err().unwrap_or_default();
    assert_eq!(problems, Vec::from_iter(problem));
}

#[rstest]
#[case::list(json!(["tag:A = x", "key-name; region = us-*"]), Some("tag:A = x; key-name; region = us-*"))]
#[case::empty_list(json!([]), None)]
#[case::null(json!(null), None)]
#[case::number(json!(7), None)]
#[case::list_with_a_number(json!(["tag:A", 7]), None)]
fn conditions_may_be_a_list(#[case] when: Value, #[case] expected: Option<&str>) {
    let read = policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "When": when},
    ]));
    let read = read
        .ok()
        .map(|policy| policy.rules()[0].options.when.as_ref().unwrap().to_string());
    assert_eq!(read.as_deref(), expected);
}

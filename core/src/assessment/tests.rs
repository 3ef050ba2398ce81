use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

mod unknown;

pub(crate) fn policy(rows: Value) -> Policy {
    let rows: Vec<crate::policy::Row> = serde_json::from_value(rows).unwrap();
    Policy::from_rows(rows).unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn instance(tags: &[(&str, &str)]) -> Resource {
    Resource {
        vpc_id: Some("vpc-1".to_owned()),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

fn one_rule(action: &str, required: &str) -> Policy {
    policy(json!([{
        "RuleId": 1, "TagKey": "Owner", "Action": action, "Required": required, "Default": "today()",
    }]))
}

/// The table of actions and defects: (required, tag) → finding.
#[rstest]
fn findings_follow_the_table_of_actions_and_defects(
    #[values("Update", "UserLookup", "Function", "Notify", "Stop", "Terminate")] action: &str,
    #[values("Y", "N")] required: &str,
    #[values(
        None,
        Some(""),
        Some("ann"),
        Some(" "),
        Some("\u{a0}\u{200b}"),
        Some(" ann ")
    )]
    value: Option<&str>,
) {
    let policy = one_rule(action, required);
    let mut tags = vec![("Name", "web")];
    tags.extend(value.map(|value| ("Owner", value)));
    let instance = instance(&tags);
    let defect = match value {
        None if action == "Update" && required == "N" => None,
        None => Some(Defect::Missing { near_miss: None }),
        // A value of blanks alone is empty.
        Some(value @ ("" | " " | "\u{a0}\u{200b}")) => Some(Defect::Empty { value }),
        Some(_) => None,
    };
    let verdict = match defect {
        Some(_) if required == "Y" => Verdict::NonCompliant,
        _ => Verdict::Compliant,
    };
    let findings = defect
        .map(|defect| Finding {
            rule: &policy.rules()[0],
            defect,
        })
        .into_iter()
        .collect();
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    let expected = Assessment {
        kind: Kind::Instance,
        verdict,
        is_untagged: false,
        findings,
        unknown: Vec::new(),
        unknown_tags: Vec::new(),
        exemption: None,
    };
    assert_eq!(assessment, expected);
}

#[test]
fn an_untagged_instance_is_non_compliant_without_required_rules() {
    let policy = one_rule("UserLookup", "N");
    let untagged = instance(&[]);
    let assessment = assess(&policy, &Scope::default(), &untagged, now());
    assert_eq!(assessment.verdict, Verdict::NonCompliant);
    assert!(assessment.is_untagged);
    let missing = Defect::Missing { near_miss: None };
    let rule = &policy.rules()[0];
    assert_eq!(
        assessment.findings,
        [Finding {
            rule,
            defect: missing
        }]
    );
}

#[test]
fn tags_that_aws_wrote_count_as_tags() {
    let policy = one_rule("Update", "Y");
    let instance = instance(&[("aws:autoscaling:groupName", "web")]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    assert!(matches!(
        assessment.findings[..],
        [Finding {
            defect: Defect::Missing { .. },
            ..
        }]
    ));
}

#[rstest]
#[case("owner", Some("owner"))]
#[case("OWNER", Some("OWNER"))]
#[case(" Owner ", Some(" Owner "))]
#[case("Own er", Some("Own er"))]
#[case("OWN_ER", Some("OWN_ER"))]
#[case("own-er:", Some("own-er:"))]
#[case("Owner\u{200b}", Some("Owner\u{200b}"))]
#[case("Owners", None)]
fn names_the_near_miss_of_a_missing_key(#[case] key: &str, #[case] expected: Option<&str>) {
    let policy = one_rule("Notify", "Y");
    let instance = instance(&[(key, "ann")]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    let Finding {
        defect: Defect::Missing { near_miss },
        ..
    } = assessment.findings[0]
    else {
        panic!("the tag is missing: {assessment:?}")
    };
    assert_eq!(near_miss, expected);
}

/// The key of another rule is set for that rule, and says nothing about this one.
#[test]
fn the_key_of_another_rule_is_not_a_near_miss() {
    let policy = policy(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"},
        {"RuleId": 2, "TagKey": "owner", "Action": "Notify", "Required": "Y"},
    ]));
    let instance = instance(&[("owner", "ann"), ("OWNER", "ben")]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    let near_miss = Some("OWNER");
    let defects: Vec<_> = assessment.findings.iter().map(|it| it.defect).collect();
    assert_eq!(defects, [Defect::Missing { near_miss }]);
}

/// Users cannot set a tag whose key begins with `aws:`, so it is not a typing error.
#[test]
fn a_key_that_aws_wrote_is_not_a_near_miss() {
    let policy = policy(json!([
        {"RuleId": 1, "TagKey": "AwsOwner", "Action": "Terminate", "Required": "Y"},
    ]));
    let instance = instance(&[("aws:owner", "ann")]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    let defects: Vec<_> = assessment.findings.iter().map(|it| it.defect).collect();
    assert_eq!(defects, [Defect::Missing { near_miss: None }]);
}

#[rstest]
#[case(State::Pending, true)]
#[case(State::Running, true)]
#[case(State::Stopping, true)]
#[case(State::Stopped, true)]
#[case(State::Unknown, true)]
#[case(State::ShuttingDown, false)]
#[case(State::Terminated, false)]
fn an_instance_that_is_gone_is_not_applicable(#[case] state: State, #[case] applies: bool) {
    let policy = one_rule("Notify", "Y");
    let mut instance = instance(&[]);
    instance.state = state;
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    let expected = if applies {
        Verdict::NonCompliant
    } else {
        Verdict::NotApplicable(NotApplicable::Gone(state))
    };
    assert_eq!(assessment.verdict, expected);
    assert_eq!(assessment.findings.is_empty(), !applies);
}

#[rstest]
#[case("", Some("vpc-1"), true)]
#[case("", None, true)]
#[case("vpc-1,vpc-2", Some("vpc-1"), true)]
#[case("vpc-2", Some("vpc-1"), false)]
#[case("vpc-2", None, false)]
fn an_instance_out_of_scope_is_not_applicable(
    #[case] scope: &str,
    #[case] vpc_id: Option<&str>,
    #[case] applies: bool,
) {
    let policy = one_rule("Notify", "Y");
    let mut instance = instance(&[]);
    instance.vpc_id = vpc_id.map(ToOwned::to_owned);
    let assessment = assess(&policy, &Scope::from_list(scope).unwrap(), &instance, now());
    let expected = if applies {
        Verdict::NonCompliant
    } else {
        Verdict::NotApplicable(NotApplicable::OutOfScope)
    };
    assert_eq!(assessment.verdict, expected);
}

const EXEMPTION: &str = "tagwarden:exempt-until";

#[rstest]
#[case::holds("2026-11-23 moves house", Verdict::NotApplicable(NotApplicable::Exempt { until: NaiveDate::from_ymd_opt(2026, 11, 23).unwrap(), reason: "moves house" }))]
#[case::ended("2026-11-22 moves house", Verdict::NonCompliant)]
#[case::unreadable("soon", Verdict::NonCompliant)]
fn an_exemption_holds_until_it_ends(#[case] value: &str, #[case] expected: Verdict<'_>) {
    let policy = one_rule("Terminate", "Y");
    let instance = instance(&[(EXEMPTION, value)]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    assert_eq!(assessment.verdict, expected);
    let applies = expected == Verdict::NonCompliant;
    assert_eq!(assessment.findings.is_empty(), !applies);
    assert_eq!(assessment.exemption, Exemption::of(&instance, now()));
}

/// An instance with only an exemption tag is not untagged once the exemption ends.
#[test]
fn the_exemption_tag_counts_as_a_tag() {
    let policy = one_rule("Update", "Y");
    let instance = instance(&[(EXEMPTION, "2026-11-22 moves house")]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    assert!(!assessment.is_untagged);
    assert_eq!(assessment.findings.len(), 1);
}

#[test]
fn gone_and_out_of_scope_come_before_exempt() {
    let policy = one_rule("Terminate", "Y");
    let mut instance = instance(&[(EXEMPTION, "2026-12-31 moves house")]);
    let elsewhere = Scope::from_list("vpc-2").unwrap();
    let assessment = assess(&policy, &elsewhere, &instance, now());
    let out_of_scope = Verdict::NotApplicable(NotApplicable::OutOfScope);
    assert_eq!(assessment.verdict, out_of_scope);
    assert_eq!(assessment.exemption, None);
    instance.state = State::Terminated;
    let gone = Verdict::NotApplicable(NotApplicable::Gone(State::Terminated));
    for scope in [Scope::default(), elsewhere] {
        let assessment = assess(&policy, &scope, &instance, now());
        assert_eq!(assessment.verdict, gone);
    }
}

const KEYS: [&str; 4] = ["A", "B", "C", "D"];

fn any_rows() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let rule = (
        prop::sample::select(vec!["Update", "UserLookup", "Notify", "Terminate"]),
        prop::sample::select(vec!["Y", "N"]),
    );
    prop::collection::vec(rule, 1..=KEYS.len())
}

fn any_tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[A-Da-d]", "| |\u{2003}|x| x", 0..6)
}

proptest! {
    /// Compares the verdict with a second, independent implementation of the design.
    #[test]
    fn the_verdict_follows_the_design(rules in any_rows(), tags in any_tags()) {
        let rows: Vec<Value> = rules.iter().zip(KEYS).zip(1..).map(|(((action, required), key), id)| json!({
            "RuleId": id, "TagKey": key, "Action": action, "Required": required, "Default": "v",
        })).collect();
        let policy = policy(Value::from(rows));
        let mut instance = instance(&[]);
        instance.tags = tags.clone();
        let assessment = assess(&policy, &Scope::default(), &instance, now());

        let filled = |key: &str| tags.get(key).is_some_and(|value| value.contains('x'));
        let required_and_not_filled = rules.iter().zip(KEYS)
            .any(|((_, required), key)| *required == "Y" && !filled(key));
        let non_compliant = tags.is_empty() || required_and_not_filled;
        prop_assert_eq!(assessment.verdict == Verdict::NonCompliant, non_compliant);
        // A value that is set is never a finding, so it is never overwritten.
        for finding in &assessment.findings {
            prop_assert!(!filled(&finding.rule.tag_key));
        }
    }
}

#[test]
fn an_untagged_instance_and_a_finding_are_findings() {
    let policy = one_rule("Notify", "N");
    for (tags, expected) in [
        (&[][..], true),
        (&[("Name", "web")][..], true),
        (&[("Owner", "ann")][..], false),
    ] {
        let instance = instance(tags);
        let assessment = assess(&policy, &Scope::default(), &instance, now());
        assert_eq!(assessment.has_findings(), expected, "{tags:?}");
    }
    // A table whose rules all find nothing: the instance is untagged all the same.
    let satisfied = one_rule("Update", "N");
    let untagged = instance(&[]);
    let assessment = assess(&satisfied, &Scope::default(), &untagged, now());
    assert!(assessment.findings.is_empty() && assessment.has_findings());
}

/// A rule of format 2 that allows `Prod`, `Stage` and `team-*`.
fn with_allowed(action: &str, required: &str) -> Policy {
    policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {
            "RuleId": 1, "TagKey": "Env", "Action": action, "Required": required, "Default": "Prod",
            "Allowed": ["Prod", "Stage", "team-*"],
        },
    ]))
}

#[rstest]
fn a_value_that_is_not_allowed_is_non_compliant_whatever_required_says(
    #[values("Update", "UserLookup", "Notify", "Stop", "Terminate")] action: &str,
    #[values("Y", "N")] required: &str,
) {
    let policy = with_allowed(action, required);
    for (value, expected) in [
        ("Prod", None),
        ("team-shop", None),
        ("prod", Some(true)),
        ("Prod ", Some(true)),
        ("Team_Shop", Some(true)),
        ("asdf", Some(false)),
    ] {
        let instance = instance(&[("Env", value)]);
        let assessment = assess(&policy, &Scope::default(), &instance, now());
        let expected = expected.map(|is_near| Finding {
            rule: &policy.rules()[0],
            defect: Defect::NotAllowed { value, is_near },
        });
        let verdict = match expected {
            Some(_) => Verdict::NonCompliant,
            None => Verdict::Compliant,
        };
        assert_eq!(assessment.verdict, verdict, "{value:?}");
        assert_eq!(assessment.findings.into_iter().next(), expected);
    }
}

#[test]
fn blanks_are_empty_and_not_a_value_that_is_not_allowed() {
    let policy = with_allowed("Update", "N");
    let instance = instance(&[("Env", " ")]);
    let assessment = assess(&policy, &Scope::default(), &instance, now());
    assert_eq!(assessment.verdict, Verdict::Compliant);
    assert_eq!(assessment.findings[0].defect, Defect::Empty { value: " " });
}

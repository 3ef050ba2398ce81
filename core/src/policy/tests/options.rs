//! The optional attributes of a rule.

use rstest::rstest;
use serde_json::{Value, json};

use super::policy;
use crate::policy::{Pattern, Policy};

/// A policy of format 2 with one rule, which has these attributes too.
fn with(members: &Value) -> Result<Policy, Vec<String>> {
    let mut rule = json!({
        "RuleId": 7, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "Prod",
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    policy(json!([rule, {"RuleId": -1, "PolicyFormat": 2}]))
}

#[rstest]
#[case::list(json!(["Prod", "Stage"]), &["Prod", "Stage"])]
#[case::text(json!("Prod, Stage"), &["Prod", "Stage"])]
#[case::text_that_ends_with_a_comma(json!(" Prod ,Stage, "), &["Prod", "Stage"])]
#[case::one(json!("Prod"), &["Prod"])]
#[case::quotes(json!(r#""a, b", Prod"#), &["a, b", "Prod"])]
#[case::quotes_in_a_list(json!(["\"a \"", "b, c", "Prod"]), &["a ", "b, c", "Prod"])]
#[case::wildcards(json!(["team-*", "P?od", r"a\*"]), &["team-*", "P?od", "a*"])]
fn reads_allowed_values(#[case] value: Value, #[case] expected: &[&str]) {
    let policy = with(&json!({ "Allowed": value })).unwrap();
    let allowed = policy.rules()[0].options.allowed.as_ref().unwrap();
    let patterns: Vec<String> = allowed.patterns().iter().map(Pattern::to_string).collect();
    assert_eq!(patterns, expected);
}

#[rstest]
#[case::empty_list(json!({"Allowed": []}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::empty_text(json!({"Allowed": ""}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::blank(json!({"Allowed": "\u{200b}"}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::null(json!({"Allowed": null}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::comma(json!({"Allowed": " , ,"}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::blank_member(json!({"Allowed": ["Prod", " "]}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::quoted_blank(json!({"Allowed": "Prod, \" \""}), "rule 7: Allowed says nothing: give it a value, or remove it")]
#[case::number(json!({"Allowed": 7}), "rule 7: Allowed must be a list of strings, or a string (S), found 7")]
#[case::number_member(json!({"Allowed": ["Prod", 7]}), "rule 7: Allowed must be a list of strings (S), found 7")]
#[case::map(json!({"Allowed": {"a": 1}}), r#"rule 7: Allowed must be a list of strings, or a string (S), found {"a":1}"#)]
#[case::quote(json!({"Allowed": ["Prod", "\"a"]}), "rule 7: Allowed \"\\\"a\" has a double quote without its partner: write \\\" for the character")]
#[case::regular_expression(json!({"Allowed": ["Prod", r"\d+"]}), "rule 7: Allowed \"\\\\d+\" has a backslash that stands for nothing: write \\\\ for the character, or \\* for a star")]
#[case::too_long(json!({"Allowed": ["Prod", "v".repeat(257)]}), "rule 7: Allowed must have at most 256 characters, found 257")]
#[case::default_not_allowed(json!({"Allowed": "Stage, Test"}), r#"rule 7: Default "Prod" is not a value that Allowed allows"#)]
#[case::default_nearly_allowed(json!({"Allowed": "PROD, Test"}), r#"rule 7: Default "Prod" is not a value that Allowed allows: did you mean "PROD"?"#)]
#[case::function_not_allowed(
    json!({"Action": "Function", "Default": "today()", "Allowed": "never"}),
    r#"rule 7: Default "today()" is not a value that Allowed allows"#
)]
#[case::misspelt(json!({"Alowed": "Prod"}), "rule 7: Alowed is not an attribute that tagwarden knows: begin the name of your own column with x-")]
fn refuses(#[case] members: Value, #[case] problem: &str) {
    assert_eq!(with(&members).unwrap_err(), [problem]);
}

#[rstest]
#[case::default_by_wildcard(json!({"Allowed": "P*"}))]
#[case::function(json!({"Action": "Function", "Default": "today()+30d", "Allowed": "20??-??-??"}))]
#[case::function_some_years(json!({"Action": "Function", "Default": "now()", "Allowed": "2027-*"}))]
#[case::unused_default(json!({"Action": "Notify", "Default": "other", "Allowed": "Prod"}))]
#[case::longest(json!({"Allowed": ["Prod", "é".repeat(256) + "*"]}))]
fn accepts(#[case] members: Value) {
    assert_eq!(with(&members).unwrap().rules().len(), 1);
}

#[test]
fn without_a_format_allowed_is_somebody_elses_column() {
    for value in [json!("Stage"), json!(""), json!([]), json!(7)] {
        let rules = json!([{
            "RuleId": 7, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "Prod", "Allowed": value,
        }]);
        assert_eq!(policy(rules).unwrap().rules()[0].options.allowed, None);
    }
}

#[rstest]
#[case::list(json!(["tag:Team", "subnet", "vpc", "launcher"]), "tag:Team, subnet, vpc, launcher")]
#[case::text(json!("tag:Cost Center , vpc"), "tag:Cost Center, vpc")]
fn reads_sources(#[case] value: Value, #[case] expected: &str) {
    for default in [json!("Prod"), json!(null)] {
        let policy = with(&json!({ "From": value, "Default": default })).unwrap();
        let from = policy.rules()[0].options.from.iter();
        let from: Vec<String> = from.map(ToString::to_string).collect();
        assert_eq!(from.join(", "), expected);
    }
}

#[rstest]
#[case::empty(json!({"From": []}), "rule 7: From says nothing: give it a value, or remove it")]
#[case::empty_without_a_default(json!({"From": "", "Default": ""}), "rule 7: From says nothing: give it a value, or remove it")]
#[case::unknown(json!({"From": ["tag:Team", "image"]}), r#"rule 7: From "image" is not a source: use tag:KEY, instance, subnet, vpc or launcher"#)]
#[case::for_volumes(json!({"From": "instance"}), "rule 7: From instance is a source for volumes: add ResourceTypes with volume")]
#[case::without_a_key(json!({"From": "tag:"}), "rule 7: From tag: needs the key of another tag, such as tag:Team")]
#[case::itself(json!({"From": "tag:Env"}), "rule 7: From tag:Env is the rule's own tag: name another one")]
#[case::a_name_is_a_fact(json!({"Action": "UserLookup", "From": "vpc"}), "rule 7: From is not used with Action UserLookup: use Update or Function")]
#[case::writes_nothing(json!({"Action": "Stop", "From": "vpc"}), "rule 7: From is not used with Action Stop: use Update or Function")]
#[case::function_needs_its_function(json!({"Action": "Function", "From": "vpc", "Default": null}), r#"rule 7: Default "" is not a known function: use today() or now(), with an offset like today()+30d"#)]
fn refuses_sources(#[case] members: Value, #[case] problem: &str) {
    assert_eq!(with(&members).unwrap_err(), [problem]);
}

/// A policy of format 2 with a rule and these rows.
fn with_rows(rows: &[Value]) -> Result<Policy, Vec<String>> {
    let rule = json!({"RuleId": 7, "TagKey": "Env", "Action": "Notify", "Required": "Y"});
    let format = json!({"RuleId": -1, "PolicyFormat": 2});
    policy([&[rule, format], rows].concat().into())
}

#[test]
fn who_rows_say_what_somebodys_instances_get() {
    let policy = with_rows(&[
        json!({"RuleId": 100, "Who": "ann@example.com", "Contact": "mailto:ann@example.com"}),
        json!({"RuleId": 110, "Who": ["*@example.com", "CI/*"], "Tags": {"Team": "shop"}}),
        json!({"RuleId": 120, "Who": "*", "Tags": {"Team": "all", "CostCenter": "1"}, "Contact": "mailto:all@example.com", "Comment": "x"}),
    ]);
    let policy = policy.unwrap();
    assert_eq!(policy.who_rows().len(), 3);
    // Contact and Tags each come from the first row about the name that has them.
    assert_eq!(
        policy.tag_by_launcher("Ann@Example.com", "Team"),
        Some((110, "shop"))
    );
    assert_eq!(
        policy.tag_by_launcher("ci/build", "Team"),
        Some((110, "shop"))
    );
    assert_eq!(policy.tag_by_launcher("ci/build", "CostCenter"), None);
    assert_eq!(
        policy.tag_by_launcher("bob", "CostCenter"),
        Some((120, "1"))
    );
    let contact = |name| policy.contact_of(name).map(ToString::to_string);
    assert_eq!(
        contact("ann@example.com").as_deref(),
        Some("mailto:ann@example.com")
    );
    assert_eq!(
        contact("eve@example.com").as_deref(),
        Some("mailto:all@example.com")
    );
}

#[rstest]
#[case::nothing(json!({"Who": "ann"}), "rule 9: Who says nothing: the row needs Contact, Tags or both")]
#[case::nobody(json!({"Who": "", "Tags": {"a": "b"}}), "rule 9: Who says nothing: give it a value, or remove it")]
#[case::no_address(json!({"Who": "ann", "Contact": "ann@example.com"}), r#"rule 9: Contact "ann@example.com" is neither the ARN of an SNS topic nor mailto: and an address"#)]
#[case::blank_contact(json!({"Who": "ann", "Contact": " "}), "rule 9: Contact says nothing: give it a value, or remove it")]
#[case::no_tags(json!({"Who": "ann", "Tags": {}}), "rule 9: Tags says nothing: give it a value, or remove it")]
#[case::null_tags(json!({"Who": "ann", "Tags": null}), "rule 9: Tags says nothing: give it a value, or remove it")]
#[case::blank_value(json!({"Who": "ann", "Tags": {"a": " "}}), "rule 9: Tags says nothing: give it a value, or remove it")]
#[case::number(json!({"Who": "ann", "Tags": {"a": 7}}), "rule 9: Tags must be a map of strings (M), found 7")]
#[case::list(json!({"Who": "ann", "Tags": ["a"]}), r#"rule 9: Tags must be a map of strings (M), found ["a"]"#)]
#[case::key_of_aws(json!({"Who": "ann", "Tags": {"aws:a": "b"}}), r#"rule 9: Tags "aws:a" is not a key that tagwarden can write"#)]
#[case::exemption(json!({"Who": "ann", "Tags": {"tagwarden:exempt-until": "2030-01-01 x"}}), r#"rule 9: Tags "tagwarden:exempt-until" is not a key that tagwarden can write"#)]
#[case::foreign(json!({"Who": "ann", "Tags": {"a": "b"}, "Mail": "x"}), "rule 9: Mail is not an attribute that tagwarden knows: begin the name of your own column with x-")]
#[case::of_a_rule(json!({"Who": "ann", "Tags": {"a": "b"}, "Allowed": "x"}), "rule 9: Allowed must be in a row of its own: this row is a who row")]
fn refuses_a_who_row(#[case] members: Value, #[case] problem: &str) {
    let mut row = members;
    row["RuleId"] = json!(9);
    assert_eq!(with_rows(&[row]).unwrap_err(), [problem]);
}

#[test]
fn a_rule_is_no_who_row() {
    let rule =
        json!({"RuleId": 9, "TagKey": "K", "Action": "Notify", "Required": "N", "Who": "ann"});
    let problems = with_rows(&[rule]).unwrap_err();
    assert_eq!(
        problems,
        ["rule 9: Who must be in a row of its own: this row is a rule"]
    );
    // In an older table, a row without a key is a broken rule.
    let older = policy(json!([{"RuleId": 9, "Who": "ann", "Tags": {"a": "b"}}]));
    assert_eq!(older.unwrap_err()[0], "rule 9: TagKey is missing");
}

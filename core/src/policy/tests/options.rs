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

//! The format of a table: what a newer attribute means, and who refuses which table.

use rstest::rstest;
use serde_json::{Value, json};

use super::policy;
use crate::policy::{PolicyFormat, RuleOptions};

fn rule(members: &Value) -> Value {
    let mut rule = json!({"RuleId": 7, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    rule
}

#[test]
fn a_table_without_a_format_row_means_what_it_always_meant() {
    let table = policy(json!([rule(&json!({
        "Wehn": "tag:Env = dev", "Pattern": "^a", "Notices": 7, "TagKey": "Owner\u{200b}", "Contact": "",
    }))]));
    let table = table.unwrap();
    assert_eq!(table.format(), PolicyFormat::V1);
    assert_eq!(table.rules()[0].options, RuleOptions::default());
}

#[test]
fn format_2_is_said_by_a_row() {
    let table = policy(json!([
        {"RuleId": -1, "PolicyFormat": 2, "Comment": "agreed"},
        rule(&json!({"Comment": "any", "x-team": ["any"], "Default": null, "Hold": " ", "ReportTemplate": ""})),
        {"RuleId": 90, "ReportTemplate": "x", "x-by": "ann", "TagKey": ""},
        {"RuleId": 91, "Hold": "x", "Comment": "ann"},
    ]));
    let table = table.unwrap();
    assert_eq!(table.format(), PolicyFormat::V2);
    assert_eq!(table.rules().len(), 1);
}

#[rstest]
#[case::misspelt(json!({"Wehn": "tag:Env = dev"}), "rule 7: Wehn is not an attribute that tagwarden knows: begin the name of your own column with x-")]
#[case::other_case(json!({"when": "x"}), "rule 7: when is not an attribute that tagwarden knows: begin the name of your own column with x-")]
#[case::blank(json!({"ResourceType": ""}), "rule 7: ResourceType is not an attribute that tagwarden knows: begin the name of your own column with x-")]
#[case::template(json!({"ReportTemplate": "x"}), "rule 7: ReportTemplate must be in a row of its own: this row is a rule")]
#[case::hold(json!({"Hold": "x"}), "rule 7: Hold must be in a row of its own: this row is a rule")]
#[case::format(json!({"PolicyFormat": 2}), "rule 7: PolicyFormat must be in a row of its own: this row is a rule")]
#[case::blank_at_the_end(json!({"TagKey": "Owner "}), r#"rule 7: TagKey "Owner " has blanks around it, or characters that nobody sees: no other key looks the same"#)]
#[case::zero_width(json!({"TagKey": "Ow\u{200b}ner"}), r#"rule 7: TagKey "Ow\u{200b}ner" has blanks around it, or characters that nobody sees: no other key looks the same"#)]
#[case::exemption(json!({"TagKey": "tagwarden_exempt_until"}), r#"rule 7: TagKey "tagwarden_exempt_until" looks like the key of an exemption, tagwarden:exempt-until: use another key"#)]
fn format_2_refuses(#[case] members: Value, #[case] problem: &str) {
    let format = json!({"RuleId": 1, "PolicyFormat": 2});
    let problems = policy(json!([rule(&members), format])).unwrap_err();
    assert_eq!(problems, [problem]);
}

#[test]
fn attributes_of_another_row_are_problems() {
    let problems = policy(json!([
        rule(&json!({})),
        {"RuleId": 1, "PolicyFormat": 2, "Allowe": "x"},
        {"RuleId": 90, "ReportTemplate": "x", "Hold": "y"},
    ]));
    assert_eq!(
        problems.unwrap_err(),
        [
            "rule 1: Allowe is not an attribute that tagwarden knows: begin the name of your own column with x-",
            "rule 90: Hold must be in a row of its own: this row is the report's template",
        ]
    );
}

#[rstest]
#[case::text(json!([{"RuleId": 1, "PolicyFormat": "2"}]), r#"rule 1: PolicyFormat must be a whole number (N), found "2""#)]
#[case::null(json!([{"RuleId": 1, "PolicyFormat": null}]), "rule 1: PolicyFormat must be a whole number (N), found null")]
#[case::fraction(json!([{"RuleId": 1, "PolicyFormat": 2.5}]), "rule 1: PolicyFormat must be a whole number (N), found 2.5")]
#[case::older(json!([{"RuleId": 1, "PolicyFormat": 1}]), "rule 1: PolicyFormat must be 2, found 1: a table of the older format has no such row")]
#[case::twice(
    json!([{"RuleId": 1, "PolicyFormat": 2}, {"RuleId": 2, "PolicyFormat": 2}]),
    "rule 2: PolicyFormat is in the table twice: row 1 also has it"
)]
#[case::without_an_id(json!([{"PolicyFormat": 2}]), "RuleId is missing")]
fn rejects_a_malformed_format_row(#[case] rows: Value, #[case] problem: &str) {
    let mut rows = rows;
    rows.as_array_mut().unwrap().push(rule(&json!({})));
    assert_eq!(policy(rows).unwrap_err(), [problem]);
}

#[test]
fn a_newer_format_is_the_only_problem() {
    let problems = policy(json!([
        {"RuleId": 1, "PolicyFormat": 3, "Strict": true},
        rule(&json!({"Action": "Quarantine", "Wehn": 1})),
        {"Who": "ann"},
    ]));
    let expected = format!(
        "rule 1: PolicyFormat 3 is newer than tagwarden {}, so nothing is done: use a version that reads format 3",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(problems.unwrap_err(), [expected]);
}

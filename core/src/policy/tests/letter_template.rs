//! The row of the letters' template.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::LetterTemplate;
use super::policy;

fn with(rows: Value) -> Value {
    let mut rows = rows;
    let rule = json!({"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y"});
    let all = rows.as_array_mut().unwrap();
    all.push(rule);
    all.push(json!({"RuleId": -1, "PolicyFormat": 2}));
    rows
}

#[test]
fn reads_the_letters_template_beside_the_reports() {
    let rows = with(json!([
        {"RuleId": 90, "ReportTemplate": "{{ heading }}"},
        {"RuleId": 91, "LetterTemplate": "Dear {{ owner }}\n", "TagKey": "", "Comment": "agreed"},
    ]));
    let policy = policy(rows).unwrap();
    assert_eq!(policy.rules().len(), 1);
    assert_eq!(policy.report_template().unwrap().row_id, 90);
    assert_eq!(
        policy.letter_template(),
        Some(&LetterTemplate {
            row_id: 91,
            text: "Dear {{ owner }}\n".to_owned()
        })
    );
}

#[rstest]
#[case::blank(json!([{"RuleId": 90, "LetterTemplate": " "}]), "rule 90: LetterTemplate says nothing")]
#[case::null(json!([{"RuleId": 90, "LetterTemplate": null}]), "rule 90: LetterTemplate says nothing")]
#[case::no_text(json!([{"RuleId": 90, "LetterTemplate": ["x"]}]), r#"rule 90: LetterTemplate must be a string (S), found ["x"]"#)]
#[case::twice(
    json!([{"RuleId": 90, "LetterTemplate": "x"}, {"RuleId": 91, "LetterTemplate": "x"}]),
    "rule 91: LetterTemplate is in the table twice: row 90 also has it"
)]
#[case::in_a_rule(
    json!([{"RuleId": 9, "TagKey": "B", "Action": "Notify", "Required": "Y", "LetterTemplate": "x"}]),
    "rule 9: LetterTemplate must be in a row of its own: this row is a rule"
)]
#[case::with_the_reports(
    json!([{"RuleId": 9, "ReportTemplate": "x", "LetterTemplate": "x"}]),
    "rule 9: LetterTemplate must be in a row of its own: this row is the report's template"
)]
#[case::in_a_who_row(
    json!([{"RuleId": 9, "Who": "ann", "Tags": {"A": "1"}, "LetterTemplate": "x"}]),
    "rule 9: LetterTemplate must be in a row of its own: this row is a who row"
)]
#[case::with_a_hold(
    json!([{"RuleId": 9, "Hold": "x", "LetterTemplate": "x"}]),
    "rule 9: LetterTemplate must be in a row of its own: this row is a hold"
)]
#[case::without_an_id(json!([{"LetterTemplate": "x"}]), "RuleId is missing")]
fn rejects_a_malformed_letter_template(#[case] rows: Value, #[case] problem: &str) {
    let problems = policy(with(rows)).unwrap_err();
    assert!(
        matches!(problems.as_slice(), [only] if only.starts_with(problem)),
        "{problems:?}"
    );
}

/// An older table may have a column of that name, and no older function knows the row.
#[test]
fn an_older_table_has_no_letter_template() {
    let rule = json!({"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y", "LetterTemplate": "x"});
    let older = policy(json!([rule])).unwrap();
    assert_eq!(older.letter_template(), None);
    let row = json!({"RuleId": 90, "LetterTemplate": "x"});
    let problems = policy(json!([rule, row])).unwrap_err();
    assert!(
        problems.contains(&"rule 90: TagKey is missing".to_owned()),
        "{problems:?}"
    );
}

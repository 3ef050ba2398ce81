use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

mod end_dates;
mod format;
mod kinds;
mod letter_template;
mod options;
mod several;
mod truth_table;
mod widening;

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => panic!("a row must be an object, found {other}"),
    }
}

fn policy(rows: Value) -> Result<Policy, Vec<String>> {
    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
    Policy::from_rows(rows)
        .map_err(|invalid| invalid.problems().iter().map(ToString::to_string).collect())
}

#[test]
fn accepts_the_customers_sample() {
    let policy = policy(json!([
        {"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"},
        {"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"},
        {"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"},
    ]))
    .unwrap();
    let rules: Vec<_> = policy
        .rules()
        .iter()
        .map(|rule| {
            (
                rule.id,
                rule.tag_key.as_str(),
                rule.required,
                rule.action.clone(),
            )
        })
        .collect();
    let proj007 = Action::Update {
        value: Some("Proj007".to_owned()),
    };
    let today = Action::Function("today()".parse().unwrap());
    assert_eq!(
        rules,
        [
            (1, "ProjectCode", true, proj007),
            (2, "CreatedBy", true, Action::UserLookup),
            (3, "Expires", false, today),
        ]
    );
}

#[rstest]
#[case::empty_default(json!({"Action": "UserLookup", "Default": ""}))]
#[case::null_default(json!({"Action": "UserLookup", "Default": null}))]
#[case::unused_default(json!({"Action": "Notify", "Default": "unused"}))]
#[case::stop(json!({"Action": "Stop"}))]
#[case::terminate(json!({"Action": "Terminate"}))]
#[case::foreign_attribute(json!({"Action": "Notify", "Comment": {"any": ["thing"]}}))]
#[case::nearly_our_key(json!({"Action": "Notify", "TagKey": "tagwarden"}))]
#[case::longest_key(json!({"Action": "Notify", "TagKey": "é".repeat(128)}))]
#[case::longest_value(json!({"Action": "Update", "Default": "é".repeat(256)}))]
fn accepts_a_valid_row(#[case] members: Value) {
    let mut valid = row(json!({"RuleId": 1, "TagKey": "Owner", "Required": "Y"}));
    valid.extend(row(members));
    assert_eq!(Policy::from_rows([valid]).unwrap().rules().len(), 1);
}

#[rstest]
#[case(json!({"RuleId": null}), "RuleId is missing")]
#[case(json!({"RuleId": "7"}), r#"RuleId must be a whole number (N), found "7""#)]
#[case(json!({"RuleId": 1.5}), "RuleId must be a whole number (N), found 1.5")]
#[case(json!({"TagKey": null}), "rule 7: TagKey is missing")]
#[case(json!({"TagKey": " "}), "rule 7: TagKey is missing")]
#[case(json!({"TagKey": 5}), "rule 7: TagKey must be a string (S), found 5")]
#[case(json!({"TagKey": "k".repeat(129)}), "rule 7: TagKey must have at most 128 characters, found 129")]
#[case(json!({"TagKey": "aWs:owner"}), r#"rule 7: TagKey "aWs:owner" begins with aws:, which is reserved for AWS"#)]
#[case(json!({"TagKey": "tagwarden:exempt-until"}), r#"rule 7: TagKey "tagwarden:exempt-until" begins with tagwarden:, which is reserved for tagwarden"#)]
#[case(json!({"TagKey": "Tagwarden:"}), r#"rule 7: TagKey "Tagwarden:" begins with tagwarden:, which is reserved for tagwarden"#)]
#[case(json!({"Action": null}), "rule 7: Action is missing")]
#[case(json!({"Action": "update"}), r#"rule 7: Action "update" is not an action: use Update, UserLookup, Function, Notify, Stop or Terminate"#)]
#[case(json!({"Action": ["Update"]}), r#"rule 7: Action must be a string (S), found ["Update"]"#)]
#[case(json!({"Required": null}), "rule 7: Required is missing")]
#[case(json!({"Required": "yes"}), r#"rule 7: Required must be Y or N, found "yes""#)]
#[case(json!({"Required": true}), "rule 7: Required must be a string (S), found true")]
#[case(json!({"Default": null}), "rule 7: Default is missing: Action Update needs the value to write")]
#[case(json!({"Default": ""}), "rule 7: Default is missing: Action Update needs the value to write")]
#[case(json!({"Default": "\u{200b}"}), "rule 7: Default is missing: Action Update needs the value to write")]
#[case(json!({"Default": 7}), "rule 7: Default must be a string (S), found 7")]
#[case(json!({"Default": "v".repeat(257)}), "rule 7: Default must have at most 256 characters, found 257")]
#[case(json!({"Action": "Notify", "Default": "v".repeat(257)}), "rule 7: Default must have at most 256 characters, found 257")]
#[case(json!({"Action": "Function", "Default": null}), r#"rule 7: Default "" is not a known function: use today() or now(), with an offset like today()+30d"#)]
#[case(json!({"Action": "Function", "Default": "tody()"}), r#"rule 7: Default "tody()" is not a known function: use today() or now(), with an offset like today()+30d"#)]
#[case(json!({"Action": "Function", "Default": 3}), "rule 7: Default must be a string (S), found 3")]
fn names_each_problem_once(#[case] members: Value, #[case] problem: &str) {
    let mut broken = row(json!({
        "RuleId": 7, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "nobody",
    }));
    broken.extend(row(members));
    let problems = Policy::from_rows([broken]).unwrap_err();
    let problems: Vec<String> = problems
        .problems()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(problems, [problem]);
}

#[test]
fn names_every_problem_of_every_rule() {
    let problems = policy(json!([
        {"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "Y"},
        {"RuleId": 3, "TagKey": "Owner", "Action": "Delete", "Required": "maybe"},
        {"RuleId": 2, "Action": "Update", "Required": "Y"},
        {"RuleId": 1, "TagKey": "Fine", "Action": "Notify", "Required": "N"},
    ]))
    .unwrap_err();
    assert_eq!(
        problems,
        [
            "rule 2: TagKey is missing",
            "rule 2: Default is missing: Action Update needs the value to write",
            r#"rule 3: Required must be Y or N, found "maybe""#,
            r#"rule 3: Action "Delete" is not an action: use Update, UserLookup, Function, Notify, Stop or Terminate"#,
            r#"rule 4: TagKey "Owner" already has a rule: rule 3"#,
        ]
    );
}

#[test]
fn accepts_keys_that_differ_only_in_case() {
    let rows = json!([
        {"RuleId": 1, "TagKey": "owner", "Action": "Notify", "Required": "Y"},
        {"RuleId": 2, "TagKey": "Owner", "Action": "Notify", "Required": "Y"},
    ]);
    assert_eq!(policy(rows).unwrap().rules().len(), 2);
}

#[test]
fn rejects_an_empty_table_and_a_repeated_id() {
    assert_eq!(policy(json!([])).unwrap_err(), ["the table has no rules"]);
    let rows = json!([
        {"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y"},
        {"RuleId": 1, "TagKey": "B", "Action": "Notify", "Required": "Y"},
    ]);
    assert_eq!(
        policy(rows).unwrap_err(),
        ["rule 1: RuleId is also used by another rule"]
    );
}

#[test]
fn the_error_lists_the_problems() {
    let one = Policy::from_rows([]).unwrap_err().to_string();
    assert_eq!(one, "the policy has 1 problem: the table has no rules");
    let two = Policy::from_rows([row(json!({"RuleId": 1, "Action": "Notify"}))]).unwrap_err();
    assert_eq!(
        two.to_string(),
        "the policy has 2 problems: rule 1: TagKey is missing; rule 1: Required is missing"
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    let texts = "Y|N|Update|UserLookup|Function|Stop|today\\(\\)|\\PC{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(1, 4, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(Value::from)
    })
}

proptest! {
    /// Any table either is a policy with all its rows, or has at least one problem.
    #[test]
    fn no_table_causes_a_panic(rows in prop::collection::vec(
        prop::collection::btree_map("RuleId|TagKey|Action|Required|Default|ReportTemplate|Hold|Else", any_value(), 0..6),
        0..4,
    )) {
        let count = rows.len();
        let rows = rows.into_iter().map(|row| row.into_iter().collect::<Row>());
        match Policy::from_rows(rows) {
            Ok(policy) => {
                let templates = usize::from(policy.report_template().is_some());
                let holds = usize::from(policy.hold().is_some());
                prop_assert_eq!(policy.rules().len() + templates + holds, count);
            }
            Err(invalid) => prop_assert!(!invalid.problems().is_empty()),
        }
    }
}

#[test]
fn each_problem_has_the_position_of_its_row() {
    let rows: Vec<Row> = serde_json::from_value(json!([
        {"RuleId": 3, "TagKey": "A", "Action": "Notify", "Required": "?"},
        {"RuleId": 2, "TagKey": "B", "Action": "Notify", "Required": "Y"},
        {"TagKey": "C", "Action": "Notify", "Required": "Y"},
        {"RuleId": 2, "TagKey": "D", "Action": "Notify", "Required": "Y"},
    ]))
    .unwrap();
    let invalid = Policy::from_rows(rows).unwrap_err();
    let found: Vec<_> = invalid
        .problems()
        .iter()
        .map(|problem| (problem.row, problem.attribute.as_deref()))
        .collect();
    let expected = [
        (Some(2), Some("RuleId")),
        (Some(3), Some("RuleId")),
        (Some(0), Some("Required")),
    ];
    assert_eq!(found, expected);
    let empty = Policy::from_rows([]).unwrap_err();
    assert_eq!(empty.problems()[0].row, None);
}

#[test]
fn reads_the_reports_template_from_a_row_of_its_own() {
    let rule = json!({"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y", "ReportTemplate": " "});
    let template = json!({
        "RuleId": 90, "ReportTemplate": "{{ heading }}\n", "TagKey": "", "Default": null, "Comment": "agreed",
    });
    let policy = policy(json!([template, rule])).unwrap();
    assert_eq!(policy.rules().len(), 1);
    assert_eq!(
        policy.report_template(),
        Some(&ReportTemplate {
            row_id: 90,
            text: "{{ heading }}\n".to_owned()
        })
    );
}

#[rstest]
#[case::in_a_rule(
    json!([{"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y", "ReportTemplate": "x"}]),
    "rule 1: ReportTemplate must be in a row of its own: this row is a rule"
)]
#[case::twice(
    json!([
        {"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y"},
        {"RuleId": 90, "ReportTemplate": "x"}, {"RuleId": 91, "ReportTemplate": "x"},
    ]),
    "rule 91: ReportTemplate is in the table twice: row 90 also has it"
)]
#[case::no_text(
    json!([{"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y"}, {"RuleId": 90, "ReportTemplate": ["x"]}]),
    r#"rule 90: ReportTemplate must be a string (S), found ["x"]"#
)]
#[case::without_a_rule(json!([{"RuleId": 90, "ReportTemplate": "x"}]), "the table has no rules")]
#[case::without_an_id(
    json!([{"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y"}, {"ReportTemplate": "x"}]),
    "RuleId is missing"
)]
fn rejects_a_malformed_template(#[case] rows: Value, #[case] problem: &str) {
    assert_eq!(policy(rows).unwrap_err(), [problem]);
}

#[test]
fn reads_a_hold_from_a_row_of_its_own() {
    let rule =
        json!({"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y", "Hold": " "});
    let hold = json!({
        "RuleId": 0, "Hold": "the network is being moved", "TagKey": "", "Default": null, "Comment": "ann",
    });
    let on_hold = policy(json!([rule, hold])).unwrap();
    assert_eq!(on_hold.rules().len(), 1);
    assert_eq!(on_hold.hold(), Some("the network is being moved"));
    assert_eq!(policy(json!([rule])).unwrap().hold(), None);
}

#[rstest]
#[case::blank(json!([{"RuleId": 9, "Hold": " "}]), r#"rule 9: Hold must give a reason, such as "the network is being moved""#)]
#[case::null(json!([{"RuleId": 9, "Hold": null}]), r#"rule 9: Hold must give a reason, such as "the network is being moved""#)]
#[case::no_text(json!([{"RuleId": 9, "Hold": true}]), "rule 9: Hold must be a string (S), found true")]
#[case::with_a_key(
    json!([{"RuleId": 9, "Hold": "x", "TagKey": "B", "Action": "Notify", "Required": "Y"}]),
    "rule 9: Hold must be in a row of its own: this row is a rule"
)]
#[case::with_the_template(
    json!([{"RuleId": 9, "Hold": "x", "ReportTemplate": "y"}]),
    "rule 9: Hold must be in a row of its own: this row is the report's template"
)]
#[case::twice(
    json!([{"RuleId": 8, "Hold": "x"}, {"RuleId": 9, "Hold": "y"}]),
    "rule 9: Hold is in the table twice: row 8 also has it"
)]
#[case::without_an_id(json!([{"Hold": "x"}]), "RuleId is missing")]
fn rejects_a_malformed_hold(#[case] rows: Value, #[case] problem: &str) {
    let rule = json!({"RuleId": 1, "TagKey": "A", "Action": "Notify", "Required": "Y"});
    let mut rows = rows;
    rows.as_array_mut().unwrap().push(rule);
    assert_eq!(policy(rows).unwrap_err(), [problem]);
}

#[test]
fn a_table_with_only_a_hold_has_no_rules() {
    let rows = json!([{"RuleId": 9, "Hold": "x"}]);
    assert_eq!(policy(rows).unwrap_err(), ["the table has no rules"]);
}

#[test]
fn a_defect_has_one_name() {
    for defect in DefectName::ALL {
        assert_eq!(DefectName::from_name(defect.as_str()), Some(defect));
        assert_eq!(defect.to_string(), defect.as_str());
    }
    assert_eq!(DefectName::from_name("rotten"), None);
}

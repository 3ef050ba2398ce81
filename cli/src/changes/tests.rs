use serde_json::{Value, json};

use super::*;

fn items(rows: Value) -> Vec<Item> {
    let rows: Vec<Value> = serde_json::from_value(rows).unwrap();
    let rows = rows
        .into_iter()
        .map(|row| serde_dynamo::to_item(row).unwrap());
    rows.collect()
}

/// `+1`, `~2`, `-3` for each change.
fn steps(changes: &Changes) -> Vec<String> {
    let steps = changes.steps.iter().map(|change| {
        let mark = match change {
            RuleChange::Add(_) => '+',
            RuleChange::Alter { .. } => '~',
            RuleChange::Delete(_) => '-',
        };
        format!("{mark}{}", change.rule_id())
    });
    steps.collect()
}

#[test]
fn finds_rows_to_add_change_delete_and_keep() {
    let table = || {
        items(json!([
            {"RuleId": 10, "TagKey": "Same", "Default": "x"},
            {"RuleId": 2, "TagKey": "Old"},
            {"RuleId": 3, "TagKey": "Extra"},
        ]))
    };
    let file = items(json!([
        {"RuleId": 10, "TagKey": "Same", "Default": "x"},
        {"RuleId": 4, "TagKey": "Added"},
        {"RuleId": 2, "TagKey": "New"},
    ]));
    let changes = Changes::between(table(), &file, false);
    assert_eq!(steps(&changes), ["~2", "+4"]);
    assert_eq!((changes.kept.len(), changes.unchanged.len()), (1, 1));
    let mut after = changes.after();
    after.sort_by_key(order);
    let ids: Vec<String> = after.iter().map(id).collect();
    assert_eq!(ids, ["2", "3", "4", "10"]);

    let changes = Changes::between(table(), &file, true);
    assert_eq!(steps(&changes), ["~2", "-3", "+4"]);
    assert_eq!(changes.kept.len(), 0);
    assert_eq!(changes.after().len(), 3);
}

#[test]
fn removes_only_attributes_of_a_rule() {
    let table = items(json!([{
        "RuleId": 1, "TagKey": "K", "Default": "gone", "Comment": "stays", "Owner": "before", "Same": [1, 2],
    }]));
    let file =
        items(json!([{"RuleId": 1, "TagKey": "K", "Owner": "after", "Same": [1, 2], "New": true}]));
    let changes = Changes::between(table, &file, true);
    let [RuleChange::Alter { set, remove, .. }] = &changes.steps[..] else {
        panic!("not one alteration: {changes:?}");
    };
    let set: Vec<&str> = set.keys().map(String::as_str).collect();
    assert_eq!(set, ["New", "Owner"]);
    let remove: Vec<&str> = remove.iter().map(String::as_str).collect();
    assert_eq!(remove, ["Default"]);
    assert_eq!(
        changes.after(),
        items(json!([{
            "RuleId": 1, "TagKey": "K", "Comment": "stays", "Owner": "after", "Same": [1, 2], "New": true,
        }]))
    );
}

#[test]
fn values_that_dynamodb_takes_for_equal_are_equal() {
    let attributes = |number: &str, set: &[&str]| {
        let set = set.iter().map(ToString::to_string).collect();
        Item::from([
            ("RuleId".to_owned(), AttributeValue::N("1".to_owned())),
            ("Weight".to_owned(), AttributeValue::N(number.to_owned())),
            ("Teams".to_owned(), AttributeValue::Ss(set)),
        ])
    };
    let table = || vec![attributes("1.5", &["a", "b"])];
    let same = attributes("1.50", &["b", "a"]);
    assert!(Changes::between(table(), &[same], true).is_empty());
    let other = attributes("1.51", &["b", "a"]);
    assert!(!Changes::between(table(), &[other], true).is_empty());
    let other = attributes("1.5", &["b", "c"]);
    assert!(!Changes::between(table(), &[other], true).is_empty());
}

#[test]
fn the_row_of_the_format_may_have_another_id_in_the_table() {
    let rule = json!({"RuleId": 1, "TagKey": "K"});
    let table = || items(json!([rule, {"RuleId": 500, "PolicyFormat": 2}]));
    let file = items(json!([rule, {"RuleId": -1, "PolicyFormat": 2}]));
    let changes = Changes::between(table(), &file, true);
    assert_eq!(steps(&changes), Vec::<String>::new());
    assert_eq!(changes.after().len(), 2);
    // An id that the file gives is meant.
    let file = items(json!([rule, {"RuleId": 7, "PolicyFormat": 2}]));
    let changes = Changes::between(table(), &file, true);
    assert_eq!(steps(&changes), ["+7", "-500"]);
    // A file of the older format takes the row away, if everything goes that it lacks.
    let file = items(json!([rule]));
    let changes = Changes::between(table(), &file, true);
    assert_eq!(steps(&changes), ["-500"]);
}

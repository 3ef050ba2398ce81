//! The published schema, `docs/policy.schema.json`, and the validator agree about every rule by itself.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tagwarden_core::Action;
use tagwarden_core::policy::{MAX_KEY_CHARS, MAX_VALUE_CHARS};

use super::read;

#[path = "../../../../tests/support/json_schema.rs"]
mod json_schema;
use json_schema::conforms;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/policy.schema.json")).unwrap()
}

/// Values that are right for some attribute, and values that are right for none.
fn value() -> impl Strategy<Value = Value> {
    let texts = [
        "Owner",
        "Y",
        "N",
        "y",
        "Yes",
        "",
        " ",
        "\t\n",
        "aws:x",
        "aWs:",
        "aws",
        "awsome:x",
        "Owner ",
        "Ow\u{200b}ner",
        "Cost Center",
        "Update",
        "update",
        "Notify",
        "Terminate",
        "today()",
        "now()",
        "today",
        "Today()",
        "today()+30d",
        " now() - 2w ",
        "now()+d",
        "now()+5215w",
        "now()-5214w",
        "today()+36500d",
        "today()+36501d",
        "today()+000036500d",
        "today()+ 7 d",
        "today()+-3d",
        "today()+3",
        "today() 3d",
        "today()+99999999999999999999d",
    ];
    let texts = prop::sample::select(texts.to_vec()).prop_map(Value::from);
    let lengths = prop::sample::select(vec![
        MAX_KEY_CHARS,
        MAX_KEY_CHARS + 1,
        MAX_VALUE_CHARS,
        MAX_VALUE_CHARS + 1,
    ]);
    let long = lengths.prop_map(|length| Value::from("é".repeat(length)));
    let others = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-7),
        json!(1.5),
        json!([]),
        json!({}),
        json!(["Y"]),
        json!(i64::MAX),
        json!(i64::MIN),
    ]);
    let actions = prop::sample::select(Action::NAMES.to_vec()).prop_map(Value::from);
    prop_oneof![3 => texts, 1 => long, 2 => others, 1 => actions]
}

/// Lists, most of which allow every value.
fn list() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("*"),
        json!("a, *"),
        json!(["*"]),
        json!(["a", "*"]),
        json!({"$dynamodb": {"SS": ["*"]}}),
        json!({"$dynamodb": {"NS": ["1"]}}),
        json!({"SS": ["*"]}),
        json!(""),
        json!(" , "),
        json!([]),
        json!([""]),
        json!(["*", 7]),
        json!(7),
        json!(null),
        json!(true),
    ])
}

/// One rule, most of whose attributes are right.
fn rule() -> impl Strategy<Value = Map<String, Value>> {
    let mostly = |usual: Value| prop_oneof![2 => Just(Some(usual)), 1 => value().prop_map(Some), 1 => Just(None)];
    let action = prop_oneof![
        4 => prop::sample::select(Action::NAMES.to_vec()).prop_map(|name| Some(Value::from(name))),
        1 => value().prop_map(Some),
        1 => Just(None),
    ];
    let default = prop_oneof![1 => Just(None), 3 => value().prop_map(Some)];
    let rest = (mostly(json!(1)), mostly(json!("Owner")), mostly(json!("Y")));
    let template = prop_oneof![6 => Just(None), 1 => value().prop_map(Some)];
    let letter = prop_oneof![9 => Just(None), 1 => value().prop_map(Some)];
    let hold = prop_oneof![6 => Just(None), 1 => value().prop_map(Some)];
    let allowed = prop_oneof![2 => Just(None), 1 => list().prop_map(Some)];
    let others = (any::<bool>(), prop::bool::weighted(0.2), allowed);
    (rest, action, default, others, (template, hold, letter)).prop_map(
        |(
            (id, key, required),
            action,
            default,
            (foreign, misspelt, allowed),
            (template, hold, letter),
        )| {
            let members = [
                ("RuleId", id),
                ("TagKey", key),
                ("Action", action),
                ("Required", required),
                ("Default", default),
                ("Comment", foreign.then(|| json!({ "any": ["thing"] }))),
                ("LetterTemplate", letter),
                ("ReportTemplate", template),
                ("Hold", hold),
                ("Allowed", allowed),
                ("Qolumn", misspelt.then(|| json!("x"))),
                ("x-Qolumn", misspelt.then(|| json!("x"))),
            ];
            let members = members.into_iter();
            members
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_schema_and_the_validator_agree_about_a_rule(rule in rule(), format in 0..3) {
        let mut document = json!({ "rules": [rule] });
        if format > 0 {
            document["format"] = json!(format);
        }
        let file = read(&document.to_string());
        let schema = schema();
        prop_assert_eq!(conforms(&schema, &document), file.is_valid(), "{}: {:?}", document, file.problems);
    }

    #[test]
    fn the_schema_and_the_validator_agree_about_the_templates_row(row in template_row("ReportTemplate")) {
        let rule = json!({"RuleId": 1, "TagKey": "K", "Action": "Stop", "Required": "Y"});
        let document = json!({ "rules": [rule], "report": row });
        let file = read(&document.to_string());
        let schema = schema();
        prop_assert_eq!(conforms(&schema, &document), file.is_valid(), "{}: {:?}", document, file.problems);
    }

    #[test]
    fn the_schema_and_the_validator_agree_about_the_letters_row(row in template_row("LetterTemplate")) {
        let rule = json!({"RuleId": 1, "TagKey": "K", "Action": "Stop", "Required": "Y"});
        let document = json!({ "rules": [rule], "letter": row });
        let file = read(&document.to_string());
        let schema = schema();
        prop_assert_eq!(conforms(&schema, &document), file.is_valid(), "{}: {:?}", document, file.problems);
    }
}

/// A row most of which is right for the template that is the attribute `name`.
fn template_row(template: &'static str) -> impl Strategy<Value = Map<String, Value>> {
    let mostly = |usual: Option<Value>| prop_oneof![4 => Just(usual), 1 => value().prop_map(Some), 1 => Just(None)];
    // Another id than the rule's.
    let id = mostly(Some(json!(1000))).prop_filter("another rule", |id| *id != Some(json!(1)));
    let foreign = prop::sample::select(vec![
        "TagKey",
        "Action",
        "Required",
        "Default",
        "Comment",
        "Hold",
        "Allowed",
        "Who",
        "PolicyFormat",
    ]);
    let rest = (
        foreign,
        prop_oneof![2 => Just(None), 1 => value().prop_map(Some)],
    );
    (id, mostly(Some(json!("{{ heading }}"))), rest).prop_map(move |(id, text, (name, foreign))| {
        let members = [("RuleId", id), (template, text), (name, foreign)];
        let members = members.into_iter();
        members
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    })
}

#[test]
fn the_schema_and_the_validator_agree_about_the_shape() {
    let rule = stop_rule();
    agree([
        (json!({ "rules": [rule] }), true),
        (
            json!({ "rules": [rule], "$schema": "policy.schema.json" }),
            true,
        ),
        (json!({ "rules": [rule], "version": 1 }), false),
        (
            json!({ "rules": [], "report": {"RuleId": 9, "ReportTemplate": "x"} }),
            false,
        ),
        (
            json!({ "rules": [rule], "report": {"RuleId": 9, "ReportTemplate": "x"} }),
            true,
        ),
        (
            json!({ "rules": [rule], "letter": {"RuleId": 9, "LetterTemplate": "x"} }),
            true,
        ),
        (
            json!({ "rules": [rule], "letter": {"RuleId": 9, "LetterTemplate": "x"}, "format": 2 }),
            true,
        ),
        (
            json!({ "rules": [rule], "letter": {"RuleId": 9, "LetterTemplate": "x"}, "format": 1 }),
            false,
        ),
        (
            json!({ "rules": [rule], "letter": {"RuleId": 9, "LetterTemplate": " "} }),
            false,
        ),
        (json!({ "rules": [rule], "letter": {"RuleId": 9} }), false),
        (json!({ "rules": [rule], "letter": "x" }), false),
        (
            json!({ "rules": [rule], "letter": {"RuleId": 9, "LetterTemplate": "x", "Qolumn": "x"} }),
            false,
        ),
        (json!({ "rules": [rule], "report": null }), false),
        (json!({ "rules": [rule], "report": "x" }), false),
        (json!({ "rules": [rule], "report": {"RuleId": 9} }), false),
        (json!({ "rules": [rule], "hold": "x" }), true),
        (json!({ "rules": [rule], "hold": " " }), false),
        (json!({ "rules": [rule], "hold": null }), false),
        (json!({ "rules": [rule], "hold": 7 }), false),
        (
            json!({ "rules": [rule], "hold": {"RuleId": 9, "Hold": "x"} }),
            true,
        ),
        (
            json!({ "rules": [rule], "hold": {"RuleId": 9, "Hold": " "} }),
            false,
        ),
        (json!({ "rules": [rule], "hold": {"RuleId": 9} }), false),
        (json!({ "rules": [rule], "hold": {"Hold": "x"} }), false),
        (
            json!({ "rules": [rule], "hold": {"RuleId": 9, "Hold": "x", "TagKey": "K"} }),
            false,
        ),
        (json!({ "rules": [], "hold": "x" }), false),
        (json!({ "rules": [] }), false),
        (json!({ "rules": rule }), false),
        (json!({ "rules": ["x"] }), false),
        (json!({}), false),
        (json!([rule]), false),
        (rule.clone(), false),
    ]);
}

#[test]
fn the_schema_and_the_validator_agree_about_who_rows_and_formats() {
    let rule = stop_rule();
    agree([
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": "ann", "Tags": {"Team": "x"}, "Comment": "y"}] }),
            true,
        ),
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": ["a*"], "Contact": "mailto:ann@example.com"}] }),
            true,
        ),
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": "ann", "Contact": "ann@example.com"}] }),
            false,
        ),
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": "ann"}] }),
            false,
        ),
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": "ann", "Tags": {}}] }),
            false,
        ),
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": "ann", "Tags": {"Team": 7}}] }),
            false,
        ),
        (
            json!({ "rules": [rule], "who": [{"RuleId": 9, "Who": "ann", "Tags": {"Team": "x"}, "By": "y"}] }),
            false,
        ),
        (json!({ "rules": [rule], "who": ["ann"] }), false),
        (json!({ "rules": [rule], "who": "ann" }), false),
        (
            json!({ "rules": [{"RuleId": 1, "TagKey": "K", "Action": "Update", "Required": "Y", "From": ["tag:Team", "vpc"]}] }),
            true,
        ),
        (
            json!({ "rules": [{"RuleId": 1, "TagKey": "K", "Action": "Update", "Required": "Y", "From": []}] }),
            false,
        ),
        (json!({ "rules": [rule], "format": 1 }), true),
        (json!({ "rules": [rule], "format": 2 }), true),
        (json!({ "rules": [rule], "format": 3 }), false),
        (json!({ "rules": [rule], "format": "2" }), false),
        (json!({ "rules": [rule], "format": null }), false),
        (
            json!({ "rules": [rule], "format": {"RuleId": 9, "PolicyFormat": 2, "x-by": "ann"} }),
            true,
        ),
        (
            json!({ "rules": [rule], "format": {"RuleId": 9, "PolicyFormat": 3} }),
            false,
        ),
        (
            json!({ "rules": [rule], "format": {"RuleId": 9, "PolicyFormat": 2, "By": "ann"} }),
            false,
        ),
        (
            json!({ "rules": [rule], "format": {"PolicyFormat": 2} }),
            false,
        ),
        (
            json!({ "rules": [rule], "format": 2, "hold": {"RuleId": 9, "Hold": "x", "By": "ann"} }),
            false,
        ),
        (
            json!({ "rules": [rule], "format": 1, "hold": {"RuleId": 9, "Hold": "x", "By": "ann"} }),
            true,
        ),
    ]);
}

fn stop_rule() -> Value {
    json!({"RuleId": 1, "TagKey": "K", "Action": "Stop", "Required": true})
}

fn agree<const N: usize>(documents: [(Value, bool); N]) {
    let schema = schema();
    for (document, is_sound) in documents {
        assert_eq!(
            read(&document.to_string()).is_valid(),
            is_sound,
            "{document}"
        );
        assert_eq!(conforms(&schema, &document), is_sound, "{document}");
    }
}

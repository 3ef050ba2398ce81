//! The published schema, `docs/policy.schema.json`, and the validator agree about every rule by itself.

use proptest::prelude::*;
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use tagwarden::Action;
use tagwarden::policy::{MAX_KEY_CHARS, MAX_VALUE_CHARS};

use super::read;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/policy.schema.json")).unwrap()
}

/// Whether `value` conforms, by the keywords that the published schema uses; a keyword that is not known here fails
/// the test.
fn conforms(root: &Value, schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, rule)| {
        let conforms = |schema: &Value, value: &Value| conforms(root, schema, value);
        let list = || rule.as_array().unwrap().iter();
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "then" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                conforms(root.pointer(pointer).unwrap(), value)
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_of_type(name, value)),
                name => is_of_type(name, value),
            },
            "enum" => list().any(|allowed| allowed == value),
            "const" => rule == value,
            "not" => !conforms(rule, value),
            "allOf" => list().all(|schema| conforms(schema, value)),
            "if" => !conforms(rule, value) || conforms(&schema["then"], value),
            "required" => value.as_object().is_none_or(|object| {
                list().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|object| {
                let mut members = object.iter();
                members.all(|(name, member)| {
                    rule.get(name).is_none_or(|schema| conforms(schema, member))
                })
            }),
            "additionalProperties" => {
                assert_eq!(rule, &json!(false));
                value.as_object().is_none_or(|object| {
                    object
                        .keys()
                        .all(|name| schema["properties"].get(name).is_some())
                })
            }
            "items" => value
                .as_array()
                .is_none_or(|array| array.iter().all(|item| conforms(rule, item))),
            "minItems" => value
                .as_array()
                .is_none_or(|array| array.len() as u64 >= rule.as_u64().unwrap()),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
            "minimum" => value
                .as_i64()
                .is_none_or(|number| number >= rule.as_i64().unwrap()),
            "maximum" => value
                .as_i64()
                .is_none_or(|number| number <= rule.as_i64().unwrap()),
            "pattern" => {
                let pattern = Regex::new(rule.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            other => panic!("the test does not know the keyword {other}"),
        }
    })
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("the test does not know the type {other}"),
    }
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
    (rest, action, default, any::<bool>()).prop_map(
        |((id, key, required), action, default, foreign)| {
            let members = [
                ("RuleId", id),
                ("TagKey", key),
                ("Action", action),
                ("Required", required),
                ("Default", default),
                ("Comment", foreign.then(|| json!({ "any": ["thing"] }))),
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
    fn the_schema_and_the_validator_agree_about_a_rule(rule in rule()) {
        let document = json!({ "rules": [rule] });
        let file = read(&document.to_string());
        let schema = schema();
        prop_assert_eq!(conforms(&schema, &schema, &document), file.is_sound(), "{}: {:?}", document, file.problems);
    }
}

#[test]
fn the_schema_and_the_validator_agree_about_the_shape() {
    let schema = schema();
    let rule = json!({"RuleId": 1, "TagKey": "K", "Action": "Stop", "Required": true});
    for (document, is_sound) in [
        (json!({ "rules": [rule] }), true),
        (
            json!({ "rules": [rule], "$schema": "policy.schema.json" }),
            true,
        ),
        (json!({ "rules": [rule], "version": 1 }), false),
        (json!({ "rules": [] }), false),
        (json!({ "rules": rule }), false),
        (json!({ "rules": ["x"] }), false),
        (json!({}), false),
        (json!([rule]), false),
        (rule.clone(), false),
    ] {
        assert_eq!(
            read(&document.to_string()).is_sound(),
            is_sound,
            "{document}"
        );
        assert_eq!(
            conforms(&schema, &schema, &document),
            is_sound,
            "{document}"
        );
    }
}

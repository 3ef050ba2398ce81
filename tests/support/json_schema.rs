//! A validator for the part of [JSON Schema](https://json-schema.org/draft/2020-12/schema) that the schemas in `docs/`
//! use.

use regex_lite::Regex;
use serde_json::{Value, json};

/// Whether `value` conforms to `schema`. Panics on a keyword that this validator does not know, so that no constraint
/// is skipped.
pub fn conforms(schema: &Value, value: &Value) -> bool {
    conforms_to_part(schema, schema, value)
}

fn conforms_to_part(root: &Value, schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, rule)| {
        let conforms = |schema: &Value, value: &Value| conforms_to_part(root, schema, value);
        let list = || rule.as_array().unwrap().iter();
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "examples" | "then" | "else" => true,
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
            "if" => {
                let branch = if conforms(rule, value) {
                    "then"
                } else {
                    "else"
                };
                let branch = schema.get(branch);
                branch.is_none_or(|branch| conforms(branch, value))
            }
            "required" => value.as_object().is_none_or(|object| {
                list().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|object| {
                let mut members = object.iter();
                members.all(|(name, member)| {
                    rule.get(name).is_none_or(|schema| conforms(schema, member))
                })
            }),
            "additionalProperties" => value.as_object().is_none_or(|object| {
                let known = schema.get("properties");
                let is_known = |name: &str| known.is_some_and(|known| known.get(name).is_some());
                let mut others = object.iter().filter(|(name, _)| !is_known(name));
                others.all(|(_, member)| *rule != json!(false) && conforms(rule, member))
            }),
            "minProperties" => value
                .as_object()
                .is_none_or(|object| object.len() as u64 >= rule.as_u64().unwrap()),
            "anyOf" => list().any(|schema| conforms(schema, value)),
            "contains" => value
                .as_array()
                .is_none_or(|array| array.iter().any(|item| conforms(rule, item))),
            "propertyNames" => value.as_object().is_none_or(|object| {
                let mut names = object.keys();
                names.all(|name| conforms(rule, &json!(name)))
            }),
            "items" => value
                .as_array()
                .is_none_or(|array| array.iter().all(|item| conforms(rule, item))),
            "minItems" => value
                .as_array()
                .is_none_or(|array| array.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value
                .as_array()
                .is_none_or(|array| array.len() as u64 <= rule.as_u64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
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

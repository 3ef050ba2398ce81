//! Properties as CloudFormation gives them in JSON, with their functions resolved as far as it knows them.

use serde_json::Value;

use super::value::PropertyValue;

/// The value of a property in JSON. What CloudFormation has left unresolved is not known: a function, or a dynamic
/// reference, `{{resolve:…}}`.
#[must_use]
pub fn value_of(json: &Value) -> PropertyValue<'_> {
    match json {
        Value::Null => PropertyValue::Absent,
        Value::Bool(value) => PropertyValue::plain(value.to_string()),
        Value::Number(value) => PropertyValue::plain(value.to_string()),
        Value::String(text) if text.contains("{{resolve:") => PropertyValue::Unknown,
        Value::String(text) => PropertyValue::plain(text),
        Value::Array(items) => PropertyValue::List(items.iter().map(value_of).collect()),
        Value::Object(members) => {
            let is_function = |name: &str| name.starts_with("Fn::");
            let is_reference = members.len() == 1 && members.contains_key("Ref");
            if is_reference || members.keys().any(|name| is_function(name)) {
                return PropertyValue::Unknown;
            }
            let entries = members.iter();
            let entries = entries.map(|(name, value)| (name.as_str(), value_of(value)));
            PropertyValue::Map {
                entries: entries.collect(),
                span: 0..0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_resolved_is_not_known() {
        for unresolved in [
            json!({"Ref": "Owner"}),
            json!({"Fn::GetAtt": ["Web", "Arn"]}),
            json!({"Key": "a", "Fn::Transform": {}}),
            json!("{{resolve:ssm:owner}}"),
        ] {
            assert_eq!(value_of(&unresolved), PropertyValue::Unknown);
        }
        for (json, text) in [
            (json!("a"), "a"),
            (json!(true), "true"),
            (json!(7), "7"),
            (json!(""), ""),
        ] {
            assert_eq!(value_of(&json).text(), Some(text));
        }
        assert_eq!(value_of(&json!(null)), PropertyValue::Absent);
        let tag = json!({"Key": "Ref", "Value": null});
        assert_eq!(value_of(&tag).get("Key").text(), Some("Ref"));
        assert_eq!(value_of(&tag).get("Value"), PropertyValue::Absent);
    }
}

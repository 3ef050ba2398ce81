//! What is read of the `configuration` of a resource that is not an instance: what has the same form for every resource
//! of EC2.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::InstanceFacts;

/// The tags and the state in `configuration`, which is an object or JSON in a string. What is not of EC2's form is left
/// out: the form of a type that tagwarden does not know must not make its item unreadable.
pub fn generic_facts(configuration: Value) -> InstanceFacts {
    let configuration = match configuration {
        Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
        other => other,
    };
    let state = configuration
        .get("state")
        .or_else(|| configuration.get("State"))
        .and_then(|state| {
            let named = || state.get("value").or_else(|| state.get("name"));
            state.as_str().or_else(|| named()?.as_str())
        });
    InstanceFacts {
        state: state.map(ToOwned::to_owned),
        tags: tags(&configuration),
        ..InstanceFacts::default()
    }
}

fn tags(configuration: &Value) -> BTreeMap<String, String> {
    let list = configuration
        .get("tags")
        .or_else(|| configuration.get("Tags"));
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|tag| {
        // The names of the members differ between the types, and between old items and new ones.
        let member = |names: [&str; 3]| names.iter().find_map(|name| tag.get(*name)?.as_str());
        let key = member(["key", "Key", "tagName"])?;
        let value = member(["value", "Value", "tagValue"]).unwrap_or_default();
        Some((key.to_owned(), value.to_owned()))
    })
    .collect()
}

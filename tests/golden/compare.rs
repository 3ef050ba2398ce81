//! Compares what is written now with what version 0.1.0 wrote.

use serde_json::Value;

/// Members whose values are sentences for people. Their wording may change; that they are there, and texts, may not.
const PROSE: [&str; 12] = [
    "Why",
    "annotation",
    "changes",
    "errorMessage",
    "help",
    "message",
    "policyProblem",
    "policyProblems",
    "reason",
    "story",
    "text",
    "why",
];

/// Whether members may have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// The same members, no more and no fewer.
    Same,
    /// All of them; there may be more.
    MayCome,
}

/// The first difference that matters between what was `written` and what is written `now`.
pub fn difference(written: &Value, now: &Value, members: Members) -> Option<String> {
    at("", written, now, members)
}

fn at(path: &str, written: &Value, now: &Value, members: Members) -> Option<String> {
    match (written, now) {
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().find(|key| !new.contains_key(*key));
            if let Some(key) = gone {
                return Some(format!("{path}/{key} is gone; it was {}", old[key]));
            }
            let come = new.keys().find(|key| !old.contains_key(*key));
            if let Some(key) = come.filter(|_| members == Members::Same) {
                return Some(format!("{path}/{key} is new: {}", new[key]));
            }
            old.iter().find_map(|(key, value)| {
                let path = format!("{path}/{key}");
                if PROSE.contains(&key.as_str()) && is_prose(value) && is_prose(&new[key]) {
                    return None;
                }
                at(&path, value, &new[key], members)
            })
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let mut pairs = old.iter().zip(new).enumerate();
            pairs.find_map(|(place, (old, new))| at(&format!("{path}/{place}"), old, new, members))
        }
        _ if written == now => None,
        _ => Some(format!("{path} was {written} and is {now}")),
    }
}

/// A text, also as DynamoDB writes it, or a list of texts.
fn is_prose(value: &Value) -> bool {
    if let Some(texts) = value.as_array() {
        return !texts.is_empty() && texts.iter().all(is_prose);
    }
    let text = value.get("S").unwrap_or(value).as_str();
    text.is_some_and(|text| !text.is_empty())
}

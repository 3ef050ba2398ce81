//! Converts values between the file and DynamoDB, in both directions and without a loss.
//!
//! | DynamoDB | in the file |
//! |---|---|
//! | S, BOOL, NULL, L, M | a text, `true` or `false`, `null`, a list, a mapping |
//! | N | a number; one with more digits than most JSON programs keep is `{$dynamodb: {N: "…"}}` |
//! | B, SS, NS, BS | `{$dynamodb: {SS: [a, b]}}`: DynamoDB's own JSON, binary in base64 |
//! | M with the one member `$dynamodb` | `{$dynamodb: {M: {$dynamodb: …}}}`, so that it is not taken for the above |

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::{Blob, base64};
use serde_json::{Map, Number, Value, json};

use super::number;
use crate::text::node::{Node, NodeEntry, NodeKind};
use crate::text::problem::TextProblem;

/// The name that marks DynamoDB's own JSON.
const TYPED: &str = "$dynamodb";

/// The node as DynamoDB's value. A node without such a form becomes NULL, and a problem.
pub fn from_node(node: &Node, problems: &mut Vec<TextProblem>) -> AttributeValue {
    match &node.kind {
        NodeKind::Null | NodeKind::Unreadable => AttributeValue::Null(true),
        NodeKind::Bool(value) => AttributeValue::Bool(*value),
        NodeKind::Text(text) => AttributeValue::S(text.clone()),
        NodeKind::Number(text) => AttributeValue::N(number(text, node, problems)),
        NodeKind::List(nodes) => {
            AttributeValue::L(nodes.iter().map(|node| from_node(node, problems)).collect())
        }
        NodeKind::Map(entries) => match entries.as_slice() {
            [entry] if entry.name == TYPED => typed(&entry.value, problems).unwrap_or_else(|| {
                let problem = TextProblem::error(
                    entry.span(),
                    format!("{TYPED} needs one of DynamoDB's types and its value"),
                );
                problems.push(problem.help(
                    "such as {SS: [a, b]}, {NS: [\"1\", \"2\"]}, {B: base64}, {BS: [base64]} or {N: \"1\"}",
                ));
                AttributeValue::Null(true)
            }),
            entries => AttributeValue::M(members(entries, problems)),
        },
    }
}

fn members(
    entries: &[NodeEntry],
    problems: &mut Vec<TextProblem>,
) -> HashMap<String, AttributeValue> {
    entries
        .iter()
        .map(|entry| (entry.name.clone(), from_node(&entry.value, problems)))
        .collect()
}

fn number(text: &str, node: &Node, problems: &mut Vec<TextProblem>) -> String {
    number::canonical(text).unwrap_or_else(|| {
        let message = format!("{text} is not a number that DynamoDB can store");
        problems.push(
            TextProblem::error(node.span.clone(), message)
                .help("38 digits, from 1E-130 to 9.9E+125; put it in quotes if it is a text"),
        );
        "0".to_owned()
    })
}

/// The value of DynamoDB's own JSON; `None` if the node is something else.
fn typed(node: &Node, problems: &mut Vec<TextProblem>) -> Option<AttributeValue> {
    let NodeKind::Map(entries) = &node.kind else {
        return None;
    };
    let [entry] = entries.as_slice() else {
        return None;
    };
    let value = &entry.value;
    match (entry.name.as_str(), &value.kind) {
        ("N", _) => Some(AttributeValue::N(typed_number(value)?)),
        ("B", _) => Some(AttributeValue::B(binary(value)?)),
        ("SS", NodeKind::List(nodes)) => set(nodes, text).map(AttributeValue::Ss),
        ("NS", NodeKind::List(nodes)) => set(nodes, typed_number).map(AttributeValue::Ns),
        ("BS", NodeKind::List(nodes)) => set(nodes, binary).map(AttributeValue::Bs),
        ("M", NodeKind::Map(entries)) => Some(AttributeValue::M(members(entries, problems))),
        _ => None,
    }
}

/// The members of a set: at least one, and each only once.
fn set<T: PartialEq>(nodes: &[Node], member: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
    let mut set = Vec::new();
    for node in nodes {
        let member = member(node)?;
        if set.contains(&member) {
            return None;
        }
        set.push(member);
    }
    (!set.is_empty()).then_some(set)
}

fn text(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn typed_number(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Text(text) | NodeKind::Number(text) => number::canonical(text),
        _ => None,
    }
}

fn binary(node: &Node) -> Option<Blob> {
    base64::decode(text(node)?).ok().map(Blob::new)
}

/// The value as the file holds it.
///
/// # Errors
/// The value has a type that DynamoDB did not have when this was written.
pub fn to_json(value: &AttributeValue) -> Result<Value, UnknownType> {
    let blobs = |blobs: &[Blob]| -> Value { blobs.iter().map(base64::encode).collect() };
    Ok(match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::Bool(value) => json!(value),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::N(text) => number_to_json(text),
        AttributeValue::L(values) => {
            Value::Array(values.iter().map(to_json).collect::<Result<_, _>>()?)
        }
        AttributeValue::M(members) => {
            let written = members
                .iter()
                .map(|(name, value)| Ok((name.clone(), to_json(value)?)))
                .collect::<Result<Map<_, _>, _>>()?;
            if written.len() == 1 && written.contains_key(TYPED) {
                json!({ TYPED: { "M": written } })
            } else {
                Value::Object(written)
            }
        }
        AttributeValue::B(blob) => json!({ TYPED: { "B": base64::encode(blob) } }),
        AttributeValue::Ss(set) => json!({ TYPED: { "SS": set } }),
        AttributeValue::Ns(set) => json!({ TYPED: { "NS": set } }),
        AttributeValue::Bs(set) => json!({ TYPED: { "BS": blobs(set) } }),
        _ => return Err(UnknownType),
    })
}

/// The number, if the usual JSON programs keep it as it is; otherwise its typed form.
fn number_to_json(text: &str) -> Value {
    let number = serde_json::from_str::<Number>(text).ok();
    match number.filter(|number| number.to_string() == text) {
        Some(number) => Value::Number(number),
        None => json!({ TYPED: { "N": text } }),
    }
}

/// DynamoDB has a type that this program does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has a type that tagwarden does not know")]
pub struct UnknownType;

/// Whether the two are equal to DynamoDB: numbers by value, sets in any order.
pub fn same(one: &AttributeValue, other: &AttributeValue) -> bool {
    normal(one) == normal(other)
}

fn normal(value: &AttributeValue) -> AttributeValue {
    let number = |text: &String| number::canonical(text).unwrap_or_else(|| text.clone());
    match value {
        AttributeValue::N(text) => AttributeValue::N(number(text)),
        AttributeValue::L(values) => AttributeValue::L(values.iter().map(normal).collect()),
        AttributeValue::M(members) => AttributeValue::M(
            members
                .iter()
                .map(|(name, value)| (name.clone(), normal(value)))
                .collect(),
        ),
        AttributeValue::Ss(set) => {
            let mut set = set.clone();
            set.sort();
            AttributeValue::Ss(set)
        }
        AttributeValue::Ns(set) => {
            let mut set: Vec<_> = set.iter().map(number).collect();
            set.sort();
            AttributeValue::Ns(set)
        }
        AttributeValue::Bs(set) => {
            let mut set = set.clone();
            set.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
            AttributeValue::Bs(set)
        }
        other => other.clone(),
    }
}

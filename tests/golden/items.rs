//! The ledger's items, as DynamoDB writes them in JSON.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};
use tagwarden_sandbox::Account;

/// The items of a table, in the order of their keys.
pub async fn read(account: &Account, table: &str) -> Vec<Value> {
    let client = aws_sdk_dynamodb::Client::new(&account.sdk_config());
    let mut pages = client
        .scan()
        .table_name(table)
        .into_paginator()
        .items()
        .send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.unwrap().into_iter();
        let item: Map<String, Value> = item.map(|(key, it)| (key, to_json(&it))).collect();
        items.push(Value::Object(item));
    }
    items.sort_by_key(key);
    items
}

/// Puts items into a table.
pub async fn put(account: &Account, table: &str, items: &[Value]) {
    let client = aws_sdk_dynamodb::Client::new(&account.sdk_config());
    for item in items {
        let item = item.as_object().unwrap().iter();
        let item = item.map(|(key, value)| (key.clone(), from_json(value)));
        let put = client.put_item().table_name(table);
        put.set_item(Some(item.collect())).send().await.unwrap();
    }
}

/// An item's key.
pub fn key(item: &Value) -> (String, String) {
    let part = |name: &str| text(&item[name]["S"]).to_owned();
    (part("Pk"), part("Sk"))
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

pub fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(truth) => json!({ "BOOL": truth }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::Ss(texts) => {
            let mut texts = texts.clone();
            texts.sort();
            json!({ "SS": texts })
        }
        AttributeValue::L(values) => json!({ "L": values.iter().map(to_json).collect::<Value>() }),
        AttributeValue::M(members) => {
            let members = members.iter().map(|(key, it)| (key.clone(), to_json(it)));
            json!({ "M": members.collect::<Map<_, _>>() })
        }
        other => panic!("no ledger item has a {other:?}"),
    }
}

fn from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(text(value).to_owned()),
        "N" => AttributeValue::N(text(value).to_owned()),
        "BOOL" => AttributeValue::Bool(value == true),
        "NULL" => AttributeValue::Null(true),
        "SS" => AttributeValue::Ss(list(value).iter().map(|it| text(it).to_owned()).collect()),
        "L" => AttributeValue::L(list(value).iter().map(from_json).collect()),
        "M" => {
            let members = value.as_object().unwrap().iter();
            AttributeValue::M(
                members
                    .map(|(key, it)| (key.clone(), from_json(it)))
                    .collect(),
            )
        }
        other => panic!("no ledger item has a {other:?}"),
    }
}

//! DynamoDB through its SDK's client: what tagwarden sends, and what is refused.

mod conditions;
mod fixtures;
mod items;
mod reads;
mod transactions;
mod unsupported;
mod updates;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tagwarden_sandbox::Account;

use crate::noon;

/// A table with the keys `Pk` and `Sk`.
const LEDGER: &str = "ledger";

type Attributes = HashMap<String, AttributeValue>;

/// An account at noon with the table [`LEDGER`], and a client for it.
fn account_with_ledger() -> (Account, Client) {
    let account = Account::starting_at(noon());
    account.create_table_with_keys(LEDGER, "Pk", "Sk");
    let client = Client::new(&account.sdk_config());
    (account, client)
}

/// Plain JSON as an attribute's value.
fn value(plain: &Value) -> AttributeValue {
    match plain {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(list) => AttributeValue::L(list.iter().map(value).collect()),
        Value::Object(_) => AttributeValue::M(attributes(plain)),
    }
}

/// A plain JSON object as attributes.
fn attributes(plain: &Value) -> Attributes {
    let members = plain.as_object().unwrap().iter();
    members
        .map(|(name, plain)| (name.clone(), value(plain)))
        .collect()
}

/// The key of an item of [`LEDGER`].
fn key(pk: &str, sk: &str) -> Attributes {
    attributes(&json!({"Pk": pk, "Sk": sk}))
}

fn string_set(members: &[&str]) -> AttributeValue {
    AttributeValue::Ss(members.iter().map(ToString::to_string).collect())
}

/// Those of `all` whose placeholders the expression has, because a request must not give others.
fn used<T: Clone>(expression: &str, all: &HashMap<String, T>) -> Option<HashMap<String, T>> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || "_#:".contains(character);
    let words: Vec<_> = expression.split(|character| !is_word(character)).collect();
    let mut used = all.clone();
    used.retain(|placeholder, _| words.contains(&placeholder.as_str()));
    (!used.is_empty()).then_some(used)
}

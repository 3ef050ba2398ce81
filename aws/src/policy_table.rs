//! Reads the policy table.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::AwsError;
use tagwarden_core::Policy;
use tagwarden_core::policy::{InvalidPolicy, Row};

/// Why there is no policy to act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyTableError {
    /// DynamoDB did not give the table.
    #[error("the policy table {table:?} cannot be read: {source}")]
    Unreadable {
        /// The table's name.
        table: String,
        /// What DynamoDB said.
        source: AwsError,
    },
    /// The table was read, and is not a policy.
    #[error("the policy table {table:?} is not valid, so nothing was done: {source}")]
    Invalid {
        /// The table's name.
        table: String,
        /// Every problem.
        source: InvalidPolicy,
    },
}

/// One item of the table as DynamoDB holds it.
pub type Item = HashMap<String, AttributeValue>;

/// Reads the whole table, page by page and strongly consistent, and validates it.
///
/// # Errors
/// The table cannot be read, or has a problem; see [`Policy::from_rows`].
pub async fn read_policy(client: &Client, table: &str) -> Result<Policy, PolicyTableError> {
    let items = read_items(client, table).await;
    let items = items.map_err(|source| PolicyTableError::Unreadable {
        table: table.to_owned(),
        source,
    })?;
    Policy::from_rows(items.into_iter().map(row)).map_err(|source| PolicyTableError::Invalid {
        table: table.to_owned(),
        source,
    })
}

/// Reads the whole table as it is, sound or not, page by page and strongly consistent; in no order.
///
/// # Errors
/// DynamoDB does not give the table.
pub async fn read_items(client: &Client, table: &str) -> Result<Vec<Item>, AwsError> {
    let mut items = client
        .scan()
        .table_name(table)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(item.map_err(|error| AwsError::new("dynamodb:Scan", &error))?);
    }
    Ok(all)
}

/// An item as [`Policy::from_rows`] takes it.
#[must_use]
pub fn row(item: Item) -> Row {
    item.into_iter()
        .map(|(attribute, value)| {
            // Binary has no JSON of its own. As an object it is named as the wrong type if a rule needs the
            // attribute, and ignored with the other foreign attributes if not.
            let value = serde_dynamo::from_attribute_value::<_, Value>(value)
                .unwrap_or_else(|error| json!({ "unreadable": error.to_string() }));
            (attribute, value)
        })
        .collect()
}

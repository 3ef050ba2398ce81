//! Reads the policy table.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::AwsError;
use crate::Policy;
use crate::policy::{InvalidPolicy, Row};

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

/// Reads the whole table, page by page and strongly consistent, and validates it.
///
/// # Errors
/// The table cannot be read, or has a problem; see [`Policy::from_rows`].
pub async fn read_policy(client: &Client, table: &str) -> Result<Policy, PolicyTableError> {
    let mut items = client
        .scan()
        .table_name(table)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut rows = Vec::new();
    while let Some(item) = items.next().await {
        let item = item.map_err(|error| PolicyTableError::Unreadable {
            table: table.to_owned(),
            source: AwsError::new("dynamodb:Scan", &error),
        })?;
        rows.push(row(item));
    }
    Policy::from_rows(rows).map_err(|source| PolicyTableError::Invalid {
        table: table.to_owned(),
        source,
    })
}

fn row(item: HashMap<String, AttributeValue>) -> Row {
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

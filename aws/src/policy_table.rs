//! Reads the policy table.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tagwarden_core::Policy;
use tagwarden_core::policy::{InvalidPolicy, Row};

use crate::{AwsError, other_region};

/// Why the policy table gives no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyTableError {
    /// The table cannot be read.
    #[error("the policy table {table:?} cannot be read: {source}")]
    Unreadable {
        /// The table's name or ARN.
        table: String,
        /// Why.
        source: AwsError,
    },
    /// The table was read and is not a valid policy.
    #[error("the policy table {table:?} is not valid, so nothing was done: {source}")]
    Invalid {
        /// The table's name or ARN.
        table: String,
        /// Every problem of the table.
        source: InvalidPolicy,
    },
}

/// One item of the table, as DynamoDB stores it.
pub type Item = HashMap<String, AttributeValue>;

/// Reads the whole table with strong consistency and validates it. A table that is named by its ARN is read in the ARN's
/// Region, and may be of another account, whose resource policy must allow it.
///
/// # Errors
/// The table cannot be read, or has a problem: see [`Policy::from_rows`].
pub async fn read_policy(client: &Client, table: &str) -> Result<Policy, PolicyTableError> {
    let items = read_items(client, table).await;
    let items = items.map_err(|source| PolicyTableError::Unreadable {
        table: table.to_owned(),
        source,
    })?;
    let policy = Policy::from_rows(items.into_iter().map(row));
    let policy = policy.map_err(|source| PolicyTableError::Invalid {
        table: table.to_owned(),
        source,
    })?;
    for caution in policy.cautions() {
        tracing::warn!("the policy table {table}, {caution}");
    }
    Ok(policy)
}

/// A client for the Region of `table`: `client` itself, unless `table` is an ARN of another Region.
#[must_use]
pub fn client_of(client: &Client, table: &str) -> Client {
    match other_region(table, client.config().region()) {
        None => client.clone(),
        region => Client::from_conf(client.config().to_builder().region(region).build()),
    }
}

/// Reads the whole table with strong consistency, without validation, in the Region of its ARN if it is named by one. The
/// items are in no particular order.
///
/// # Errors
/// A call failed.
pub async fn read_items(client: &Client, table: &str) -> Result<Vec<Item>, AwsError> {
    let mut items = client_of(client, table)
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

/// Converts an item to the row that [`Policy::from_rows`] takes.
#[must_use]
pub fn row(item: Item) -> Row {
    item.into_iter()
        .map(|(attribute, value)| {
            // JSON cannot hold binary values. As an object, the value is a problem of the wrong type in an attribute
            // of a rule, and ignored in any other attribute.
            let value = serde_dynamo::from_attribute_value::<_, Value>(value)
                .unwrap_or_else(|error| json!({ "unreadable": error.to_string() }));
            (attribute, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
    use aws_sdk_dynamodb::{Client, Config};

    use super::client_of;

    /// One table for several Regions is in another Region than most of its functions.
    #[test]
    fn a_table_is_called_in_the_region_of_its_arn() {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"));
        let client = Client::from_conf(config.build());
        for (table, region) in [
            ("policy", "us-east-1"),
            (
                "arn:aws:dynamodb:us-east-1:111122223333:table/policy",
                "us-east-1",
            ),
            (
                "arn:aws:dynamodb:eu-west-1:111122223333:table/policy",
                "eu-west-1",
            ),
        ] {
            let client = client_of(&client, table);
            assert_eq!(client.config().region().unwrap().as_ref(), region);
        }
    }
}

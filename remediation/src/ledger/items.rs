//! Items of the table: their keys, and how they are put and read.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tagwarden_aws::AwsError;

use super::{KEPT, Ledger};

pub(super) type LedgerItem = HashMap<String, AttributeValue>;

pub(super) const DELETE: &str = "dynamodb:DeleteItem";
pub(super) const PUT: &str = "dynamodb:PutItem";
pub(super) const GET: &str = "dynamodb:GetItem";
pub(super) const QUERY: &str = "dynamodb:Query";

/// The partition of the countdowns, and of the marks of tags that are not restored any more.
pub(super) const COUNTDOWN: &str = "countdown";

/// The partition of a day's acts.
pub(super) fn day_key(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number<N: Display>(value: N) -> AttributeValue {
    AttributeValue::N(format!("{value}"))
}

pub(super) fn key(pk: impl Into<String>, sk: impl Into<String>) -> LedgerItem {
    LedgerItem::from([("Pk".to_owned(), text(pk)), ("Sk".to_owned(), text(sk))])
}

/// An item with this key, and the members of `value` as attributes.
pub(super) fn item<T: Serialize>(key: LedgerItem, value: &T) -> Result<LedgerItem, AwsError> {
    let mut item: LedgerItem = serde_dynamo::to_item(value)
        .map_err(|error| AwsError::unexpected(PUT, error.to_string()))?;
    item.extend(key);
    Ok(item)
}

/// What [`item`] was made of. Attributes that are not asked for are ignored.
pub(super) fn value<T: DeserializeOwned>(
    call: &'static str,
    item: LedgerItem,
) -> Result<T, AwsError> {
    let name = |item: &LedgerItem, key: &str| {
        let value = item.get(key).and_then(|value| value.as_s().ok());
        value.cloned().unwrap_or_default()
    };
    let (pk, sk) = (name(&item, "Pk"), name(&item, "Sk"));
    serde_dynamo::from_item(item).map_err(|error| {
        AwsError::unexpected(
            call,
            format!("the item {pk:?}, {sk:?} of the ledger: {error}"),
        )
    })
}

/// The attribute by which an item of `now` expires, as acts do.
pub(super) fn expires(now: DateTime<Utc>) -> (String, AttributeValue) {
    expires_after(now, KEPT)
}

/// The attribute by which an item expires `kept` after `at`.
pub(super) fn expires_after(at: DateTime<Utc>, kept: TimeDelta) -> (String, AttributeValue) {
    let at = at.checked_add_signed(kept).unwrap_or(at);
    ("ExpiresAt".to_owned(), number(at.timestamp()))
}

impl Ledger {
    /// A put for a transaction.
    pub(super) fn put(&self, item: LedgerItem) -> PutBuilder {
        Put::builder().table_name(&self.table).set_item(Some(item))
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        key: LedgerItem,
    ) -> Result<Option<T>, AwsError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsError::new(GET, &error))?;
        answer.item.map(|item| value(GET, item)).transpose()
    }

    /// The items of a partition whose sort keys begin with `prefix`, in the order of the sort keys.
    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        pk: &str,
        prefix: &str,
    ) -> Result<Vec<T>, AwsError> {
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_values(":pk", text(pk));
        request = if prefix.is_empty() {
            request.key_condition_expression("Pk = :pk")
        } else {
            request
                .key_condition_expression("Pk = :pk AND begins_with(Sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix))
        };
        let mut items = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| AwsError::new(QUERY, &error))?;
            found.push(value(QUERY, item)?);
        }
        Ok(found)
    }
}

/// Whether a write was refused because its condition did not hold.
pub(super) fn is_condition<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> bool
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    let code = error.as_service_error().and_then(|error| error.code());
    code == Some("ConditionalCheckFailedException")
}

//! Reads configuration items from AWS Config's history.

use aws_sdk_config::Client;
use aws_sdk_config::types::{ChronologicalOrder, ConfigurationItem as HistoryItem};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tagwarden_core::resource::configuration_item::{ConfigurationItem, ItemSummary, Relationship};

use crate::AwsError;

const HISTORY: &str = "config:GetResourceConfigHistory";

/// Reads the configuration item that `summary` stands for: the newest one up to the summary's capture time. An event
/// can be hours old, and must not be evaluated with a newer item than it announced.
///
/// Gives `None` if the history has no such item.
///
/// See [GetResourceConfigHistory](https://docs.aws.amazon.com/config/latest/APIReference/API_GetResourceConfigHistory.html).
///
/// # Errors
/// The call failed, or the configuration of an instance's item does not describe an instance.
pub async fn full_item(
    client: &Client,
    summary: &ItemSummary,
) -> Result<Option<ConfigurationItem>, AwsError> {
    let mut pages = client
        .get_resource_config_history()
        .resource_type(summary.resource_type.as_str().into())
        .resource_id(&summary.resource_id)
        .later_time(aws_smithy_types::DateTime::from_millis(
            summary.configuration_item_capture_time.timestamp_millis(),
        ))
        .limit(1)
        .chronological_order(ChronologicalOrder::Reverse)
        .into_paginator()
        .send();
    // A call covers seven days of history, so an empty page need not be the last.
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new(HISTORY, &error))?;
        if let Some(item) = page.configuration_items.unwrap_or_default().pop() {
            return from_history(summary, item).map(Some);
        }
    }
    Ok(None)
}

fn from_history(summary: &ItemSummary, item: HistoryItem) -> Result<ConfigurationItem, AwsError> {
    let configuration = match item.configuration {
        None => Value::Null,
        Some(text) if text.is_empty() => Value::Null,
        Some(text) => Value::String(text),
    };
    let configuration =
        ConfigurationItem::facts(&summary.resource_type, configuration).map_err(|error| {
            let id = &summary.resource_id;
            AwsError::unexpected(HISTORY, format!("the configuration of {id}: {error}"))
        })?;
    let moment = |time: aws_smithy_types::DateTime| {
        DateTime::<Utc>::from_timestamp(time.secs(), time.subsec_nanos())
    };
    let captured_at = item.configuration_item_capture_time.and_then(moment);
    let relationships = item.relationships.map(|related| {
        let related = related.into_iter().filter_map(|it| {
            Some(Relationship {
                name: it.relationship_name?,
                resource_type: it.resource_type?.as_str().to_owned(),
                resource_id: it.resource_id?,
            })
        });
        related.collect()
    });
    let tags = item.tags.unwrap_or_default().into_iter();
    Ok(ConfigurationItem {
        configuration_item_capture_time: captured_at
            .unwrap_or(summary.configuration_item_capture_time),
        account_id: item.account_id,
        region: item.aws_region,
        availability_zone: item.availability_zone,
        created_at: item.resource_creation_time.and_then(moment),
        relationships,
        tags: tags.map(|(key, value)| (key, Some(value))).collect(),
        configuration,
        ..summary.clone().into()
    })
}

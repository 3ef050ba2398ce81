//! What the ledger remembers from run to run besides acts: what was told, what is protected, what stands stopped.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tagwarden::aws::AwsError;

use super::Ledger;
use super::items::{self, Item, day_key, expires, key, text};
use crate::settings::Mode;

const UPDATE: &str = "dynamodb:UpdateItem";
const BATCH_GET: &str = "dynamodb:BatchGetItem";

/// The most items that `BatchGetItem` takes.
///
/// See [BatchGetItem](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
const BATCH_GET_LIMIT: usize = 100;

/// The sort key of the note that an instance stands stopped.
pub(super) const STOPPED: &str = "stopped";

/// Names of things that were told, or seen, on one day.
pub(crate) type Told = BTreeSet<String>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names {
    #[serde(default)]
    entries: Told,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stopped {
    pk: String,
    since: DateTime<Utc>,
}

impl Ledger {
    /// What the topic has been told today by runs of this mode.
    pub(crate) async fn told(&self, mode: Mode) -> Result<Told, AwsError> {
        self.names(told_by(mode)).await
    }

    /// Adds to what the topic has been told today by runs of this mode.
    pub(crate) async fn remember_told(&self, mode: Mode, names: Told) -> Result<(), AwsError> {
        self.add_names(told_by(mode), names).await
    }

    /// The instances that EC2 refused to stop or terminate today.
    pub(crate) async fn protected(&self) -> Result<Told, AwsError> {
        self.names("protected").await
    }

    /// Adds to those.
    pub(crate) async fn remember_protected(&self, ids: Told) -> Result<(), AwsError> {
        self.add_names("protected", ids).await
    }

    /// Since when each of `ids` has been stopped and untagged, as far as it was noted.
    pub(crate) async fn stopped_since(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, DateTime<Utc>>, AwsError> {
        let mut since = BTreeMap::new();
        for ids in ids.chunks(BATCH_GET_LIMIT) {
            let keys: Vec<Item> = ids.iter().map(|id| key(id, STOPPED)).collect();
            for stopped in self.batch_get::<Stopped>(keys).await? {
                since.insert(stopped.pk, stopped.since);
            }
        }
        Ok(since)
    }

    /// Notes that `id` is stopped and untagged from now on.
    pub(crate) async fn remember_stopped(&self, id: &str) -> Result<(), AwsError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(stopped(id, self.clock.now())))
            .send()
            .await
            .map_err(|error| AwsError::new(items::PUT, &error))?;
        Ok(())
    }

    async fn names(&self, what: &str) -> Result<Told, AwsError> {
        let today = day_key(self.clock.now().date_naive());
        let names: Option<Names> = self.get(key(what, today)).await?;
        Ok(names.unwrap_or_default().entries)
    }

    async fn add_names(&self, what: &str, names: Told) -> Result<(), AwsError> {
        if names.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let (_, expires_at) = expires(now);
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(what, day_key(now.date_naive()))))
            .update_expression("ADD Entries :entries SET ExpiresAt = :expires")
            .expression_attribute_values(
                ":entries",
                AttributeValue::Ss(names.into_iter().collect()),
            )
            .expression_attribute_values(":expires", expires_at)
            .send()
            .await
            .map_err(|error| AwsError::new(UPDATE, &error))?;
        Ok(())
    }

    pub(super) async fn batch_get<T: serde::de::DeserializeOwned>(
        &self,
        keys: Vec<Item>,
    ) -> Result<Vec<T>, AwsError> {
        let mut found = Vec::new();
        let mut waiting = keys;
        while !waiting.is_empty() {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(waiting))
                .consistent_read(true)
                .build()
                .map_err(|error| AwsError::unexpected(BATCH_GET, error.to_string()))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, keys)
                .send()
                .await
                .map_err(|error| AwsError::new(BATCH_GET, &error))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                found.push(items::value(BATCH_GET, item)?);
            }
            let unprocessed = answer.unprocessed_keys.unwrap_or_default();
            let unprocessed = unprocessed.into_values().flat_map(|left| left.keys);
            waiting = unprocessed.collect();
        }
        Ok(found)
    }
}

/// What a dry run told says nothing of what is done once it is enforced.
fn told_by(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "told#dry-run",
        Mode::Enforce => "told",
    }
}

/// The note that `id` has been stopped and untagged since `now`.
pub(super) fn stopped(id: &str, now: DateTime<Utc>) -> Item {
    let mut item = key(id, STOPPED);
    item.insert("Since".to_owned(), text(now.to_rfc3339()));
    item.extend([expires(now)]);
    item
}

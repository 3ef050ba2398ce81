//! What the ledger notes from run to run beside acts: what was reported.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::Deserialize;
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{self, LedgerItem, day_key, expires, key};
use crate::settings::Mode;

const UPDATE: &str = "dynamodb:UpdateItem";
const BATCH_GET: &str = "dynamodb:BatchGetItem";

/// The most items that `BatchGetItem` takes.
///
/// See [BatchGetItem](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
pub(super) const BATCH_GET_LIMIT: usize = 100;

/// Names of what was reported, or seen, on one day.
pub(crate) type DayNotes = BTreeSet<String>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamesNote {
    #[serde(default)]
    entries: DayNotes,
}

impl Ledger {
    /// What runs of this mode have reported to the topic today.
    pub(crate) async fn reported(&self, mode: Mode) -> Result<DayNotes, AwsError> {
        self.names(reported_by(mode)).await
    }

    /// Adds to what runs of this mode have reported to the topic today.
    pub(crate) async fn remember_reported(
        &self,
        mode: Mode,
        names: DayNotes,
    ) -> Result<(), AwsError> {
        self.add_names(reported_by(mode), names).await
    }

    async fn names(&self, what: &str) -> Result<DayNotes, AwsError> {
        let today = day_key(self.clock.now().date_naive());
        let names: Option<NamesNote> = self.get(key(what, today)).await?;
        Ok(names.unwrap_or_default().entries)
    }

    async fn add_names(&self, what: &str, names: DayNotes) -> Result<(), AwsError> {
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

    /// The items with these keys that are there, in no particular order.
    pub(super) async fn batch_get<T: serde::de::DeserializeOwned>(
        &self,
        keys: &[LedgerItem],
    ) -> Result<Vec<T>, AwsError> {
        let mut found = Vec::new();
        for keys in keys.chunks(BATCH_GET_LIMIT) {
            self.batch_get_into(keys.to_vec(), &mut found).await?;
        }
        Ok(found)
    }

    async fn batch_get_into<T: serde::de::DeserializeOwned>(
        &self,
        keys: Vec<LedgerItem>,
        found: &mut Vec<T>,
    ) -> Result<(), AwsError> {
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
        Ok(())
    }
}

/// The partition of what runs of this mode have reported. What a dry run reported says nothing of what is done once it is
/// enforced.
fn reported_by(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "told#dry-run",
        Mode::Enforce => "told",
    }
}

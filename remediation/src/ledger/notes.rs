//! What the ledger notes from run to run beside acts: what was reported.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{self, LedgerItem, day_key, key, number};
use crate::settings::Mode;

const UPDATE: &str = "dynamodb:UpdateItem";
const BATCH_GET: &str = "dynamodb:BatchGetItem";

/// The most items that `BatchGetItem` takes.
///
/// See [BatchGetItem](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
pub(super) const BATCH_GET_LIMIT: usize = 100;

/// The most bytes of names in one item, so that several functions at a time stay within the 400 KB of a DynamoDB item.
///
/// See [Quotas](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
const LARGEST_NOTE: usize = 250_000;

/// How long the notes of a day are kept. They are of use on that day only.
const DAYS_KEPT: TimeDelta = TimeDelta::days(3);

/// The partition of the days on which a policy that is not valid was reported.
const BROKEN_POLICY: &str = "told#policy";

/// The partition of which changes were reported.
const CHANGES: &str = "told#changes";

/// The last changes of what settings mean that were reported.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangesMark {
    edition: u32,
}

/// What was reported on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DayNotes {
    /// The names of what was reported.
    pub(crate) names: BTreeSet<String>,
    /// How many bytes of names each item holds, by its sort key.
    sizes: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamesNote {
    sk: String,
    #[serde(default)]
    entries: BTreeSet<String>,
}

impl Ledger {
    /// What runs of this mode have reported to the topic today.
    pub(crate) async fn reported(&self, mode: Mode) -> Result<DayNotes, AwsError> {
        self.names(reported_by(mode)).await
    }

    /// Adds to what runs of this mode have reported to the topic today, which was `notes`.
    pub(crate) async fn remember_reported(
        &self,
        mode: Mode,
        notes: &DayNotes,
        names: BTreeSet<String>,
    ) -> Result<(), AwsError> {
        self.add_names(reported_by(mode), notes, names).await
    }

    /// What owners were told by letters of runs of this mode today.
    pub(crate) async fn told_owners(&self, mode: Mode) -> Result<DayNotes, AwsError> {
        self.names(told_owners_by(mode)).await
    }

    /// Adds to what owners were told by letters of runs of this mode today, which was `notes`.
    pub(crate) async fn remember_told_owners(
        &self,
        mode: Mode,
        notes: &DayNotes,
        names: BTreeSet<String>,
    ) -> Result<(), AwsError> {
        self.add_names(told_owners_by(mode), notes, names).await
    }

    /// Whether it was reported what means something else since the upgrade to this `edition`.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn has_reported_changes(&self, edition: u32) -> Result<bool, AwsError> {
        let mark: Option<ChangesMark> = self.get(key(CHANGES, "reported")).await?;
        Ok(mark.is_some_and(|mark| mark.edition >= edition))
    }

    /// Whether runs of this mode have reported anything yet, also long ago.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn has_ever_reported(&self, mode: Mode) -> Result<bool, AwsError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("Pk = :pk")
            .expression_attribute_values(":pk", items::text(reported_by(mode)))
            .limit(1)
            .send()
            .await
            .map_err(|error| AwsError::new(items::QUERY, &error))?;
        Ok(!answer.items().is_empty())
    }

    /// Notes that the changes of `edition` were reported, or need no report.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub(crate) async fn remember_changes_reported(&self, edition: u32) -> Result<(), AwsError> {
        let item = items::item(key(CHANGES, "reported"), &ChangesMark { edition })?;
        self.write_item(item).await
    }

    /// Whether it was reported today that the policy is not valid.
    pub(crate) async fn has_reported_policy(&self) -> Result<bool, AwsError> {
        Ok(!self.names(BROKEN_POLICY).await?.names.is_empty())
    }

    /// Notes that it was reported today that the policy is not valid.
    pub(crate) async fn remember_policy_reported(&self) -> Result<(), AwsError> {
        let names = BTreeSet::from(["invalid".to_owned()]);
        let none = DayNotes::default();
        self.add_names(BROKEN_POLICY, &none, names).await
    }

    /// The names of a day are in one item, and in further ones where they are many. Older versions know the first only.
    async fn names(&self, what: &str) -> Result<DayNotes, AwsError> {
        let today = day_key(self.clock.now().date_naive());
        let mut notes = DayNotes::default();
        for note in self.query::<NamesNote>(what, &today).await? {
            let size = note.entries.iter().map(|name| size(name)).sum();
            notes.sizes.insert(note.sk, size);
            notes.names.extend(note.entries);
        }
        Ok(notes)
    }

    async fn add_names(
        &self,
        what: &str,
        notes: &DayNotes,
        names: BTreeSet<String>,
    ) -> Result<(), AwsError> {
        let today = day_key(self.clock.now().date_naive());
        let mut names = names.into_iter().peekable();
        let mut number: u32 = 0;
        while names.peek().is_some() {
            let sort_key = match number {
                0 => today.clone(),
                number => format!("{today}#{number:02}"),
            };
            let held = notes.sizes.get(&sort_key).copied().unwrap_or_default();
            let mut room = LARGEST_NOTE.saturating_sub(held);
            let mut fitting = Vec::new();
            while let Some(name) = names.next_if(|name| size(name) <= room) {
                room -= size(&name);
                fitting.push(name);
            }
            if !fitting.is_empty() {
                self.add_to_note(what, sort_key, fitting).await?;
            }
            number += 1;
        }
        Ok(())
    }

    async fn add_to_note(
        &self,
        what: &str,
        sort_key: String,
        names: Vec<String>,
    ) -> Result<(), AwsError> {
        let now = self.clock.now();
        let expires_at = now.checked_add_signed(DAYS_KEPT).unwrap_or(now);
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(what, sort_key)))
            .update_expression("ADD Entries :entries SET ExpiresAt = :expires")
            .expression_attribute_values(":entries", AttributeValue::Ss(names))
            .expression_attribute_values(":expires", number(expires_at.timestamp()))
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

/// The partition of what owners were told by runs of this mode.
fn told_owners_by(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "told#owners#dry-run",
        Mode::Enforce => "told#owners",
    }
}

/// About how many bytes a name takes in a set.
fn size(name: &str) -> usize {
    name.len() + 3
}

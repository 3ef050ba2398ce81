//! Tags that are not restored any more, because somebody keeps removing them.
//!
//! What is remembered of the resource says until when. These marks say which resources to look at although nothing is
//! wrong with them: once a person has set the tag, it is restored again. They lie among the countdowns, so that one query
//! gives both.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::Serialize;
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{self, COUNTDOWN, DELETE, key};

/// How long a mark is kept: as long as the longest pause, and a day.
const MARK_KEPT: TimeDelta = TimeDelta::days(31);

/// The keys of tags by instance.
pub(crate) type PausedTags = BTreeMap<String, BTreeSet<String>>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PauseMark {
    since: String,
    expires_at: i64,
}

impl Ledger {
    /// Marks these tags as not restored any more: instance and key.
    ///
    /// # Errors
    /// DynamoDB did not take them all.
    pub(crate) async fn mark_paused(
        &self,
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), AwsError> {
        let now = self.clock.now();
        let expires_at = now.checked_add_signed(MARK_KEPT).unwrap_or(now);
        let mark = PauseMark {
            since: now.to_rfc3339(),
            expires_at: expires_at.timestamp(),
        };
        for (id, tag_key) in tags {
            let key = key(COUNTDOWN, sort_key(&id, &tag_key));
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(items::item(key, &mark)?))
                .send()
                .await
                .map_err(|error| AwsError::new(items::PUT, &error))?;
        }
        Ok(())
    }

    /// Has these tags restored again, which a person has set: instance and key.
    ///
    /// # Errors
    /// DynamoDB did not take it all. What is left is done by the next run that finds the tag set.
    pub(crate) async fn resume(&self, tags: &BTreeSet<(String, String)>) -> Result<(), AwsError> {
        let mut of_instance = PausedTags::new();
        for (id, tag_key) in tags {
            let keys = of_instance.entry(id.clone()).or_default();
            keys.insert(tag_key.clone());
        }
        self.resume_memories(&of_instance).await?;
        // Last, because the mark is what has the tag looked at.
        for (id, tag_key) in tags {
            self.client
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(key(COUNTDOWN, sort_key(id, tag_key))))
                .send()
                .await
                .map_err(|error| AwsError::new(DELETE, &error))?;
        }
        Ok(())
    }
}

fn sort_key(id: &str, tag_key: &str) -> String {
    format!("{id}#paused#{tag_key}")
}

/// The instance and the key that a mark is of; `None` if `sort_key` is not a mark's.
pub(super) fn paused_tag(sort_key: &str) -> Option<(String, String)> {
    let (id, rest) = sort_key.split_once('#')?;
    let tag_key = rest.strip_prefix("paused#")?;
    Some((id.to_owned(), tag_key.to_owned()))
}

//! Reasons that a sweep found on nearly every instance.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{self, expires_after, key};
use crate::plan::{CountdownReason, REMEMBERED};

/// What a sweep noted of a reason that it found on nearly every instance.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SuspicionNote {
    /// When the first of the sweeps found it.
    pub(crate) first_at: DateTime<Utc>,
    /// When the last of them found it.
    pub(crate) seen_at: DateTime<Utc>,
}

impl Ledger {
    /// What is noted of `reason`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn suspicion(
        &self,
        reason: &CountdownReason,
    ) -> Result<Option<SuspicionNote>, AwsError> {
        self.get(key("suspicion", reason.to_string())).await
    }

    /// Notes it.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn note_suspicion(
        &self,
        reason: &CountdownReason,
        note: &SuspicionNote,
    ) -> Result<(), AwsError> {
        let mut item = items::item(key("suspicion", reason.to_string()), note)?;
        item.extend([expires_after(note.seen_at, REMEMBERED)]);
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| AwsError::new(items::PUT, &error))?;
        Ok(())
    }
}

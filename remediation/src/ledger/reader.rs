//! Reads acts back.

use chrono::NaiveDate;
use tagwarden::aws::AwsError;

use super::items::day_key;
use super::record::Batch;
use super::{Ledger, RunId};

impl Ledger {
    /// Every batch of acts of one run, in order.
    ///
    /// # Errors
    /// DynamoDB cannot be asked, or holds something else than acts; the error names the item.
    pub async fn batches(&self, run_id: &RunId) -> Result<Vec<Batch>, AwsError> {
        let prefix = format!("{run_id}#");
        self.query(&day_key(run_id.day()), &prefix).await
    }

    /// Every batch of acts of the runs that started on `day` (UTC), in the order in which the runs started.
    ///
    /// # Errors
    /// As [`Ledger::batches`].
    pub async fn batches_of(&self, day: NaiveDate) -> Result<Vec<Batch>, AwsError> {
        self.query(&day_key(day), "").await
    }
}

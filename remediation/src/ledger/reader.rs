//! Reads acts back.

use chrono::{DateTime, NaiveDate, Utc};
use tagwarden_aws::AwsError;
use tokio::task::JoinSet;

use super::act::Batch;
use super::items::{QUERY, day_key};
use super::{KEPT, Ledger};
use crate::run_id::RunId;

/// The most days that are read at a time. A year is read in seconds, and any table accepts that many calls.
const DAYS_AT_ONCE: usize = 16;

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

    /// Every batch of the runs that started on the day of `since` (UTC) or later, and of the day before: the oldest
    /// first, those of runs that are at work included.
    ///
    /// The day before, because a run that started before midnight may begin its acts after it, and because not all who
    /// write have the same time: an undo has its user's.
    ///
    /// One query a day: there is no index by time or instance, because acts are written far more often than they are
    /// read back. What is older than the ledger remembers is not asked for.
    ///
    /// # Errors
    /// As [`Ledger::batches`].
    pub async fn batches_since(&self, since: DateTime<Utc>) -> Result<Vec<Batch>, AwsError> {
        let now = self.clock.now();
        let first = since.max(self.oldest()).date_naive();
        let last = now.date_naive();
        let first = first.pred_opt().unwrap_or(first);
        let last = last.succ_opt().unwrap_or(last);
        let mut days = first.iter_days().take_while(|day| *day <= last);
        let mut reading = JoinSet::new();
        let mut batches: Vec<Batch> = Vec::new();
        loop {
            for day in days.by_ref().take(DAYS_AT_ONCE - reading.len()) {
                let ledger = self.clone();
                reading.spawn(async move { ledger.batches_of(day).await });
            }
            let Some(read) = reading.join_next().await else {
                break;
            };
            let read = read.map_err(|error| AwsError::unexpected(QUERY, error.to_string()))?;
            batches.extend(read?);
        }
        batches.sort_by(|left, right| left.order().cmp(&right.order()));
        Ok(batches)
    }

    /// When the oldest act that the ledger still remembers can have been begun.
    #[must_use]
    pub fn oldest(&self) -> DateTime<Utc> {
        let now = self.clock.now();
        now.checked_sub_signed(KEPT).unwrap_or(now)
    }
}

impl Batch {
    /// By what batches are put in the order in which they were begun.
    fn order(&self) -> (DateTime<Utc>, &RunId, u32) {
        (self.begun_at, &self.run_id, self.number)
    }
}

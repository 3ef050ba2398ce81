//! Open runs: those that began acts and have not reported all of them. A run that is still open after its function's time
//! was killed, or could not report.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;

use super::Ledger;
use super::act::Batch;
use super::items::{self, LedgerItem, key, number, text};
use crate::run_id::RunId;

/// The partition of the marks.
const OPEN: &str = "open";

/// The mark of an open run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OpenMark {
    /// The run that began the acts.
    run_id: RunId,
    /// The run that must report them: the same, unless another has taken it over.
    held_by: RunId,
    /// When that run's function has ended at the latest, in milliseconds of the epoch.
    held_until: i64,
}

/// An open run that was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AbandonedRun {
    pub(crate) run_id: RunId,
    pub(crate) batches: Vec<Batch>,
}

impl OpenMark {
    pub(super) fn new(run_id: &RunId, lease: DateTime<Utc>) -> Self {
        Self {
            run_id: run_id.clone(),
            held_by: run_id.clone(),
            held_until: lease.timestamp_millis(),
        }
    }

    pub(super) fn item(&self) -> Result<LedgerItem, AwsError> {
        items::item(key(OPEN, self.run_id.as_str()), self)
    }
}

impl Ledger {
    /// Takes over every open run whose function's time is up, for `by`, whose own is up at `lease`.
    ///
    /// Of several functions that try, one gets it.
    ///
    /// # Errors
    /// DynamoDB cannot be asked. What was taken over by then is found again once `lease` is over.
    pub(crate) async fn take_over(
        &self,
        by: &RunId,
        lease: DateTime<Utc>,
    ) -> Result<Vec<AbandonedRun>, AwsError> {
        let now = self.clock.now().timestamp_millis();
        let marks: Vec<OpenMark> = self.query(OPEN, "").await?;
        let mut taken = Vec::new();
        for mark in marks.into_iter().filter(|mark| mark.held_until < now) {
            let new = OpenMark {
                run_id: mark.run_id.clone(),
                held_by: by.clone(),
                held_until: lease.timestamp_millis(),
            };
            if !self.replace(&mark, &new).await? {
                continue;
            }
            let batches = self.batches(&new.run_id).await?;
            taken.push(AbandonedRun {
                run_id: new.run_id,
                batches,
            });
        }
        Ok(taken)
    }

    /// The runs whose functions may still be at work: what they have begun, they may yet do.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn at_work(&self) -> Result<BTreeSet<RunId>, AwsError> {
        let now = self.clock.now().timestamp_millis();
        let marks: Vec<OpenMark> = self.query(OPEN, "").await?;
        // One that another has taken over has ended.
        let at_work = marks
            .into_iter()
            .filter(|mark| mark.held_by == mark.run_id && mark.held_until >= now);
        Ok(at_work.map(|mark| mark.run_id).collect())
    }

    /// `by` has nothing more to do with the open run `run_id`: it is ended if it `is_over`, all of it done and reported;
    /// otherwise the next run may take it over at once.
    ///
    /// What goes wrong is logged: the run stays open, and is taken over once its time is up.
    pub(crate) async fn let_go(&self, run_id: &RunId, by: &RunId, is_over: bool) {
        let let_go = if is_over {
            self.close(run_id, by).await
        } else {
            self.give_back(run_id, by).await
        };
        if let Err(error) = let_go {
            tracing::error!("the ledger: {error}");
        }
    }

    /// Gives the mark of `run_id` back before its time: `by` could not report it, and the next run may at once.
    async fn give_back(&self, run_id: &RunId, by: &RunId) -> Result<(), AwsError> {
        let mark = OpenMark {
            run_id: run_id.clone(),
            held_by: by.clone(),
            held_until: 0,
        };
        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(mark.item()?))
            .condition_expression("HeldBy = :by")
            .expression_attribute_values(":by", text(by.as_str()))
            .send()
            .await;
        match result {
            Err(error) if !items::is_condition(&error) => Err(AwsError::new(items::PUT, &error)),
            _ => Ok(()),
        }
    }

    /// Takes the mark of `run_id` away: `by` has reported all its acts.
    async fn close(&self, run_id: &RunId, by: &RunId) -> Result<(), AwsError> {
        let result = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(OPEN, run_id.as_str())))
            .condition_expression("attribute_not_exists(Pk) OR HeldBy = :by")
            .expression_attribute_values(":by", text(by.as_str()))
            .send()
            .await;
        match result {
            Err(error) if !items::is_condition(&error) => Err(AwsError::new(items::DELETE, &error)),
            _ => Ok(()),
        }
    }

    /// Whether `old` was still there, and is `new` now.
    async fn replace(&self, old: &OpenMark, new: &OpenMark) -> Result<bool, AwsError> {
        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(new.item()?))
            .condition_expression("HeldBy = :by AND HeldUntil = :until")
            .expression_attribute_values(":by", text(old.held_by.as_str()))
            .expression_attribute_values(":until", number(old.held_until))
            .send()
            .await;
        match result {
            Ok(_) => Ok(true),
            Err(error) if items::is_condition(&error) => Ok(false),
            Err(error) => Err(AwsError::new(items::PUT, &error)),
        }
    }
}

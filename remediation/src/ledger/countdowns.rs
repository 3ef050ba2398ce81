//! Countdowns in the ledger.
//!
//! All of them are in one partition, because a run must find those whose reason it no longer finds.
//!
//! What closes the gaps between runs is the order of a run: it looks, reads the countdowns, begins new ones, and looks
//! again. A run that sees a reason gone reads the countdowns after that look, and deletes what was begun before it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;
use tagwarden_core::Shutdown;

use super::items::{self, LedgerItem, key, number};
use super::transaction::{ATTEMPTS, MOST_WRITES, Transaction, TransactionResult, busy};
use super::{KEPT, Ledger};
use crate::plan::{Countdown, CountdownChange, CountdownName, CountdownReason, REMEMBERED};

/// The partition of the countdowns.
const COUNTDOWN: &str = "countdown";

/// The sort key of what older versions noted of an instance that is stopped and untagged.
const STOPPED: &str = "stopped";

const DELETE: &str = "dynamodb:DeleteItem";

/// Countdowns by instance.
pub(crate) type RunningCountdowns = BTreeMap<String, BTreeMap<CountdownName, Countdown>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredCountdown {
    sk: String,
    #[serde(flatten)]
    countdown: Countdown,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoppedNote {
    pk: String,
    #[serde(flatten)]
    countdown: Countdown,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MessageMark {
    due_at: i64,
    expires_at: i64,
}

impl Ledger {
    /// Every countdown that runs, or whose end nobody has noted.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn countdowns(&self) -> Result<RunningCountdowns, AwsError> {
        let stored: Vec<StoredCountdown> = self.query(COUNTDOWN, "").await?;
        let mut running = RunningCountdowns::new();
        for stored in stored {
            // A newer version may count down what this one does not know.
            if let Some(name) = name(&stored.sk) {
                let of_instance = running.entry(name.instance_id.clone()).or_default();
                of_instance.insert(name, stored.countdown);
            }
        }
        Ok(running)
    }

    /// Takes over what older versions noted of those of `ids`, which are stopped and untagged, as countdowns of their
    /// termination, and writes them as such if `writes`. Gives what there was.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn adopt_stopped(
        &self,
        ids: &[String],
        writes: bool,
    ) -> Result<RunningCountdowns, AwsError> {
        let keys: Vec<LedgerItem> = ids.iter().map(|id| key(id, STOPPED)).collect();
        let notes = self.batch_get::<StoppedNote>(&keys).await?;
        let mut adopted = RunningCountdowns::new();
        for note in notes {
            let name = CountdownName::of_stopped(&note.pk);
            let countdown = Countdown {
                is_after_stop: true,
                ..note.countdown
            };
            if writes {
                let change = CountdownChange {
                    read: None,
                    new: countdown,
                    has_begun: false,
                    next: None,
                };
                self.write_countdowns(&BTreeMap::from([(name.clone(), change)]))
                    .await?;
                self.delete_stopped_note(&note.pk).await?;
            }
            let of_instance = adopted.entry(note.pk).or_default();
            of_instance.insert(name, countdown);
        }
        Ok(adopted)
    }

    /// Writes what becomes of countdowns. What another run has changed since it was read stays as it is. Gives the
    /// names of those that were written.
    ///
    /// # Errors
    /// DynamoDB did not take them.
    pub(crate) async fn write_countdowns(
        &self,
        changes: &BTreeMap<CountdownName, CountdownChange>,
    ) -> Result<Vec<CountdownName>, AwsError> {
        let mut written = Vec::new();
        let changes: Vec<_> = changes.iter().collect();
        for chunk in changes.chunks(MOST_WRITES) {
            let mut waiting = chunk.to_vec();
            let mut attempt = 0;
            while !waiting.is_empty() {
                match self.try_to_write(&waiting).await? {
                    TransactionResult::Yes => break,
                    TransactionResult::Refused(positions) => {
                        let mut position = 0;
                        waiting.retain(|_| {
                            position += 1;
                            !positions.contains(&(position - 1))
                        });
                    }
                    TransactionResult::Busy if attempt == ATTEMPTS => return Err(busy()),
                    TransactionResult::Busy => {
                        self.pause(attempt).await;
                        attempt += 1;
                    }
                }
            }
            written.extend(waiting.into_iter().map(|(name, _)| name.clone()));
        }
        Ok(written)
    }

    async fn try_to_write(
        &self,
        changes: &[(&CountdownName, &CountdownChange)],
    ) -> Result<TransactionResult, AwsError> {
        let mut transaction = Transaction::default();
        for (name, change) in changes {
            transaction.add(self.put_countdown(name, change.read.as_ref(), &change.new)?)?;
        }
        self.transact(transaction).await
    }

    /// Puts `new` in the place of `read`, if that is what is there.
    pub(super) fn put_countdown(
        &self,
        name: &CountdownName,
        read: Option<&Countdown>,
        new: &Countdown,
    ) -> Result<PutBuilder, AwsError> {
        let put = self.put(countdown_item(name, new)?);
        Ok(match read {
            None => put.condition_expression("attribute_not_exists(Pk)"),
            Some(read) => put
                .condition_expression("Since = :since")
                .expression_attribute_values(":since", since(read)?),
        })
    }

    /// Deletes a countdown whose reason is gone, if it is still the one that was read.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn delete_countdown(
        &self,
        name: &CountdownName,
        read: &Countdown,
    ) -> Result<(), AwsError> {
        let result = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(COUNTDOWN, sort_key(name))))
            .condition_expression("attribute_not_exists(Pk) OR Since = :since")
            .expression_attribute_values(":since", since(read)?)
            .send()
            .await;
        match result {
            Err(error) if !items::is_condition(&error) => Err(AwsError::new(DELETE, &error)),
            _ => Ok(()),
        }
    }

    /// Whether this run is to send the message that asks for what the budget held back: there is none under way. It is
    /// due at `due_at` then.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn claim_budget_message(
        &self,
        due_at: DateTime<Utc>,
    ) -> Result<bool, AwsError> {
        let now = self.clock.now();
        let mark = MessageMark {
            due_at: due_at.timestamp_millis(),
            expires_at: due_at.timestamp(),
        };
        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(items::item(key("budget", "message"), &mark)?))
            .condition_expression("attribute_not_exists(Pk) OR DueAt < :now")
            .expression_attribute_values(":now", number(now.timestamp_millis()))
            .send()
            .await;
        match result {
            Ok(_) => Ok(true),
            Err(error) if items::is_condition(&error) => Ok(false),
            Err(error) => Err(AwsError::new(items::PUT, &error)),
        }
    }
}

/// The stored form of a countdown.
pub(super) fn countdown_item(
    name: &CountdownName,
    countdown: &Countdown,
) -> Result<LedgerItem, AwsError> {
    let mut item = items::item(key(COUNTDOWN, sort_key(name)), countdown)?;
    let seen_at = countdown.seen_at.unwrap_or(countdown.since);
    // That tagwarden stopped an instance stays true, however long no run looks at it.
    let remembered = if countdown.is_after_stop {
        KEPT
    } else {
        REMEMBERED
    };
    item.extend([expires_unseen(seen_at, remembered)]);
    Ok(item)
}

/// The attribute by which an item expires `remembered` after it was last confirmed, at `seen_at`.
fn expires_unseen(seen_at: DateTime<Utc>, remembered: TimeDelta) -> (String, AttributeValue) {
    let at = seen_at.checked_add_signed(remembered).unwrap_or(seen_at);
    ("ExpiresAt".to_owned(), number(at.timestamp()))
}

/// `Since` as [`countdown_item`] stores it.
fn since(countdown: &Countdown) -> Result<AttributeValue, AwsError> {
    serde_dynamo::to_attribute_value(countdown.since)
        .map_err(|error| AwsError::unexpected(items::PUT, error.to_string()))
}

fn sort_key(name: &CountdownName) -> String {
    let shutdown = match name.shutdown {
        Shutdown::Stop => "stop",
        Shutdown::Terminate => "terminate",
    };
    format!("{}#{shutdown}#{}", name.instance_id, name.reason)
}

fn name(sort_key: &str) -> Option<CountdownName> {
    let mut parts = sort_key.splitn(3, '#');
    let instance_id = parts.next()?.to_owned();
    let shutdown = match parts.next()? {
        "stop" => Shutdown::Stop,
        "terminate" => Shutdown::Terminate,
        _ => return None,
    };
    let reason = CountdownReason::from_name(parts.next()?)?;
    Some(CountdownName {
        instance_id,
        shutdown,
        reason,
    })
}

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
        item.extend([expires_unseen(note.seen_at, REMEMBERED)]);
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| AwsError::new(items::PUT, &error))?;
        Ok(())
    }

    /// Deletes what older versions noted of an instance, which is a countdown now.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    async fn delete_stopped_note(&self, id: &str) -> Result<(), AwsError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(id, STOPPED)))
            .send()
            .await
            .map_err(|error| AwsError::new(DELETE, &error))?;
        Ok(())
    }
}

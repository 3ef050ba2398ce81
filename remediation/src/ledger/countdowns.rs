//! Countdowns in the ledger.
//!
//! All of them are in one partition, because a run must find those whose reason it no longer finds.
//!
//! What closes the gaps between runs is the order of a run: it looks, reads the countdowns, begins new ones, and looks
//! again. A run that sees a reason gone reads the countdowns after that look, and deletes what was begun before it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use serde::Deserialize;
use tagwarden_aws::AwsError;
use tagwarden_core::Shutdown;

use super::items::{self, COUNTDOWN, DELETE, LedgerItem, expires_after, key};
use super::pauses::{self, PausedTags};
use super::transaction::{ATTEMPTS, MOST_WRITES, Transaction, TransactionResult, busy};
use super::{KEPT, Ledger};
use crate::plan::{Countdown, CountdownChange, CountdownName, CountdownReason, REMEMBERED};

/// The sort key of what older versions noted of an instance that is stopped and untagged.
const STOPPED: &str = "stopped";

/// Countdowns by instance.
pub(crate) type RunningCountdowns = BTreeMap<String, BTreeMap<CountdownName, Countdown>>;

/// What one query of the partition gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) countdowns: RunningCountdowns,
    /// See [`pauses`](super::pauses).
    pub(crate) paused: PausedTags,
}

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

impl Ledger {
    /// Every countdown that runs or whose end was not noted, and every tag that is not restored any more.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn standing(&self) -> Result<Standing, AwsError> {
        let stored: Vec<StoredCountdown> = self.query(COUNTDOWN, "").await?;
        let mut standing = Standing::default();
        for stored in stored {
            // A newer version may count down what this one does not know.
            if let Some(name) = name(&stored.sk) {
                let countdowns = &mut standing.countdowns;
                let of_instance = countdowns.entry(name.instance_id.clone()).or_default();
                of_instance.insert(name, stored.countdown);
            } else if let Some((id, tag_key)) = pauses::paused_tag(&stored.sk) {
                standing.paused.entry(id).or_default().insert(tag_key);
            }
        }
        Ok(standing)
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
    item.extend([expires_after(seen_at, remembered)]);
    Ok(item)
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

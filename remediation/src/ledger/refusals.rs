//! Which instances EC2 refused to stop or terminate, so that they do not stand in the way of others.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{self, LedgerItem, QUERY, day_key, key, text};
use super::transaction::{MOST_WRITES, Transaction};
use crate::plan::{Reason, Refusal, RemedyName};

/// The partition of the refusals. Older versions keep one item a day in it, with the ids of protected instances.
const PARTITION: &str = "protected";

/// How long a refusal is remembered. Until then the instance is tried after all others.
const KEPT: TimeDelta = TimeDelta::days(8);

/// Refusals by instance and shutdown.
pub(crate) type Refusals = BTreeMap<(String, RemedyName), Refusal>;

/// A refusal as an item.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredRefusal {
    instance_id: String,
    remedy: RemedyName,
    /// AWS's error code; none for a protected instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    why: String,
    refused_at: DateTime<Utc>,
    /// In seconds of the epoch.
    expires_at: i64,
}

/// An item of the partition.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Refusal(StoredRefusal),
    Day {
        #[serde(rename = "Entries", default)]
        ids: Vec<String>,
    },
}

impl Ledger {
    /// What EC2 refused to stop or terminate in the last days.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn refusals(&self) -> Result<Refusals, AwsError> {
        let now = self.clock.now();
        let mut refusals = Refusals::new();
        // The refusals come after today's item of older versions.
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("Pk = :pk AND Sk >= :today")
            .expression_attribute_values(":pk", text(PARTITION))
            .expression_attribute_values(":today", text(day_key(now.date_naive())))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| AwsError::new(QUERY, &error))?;
            match items::value(QUERY, item)? {
                Stored::Refusal(stored) => {
                    // DynamoDB deletes what has expired days later.
                    if stored.expires_at > now.timestamp() {
                        let (name, refusal) = stored.into_refusal();
                        refusals.insert(name, refusal);
                    }
                }
                Stored::Day { ids } => {
                    for id in ids {
                        for remedy in [RemedyName::Stop, RemedyName::Terminate] {
                            let reason = Reason::Protected;
                            let refusal = Refusal { reason, at: now };
                            refusals.entry((id.clone(), remedy)).or_insert(refusal);
                        }
                    }
                }
            }
        }
        Ok(refusals)
    }

    /// Remembers what EC2 refused.
    ///
    /// # Errors
    /// DynamoDB did not take them all.
    pub(crate) async fn remember_refusals(&self, refusals: &Refusals) -> Result<(), AwsError> {
        let mut transaction = Transaction::default();
        for ((id, remedy), refusal) in refusals {
            if transaction.len() == MOST_WRITES {
                self.write(std::mem::take(&mut transaction)).await?;
            }
            transaction.add(self.put(item(id, *remedy, refusal)?))?;
        }
        self.write(transaction).await
    }
}

impl StoredRefusal {
    fn into_refusal(self) -> ((String, RemedyName), Refusal) {
        let reason = match self.code {
            None => Reason::Protected,
            Some(code) => Reason::RefusedByEc2 {
                code,
                why: self.why,
            },
        };
        let at = self.refused_at;
        ((self.instance_id, self.remedy), Refusal { reason, at })
    }
}

fn item(id: &str, remedy: RemedyName, refusal: &Refusal) -> Result<LedgerItem, AwsError> {
    let expires_at = refusal.at.checked_add_signed(KEPT).unwrap_or(refusal.at);
    let stored = StoredRefusal {
        instance_id: id.to_owned(),
        remedy,
        code: match &refusal.reason {
            Reason::RefusedByEc2 { code, .. } => Some(code.clone()),
            _ => None,
        },
        why: refusal.reason.to_string(),
        refused_at: refusal.at,
        expires_at: expires_at.timestamp(),
    };
    let key = key(PARTITION, format!("{id}#{}", remedy.as_str()));
    items::item(key, &stored)
}

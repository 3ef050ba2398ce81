//! What a run has no time for, it hands on to the function's own queue: a fleet of any size is done by as many
//! functions as it needs.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use tagwarden_aws::AwsError;

use crate::function::Remediation;
use crate::plan::Reason;
use crate::report::{Outcome, Report};
use crate::run::Wanted;
use crate::trigger::{self, Trigger};

const CALL: &str = "sqs:SendMessage";

/// What another run is at is looked at again after so many seconds: it has ended by then, and what it did shows.
const A_LITTLE_LATER: i32 = 25;

/// So many instances are asked for in one message: about 22 KB.
const IDS: usize = 1_000;

/// The most messages of one call; all of them together may have 256 KB.
///
/// See [SendMessageBatch](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
const MESSAGES: usize = 10;

/// The rest is handed on so often; after that it is left to the next sweep. Something that takes longer will not end.
const MOST_HOPS: u32 = 24;

impl Remediation {
    /// Hands on what `report`, of a run that was asked for `wanted`, left for lack of time; and, to be looked at a
    /// little later, the instances that it left to `others`: they may have been at something older.
    ///
    /// What cannot be sent is logged: the next sweep finds it.
    pub(crate) async fn hand_on(
        &self,
        wanted: &Wanted,
        report: &Report,
        others: &BTreeSet<String>,
    ) {
        let Some(queue_url) = &self.settings.queue_url else {
            return;
        };
        let hops = wanted.triggers.iter().map(|trigger| match trigger {
            Trigger::Rest { hops } => *hops,
            _ => 0,
        });
        let hops = hops.max().unwrap_or_default().saturating_add(1);
        if hops > MOST_HOPS {
            return;
        }
        let is_left = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Deferred(Reason::NoTime | Reason::LookUpUnfinished)
            )
        };
        let left = report.entries.iter().filter(|it| is_left(&it.outcome));
        let left: BTreeSet<&str> = left.map(|it| it.step.instance_id.as_str()).collect();
        let others = others.iter().map(String::as_str).collect();
        for (ids, delay) in [(left, 0), (others, A_LITTLE_LATER)] {
            let ids: Vec<&str> = ids.into_iter().collect();
            let chunks: Vec<&[&str]> = ids.chunks(IDS).collect();
            for chunks in chunks.chunks(MESSAGES) {
                if let Err(error) = self.send(queue_url, chunks, hops, delay).await {
                    tracing::error!("what is left waits for the next sweep: {error}");
                    return;
                }
            }
            if !ids.is_empty() {
                tracing::info!(instances = ids.len(), hops, delay, "handed on");
            }
        }
    }

    async fn send(
        &self,
        queue_url: &str,
        chunks: &[&[&str]],
        hops: u32,
        delay: i32,
    ) -> Result<(), AwsError> {
        let entries = chunks.iter().enumerate().map(|(position, ids)| {
            SendMessageBatchRequestEntry::builder()
                .id(position.to_string())
                .delay_seconds(delay)
                .message_body(trigger::rest(ids, hops).to_string())
                .build()
                .map_err(|error| AwsError::unexpected(CALL, error.to_string()))
        });
        let answer = self
            .sqs
            .send_message_batch()
            .queue_url(queue_url)
            .set_entries(Some(entries.collect::<Result<_, _>>()?))
            .send()
            .await
            .map_err(|error| AwsError::new(CALL, &error))?;
        match answer.failed() {
            [] => Ok(()),
            [failed, ..] => Err(AwsError::unexpected(
                CALL,
                failed.message().unwrap_or(failed.code()),
            )),
        }
    }
}

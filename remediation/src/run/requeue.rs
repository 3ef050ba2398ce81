//! Puts the work that a run has no time for back on the function's queue, so that as many functions as it takes work
//! through a fleet of any size.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;

use super::countdowns::WakeUps;
use crate::plan::{Outcome, Reason};
use crate::remediation::Remediation;
use crate::report::Report;
use crate::request::{RunRequest, Trigger};
use crate::trigger;

const CALL: &str = "sqs:SendMessage";

/// How many seconds later an instance that another run works on is looked at again. That run has ended by then, and
/// what it did shows.
const A_LITTLE_LATER: i32 = 25;

/// The longest delay of a message, in seconds.
///
/// See [SQS delay queues](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html).
const LONGEST_DELAY: i32 = 900;

/// The most instances that one message asks for: about 22 KB.
const IDS: usize = 1_000;

/// The most messages of one call; all of them together may have 256 KB.
///
/// See [SendMessageBatch](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
const MESSAGES: usize = 10;

/// The most runs that pass the rest on. After that it is left to the next sweep, because it would never end.
const MOST_HOPS: u32 = 24;

/// Requeues what `report` left for lack of time, and, a little later, the `contended` instances: the other runs that
/// work on them may have seen something older.
///
/// What cannot be sent is logged: the next sweep finds it.
pub(super) async fn requeue(
    home: &Remediation,
    request: &RunRequest,
    report: &Report,
    contended: &BTreeSet<String>,
) {
    let Some(queue_url) = &home.settings.queue_url else {
        return;
    };
    let hops = request.triggers.iter().map(|trigger| match trigger {
        Trigger::Requeued { hops, .. } => *hops,
        _ => 0,
    });
    let hops = hops.max().unwrap_or_default().saturating_add(1);
    if hops > MOST_HOPS {
        return;
    }
    let origin = request.origin();
    let report_hops = if request.is_linked() { origin.hops } else { 0 };
    let is_left = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Deferred(Reason::NoTime | Reason::LookUpUnfinished)
        )
    };
    let left = report.entries.iter().filter(|it| is_left(&it.outcome));
    let left: BTreeSet<&str> = left.map(|it| it.step.instance_id.as_str()).collect();
    let contended = contended.iter().map(String::as_str).collect();
    for (ids, delay) in [(left, 0), (contended, A_LITTLE_LATER)] {
        let ids: Vec<&str> = ids.into_iter().collect();
        let chunks: Vec<&[&str]> = ids.chunks(IDS).collect();
        for chunks in chunks.chunks(MESSAGES) {
            let bodies = chunks
                .iter()
                .map(|ids| trigger::requeued(ids, hops, report_hops).to_string());
            if let Err(error) = send(home, queue_url, bodies.collect(), delay).await {
                tracing::error!("what is left waits for the next sweep: {error}");
                return;
            }
        }
        if !ids.is_empty() {
            tracing::info!(instances = ids.len(), hops, delay, "requeued");
        }
    }
}

/// Has the instances looked at again when their time has come.
///
/// What cannot be sent is logged: the next sweep finds it.
pub(super) async fn wake_up(home: &Remediation, wake_ups: WakeUps) {
    let Some(queue_url) = &home.settings.queue_url else {
        return;
    };
    for (at, ids) in wake_ups {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if let Err(error) = send_later(home, queue_url, &ids, at).await {
            tracing::error!("what is due at {at} waits for the next sweep: {error}");
            return;
        }
        tracing::info!(instances = ids.len(), %at, "will be looked at again");
    }
}

/// Forwards a message that is not due yet, without a look. `false` if there is no queue to send it to.
///
/// # Errors
/// SQS did not take it.
pub(crate) async fn pass_on(
    home: &Remediation,
    ids: &[&str],
    not_before: DateTime<Utc>,
) -> Result<bool, AwsError> {
    match &home.settings.queue_url {
        Some(queue_url) => send_later(home, queue_url, ids, not_before)
            .await
            .map(|()| true),
        None => Ok(false),
    }
}

async fn send_later(
    home: &Remediation,
    queue_url: &str,
    ids: &[&str],
    not_before: DateTime<Utc>,
) -> Result<(), AwsError> {
    let left = (not_before - home.clock.now()).num_milliseconds();
    // Rounded up, so that it does not come a moment too early.
    let seconds = left.max(0).saturating_add(999) / 1_000;
    let delay = i32::try_from(seconds)
        .unwrap_or(LONGEST_DELAY)
        .min(LONGEST_DELAY);
    for ids in ids.chunks(IDS) {
        let body = trigger::postponed(ids, not_before);
        send(home, queue_url, vec![body.to_string()], delay).await?;
    }
    Ok(())
}

async fn send(
    home: &Remediation,
    queue_url: &str,
    bodies: Vec<String>,
    delay: i32,
) -> Result<(), AwsError> {
    let entries = bodies.into_iter().enumerate().map(|(position, body)| {
        SendMessageBatchRequestEntry::builder()
            .id(position.to_string())
            .delay_seconds(delay)
            .message_body(body)
            .build()
            .map_err(|error| AwsError::unexpected(CALL, error.to_string()))
    });
    let answer = home
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

//! The queue that feeds the functions, and the events that bypass it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::World;
use crate::model::StackNumber;

/// The most deliveries of a message that no function could handle.
const MOST_RECEIVES: u32 = 5;

/// Longer than any storm, in milliseconds.
const NEVER: u64 = 1_000_000_000_000;

/// A message of the queue, or an event that bypasses it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Milliseconds since the storm began.
    visible_at: u64,
    body: Value,
    receives: u32,
    is_direct: bool,
    /// The stack to which it is sent.
    stack: StackNumber,
}

/// The result of one function.
enum FunctionResult {
    /// It answered that these messages of its batch failed.
    Answered(Vec<usize>),
    /// It returned an error, was killed or timed out.
    Failed,
}

impl World {
    pub(super) fn since_start(&self) -> u64 {
        let begun_at = self.state().begun_at;
        u64::try_from(begun_at.elapsed().as_millis()).unwrap()
    }

    /// Sends something to all stacks.
    pub(super) fn send(&self, body: &Value, visible_at: u64, is_direct: bool) {
        for stack in 0..self.stacks() {
            self.send_to(stack, body.clone(), visible_at, is_direct);
        }
    }

    pub(super) fn send_to(
        &self,
        stack: StackNumber,
        body: Value,
        visible_at: u64,
        is_direct: bool,
    ) {
        self.state().queue.push(Message {
            visible_at,
            body,
            receives: 0,
            is_direct,
            stack,
        });
        self.0.sent.notify_one();
    }

    /// The time at which the next message becomes visible; `None` if the queue is empty.
    fn next_message(&self) -> Option<u64> {
        let account = self.account();
        let queues = self.0.stacks.iter().map(|stack| &stack.queue_url);
        let postponed = queues.filter_map(|url| account.next_message_at(url));
        let postponed = postponed.map(|at| {
            let left = (at - account.now()).num_milliseconds().max(0);
            self.since_start().saturating_add(left.unsigned_abs())
        });
        let postponed = postponed.min();
        let state = self.state();
        let queue = state.queue.iter().map(|message| message.visible_at);
        let next = queue.chain(postponed).min()?;
        let outage = self.storm().outage.as_ref();
        let outage = outage.filter(|outage| outage.contains(&next));
        Some(outage.map_or(next, |outage| outage.end))
    }

    /// Takes the messages for the next function: a batch of visible messages, or one event that bypasses the queue.
    fn receive(&self) -> Vec<Message> {
        if self.is_down() {
            return Vec::new();
        }
        self.collect_messages();
        let now = self.since_start();
        let mut state = self.state();
        let most = state.chance.usize(1..=self.storm().setup.batch);
        let mut batch: Vec<Message> = Vec::new();
        let mut left = Vec::new();
        // A standard queue does not keep the order.
        let mut queue = std::mem::take(&mut state.queue);
        state.chance.shuffle(&mut queue);
        for message in queue {
            let fits = match batch.first() {
                None => true,
                Some(first) => {
                    !first.is_direct
                        && !message.is_direct
                        && first.stack == message.stack
                        && batch.len() < most
                }
            };
            if message.visible_at <= now && fits {
                batch.push(message);
            } else {
                left.push(message);
            }
        }
        state.queue = left;
        state.model.tally.events += batch.len();
        batch
    }

    /// Deletes the messages that succeeded and returns the failed ones to the queue.
    fn received(&self, batch: Vec<Message>, end: &FunctionResult) {
        // Lambda recommends six times the function's timeout.
        let hidden = self.storm().setup.timeout_seconds * 6_000;
        let visible_at = self.since_start() + hidden;
        for (place, message) in batch.into_iter().enumerate() {
            let has_failed = match end {
                FunctionResult::Answered(failed) => failed.contains(&place),
                FunctionResult::Failed => true,
            };
            let receives = message.receives + 1;
            if has_failed && !message.is_direct && receives < MOST_RECEIVES {
                self.state().queue.push(Message {
                    visible_at,
                    receives,
                    ..message
                });
            }
        }
    }
}

/// Feeds the functions until the queue is empty and people have finished.
pub(super) async fn deliver(world: &World, is_over: impl Fn() -> bool) {
    let functions = world.storm().setup.functions.max(world.stacks());
    let free = Arc::new(Semaphore::new(functions));
    let mut in_flight = JoinSet::new();
    loop {
        let permit = free.clone().acquire_owned().await.unwrap();
        let batch = if world.has_violation() {
            Vec::new()
        } else {
            world.receive()
        };
        if batch.is_empty() {
            drop(permit);
            let next = world.next_message();
            if next.is_none() && is_over() && in_flight.is_empty() || world.has_violation() {
                return;
            }
            let next = next.map_or(NEVER, |at| at.saturating_sub(world.since_start()).max(1));
            tokio::select! {
                biased;
                Some(_) = in_flight.join_next() => {}
                () = world.0.sent.notified() => {}
                () = sleep(Duration::from_millis(next)) => {}
            }
            continue;
        }
        let world = world.clone();
        in_flight.spawn_local(async move {
            let payload = match batch.as_slice() {
                [message] if message.is_direct => message.body.clone(),
                messages => sqs_batch(messages),
            };
            let stack = batch.first().map_or(0, |first| first.stack);
            let end = match world.invoke(stack, payload).await {
                Ok(answer) => FunctionResult::Answered(failures(&answer)),
                Err(()) => FunctionResult::Failed,
            };
            world.received(batch, &end);
            drop(permit);
        });
    }
}

pub(super) fn sweep() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1",
        "resources": [], "detail": {},
    })
}

pub(super) fn change(id: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Config Rules Compliance Change", "source": "aws.config",
        "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "resourceId": id, "resourceType": "AWS::EC2::Instance", "awsRegion": "us-east-1",
            "awsAccountId": "111111111111", "configRuleName": "tagwarden",
            "messageType": "ComplianceChangeNotification", "recordVersion": "1.0",
            "newEvaluationResult": {"complianceType": "NON_COMPLIANT"},
        },
    })
}

/// The event that Lambda makes of a batch. Each message id is the message's place.
fn sqs_batch(messages: &[Message]) -> Value {
    let records = messages.iter().enumerate().map(|(place, message)| {
        json!({
            "messageId": place.to_string(), "receiptHandle": "handle", "body": message.body.to_string(),
            "attributes": {"ApproximateReceiveCount": (message.receives + 1).to_string()},
            "messageAttributes": {}, "md5OfBody": "0", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111111111111:tagwarden", "awsRegion": "us-east-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// The places of the failed messages.
fn failures(answer: &Value) -> Vec<usize> {
    let failures = answer["batchItemFailures"].as_array();
    let ids = failures.into_iter().flatten();
    ids.filter_map(|failure| failure["itemIdentifier"].as_str()?.parse().ok())
        .collect()
}

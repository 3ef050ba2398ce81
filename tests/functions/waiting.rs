//! An account whose shutdowns wait: what the tests of countdowns share.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{LEDGER, World, sqs_batch};

pub const QUEUE: &str = "tagwarden";

/// An account whose remediation enforces with a grace period of 15 minutes, and has a queue.
pub fn counting(rows: &[Value]) -> (World, String) {
    let world = World::with_table(rows).enforcing();
    let queue = world.account.create_queue(QUEUE);
    let world = world
        .set("TAGWARDEN_GRACE_MINUTES", "15")
        .set("TAGWARDEN_QUEUE_URL", &queue);
    (world, queue)
}

pub fn rule(id: u32, key: &str, action: &str) -> Value {
    json!({"RuleId": id, "TagKey": key, "Action": action, "Required": "Y"})
}

pub fn notify_only() -> Vec<Value> {
    vec![rule(4, "Owner", "Notify")]
}

pub fn later(world: &World, minutes: i64) {
    world.account.advance(TimeDelta::minutes(minutes));
}

/// The sort keys of the countdowns and marks in the ledger.
pub fn countdowns(world: &World) -> Vec<String> {
    let items = world.account.items(LEDGER);
    let of = items.iter().filter(|item| item["Pk"] == "countdown");
    of.map(|item| item["Sk"].as_str().unwrap().to_owned())
        .collect()
}

/// Delivers what is on the queue, as one batch. Gives how many messages that was.
pub async fn deliver(world: &World, queue: &str) -> usize {
    let messages = world.account.take_messages(queue);
    let count = messages.len();
    let messages: Vec<(&str, String)> = messages.into_iter().map(|it| ("m", it)).collect();
    if count > 0 {
        let answer = world.remediate(sqs_batch(&messages)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
    count
}

pub fn is_alive(world: &World, id: &str) -> bool {
    world
        .account
        .instance(id)
        .is_some_and(|it| !it.state.is_ending())
}

//! What a run has no time for goes back on the function's queue, and not forever.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{World, sqs_batch};

/// What the queue holds after a run about `messages` that has no time to ask CloudTrail.
async fn requeued(world: World, messages: &[Value]) -> Vec<Value> {
    let queue = world.account.create_queue("tagwarden");
    let world = world.set("TAGWARDEN_QUEUE_URL", &queue);
    let bodies: Vec<String> = messages.iter().map(Value::to_string).collect();
    let batch: Vec<(&str, String)> = bodies.into_iter().map(|body| ("m", body)).collect();
    let mut event = world.lambda_event(sqs_batch(&batch));
    let deadline = world.account.now() + TimeDelta::milliseconds(1);
    event.context.deadline = deadline.timestamp_millis().unsigned_abs();
    let answer = world.remediation().handle(event).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let messages = world.account.take_messages(&queue).into_iter();
    messages
        .map(|body| serde_json::from_str(&body).unwrap())
        .collect()
}

/// An instance that lacks only its creator.
fn unattributed(world: &World) -> String {
    world.instance(&[("ProjectCode", "P"), ("Expires", "2027-01-01")])
}

#[rstest]
#[case::enforcing(World::new().enforcing())]
#[case::dry_run(World::new())]
#[tokio::test(start_paused = true)]
async fn passes_on_what_there_is_no_time_for(#[case] world: World) {
    let ids = [unattributed(&world), unattributed(&world)];
    let passed_on = requeued(world, &[json!({"instanceIds": ids})]).await;
    assert_eq!(passed_on.len(), 1);
    assert_eq!(passed_on[0]["hops"], 1);
    assert_eq!(
        passed_on[0]["instanceIds"].as_array().unwrap().last(),
        Some(&json!(ids[1]))
    );
}

#[rstest]
#[case::last_time(23, Some(24))]
#[case::too_often(24, None)]
#[tokio::test(start_paused = true)]
async fn leaves_to_the_sweep_what_was_passed_on_24_times(
    #[case] hops: u32,
    #[case] next: Option<u32>,
) {
    let world = World::new().enforcing();
    let ids = [unattributed(&world), unattributed(&world)];
    let passed_on = requeued(world, &[json!({"instanceIds": ids, "hops": hops})]).await;
    let expected = next.map(|hops| json!({"instanceIds": ids, "hops": hops}));
    assert_eq!(passed_on, Vec::from_iter(expected));
}

#[tokio::test(start_paused = true)]
async fn counts_from_the_message_that_was_passed_on_most() {
    let world = World::new().enforcing();
    let (first, second) = (unattributed(&world), unattributed(&world));
    let messages = [
        json!({"instanceIds": [first], "hops": 7}),
        json!({"instanceIds": [second], "hops": 3}),
    ];
    let passed_on = requeued(world, &messages).await;
    assert_eq!(passed_on[0]["hops"], 8);
}

/// Otherwise a circle of linked functions that have no time would never end.
#[tokio::test(start_paused = true)]
async fn remembers_that_a_report_led_to_it() {
    let world = World::new().enforcing();
    let ids = [unattributed(&world), unattributed(&world)];
    let report = json!({"runId": "20261123T120000Z-8476a536", "source": "tagwarden/other", "hops": 1, "instanceIds": ids});
    let passed_on = requeued(world, &[report]).await;
    let mut again = passed_on[0].clone();
    let expected = json!({"instanceIds": ids, "hops": 1, "reportHops": 2});
    assert_eq!(passed_on, [expected]);

    let world = World::new().enforcing();
    let ids = [unattributed(&world), unattributed(&world)];
    again["instanceIds"] = json!(ids);
    let passed_on = requeued(world, &[again]).await;
    assert_eq!(
        passed_on,
        [json!({"instanceIds": ids, "hops": 2, "reportHops": 2})]
    );
}

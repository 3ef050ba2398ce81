//! Concurrent runs: one event is delivered to two functions, and everything is done and reported once.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::crashes::sweep_until_call;
use super::world_of_work;
use crate::aftermath::assert_done_once;
use crate::support::{LEDGER, World, compliance_change, scheduled_event, sqs_batch};

const LATENCY: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_event_do_everything_once() {
    // The delay grows in steps of half a call, from both at the same moment to one after the other.
    for half_calls in 0..80 {
        let (world, work) = world_of_work();
        world.account.latency(LATENCY);
        let (one, other) = (world.remediation(), world.remediation());
        let event = || world.lambda_event(scheduled_event());
        let later = async {
            tokio::time::sleep(LATENCY / 2 * half_calls).await;
            other.handle(event()).await
        };
        let (answer, other_answer) = tokio::join!(one.handle(event()), later);
        let how = format!("{half_calls} half calls later");
        assert_done_once(&world.account, LEDGER, &work, &how);

        let mut lines = Vec::new();
        for report in world.reports() {
            let its = report.lines().filter(|line| line.starts_with("-- "));
            lines.extend(its.map(ToOwned::to_owned));
        }
        assert_eq!(lines.len(), work.len(), "{how}: {lines:?}");
        let answers = [answer.unwrap(), other_answer.unwrap()];
        let sum = |count: &str| {
            answers
                .iter()
                .map(|it| it[count].as_u64().unwrap())
                .sum::<u64>()
        };
        assert_eq!(
            ["tagged", "stopped", "terminated"].map(sum),
            [2, 2, 1],
            "{how}"
        );
        assert_eq!(["deferred", "refused", "failed"].map(sum), [0; 3], "{how}");
    }
}

/// The first of the two runs decides the value, not the last.
#[tokio::test(start_paused = true)]
async fn writes_a_value_that_changes_with_time_once() {
    let rule = json!({"RuleId": 1, "TagKey": "Seen", "Action": "Function", "Required": "Y", "Default": "now()"});
    for calls in 0..12 {
        let world = World::with_table(std::slice::from_ref(&rule)).enforcing();
        let id = world.instance(&[("Name", "web")]);
        let work = BTreeSet::from([(id, "Seen".to_owned())]);
        let latency = Duration::from_secs(2);
        world.account.latency(latency);
        let (one, other) = (world.remediation(), world.remediation());
        let event = || world.lambda_event(scheduled_event());
        let later = async {
            tokio::time::sleep(latency * calls + Duration::from_secs(1)).await;
            other.handle(event()).await
        };
        let (answer, other_answer) = tokio::join!(one.handle(event()), later);
        let how = format!("{calls} calls later");
        assert_done_once(&world.account, LEDGER, &work, &how);
        assert!(answer.is_ok() && other_answer.is_ok(), "{how}");
    }
}

/// Two runs find the same crashed run at nearly the same time.
#[tokio::test(start_paused = true)]
async fn two_runs_recover_a_crashed_run_once() {
    for nth in [11, 14, 17, 20] {
        for half_calls in (0..80).step_by(8) {
            let (world, work) = world_of_work();
            sweep_until_call(&world, nth).await;
            world.account.advance(TimeDelta::hours(1));
            world.account.latency(LATENCY);
            let (one, other) = (world.remediation(), world.remediation());
            let event = || world.lambda_event(scheduled_event());
            let later = async {
                tokio::time::sleep(LATENCY / 2 * half_calls).await;
                other.handle(event()).await
            };
            let (answer, other_answer) = tokio::join!(one.handle(event()), later);
            let how = format!("crashed after call {nth}; {half_calls} half calls later");
            assert_done_once(&world.account, LEDGER, &work, &how);
            assert!(answer.is_ok() && other_answer.is_ok(), "{how}");
        }
    }
}

/// A tag is removed right after it was written. The first run's claim still stands, so the second run leaves the tag to
/// it, and requeues the instance to read it again later.
#[tokio::test(start_paused = true)]
async fn requeues_an_instance_left_to_another_run() {
    let world = World::new().enforcing();
    let queue = world.account.create_queue("tagwarden");
    let world = world.set("TAGWARDEN_QUEUE_URL", &queue);
    let id = world.instance(&[("ProjectCode", "P"), ("Expires", "x")]);
    world.remediate(compliance_change(&id)).await.unwrap();
    world.account.remove_tag(&id, "CreatedBy");
    world.remediate(compliance_change(&id)).await.unwrap();
    assert_eq!(world.tag(&id, "CreatedBy"), None);

    let sent = world.account.calls();
    let sent = sent
        .iter()
        .find(|call| call.operation == "SendMessageBatch");
    let delay = &sent.unwrap().parameters["Entries"][0]["DelaySeconds"];
    world
        .account
        .advance(TimeDelta::seconds(delay.as_i64().unwrap()));
    let messages = world.account.take_messages(&queue);
    assert_eq!(messages.len(), 1);
    let batch = sqs_batch(&[("m", messages[0].clone())]);
    world.remediate(batch).await.unwrap();
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
    assert_eq!(world.account.take_messages(&queue), [""; 0]);
}

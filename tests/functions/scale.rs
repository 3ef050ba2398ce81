//! How many calls a fleet costs.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use tagwarden_sandbox::Identity;

use crate::support::{World, old, scheduled_event, sqs_batch};

fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in world.account.calls() {
        *calls.entry(call.operation).or_default() += 1;
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn a_thousand_instances_are_one_describe_and_ten_puts() {
    let world = World::new();
    let _ = world.account.launch_many(old(&[("Name", "web")]), 1_000);
    assert_eq!(world.evaluate_all().await["nonCompliant"], 1_000);
    let calls = calls(&world);
    assert_eq!(calls["DescribeInstances"], 1);
    assert_eq!(calls["PutEvaluations"], 10);
    assert_eq!(world.account.compliance("tagwarden").len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_makes_one_call_for_each_distinct_tag_set() {
    let world = World::new().enforcing();
    let lacking = |tags: &[(&str, &str)], count| world.account.launch_many(old(tags), count);
    lacking(
        &[("ProjectCode", "P"), ("CreatedBy", "bob"), ("Expires", "x")],
        400,
    );
    let project = lacking(&[("CreatedBy", "bob"), ("Expires", "x")], 300);
    let expires = lacking(&[("ProjectCode", "P"), ("CreatedBy", "bob")], 200);
    let both = lacking(&[("CreatedBy", "bob")], 100);
    world.account.keep_quotas();

    let answer = world.sweep().await;
    assert_eq!(
        (answer["instances"].as_u64(), answer["tagged"].as_u64()),
        (Some(1_000), Some(600))
    );
    let calls = calls(&world);
    assert_eq!(calls["CreateTags"], 3);
    // The second look at 600 of them is cheaper as one more page of all.
    assert_eq!(calls["DescribeInstances"], 2);
    assert_eq!(calls.get("LookupEvents"), None);
    assert!(
        world
            .account
            .calls()
            .iter()
            .all(|call| call.outcome.is_ok())
    );
    for id in project.iter().chain(&both) {
        assert_eq!(world.tag(id, "ProjectCode").unwrap(), "Proj007");
    }
    for id in expires.iter().chain(&both) {
        assert_eq!(world.tag(id, "Expires").unwrap(), "2026-11-23");
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_a_call_takes_is_several_calls() {
    let world = World::new().enforcing();
    let _ = world
        .account
        .launch_many(old(&[("CreatedBy", "bob"), ("Expires", "x")]), 2_500);
    assert_eq!(world.sweep().await["tagged"], 2_500);
    assert_eq!(calls(&world)["CreateTags"], 3);
}

/// 600 lines are more than one SNS message holds: they come in parts, none lost.
#[tokio::test(start_paused = true)]
async fn a_long_report_comes_in_parts() {
    let world = World::new().enforcing();
    let ids = world
        .account
        .launch_many(old(&[("Expires", "x"), ("CreatedBy", "bob")]), 600);
    world.sweep().await;
    let reports = world.reports();
    assert!(reports.len() > 1);
    for (position, report) in reports.iter().enumerate() {
        assert!(report.starts_with("The following tagging policy violations occurred:\n"));
        assert!(report.contains(&format!("Part {} of {}.", position + 1, reports.len())));
    }
    let text = reports.concat();
    for id in &ids {
        assert_eq!(text.matches(id.as_str()).count(), 1);
    }
}

/// Each of many launchers is a call of its own, 10 a second once the first hundred are done: more than one function
/// has time for. It hands the rest on, in as many messages as that takes, and the next functions finish it.
#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_for_is_handed_on() {
    let world = World::new().enforcing();
    let queue = world.account.create_queue("tagwarden");
    let world = world.set("TAGWARDEN_QUEUE_URL", &queue);
    let ids: Vec<String> = (0..500)
        .map(|number| {
            let user = Identity::iam_user(format!("user-{number}"));
            world
                .account
                .launch(old(&[("ProjectCode", "P"), ("Expires", "x")]).launched_by(user))
        })
        .collect();
    world.account.keep_quotas();

    // It stays warm between its events, as at Lambda, and knows what it has used up of EC2's quotas.
    let warm = world.remediation();
    let mut payload = scheduled_event();
    let mut functions = 0;
    loop {
        functions += 1;
        let mut event = world.lambda_event(payload);
        let deadline = world.account.now() + TimeDelta::seconds(20);
        event.context.deadline = deadline.timestamp_millis().unsigned_abs();
        let _ = warm.handle(event).await.unwrap();
        assert!(world.account.now() < deadline);
        let messages = world.account.take_messages(&queue);
        if messages.is_empty() {
            break;
        }
        let messages: Vec<(&str, String)> = messages.into_iter().map(|it| ("m", it)).collect();
        payload = sqs_batch(&messages);
    }
    assert!((2..10).contains(&functions), "{functions}");
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(
            world.tag(id, "CreatedBy").unwrap(),
            format!("user-{number}")
        );
    }
}

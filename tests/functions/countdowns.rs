//! Two looks must agree: countdowns, their messages and notices, through the function's events.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{World, old, scheduled_event, sqs_batch};
use crate::waiting::{countdowns, counting, deliver, later, notify_only, rule};

/// The rule that terminates an instance without an owner.
fn owner_or_terminate() -> Vec<Value> {
    vec![rule(4, "Owner", "Terminate")]
}

/// Advances to the next message and delivers it, until none is left. Gives how many minutes that took.
async fn deliver_all(world: &World, queue: &str) -> i64 {
    let start = world.account.now();
    for _ in 0..40 {
        if deliver(world, queue).await == 0 {
            later(world, 1);
        }
    }
    (world.account.now() - start).num_minutes()
}

#[tokio::test(start_paused = true)]
async fn a_second_look_ends_what_a_first_one_found() {
    let (world, _) = counting(&notify_only());
    let id = world.instance(&[]);
    let first = world.sweep().await;
    assert_eq!(
        (first["terminated"].as_u64(), first["deferred"].as_u64()),
        (Some(0), Some(1))
    );
    assert_eq!(world.state(&id), "running");
    assert_eq!(countdowns(&world), [format!("{id}#terminate#untagged")]);
    assert!(
        world.lines()[0].contains("first seen so at 2026-11-23 12:00 UTC"),
        "{:?}",
        world.lines()
    );

    later(&world, 14);
    assert_eq!(world.sweep().await["terminated"], 0);
    later(&world, 1);
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&id), "shutting-down");
}

/// Untagged at launch: the function's own message comes when the grace period is over, not the next sweep.
#[tokio::test(start_paused = true)]
async fn its_own_message_ends_an_untagged_launch_after_the_grace_period() {
    let (world, queue) = counting(&notify_only());
    let id = world.account.launch(old(&[]).ago(TimeDelta::minutes(1)));
    let start = world.account.now();
    world.remediate_ids(&[&id]).await;
    assert_eq!(world.state(&id), "running");
    while world.state(&id) == "running" {
        later(&world, 1);
        deliver(&world, &queue).await;
        assert!(world.account.now() - start < TimeDelta::minutes(20));
    }
    let took = world.account.now() - start;
    assert!(took >= TimeDelta::minutes(15), "{took}");
    assert!(took <= TimeDelta::minutes(16), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_message_before_its_time_is_sent_on_without_a_look() {
    let (world, queue) = counting(&notify_only());
    let id = world.instance(&[]);
    let not_before = world.account.now() + TimeDelta::hours(2);
    let body = json!({"instanceIds": [id], "notBefore": not_before}).to_string();
    let answer = world.remediate(sqs_batch(&[("m", body)])).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(world.account.count("DescribeInstances"), 0);
    // Nine messages of 15 minutes each, and only the last looks.
    let mut hops = 0;
    while world.account.count("DescribeInstances") == 0 {
        later(&world, 15);
        hops += deliver(&world, &queue).await;
        assert!(hops < 20);
    }
    assert!(world.account.now() >= not_before);
    assert_eq!(countdowns(&world).len(), 1);
}

/// One countdown has one message, however many runs look.
#[tokio::test(start_paused = true)]
async fn only_the_run_that_begins_a_countdown_sends_its_message() {
    let (world, queue) = counting(&notify_only());
    let id = world.instance(&[]);
    for _ in 0..5 {
        world.remediate_ids(&[&id]).await;
        later(&world, 1);
    }
    later(&world, 10);
    assert_eq!(world.account.take_messages(&queue).len(), 1);
}

/// Terraform untags and then tags. A look in between must not count a month later.
#[tokio::test(start_paused = true)]
async fn a_tag_that_is_gone_for_a_minute_ends_nothing() {
    let (world, queue) = counting(&owner_or_terminate());
    let id = world.instance(&[("Name", "web"), ("Owner", "ann")]);
    for _ in 0..3 {
        world.account.remove_tag(&id, "Owner");
        world.sweep().await;
        assert_eq!(countdowns(&world).len(), 1);
        world.account.set_tag(&id, "Owner", "ann");
        world.sweep().await;
        assert_eq!(countdowns(&world), Vec::<String>::new());
        deliver_all(&world, &queue).await;
    }
    assert_eq!(world.state(&id), "running");
}

/// Without a sweep in between, Config's event that the instance is COMPLIANT again ends the countdown.
#[tokio::test(start_paused = true)]
async fn an_event_that_it_is_compliant_again_ends_the_countdown() {
    let (world, _) = counting(&owner_or_terminate());
    let id = world.instance(&[("Name", "web")]);
    world.remediate_ids(&[&id]).await;
    assert_eq!(countdowns(&world).len(), 1);
    world.account.set_tag(&id, "Owner", "ann");
    let mut event = crate::support::compliance_change(&id);
    event["detail"]["newEvaluationResult"]["complianceType"] = json!("COMPLIANT");
    world.remediate(event.clone()).await.unwrap();
    assert_eq!(countdowns(&world), Vec::<String>::new());
    // Without a countdown there is nothing to look at.
    let looks = world.account.count("DescribeInstances");
    world.remediate(event).await.unwrap();
    assert_eq!(world.account.count("DescribeInstances"), looks);
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_countdown_starts_over_after_a_day() {
    let (world, _) = counting(&notify_only());
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 24 * 60 + 1);
    assert_eq!(world.sweep().await["terminated"], 0);
    later(&world, 15);
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&id), "shutting-down");
}

/// Detached from its group, an instance loses the only tag it had.
#[tokio::test(start_paused = true)]
async fn an_instance_detached_from_its_group_is_not_ended_at_once() {
    let (world, _) = counting(&notify_only());
    let id = world.instance(&[("aws:autoscaling:groupName", "web")]);
    for _ in 0..4 {
        world.sweep().await;
        later(&world, 6 * 60);
    }
    world.account.remove_tag(&id, "aws:autoscaling:groupName");
    assert_eq!(world.sweep().await["terminated"], 0);
    assert_eq!(world.state(&id), "running");
}

/// What falls away after a long time makes nothing due at once.
#[tokio::test(start_paused = true)]
async fn what_forbade_a_shutdown_does_not_let_its_time_pass() {
    let (world, _) = counting(&owner_or_terminate());
    let grouped = world.instance(&[("Name", "a"), ("aws:autoscaling:groupName", "web")]);
    let exempt = world.instance(&[
        ("Name", "b"),
        ("tagwarden:exempt-until", "2026-12-20 audit"),
    ]);
    let world = world.set("TAGWARDEN_RULES_MAY_DESTROY", "no");
    let plain = world.instance(&[("Name", "c")]);
    for _ in 0..112 {
        world.sweep().await;
        later(&world, 6 * 60);
    }
    let world = world.set("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate");
    world
        .account
        .remove_tag(&grouped, "aws:autoscaling:groupName");
    assert_eq!(world.sweep().await["terminated"], 0);
    for id in [&grouped, &exempt, &plain] {
        assert_eq!(world.state(id), "running");
    }
    later(&world, 15);
    assert_eq!(world.sweep().await["terminated"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_start_starts_the_grace_period_over() {
    let rows = [json!({"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y"})];
    let (world, _) = counting(&rows);
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    later(&world, 15);
    assert_eq!(world.sweep().await["stopped"], 1);
    later(&world, 10);
    world.account.start(&id);
    assert_eq!(world.sweep().await["stopped"], 0);
    later(&world, 14);
    assert_eq!(world.sweep().await["stopped"], 0);
    later(&world, 1);
    assert_eq!(world.sweep().await["stopped"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_notice_that_was_accepted() {
    let (world, queue) = counting(&notify_only());
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "24");
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 15);
    deliver(&world, &queue).await;
    let day = "this is the notice; if nothing changes, it is done after 2026-11-24 12:15 UTC";
    assert!(
        world.lines().iter().any(|line| line.contains(day)),
        "{:?}",
        world.lines()
    );
    for hour in 0..24 {
        later(&world, 60);
        deliver(&world, &queue).await;
        if hour < 23 {
            assert_eq!(world.state(&id), "running", "{hour}");
        }
    }
    assert_eq!(world.state(&id), "shutting-down");
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_nobody_receives_does_not_count() {
    let (world, _) = counting(&notify_only());
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "1");
    let id = world.instance(&[]);
    world.set_subscriptions(0);
    for _ in 0..10 {
        world.sweep().await;
        later(&world, 60);
    }
    assert_eq!(world.state(&id), "running");
    let lines = world.reports().join("\n");
    assert!(lines.contains("nobody would read it"), "{lines}");
    world.set_subscriptions(1);
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
    later(&world, 60);
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

/// Each look would send one more message, and each of these messages would be a look.
#[tokio::test(start_paused = true)]
async fn a_notice_that_nobody_receives_sends_no_message() {
    let (world, _) = counting(&notify_only());
    let queue = world.account.create_queue("remediation");
    let world = world
        .set("TAGWARDEN_NOTICE_HOURS", "1")
        .set("TAGWARDEN_GRACE_MINUTES", "0")
        .set("TAGWARDEN_QUEUE_URL", &queue);
    let id = world.instance(&[]);
    world.set_subscriptions(0);
    world.sweep().await;
    for _ in 0..3 {
        later(&world, 60);
        let _ = world.account.take_messages(&queue);
        world.sweep().await;
        assert_eq!(world.account.next_message_at(&queue), None);
    }
    world.set_subscriptions(1);
    world.sweep().await;
    assert!(world.account.next_message_at(&queue).is_some());
    assert_eq!(world.state(&id), "running");
}

/// DescribeInstances leaves the tags out for three looks.
#[tokio::test(start_paused = true)]
async fn tags_that_describe_instances_leaves_out_are_not_missing() {
    let (world, _) = counting(&owner_or_terminate());
    let world = world.set("TAGWARDEN_GRACE_MINUTES", "0");
    let omitted = world.instance(&[("Name", "web"), ("Owner", "ann")]);
    let untagged = world.instance(&[]);
    world.account.omit_tags(&omitted);
    assert_eq!(world.sweep().await["terminated"], 0);
    // Nothing is shut down in that run for a tag that is not there.
    assert_eq!(world.state(&omitted), "running");
    assert_eq!(world.state(&untagged), "running");
    assert!(
        world
            .lines()
            .iter()
            .all(|line| line.contains("DescribeTags shows tags")),
        "{:?}",
        world.lines()
    );
    world.account.show_tags(&omitted);
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&omitted), "running");
}

/// tagwarden has tagged it, so that it is judged by its rules although it seems to have no tags.
#[tokio::test(start_paused = true)]
async fn writes_no_tag_over_one_that_describe_instances_leaves_out() {
    let update =
        json!({"RuleId": 1, "TagKey": "Cost", "Action": "Update", "Required": "Y", "Default": "7"});
    let (world, _) = counting(&[update]);
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    world.account.set_tag(&id, "Cost", "8");
    world.account.omit_tags(&id);
    let writes = world.account.count("CreateTags");
    world.sweep().await;
    assert_eq!(world.account.count("CreateTags"), writes);
    assert_eq!(world.tag(&id, "Cost").as_deref(), Some("8"));

    // A tag that is really gone is written again.
    world.account.show_tags(&id);
    world.account.remove_tag(&id, "Cost");
    world.account.remove_tag(&id, "Name");
    later(&world, 30);
    world.sweep().await;
    assert_eq!(world.tag(&id, "Cost").as_deref(), Some("7"));
}

/// A VPC of untagged instances that the customer wants gone is gone after two sweeps.
#[tokio::test(start_paused = true)]
async fn what_nearly_every_instance_lacks_needs_a_second_sweep() {
    let (world, queue) = counting(&notify_only());
    let world = world
        .set("TAGWARDEN_GRACE_MINUTES", "0")
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "100");
    let ids = world.account.launch_many(old(&[]), 40);
    let first = world.sweep().await;
    assert_eq!(
        (first["terminated"].as_u64(), first["deferred"].as_u64()),
        (Some(0), Some(40))
    );
    later(&world, 59);
    assert_eq!(world.sweep().await["terminated"], 0);
    later(&world, 1);
    assert_eq!(world.sweep().await["terminated"], 40);
    assert!(ids.iter().all(|id| world.state(id) == "shutting-down"));
    assert_eq!(deliver(&world, &queue).await, 0);
}

/// What the budget holds back comes back by one message when there is room, not with the next sweep.
#[tokio::test(start_paused = true)]
async fn what_the_budget_holds_back_comes_back_by_a_message() {
    let (world, queue) = counting(&notify_only());
    let world = world
        .set("TAGWARDEN_GRACE_MINUTES", "0")
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "5");
    let ids = world.account.launch_many(old(&[]), 12);
    world.remediate(scheduled_event()).await.unwrap();
    // EC2 forgets a terminated instance after an hour.
    let is_gone = |id: &&String| {
        world
            .account
            .instance(id)
            .is_none_or(|it| it.state.is_ending())
    };
    let gone = |_: &World| ids.iter().filter(is_gone).count();
    assert_eq!(gone(&world), 5);
    let mut deliveries = 0;
    for _ in 0..(3 * 60) {
        later(&world, 1);
        deliveries += deliver(&world, &queue).await;
    }
    assert_eq!(gone(&world), 12);
    // One message under way at a time, sent on every 15 minutes.
    assert!(deliveries <= 12, "{deliveries}");
}

/// It protects for 14 days after its first report, and then the countdown begins.
#[tokio::test(start_paused = true)]
async fn an_exemption_that_cannot_be_read_protects_for_14_days() {
    let (world, _) = counting(&owner_or_terminate());
    let id = world.instance(&[("tagwarden:exempt-until", "31.12.2026 audit")]);
    for day in 0..=14 {
        let answer = world.sweep().await;
        assert_eq!(answer["refused"], 1, "{day}");
        later(&world, 24 * 60);
    }
    assert!(world.reports()[0].contains("looks like an exemption and cannot be read"));
    assert_eq!(world.sweep().await["deferred"], 1);
    later(&world, 15);
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&id), "shutting-down");
}

//! What changes while a shutdown waits: settings, managers, exemptions, the scope, the policy, and when messages come.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{LEDGER, TABLE, VPC, compliance_change, old, sqs_batch};
use crate::waiting::{countdowns, counting, deliver, is_alive, later, notify_only, rule};

#[tokio::test(start_paused = true)]
async fn untagged_set_from_terminate_to_stop_begins_another_countdown() {
    let (world, queue) = counting(&notify_only());
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 10);
    let world = world
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14");
    world.sweep().await;
    later(&world, 5);
    deliver(&world, &queue).await;
    assert_eq!(world.state(&id), "running");
    later(&world, 10);
    deliver(&world, &queue).await;
    assert!(
        world.account.instance(&id).unwrap().state.is_stopping() || world.state(&id) == "stopped"
    );
    for _ in 0..13 * 4 {
        later(&world, 6 * 60);
        world.sweep().await;
        assert!(is_alive(&world, &id));
    }
    for _ in 0..8 {
        later(&world, 6 * 60);
        world.sweep().await;
    }
    assert!(!is_alive(&world, &id));
}

#[tokio::test(start_paused = true)]
async fn two_rules_about_one_instance_each_have_a_countdown() {
    let (world, _) = counting(&[rule(4, "Owner", "Stop"), rule(5, "Cost", "Terminate")]);
    let id = world.instance(&[("Name", "web"), ("Cost", "1")]);
    world.sweep().await;
    later(&world, 10);
    world.account.remove_tag(&id, "Cost");
    world.sweep().await;
    assert_eq!(countdowns(&world).len(), 2);
    later(&world, 5);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["stopped"], &answer["terminated"]),
        (&json!(1), &json!(0))
    );
    world.account.set_tag(&id, "Cost", "1");
    later(&world, 10);
    assert_eq!(world.sweep().await["terminated"], 0);
    world.account.remove_tag(&id, "Cost");
    assert_eq!(world.sweep().await["terminated"], 0);
    later(&world, 15);
    assert_eq!(world.sweep().await["terminated"], 1);
}

/// The group has the instance for a moment during the notice.
#[tokio::test(start_paused = true)]
async fn a_manager_that_comes_and_goes_requires_a_new_notice() {
    let (world, queue) = counting(&[rule(4, "Owner", "Terminate")]);
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "24");
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    later(&world, 15);
    deliver(&world, &queue).await;
    later(&world, 6 * 60);
    let group = "aws:autoscaling:groupName";
    world.account.set_tag(&id, group, "web");
    world.sweep().await;
    assert_eq!(countdowns(&world), Vec::<String>::new());
    world.account.remove_tag(&id, group);
    world.sweep().await;
    later(&world, 15);
    world.sweep().await;
    for _ in 0..23 {
        later(&world, 60);
        deliver(&world, &queue).await;
        world.sweep().await;
        assert!(is_alive(&world, &id));
    }
    later(&world, 60);
    world.sweep().await;
    assert!(!is_alive(&world, &id));
}

#[tokio::test(start_paused = true)]
async fn an_exemption_that_ends_during_a_notice_requires_a_new_one() {
    let (world, queue) = counting(&[rule(4, "Owner", "Terminate")]);
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "12");
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    later(&world, 15);
    deliver(&world, &queue).await;
    world
        .account
        .set_tag(&id, "tagwarden:exempt-until", "2026-11-23 audit");
    later(&world, 60);
    world.sweep().await;
    assert_eq!(countdowns(&world), Vec::<String>::new());
    // Midnight, and past the day that the notice named.
    later(&world, 11 * 60);
    world.sweep().await;
    assert!(is_alive(&world, &id));
    later(&world, 15);
    world.sweep().await;
    for _ in 0..11 {
        later(&world, 60);
        world.sweep().await;
        assert!(is_alive(&world, &id));
    }
    later(&world, 60);
    world.sweep().await;
    assert!(!is_alive(&world, &id));
}

#[tokio::test(start_paused = true)]
async fn a_vpc_that_leaves_the_scope_and_returns_starts_over() {
    for by_event in [false, true] {
        let (world, _) = counting(&notify_only());
        let id = world.instance(&[]);
        let other = world
            .account
            .launch(old(&[("Name", "x")]).vpc("vpc-0123456789abcdef1"));
        world.sweep().await;
        assert_eq!(countdowns(&world).len(), 1);
        later(&world, 10);
        let world = world.set("TAGWARDEN_VPC_IDS", "vpc-0123456789abcdef1");
        if by_event {
            world.remediate_ids(&[&id]).await;
        } else {
            world.sweep().await;
        }
        assert_eq!(countdowns(&world), Vec::<String>::new());
        later(&world, 10);
        let world = world.set("TAGWARDEN_VPC_IDS", VPC);
        assert_eq!(world.sweep().await["terminated"], 0);
        later(&world, 15);
        assert_eq!(world.sweep().await["terminated"], 1);
        assert_eq!(world.state(&other), "running");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_late_and_twice_starts_over_and_acts_once() {
    let (world, queue) = counting(&notify_only());
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 15);
    let message = world.account.take_messages(&queue).pop().unwrap();
    later(&world, 26 * 60);
    // A day and more late: nobody has looked in between.
    let twice = [("a", message.clone()), ("b", message.clone())];
    world.remediate(sqs_batch(&twice)).await.unwrap();
    assert!(is_alive(&world, &id));
    later(&world, 15);
    assert_eq!(deliver(&world, &queue).await, 1);
    assert!(!is_alive(&world, &id));
    world.remediate(sqs_batch(&[("a", message)])).await.unwrap();
    assert_eq!(world.account.count("TerminateInstances"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_0_shuts_nothing_down_and_sends_no_messages() {
    let (world, queue) = counting(&notify_only());
    let world = world.set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "0");
    let id = world.instance(&[]);
    world.sweep().await;
    let mut messages = 0;
    for _ in 0..30 {
        later(&world, 15);
        messages += deliver(&world, &queue).await;
    }
    assert_eq!(world.sweep().await["terminated"], 0);
    assert!(is_alive(&world, &id));
    assert_eq!(messages, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_long_hold_the_notice_is_given_again() {
    let (world, queue) = counting(&notify_only());
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "24");
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 15);
    deliver(&world, &queue).await;
    world
        .account
        .put_item(TABLE, json!({"RuleId": 99, "Hold": "incident"}));
    for _ in 0..9 * 4 {
        later(&world, 6 * 60);
        deliver(&world, &queue).await;
        let answer = world.sweep().await;
        assert_eq!(answer["terminated"], 0);
    }
    world.account.clear_table(TABLE);
    for row in notify_only() {
        world.account.put_item(TABLE, row);
    }
    world.sweep().await;
    assert!(is_alive(&world, &id));
    later(&world, 15);
    world.sweep().await;
    assert!(is_alive(&world, &id));
    later(&world, 24 * 60);
    world.sweep().await;
    assert!(!is_alive(&world, &id));
}

/// Another function's clock was a minute ahead when it began the countdown.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_only_delays() {
    let (world, _) = counting(&notify_only());
    let id = world.instance(&[]);
    let ahead = json!(world.account.now() + TimeDelta::minutes(1));
    let item = json!({"Pk": "countdown", "Sk": format!("{id}#terminate#untagged"), "Since": ahead, "SeenAt": ahead});
    world.account.put_item(LEDGER, item);
    world.sweep().await;
    later(&world, 15);
    assert_eq!(world.sweep().await["terminated"], 0);
    later(&world, 1);
    assert_eq!(world.sweep().await["terminated"], 1);
}

#[tokio::test(start_paused = true)]
async fn protected_instances_with_notices_do_not_starve_the_others() {
    let (world, queue) = counting(&notify_only());
    let world = world
        .set("TAGWARDEN_NOTICE_HOURS", "24")
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "2");
    for _ in 0..10 {
        world
            .account
            .launch(old(&[]).ago(TimeDelta::days(9)).protected());
    }
    let ids: Vec<String> = (0..4).map(|_| world.instance(&[])).collect();
    for _ in 0..60 {
        world.instance(&[("Owner", "x")]);
    }
    world.sweep().await;
    for hour in 0..40 {
        later(&world, 60);
        deliver(&world, &queue).await;
        if hour % 6 == 0 {
            world.sweep().await;
        }
    }
    let alive = ids.iter().filter(|id| is_alive(&world, id)).count();
    assert_eq!(alive, 0, "{:?}", world.lines());
}

/// No sweep runs while it is exempt, but Config's event says so.
#[tokio::test(start_paused = true)]
async fn an_exemption_between_two_sweeps_ends_the_countdown() {
    let (world, _) = counting(&[rule(4, "Owner", "Terminate")]);
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "12");
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    later(&world, 15);
    world.sweep().await;
    later(&world, 345);
    world.sweep().await;
    later(&world, 5);
    world
        .account
        .set_tag(&id, "tagwarden:exempt-until", "2026-11-23 audit");
    let mut event = compliance_change(&id);
    event["detail"]["newEvaluationResult"]["complianceType"] = json!("NOT_APPLICABLE");
    world.remediate(event).await.unwrap();
    assert_eq!(countdowns(&world), Vec::<String>::new());
    // 00:20, after the day of the notice.
    later(&world, 6 * 60 + 15);
    world.sweep().await;
    assert!(is_alive(&world, &id), "{:?}", world.lines());
}

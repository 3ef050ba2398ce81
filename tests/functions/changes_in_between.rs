//! What must not become due by a change: of a setting, of a tag between two looks, of the ledger's items.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::json;

use crate::support::{LEDGER, World, old};
use crate::waiting::{counting, deliver, is_alive, later, notify_only, rule};

/// What tagwarden stopped gets a countdown of its own under the new setting.
#[tokio::test(start_paused = true)]
async fn untagged_set_from_stop_to_terminate_makes_nothing_due_at_once() {
    let (world, _) = counting(&notify_only());
    let world = world
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14");
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 15);
    assert_eq!(world.sweep().await["stopped"], 1);
    later(&world, 6 * 60);
    let world = world.set("TAGWARDEN_UNTAGGED", "terminate");
    let answer = world.sweep().await;
    assert_eq!(answer["terminated"], 0, "{:?}", world.lines());
    assert!(is_alive(&world, &id));
    later(&world, 24 * 60 + 15);
    world.sweep().await;
    later(&world, 15);
    world.sweep().await;
    assert!(!is_alive(&world, &id));
}

/// tagwarden stopped it, its owner started it and stopped it again, and the setting changed twice in between.
#[tokio::test(start_paused = true)]
async fn a_setting_that_goes_and_returns_does_not_make_a_persons_stop_its_own() {
    let (world, _) = counting(&notify_only());
    let world = world
        .set("TAGWARDEN_GRACE_MINUTES", "0")
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14");
    let id = world.instance(&[]);
    assert_eq!(world.sweep().await["stopped"], 1);
    later(&world, 36 * 60);
    world.account.start(&id);
    // Terminate, but with a notice, so that it is not done yet.
    let world = world
        .set("TAGWARDEN_UNTAGGED", "terminate")
        .set("TAGWARDEN_GRACE_MINUTES", "600");
    later(&world, 10);
    world.sweep().await;
    // Back again, and its owner stops it.
    let world = world.set("TAGWARDEN_UNTAGGED", "stop");
    later(&world, 10);
    let ec2 = aws_sdk_ec2::Client::new(&world.account.sdk_config());
    ec2.stop_instances().instance_ids(&id).send().await.unwrap();
    for _ in 0..4 * 30 {
        later(&world, 6 * 60);
        world.sweep().await;
    }
    assert!(is_alive(&world, &id), "{:#?}", world.reports());
}

/// Terraform untags and tags: the tag goes again between the run's two looks.
#[tokio::test(start_paused = true)]
async fn the_first_look_that_finds_the_tag_ends_the_countdown() {
    let (world, _) = counting(&[rule(4, "Owner", "Terminate")]);
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    later(&world, 10);
    world.account.set_tag(&id, "Owner", "ann");
    later(&world, 10);
    // Terraform untags and tags: between this run's two looks the tag goes.
    let looked = id.clone();
    world
        .account
        .on_next_call("Query", move |account| account.remove_tag(&looked, "Owner"));
    let answer = world.sweep().await;
    assert_eq!(world.tag(&id, "Owner"), None);
    assert_eq!(answer["terminated"], 0);
    assert!(is_alive(&world, &id));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_moves_the_day_is_followed_by_a_message() {
    let (world, queue) = counting(&notify_only());
    let id = world.account.launch(old(&[]).stopped());
    world.sweep().await;
    later(&world, 10);
    world.account.start(&id);
    let start = world.account.now();
    while is_alive(&world, &id) {
        later(&world, 1);
        deliver(&world, &queue).await;
        assert!(
            world.account.now() - start < TimeDelta::minutes(40),
            "next message: {:?}",
            world.account.next_message_at(&queue)
        );
    }
    assert!(world.account.now() - start >= TimeDelta::minutes(15));
}

#[tokio::test(start_paused = true)]
async fn items_of_a_newer_version_do_not_keep_it_from_its_work() {
    let (world, _) = counting(&notify_only());
    let id = world.instance(&[]);
    let newer = json!({"Pk": "countdown", "Sk": format!("{id}#hibernate#untagged"), "From": 3});
    world.account.put_item(LEDGER, newer);
    let newer = json!({"Pk": "countdown", "Sk": "vol-1#delete#untagged", "Begun": {"At": "x"}});
    world.account.put_item(LEDGER, newer);
    let newer = json!({"Pk": id, "Sk": "memory", "Revision": 3, "Shape": [1, 2], "Tags": {}});
    world.account.put_item(LEDGER, newer);
    world.sweep().await;
    later(&world, 15);
    let answer = world.sweep().await;
    assert_eq!(answer["terminated"], 1, "{:?}", world.lines());
}

/// Also if no notice and no grace period is asked for any more.
#[tokio::test(start_paused = true)]
async fn nothing_happens_before_a_day_that_a_notice_named() {
    let (world, queue) = counting(&notify_only());
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "24");
    let id = world.instance(&[]);
    world.sweep().await;
    later(&world, 15);
    deliver(&world, &queue).await;
    assert!(world.lines()[0].contains("2026-11-24 12:15 UTC"));
    let mut world = world.set("TAGWARDEN_NOTICE_HOURS", "0");
    for grace in ["15", "0"] {
        world = world.set("TAGWARDEN_GRACE_MINUTES", grace);
        later(&world, 60);
        world.sweep().await;
        assert!(is_alive(&world, &id), "{:?}", world.lines());
    }
    later(&world, 24 * 60);
    world.sweep().await;
    assert!(!is_alive(&world, &id));
}

/// A run that writes tags for two minutes announces two minutes after it planned.
#[tokio::test(start_paused = true)]
async fn the_message_of_a_day_comes_when_a_long_run_announced_it() {
    let (world, queue) = counting(&[
        json!({"RuleId": 1, "TagKey": "Project", "Action": "Update", "Required": "Y", "Default": "P"}),
    ]);
    let world = world
        .set("TAGWARDEN_GRACE_MINUTES", "0")
        .set("TAGWARDEN_NOTICE_HOURS", "12");
    let id = world.instance(&[]);
    world.instance(&[("Name", "x")]);
    world.account.on_next_call("CreateTags", |account| {
        account.advance(TimeDelta::minutes(2));
    });
    let start = world.account.now();
    world.sweep().await;
    while is_alive(&world, &id) {
        later(&world, 1);
        deliver(&world, &queue).await;
        let passed = world.account.now() - start;
        assert!(
            passed < TimeDelta::hours(13),
            "next message: {:?}; {:?}",
            world.account.next_message_at(&queue),
            world.lines()
        );
    }
}

/// A person takes it over while nothing or something else is done to untagged instances.
#[rstest]
#[case::notify("notify")]
#[case::terminate("terminate")]
#[tokio::test(start_paused = true)]
async fn a_tag_in_between_ends_the_days_of_a_stopped_instance(#[case] untagged: &str) {
    let world = World::with_table(&notify_only())
        .enforcing()
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14");
    let id = world.instance(&[]);
    assert_eq!(world.sweep().await["stopped"], 1);
    later(&world, 24 * 60);
    let world = world.set("TAGWARDEN_UNTAGGED", untagged);
    world.account.set_tag(&id, "Name", "taken over");
    for _ in 0..8 {
        later(&world, 6 * 60);
        world.sweep().await;
    }
    world.account.remove_tag(&id, "Name");
    later(&world, 60);
    let world = world.set("TAGWARDEN_UNTAGGED", "stop");
    for _ in 0..4 * 30 {
        later(&world, 6 * 60);
        world.sweep().await;
    }
    assert!(is_alive(&world, &id), "{:#?}", world.reports());
}

/// No run saw the exemption: its event was lost. Its tag is still there.
#[tokio::test(start_paused = true)]
async fn an_exemption_that_ended_starts_the_countdown_over() {
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
    // 00:20, after the day of the notice.
    later(&world, 6 * 60 + 15);
    world.sweep().await;
    assert!(is_alive(&world, &id), "{:?}", world.lines());
}

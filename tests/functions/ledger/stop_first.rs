//! `TAGWARDEN_UNTAGGED=stop` with `TAGWARDEN_TERMINATE_AFTER_DAYS`: an untagged instance is stopped, and terminated
//! once it has been stopped and untagged for so long.

use chrono::TimeDelta;
use serde_json::json;

use tagwarden_sandbox::Fault;

use super::crashes::{sweep_until, sweep_until_nth};
use crate::support::{LEDGER, World, old};

const CAUSE: &str = "Reason: No tags found.";

/// Stops first, and terminates after 14 days. Its one rule asks for nothing.
fn world() -> World {
    let rows = [json!({"RuleId": 1, "TagKey": "Name", "Action": "Notify", "Required": "N"})];
    World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14")
}

/// Sweeps every six hours for so many days, as the stack does. Gives what was told, and when.
async fn days(world: &World, days: i32) -> Vec<(String, Vec<String>)> {
    let mut told = Vec::new();
    for _ in 0..days * 4 {
        world.account.advance(TimeDelta::hours(6));
        let before = world.reports().len();
        world.sweep().await;
        if world.reports().len() > before {
            let now = world.account.now().format("%m-%d %H:%M");
            told.push((now.to_string(), world.lines()));
        }
    }
    told
}

fn reminder(id: &str, day: &str) -> Vec<String> {
    vec![format!(
        "-- {id} is to be terminated. {CAUSE} Left for later: it is stopped, and will be terminated on {day} unless it is tagged."
    )]
}

fn terminated(id: &str) -> Vec<String> {
    vec![format!("-- {id} has been terminated. {CAUSE}")]
}

fn at(time: &str, lines: Vec<String>) -> (String, Vec<String>) {
    (time.to_owned(), lines)
}

#[tokio::test(start_paused = true)]
async fn it_is_stopped_reminded_of_and_terminated() {
    let world = world();
    let id = world.instance(&[]);
    assert_eq!(world.sweep().await["stopped"], 1);
    let stopped = format!(
        "-- {id} has been stopped. {CAUSE} It will be terminated on 2026-12-07 unless it is tagged."
    );
    assert_eq!(world.lines(), [stopped]);
    assert_eq!(
        days(&world, 15).await,
        [
            at("12-06 12:00", reminder(&id, "2026-12-07")),
            at("12-07 00:00", reminder(&id, "2026-12-07")),
            at("12-07 12:00", terminated(&id)),
        ]
    );
    assert_eq!(world.account.count("StopInstances"), 1);
    assert_eq!(world.account.count("TerminateInstances"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_before_counts_from_when_it_is_first_seen() {
    let world = world();
    let id = world
        .account
        .launch(old(&[]).ago(TimeDelta::days(90)).stopped());
    world.sweep().await;
    assert_eq!(world.lines(), reminder(&id, "2026-12-07"));
    assert_eq!(world.state(&id), "stopped");
    let told = days(&world, 15).await;
    assert_eq!(told.last(), Some(&at("12-07 12:00", terminated(&id))));
    assert_eq!(world.account.count("StopInstances"), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_tagged_meanwhile_is_left_alone() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    days(&world, 5).await;
    world.account.set_tag(&id, "Name", "web");
    assert_eq!(days(&world, 20).await, []);
    assert_eq!(world.state(&id), "stopped");
}

/// Noted as stopped 13 days ago, and started and stopped again since: the days count anew.
#[tokio::test(start_paused = true)]
async fn one_that_was_started_meanwhile_counts_anew() {
    let world = world();
    let since = world.account.now() - TimeDelta::days(13);
    let launch = old(&[]).ago(TimeDelta::days(30));
    let id = world
        .account
        .launch(launch.started_again_ago(TimeDelta::days(2)).stopped());
    let note = json!({"Pk": id, "Sk": "stopped", "Since": since.to_rfc3339()});
    world.account.put_item(LEDGER, note);
    world.sweep().await;
    assert_eq!(world.lines(), reminder(&id, "2026-12-07"));
    let told = days(&world, 15).await;
    assert_eq!(told.last(), Some(&at("12-07 12:00", terminated(&id))));
}

/// Noted as stopped long ago, and running: it is stopped, and has all its days.
#[tokio::test(start_paused = true)]
async fn one_that_runs_again_is_stopped_again() {
    let world = world();
    let since = world.account.now() - TimeDelta::days(40);
    let launch = old(&[]).ago(TimeDelta::days(90));
    let id = world
        .account
        .launch(launch.started_again_ago(TimeDelta::days(2)));
    let note = json!({"Pk": id, "Sk": "stopped", "Since": since.to_rfc3339()});
    world.account.put_item(LEDGER, note);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["stopped"], &answer["terminated"]),
        (&1.into(), &0.into())
    );
    let told = days(&world, 15).await;
    assert_eq!(told.last(), Some(&at("12-07 12:00", terminated(&id))));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_to_be_terminated_stays_stopped() {
    for never in ["", "0"] {
        let world = world().set("TAGWARDEN_TERMINATE_AFTER_DAYS", never);
        let id = world.instance(&[]);
        world.sweep().await;
        assert_eq!(
            world.lines(),
            [format!("-- {id} has been stopped. {CAUSE}")]
        );
        assert_eq!(days(&world, 30).await, []);
        assert_eq!(world.state(&id), "stopped");
    }
}

/// The run dies after EC2 stopped the instance and before the ledger has a note of it.
#[tokio::test(start_paused = true)]
async fn a_crash_between_the_stop_and_its_note_costs_some_hours_at_most() {
    let world = world();
    let id = world.instance(&[]);
    assert!(!sweep_until(&world, "StopInstances").await);
    assert_eq!(world.state(&id), "stopping");

    world.account.advance(TimeDelta::hours(6));
    world.sweep().await;
    let lines = world.lines();
    let stopped = format!("-- {id} has been stopped. {CAUSE} It will be terminated on 2026-12-07");
    let told_stopped = |line: &String| line.starts_with(&stopped) && line.contains("By run ");
    assert!(lines.iter().any(told_stopped), "{lines:?}");
    let told = days(&world, 15).await;
    assert_eq!(told.last(), Some(&at("12-07 18:00", terminated(&id))));
    assert_eq!(world.account.count("StopInstances"), 1);
    assert_eq!(world.account.count("TerminateInstances"), 1);
}

/// The run dies over its second batch: what it had noted of the first stays as it is.
#[tokio::test(start_paused = true)]
async fn a_crash_after_a_note_leaves_that_as_it_is() {
    let world = world().set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1000");
    world.account.launch_many(old(&[]), 60);
    assert!(!sweep_until_nth(&world, "StopInstances", 1).await);
    let noted = |hour: &str| {
        let items = world.account.items(LEDGER);
        let since = items.iter().filter(|item| item["Sk"] == "stopped");
        let since = since.filter_map(|item| item["Since"].as_str());
        since.filter(|since| since.contains(hour)).count()
    };
    let first = noted("T12:");
    assert!((1..60).contains(&first), "{first}");

    world.account.advance(TimeDelta::hours(6));
    world.sweep().await;
    assert_eq!((noted("T12:"), noted("T18:")), (first, 60 - first));
}

/// Stopped, tagged for ten days, and without tags again: nobody could say that it was untagged all the time.
#[tokio::test(start_paused = true)]
async fn one_that_was_tagged_for_long_counts_anew() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    days(&world, 3).await;
    world.account.set_tag(&id, "Name", "web");
    days(&world, 10).await;
    world.account.remove_tag(&id, "Name");
    let told = days(&world, 16).await;
    assert_eq!(
        told.first(),
        Some(&at("12-06 18:00", reminder(&id, "2026-12-20")))
    );
    assert_eq!(told.last(), Some(&at("12-20 18:00", terminated(&id))));
}

/// Sweeps a week apart, none of them on the last day: it is terminated a week after it was told, not at once.
#[tokio::test(start_paused = true)]
async fn nothing_is_terminated_without_a_days_notice() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    let mut told = Vec::new();
    for _ in 0..3 {
        world.account.advance(TimeDelta::days(7));
        world.sweep().await;
        told.push((
            world.account.now().format("%m-%d").to_string(),
            world.lines(),
        ));
    }
    assert_eq!(told[1], ("12-07".to_owned(), reminder(&id, "2026-12-08")));
    assert_eq!(told[2], ("12-14".to_owned(), terminated(&id)));
}

/// A reminder that SNS did not take is none.
#[tokio::test(start_paused = true)]
async fn a_reminder_that_was_not_told_is_no_notice() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    days(&world, 12).await;
    world.account.advance(TimeDelta::days(1));
    let denied = Fault::new("Publish", "AuthorizationError", "no").status(403);
    world.account.fail(denied);
    world
        .remediate(crate::support::scheduled_event())
        .await
        .unwrap_err();
    world.account.advance(TimeDelta::days(1));
    world.sweep().await;
    assert_eq!(world.lines(), reminder(&id, "2026-12-08"));
    assert_eq!(world.state(&id), "stopped");
}

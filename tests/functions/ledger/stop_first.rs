//! `TAGWARDEN_UNTAGGED=stop` with `TAGWARDEN_TERMINATE_AFTER_DAYS`: an untagged instance is stopped first, and
//! terminated after that many days if it is still stopped and untagged.

use chrono::TimeDelta;
use serde_json::json;

use tagwarden_sandbox::Fault;

use super::crashes::{sweep_until, sweep_until_nth};
use crate::support::{LEDGER, World, old};

const CAUSE: &str = "Reason: No tags found.";

/// A world that stops first and terminates after 14 days. Its only rule requires nothing.
fn world() -> World {
    let rows = [json!({"RuleId": 1, "TagKey": "Name", "Action": "Notify", "Required": "N"})];
    World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14")
}

/// Sweeps every six hours for `days` days, as the stack does. Returns the lines of each report and its time.
async fn sweep_for_days(world: &World, days: i32) -> Vec<(String, Vec<String>)> {
    let mut reported = Vec::new();
    for _ in 0..days * 4 {
        world.account.advance(TimeDelta::hours(6));
        let before = world.reports().len();
        world.sweep().await;
        if world.reports().len() > before {
            let now = world.account.now().format("%m-%d %H:%M");
            reported.push((now.to_string(), world.lines()));
        }
    }
    reported
}

/// How many countdowns the ledger has.
fn countdowns(world: &World) -> usize {
    let items = world.account.items(LEDGER);
    items.iter().filter(|it| it["Pk"] == "countdown").count()
}

fn notice(id: &str, day: &str) -> Vec<String> {
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
async fn stops_announces_and_terminates_an_untagged_instance() {
    let world = world();
    let id = world.instance(&[]);
    assert_eq!(world.sweep().await["stopped"], 1);
    let stopped = format!(
        "-- {id} has been stopped. {CAUSE} It will be terminated on 2026-12-07 unless it is tagged."
    );
    assert_eq!(world.lines(), [stopped]);
    assert_eq!(
        sweep_for_days(&world, 15).await,
        [
            at("12-06 12:00", notice(&id, "2026-12-07")),
            at("12-07 00:00", notice(&id, "2026-12-07")),
            at("12-07 12:00", terminated(&id)),
        ]
    );
    assert_eq!(world.account.count("StopInstances"), 1);
    assert_eq!(world.account.count("TerminateInstances"), 1);
}

/// A person stopped it, perhaps for the weekend.
#[tokio::test(start_paused = true)]
async fn leaves_an_instance_alone_that_a_person_stopped() {
    let world = world();
    let id = world
        .account
        .launch(old(&[]).ago(TimeDelta::days(90)).stopped());
    world.sweep().await;
    assert_eq!(sweep_for_days(&world, 30).await, []);
    assert_eq!(world.state(&id), "stopped");
    assert_eq!(countdowns(&world), 0);
}

/// The countdown of its termination began while `TAGWARDEN_UNTAGGED` was `terminate`. That is no stop by tagwarden.
#[tokio::test(start_paused = true)]
async fn leaves_it_alone_also_if_its_termination_was_counted_down_before() {
    let terminating = world().set("TAGWARDEN_UNTAGGED", "terminate");
    let terminating = terminating.set("TAGWARDEN_GRACE_MINUTES", "15");
    let id = terminating
        .account
        .launch(old(&[]).ago(TimeDelta::days(90)).stopped());
    terminating.sweep().await;
    assert_eq!(countdowns(&terminating), 1);
    let world = terminating.set("TAGWARDEN_UNTAGGED", "stop");
    assert_eq!(sweep_for_days(&world, 30).await, []);
    assert_eq!(world.state(&id), "stopped");
}

#[tokio::test(start_paused = true)]
async fn leaves_an_instance_alone_that_was_tagged_during_the_countdown() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    sweep_for_days(&world, 5).await;
    world.account.set_tag(&id, "Name", "web");
    assert_eq!(sweep_for_days(&world, 20).await, []);
    assert_eq!(world.state(&id), "stopped");
}

/// The ledger has it as stopped 13 days ago, but a person started it and stopped it again since.
#[tokio::test(start_paused = true)]
async fn leaves_an_instance_alone_that_a_person_started_and_stopped() {
    let world = world();
    let since = world.account.now() - TimeDelta::days(13);
    let launch = old(&[]).ago(TimeDelta::days(30));
    let id = world
        .account
        .launch(launch.started_again_ago(TimeDelta::days(2)).stopped());
    let note = json!({"Pk": id, "Sk": "stopped", "Since": since.to_rfc3339()});
    world.account.put_item(LEDGER, note);
    world.sweep().await;
    assert_eq!(sweep_for_days(&world, 30).await, []);
    assert_eq!(world.state(&id), "stopped");
}

/// The ledger has it as stopped long ago, but it is running. It is stopped and gets the full 14 days.
#[tokio::test(start_paused = true)]
async fn stops_a_restarted_instance_again() {
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
    let reported = sweep_for_days(&world, 15).await;
    assert_eq!(reported.last(), Some(&at("12-07 12:00", terminated(&id))));
}

#[tokio::test(start_paused = true)]
async fn keeps_an_instance_stopped_when_termination_is_off() {
    for never in ["", "0"] {
        let world = world().set("TAGWARDEN_TERMINATE_AFTER_DAYS", never);
        let id = world.instance(&[]);
        world.sweep().await;
        assert_eq!(
            world.lines(),
            [format!("-- {id} has been stopped. {CAUSE}")]
        );
        assert_eq!(sweep_for_days(&world, 30).await, []);
        assert_eq!(world.state(&id), "stopped");
    }
}

/// The run crashes after EC2 stopped the instance, before the ledger records the countdown.
#[tokio::test(start_paused = true)]
async fn crash_after_a_stop_delays_the_termination_by_one_sweep() {
    let world = world();
    let id = world.instance(&[]);
    assert!(!sweep_until(&world, "StopInstances").await);
    assert_eq!(world.state(&id), "stopping");

    world.account.advance(TimeDelta::hours(6));
    world.sweep().await;
    let lines = world.lines();
    let stopped = format!("-- {id} has been stopped. {CAUSE} It will be terminated on 2026-12-07");
    let reports_the_stop = |line: &String| line.starts_with(&stopped) && line.contains("By run ");
    assert!(lines.iter().any(reports_the_stop), "{lines:?}");
    let reported = sweep_for_days(&world, 15).await;
    assert_eq!(reported.last(), Some(&at("12-07 18:00", terminated(&id))));
    assert_eq!(world.account.count("StopInstances"), 1);
    assert_eq!(world.account.count("TerminateInstances"), 1);
}

/// The run crashes in its second batch. The countdowns recorded for the first batch must not start over.
#[tokio::test(start_paused = true)]
async fn crash_keeps_the_countdowns_already_recorded() {
    let world = world().set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1000");
    world.account.launch_many(old(&[]), 60);
    // What nearly every instance lacks would be suspicious.
    world.account.launch_many(old(&[("Name", "web")]), 20);
    assert!(!sweep_until_nth(&world, "StopInstances", 1).await);
    let noted = |hour: &str| {
        let items = world.account.items(LEDGER);
        let since = items.iter().filter(|item| item["Pk"] == "countdown");
        let since = since.filter_map(|item| item["Since"].as_str());
        since.filter(|since| since.contains(hour)).count()
    };
    let first = noted("T12:");
    assert!((1..60).contains(&first), "{first}");

    world.account.advance(TimeDelta::hours(6));
    world.sweep().await;
    assert_eq!((noted("T12:"), noted("T18:")), (first, 60 - first));
}

/// Stopped, tagged for ten days, then untagged again: whoever tagged it has taken it over.
#[tokio::test(start_paused = true)]
async fn forgets_the_stop_after_a_tagged_period() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    sweep_for_days(&world, 3).await;
    world.account.set_tag(&id, "Name", "web");
    sweep_for_days(&world, 10).await;
    world.account.remove_tag(&id, "Name");
    assert_eq!(sweep_for_days(&world, 30).await, []);
    assert_eq!(world.state(&id), "stopped");
}

/// The functions were off for a month. The stop is still tagwarden's, but nobody has looked at the instance since.
#[tokio::test(start_paused = true)]
async fn starts_over_after_a_month_without_a_look() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    world.account.advance(TimeDelta::days(30));
    world.sweep().await;
    assert_eq!(world.state(&id), "stopped");
    let reported = sweep_for_days(&world, 16).await;
    assert_eq!(reported.last(), Some(&at("01-06 12:00", terminated(&id))));
}

/// No sweep runs on the last day. The late sweep must give notice first and leave the termination to the next one.
#[tokio::test(start_paused = true)]
async fn terminates_nothing_without_a_day_of_notice() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    let mut reported = Vec::new();
    for _ in 0..3 {
        world.account.advance(TimeDelta::days(7));
        world.sweep().await;
        reported.push((
            world.account.now().format("%m-%d").to_string(),
            world.lines(),
        ));
    }
    assert_eq!(reported[1], ("12-07".to_owned(), notice(&id, "2026-12-08")));
    assert_eq!(reported[2], ("12-14".to_owned(), terminated(&id)));
}

/// A notice that SNS did not accept announces nothing.
#[tokio::test(start_paused = true)]
async fn unpublished_notice_does_not_count() {
    let world = world();
    let id = world.instance(&[]);
    world.sweep().await;
    sweep_for_days(&world, 12).await;
    world.account.advance(TimeDelta::days(1));
    let denied = Fault::new("Publish", "AuthorizationError", "no").status(403);
    world.account.fail(denied);
    world
        .remediate(crate::support::scheduled_event())
        .await
        .unwrap_err();
    world.account.advance(TimeDelta::days(1));
    world.sweep().await;
    assert_eq!(world.lines(), notice(&id, "2026-12-08"));
    assert_eq!(world.state(&id), "stopped");
}

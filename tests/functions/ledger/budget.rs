//! The budget: the most shutdowns in an hour, shared by all runs.

use chrono::TimeDelta;

use super::running;
use crate::support::{World, old};

fn world(limit: u32) -> World {
    World::new()
        .enforcing()
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", &limit.to_string())
}

fn launch_untagged(world: &World, count: usize) -> Vec<String> {
    world.account.launch_many(old(&[]), count)
}

#[tokio::test(start_paused = true)]
async fn runs_share_the_budget_and_regain_it_after_an_hour() {
    let world = world(3);
    let early = launch_untagged(&world, 2);
    assert_eq!(world.sweep().await["terminated"], 2);

    world.account.advance(TimeDelta::minutes(10));
    let late = launch_untagged(&world, 4);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&1.into(), &3.into())
    );
    assert_eq!((running(&world, &early), running(&world, &late)), (0, 3));

    // Exactly an hour after the first two shutdowns there is room for two more.
    world.account.advance(TimeDelta::minutes(50));
    assert_eq!(world.sweep().await["terminated"], 0);
    world.account.advance(TimeDelta::seconds(1));
    assert_eq!(world.sweep().await["terminated"], 2);
    assert_eq!(running(&world, &late), 1);
    world.account.advance(TimeDelta::minutes(10));
    assert_eq!(world.sweep().await["terminated"], 1);
}

#[tokio::test(start_paused = true)]
async fn reports_instances_over_the_budget_in_one_line() {
    let world = world(1);
    let ids = launch_untagged(&world, 12);
    world.sweep().await;
    let lines = world.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let named = ids[1..=10].join(", ");
    assert_eq!(
        lines[0],
        format!(
            "-- 11 instances have not been stopped or terminated: {named} and 1 more. Refused: the limit of 1 stops and terminations an hour is reached (TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR)."
        )
    );
}

#[tokio::test(start_paused = true)]
async fn refused_shutdowns_give_their_part_back() {
    let world = world(2);
    let protected = world
        .account
        .launch(old(&[]).protected().ago(TimeDelta::days(9)));
    let ids = launch_untagged(&world, 1);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&1.into(), &1.into())
    );
    assert_eq!(world.state(&protected), "running");

    let more = launch_untagged(&world, 2);
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!((running(&world, &ids), running(&world, &more)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn budget_of_zero_allows_tags_and_no_shutdowns() {
    let world = world(0);
    let untagged = launch_untagged(&world, 1);
    let tagged = world.instance(&[("Name", "web")]);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["refused"], &answer["tagged"]),
        (&1.into(), &1.into())
    );
    assert_eq!(running(&world, &untagged), 1);
    assert!(world.tag(&tagged, "ProjectCode").is_some());
}

/// What a crashed run took from the budget counts until an hour after the run expired. Until then its shutdowns may
/// still have happened.
#[tokio::test(start_paused = true)]
async fn keeps_what_a_crashed_run_took() {
    let world = world(3);
    launch_untagged(&world, 2);
    assert!(!super::crashes::sweep_until(&world, "TransactWriteItems").await);

    let more = launch_untagged(&world, 2);
    let answer = world.remediate_ids(&[&more[0], &more[1]]).await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&1.into(), &1.into())
    );
}

/// More than one transaction of the ledger holds.
#[tokio::test(start_paused = true)]
async fn remembers_whatever_number_ec2_refused_in_a_run() {
    let world = world(40);
    // So many compliant ones that the sweep does not suspect the policy.
    let tags = [("ProjectCode", "P"), ("CreatedBy", "bob"), ("Expires", "x")];
    let _ = world.account.launch_many(old(&tags), 40);
    let _ = world.account.launch_many(old(&[]).protected(), 120);
    assert_eq!(world.sweep().await["refused"], 120);
    let calls = world.account.count("TerminateInstances");
    world.account.advance(TimeDelta::hours(6));
    assert_eq!(world.sweep().await["refused"], 120);
    assert_eq!(world.account.count("TerminateInstances"), calls);
}

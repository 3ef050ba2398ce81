//! Runs that crash at any call: the next runs recover them, and everything is done and reported once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::world_of_work;
use crate::aftermath::{OPERATIONS, assert_done_once};
use crate::support::{LEDGER, World};

/// The time after which a crashed run has expired and none of its calls can still take effect.
const RUN_EXPIRY: TimeDelta = TimeDelta::minutes(17);

/// Sweeps, and crashes after the first call of `operation` took effect, before the function receives the answer.
/// Returns whether the sweep completed.
pub async fn sweep_until(world: &World, operation: &str) -> bool {
    sweep_until_nth(world, operation, 0).await
}

/// Sweeps, and crashes after call number `nth` of `operation`, counted from 0.
pub async fn sweep_until_nth(world: &World, operation: &str, nth: usize) -> bool {
    sweep_with(world, &[operation], nth).await
}

/// Sweeps, and crashes after call number `nth` of all operations.
pub async fn sweep_until_call(world: &World, nth: usize) -> bool {
    sweep_with(world, &OPERATIONS, nth).await
}

async fn sweep_with(world: &World, operations: &[&str], nth: usize) -> bool {
    // With a latency every call waits, so the run is dropped before its next call takes effect.
    world.account.latency(Duration::from_millis(1));
    let crash = Arc::new(Notify::new());
    let calls = Arc::new(AtomicUsize::new(0));
    for operation in operations {
        let (crash, calls) = (Arc::clone(&crash), Arc::clone(&calls));
        world.account.on_call(*operation, move |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == nth {
                crash.notify_one();
            }
        });
    }
    tokio::select! {
        biased;
        () = crash.notified() => false,
        _ = world.sweep() => true,
    }
}

/// A crash before one call is the same as a crash after the previous one, so these are all possible crashes.
#[tokio::test(start_paused = true)]
async fn recovers_after_two_crashes_at_any_call() {
    const STEP: usize = 6;
    let mut crashes = (0, 0);
    for first in 0.. {
        // Crashing the second run at every call would take the test a minute.
        for second in (first % STEP..).step_by(STEP) {
            let (world, work) = world_of_work();
            let is_first_over = sweep_until_call(&world, first).await;
            world.account.advance(RUN_EXPIRY);
            let is_second_over = sweep_until_call(&world, second).await;
            world.account.advance(RUN_EXPIRY);
            world.sweep().await;
            let how = format!("crashed after call {first}, and then after call {second}");
            assert_done_once(&world.account, LEDGER, &work, &how);
            if is_first_over {
                assert!(crashes.0 > 20 && crashes.1 > 60, "{crashes:?}");
                return;
            }
            if is_second_over {
                break;
            }
            crashes.1 += 1;
        }
        crashes.0 += 1;
    }
}

/// The function is killed after it wrote tags, and then EC2 leaves them out of the description.
#[tokio::test(start_paused = true)]
async fn recovers_tags_that_descriptions_leave_out() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "ann"), ("Expires", "2027-01-01")]);
    assert!(!sweep_until(&world, "CreateTags").await);
    assert_eq!(world.tag(&id, "ProjectCode").unwrap(), "Proj007");
    world.account.omit_tags_times(&id, 100);
    world.account.advance(RUN_EXPIRY);
    world.sweep().await;
    let items = world.account.items(LEDGER);
    let acts = items.iter().filter_map(|item| item["Acts"].as_array());
    let states: Vec<&str> = acts
        .flatten()
        .filter_map(|act| act["State"].as_str())
        .collect();
    assert_eq!(states, ["done"]);
}

//! A run that ends in the middle, at any call, and the next one, and the one after that: all is done once and told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::world_of_work;
use crate::aftermath::{OPERATIONS, assert_done_once};
use crate::support::{LEDGER, World};

/// When a crashed run's time is up, and nothing that it asked for can come late any more.
const RUN_EXPIRY: TimeDelta = TimeDelta::minutes(17);

/// Sweeps, and crashes once the first call of `operation` was carried out, before the function has the answer. Gives
/// whether the sweep ended by itself.
pub async fn sweep_until(world: &World, operation: &str) -> bool {
    sweep_until_nth(world, operation, 0).await
}

/// The same for call number `nth` of `operation`, from 0.
pub async fn sweep_until_nth(world: &World, operation: &str, nth: usize) -> bool {
    sweep_with(world, &[operation], nth).await
}

/// Sweeps, and crashes once call number `nth` of all was carried out.
pub async fn sweep_until_call(world: &World, nth: usize) -> bool {
    sweep_with(world, &OPERATIONS, nth).await
}

async fn sweep_with(world: &World, operations: &[&str], nth: usize) -> bool {
    // With it every call waits, so that the run is dropped before the next is carried out.
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

/// A crash before a call is carried out is one after the call before: so these are all there are.
#[tokio::test(start_paused = true)]
async fn recovers_after_two_crashes_at_any_call() {
    const STEP: usize = 6;
    let mut crashes = (0, 0);
    for first in 0.. {
        // Every call of the second run would take a minute.
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

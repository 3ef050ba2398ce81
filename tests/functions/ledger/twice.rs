//! One event that comes twice, to two functions at the same time: everything is done once and told once.

use std::time::Duration;

use super::world_of_work;
use crate::aftermath::assert_done_once;
use crate::support::{LEDGER, scheduled_event};

const LATENCY: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn whatever_head_start_one_has() {
    // In steps of half a call: from both in the same moment to one after the other.
    for half_calls in 0..100 {
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
            [3, 2, 1],
            "{how}"
        );
        assert_eq!(["deferred", "refused", "failed"].map(sum), [0; 3], "{how}");
    }
}

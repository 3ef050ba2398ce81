//! Waits for what other processes do in their own time.

use std::time::{Duration, Instant};

/// The longest wait: longer than anything takes here, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Calls `ask` repeatedly until the answer satisfies the condition, and returns it. Panics with the last answer after
/// `PATIENCE`.
pub async fn eventually<T: std::fmt::Debug>(
    ask: impl AsyncFn() -> T,
    satisfies: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if satisfies(&answer) {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "still not after {PATIENCE:?}: {answer:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

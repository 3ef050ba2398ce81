//! Waiting for what others do in their own time.

use std::time::{Duration, Instant};

/// Longer than anything takes here, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until the answer satisfies, and gives it; panics with the last answer when patience runs out.
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

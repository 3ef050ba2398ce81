//! The account's time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_smithy_async::time::TimeSource;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

/// A clock that starts at a given moment and then follows tokio's, paused or not, plus what a test
/// advanced it by. It never goes back.
///
/// Outside a runtime there is no tokio time to follow: there the clock stands where it was last seen.
#[derive(Debug)]
pub(crate) struct VirtualClock(Mutex<Hands>);

#[derive(Debug)]
struct Hands {
    latest: DateTime<Utc>,
    advanced: TimeDelta,
    /// Every runtime has a clock of its own (a paused one jumps, another does not), so each is
    /// followed from where the account's time stood when that runtime first asked.
    followed: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    runtime: Id,
    since: Instant,
    base: DateTime<Utc>,
}

impl VirtualClock {
    /// A clock that shows `start` now; or, made outside a runtime, when it is first looked at in one.
    pub(crate) fn starting_at(start: DateTime<Utc>) -> Self {
        let clock = Self(Mutex::new(Hands {
            latest: start,
            advanced: TimeDelta::zero(),
            followed: Vec::new(),
        }));
        clock.now();
        clock
    }

    /// The account's present time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let mut hands = self.hands();
        if let Ok(handle) = Handle::try_current() {
            let shown = hands.follow(handle.id(), Instant::now());
            hands.latest = hands.latest.max(shown);
        }
        hands.latest
    }

    /// Moves the clock forward; a negative `delta` moves nothing.
    pub(crate) fn advance(&self, delta: TimeDelta) {
        let delta = delta.max(TimeDelta::zero());
        let now = self.now();
        let mut hands = self.hands();
        if let Some(later) = now.checked_add_signed(delta) {
            hands.latest = later;
            hands.advanced = hands.advanced.checked_add(&delta).unwrap_or(TimeDelta::MAX);
        }
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    /// What the clock shows in `runtime` at `instant`.
    fn follow(&mut self, runtime: Id, instant: Instant) -> DateTime<Utc> {
        let Some(known) = self.followed.iter().find(|known| known.runtime == runtime) else {
            let base = self.latest.checked_sub_signed(self.advanced);
            self.followed.push(Followed {
                runtime,
                since: instant,
                base: base.unwrap_or(self.latest),
            });
            return self.latest;
        };
        TimeDelta::from_std(instant.saturating_duration_since(known.since))
            .ok()
            .and_then(|elapsed| known.base.checked_add_signed(elapsed))
            .and_then(|time| time.checked_add_signed(self.advanced))
            .unwrap_or(self.latest)
    }
}

impl TimeSource for crate::Account {
    fn now(&self) -> SystemTime {
        self.now().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_268_800, 0).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn follows_paused_time_and_adds_advances() {
        let clock = VirtualClock::starting_at(noon());
        assert_eq!(clock.now(), noon());
        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(60));
        clock.advance(TimeDelta::hours(2));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(
            clock.now(),
            noon() + TimeDelta::hours(2) + TimeDelta::seconds(61)
        );
        clock.advance(TimeDelta::hours(-3));
        assert_eq!(
            clock.now(),
            noon() + TimeDelta::hours(2) + TimeDelta::seconds(61)
        );
    }

    #[test]
    fn stands_still_outside_and_goes_on_in_the_next_runtime() {
        let clock = VirtualClock::starting_at(noon());
        for hour in 1..3 {
            crate::paused_runtime().unwrap().block_on(async {
                clock.now();
                tokio::time::sleep(std::time::Duration::from_hours(1)).await;
                clock.now();
            });
            assert_eq!(clock.now(), noon() + TimeDelta::hours(hour));
        }
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(clock.now(), noon() + TimeDelta::minutes(121));
    }

    #[test]
    fn stops_at_the_last_representable_time() {
        let clock = VirtualClock::starting_at(DateTime::<Utc>::MAX_UTC);
        clock.advance(TimeDelta::MAX);
        assert_eq!(clock.now(), DateTime::<Utc>::MAX_UTC);
    }
}

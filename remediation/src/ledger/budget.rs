//! The budget: the most stops and terminations in any hour, by all functions together. Pure.
//!
//! Each batch of acts holds a part of it, from before the first of them until an hour after the last: so no hour ever
//! sees more than the limit. A batch whose end is not known, because its function was killed, holds its whole
//! part until an hour after the function's time is up.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::run_id::RunId;

/// The time that the limit is for.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What has been taken out of the budget; one item of the ledger, which every change gives a new revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Budget {
    pub(crate) revision: u64,
    pub(crate) holds: Vec<BudgetHold>,
}

/// What one batch has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BudgetHold {
    run_id: RunId,
    batch: u32,
    acts: usize,
    /// In milliseconds of the epoch.
    until: i64,
}

impl Budget {
    /// How many acts are left of `limit`.
    pub(crate) fn left(&self, limit: usize, now: DateTime<Utc>) -> usize {
        let held = self.holds.iter().filter(|hold| hold.holds(now));
        limit.saturating_sub(held.map(|hold| hold.acts).sum())
    }

    /// The budget after `batch` of a run, whose last act will be before `lease`, took `acts`.
    #[must_use]
    pub(crate) fn taken(
        &self,
        run_id: &RunId,
        batch: u32,
        acts: usize,
        lease: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut holds = self.still_held(now);
        holds.push(BudgetHold {
            run_id: run_id.clone(),
            batch,
            acts,
            until: an_hour_after(lease),
        });
        self.next(holds)
    }

    /// The budget after `batch` of a run ended at `now` with so many `acts`.
    #[must_use]
    pub(crate) fn settled(
        &self,
        run_id: &RunId,
        batch: u32,
        acts: usize,
        now: DateTime<Utc>,
    ) -> Self {
        let mut holds = self.still_held(now);
        for hold in &mut holds {
            if hold.run_id == *run_id && hold.batch == batch {
                hold.acts = acts;
                hold.until = an_hour_after(now);
            }
        }
        holds.retain(|hold| hold.acts > 0);
        self.next(holds)
    }

    /// When the first of what holds it now lets go of its part; `now` if nothing holds it.
    pub(crate) fn has_room_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let holds = self.holds.iter().filter(|hold| hold.holds(now));
        let first = holds.map(|hold| hold.until).min();
        first
            .and_then(|until| DateTime::from_timestamp_millis(until.saturating_add(1)))
            .unwrap_or(now)
    }

    fn still_held(&self, now: DateTime<Utc>) -> Vec<BudgetHold> {
        let holds = self.holds.iter().filter(|hold| hold.holds(now));
        holds.cloned().collect()
    }

    fn next(&self, holds: Vec<BudgetHold>) -> Self {
        Self {
            revision: self.revision.saturating_add(1),
            holds,
        }
    }
}

impl BudgetHold {
    fn holds(&self, now: DateTime<Utc>) -> bool {
        now.timestamp_millis() <= self.until
    }
}

fn an_hour_after(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
        .saturating_add(HOUR.num_milliseconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    /// A batch: after how many seconds it begins, how many acts it wants, how long each takes, whether its function is
    /// ended before it tells how it went, and how many of its acts EC2 refuses.
    fn batches() -> impl Strategy<Value = Vec<(i64, usize, i64, bool, usize)>> {
        let batch = (
            0..2_000_i64,
            1..6_usize,
            0..300_i64,
            any::<bool>(),
            0..3_usize,
        );
        prop::collection::vec(batch, 1..80)
    }

    proptest! {
        /// Batches that overlap, end early, or never tell: no hour sees more acts than the limit.
        #[test]
        fn never_allows_more_than_the_limit_in_an_hour(batches in batches(), limit in 0..12_usize) {
            const LEASE: i64 = 900;
            let run_id = RunId::new(at(0), "1a2b3c4d");
            let mut budget = Budget::default();
            let mut acts: Vec<i64> = Vec::new();
            let mut to_settle: Vec<(i64, u32, usize)> = Vec::new();
            let mut clock = 0;
            for (number, (pause, wants, takes, is_cut_off, refused)) in (1..).zip(batches) {
                clock += pause;
                to_settle.sort_unstable();
                while to_settle.first().is_some_and(|(time, ..)| *time <= clock) {
                    let (time, batch, done) = to_settle.remove(0);
                    budget = budget.settled(&run_id, batch, done, at(time));
                }
                let granted = wants.min(budget.left(limit, at(clock)));
                if granted == 0 {
                    continue;
                }
                budget = budget.taken(&run_id, number, granted, at(clock + LEASE), at(clock));
                let done = granted - refused.min(granted);
                let times = (1..).take(done).map(|nth: i64| clock + (nth * takes).min(LEASE));
                acts.extend(times.clone());
                if !is_cut_off {
                    to_settle.push((times.max().unwrap_or(clock), number, done));
                }
            }
            acts.sort_unstable();
            for (first, start) in acts.iter().enumerate() {
                let in_the_hour = acts.iter().skip(first).take_while(|time| **time <= start + 3_600);
                prop_assert!(in_the_hour.count() <= limit);
            }
        }
    }

    #[test]
    fn gives_refused_acts_back_and_an_hour_later_all_of_them() {
        let run_id = RunId::new(at(0), "1a2b3c4d");
        let budget = Budget::default();
        assert_eq!(budget.left(10, at(0)), 10);
        let budget = budget.taken(&run_id, 1, 8, at(300), at(0));
        assert_eq!(budget.left(10, at(1)), 2);
        let budget = budget.settled(&run_id, 1, 5, at(10));
        assert_eq!(budget.left(10, at(11)), 5);
        assert_eq!(budget.left(3, at(11)), 0);
        assert_eq!(budget.left(10, at(3_610)), 5);
        assert_eq!(budget.left(10, at(3_611)), 10);
        assert_eq!(budget.revision, 2);
    }

    /// What nothing was done of holds nothing, and keeps nobody waiting.
    #[test]
    fn what_was_all_refused_leaves_no_hold() {
        let run_id = RunId::new(at(0), "1a2b3c4d");
        let budget = Budget::default().taken(&run_id, 1, 8, at(300), at(0));
        assert_eq!(
            budget.has_room_at(at(1)),
            at(3_900) + TimeDelta::milliseconds(1)
        );
        let budget = budget.settled(&run_id, 1, 0, at(10));
        assert_eq!(budget.has_room_at(at(11)), at(11));
        assert_eq!(budget.holds, []);
    }
}

//! Judges when a shutdown happens: after two looks that agree, the grace period and a notice, none of them too old.

use chrono::{DateTime, TimeDelta, Utc};

use super::shutdown::ShutdownReason;
use super::view::Look;
use super::{Change, Model, Run};

/// How long a look counts if no other confirms it.
const CONFIRMED_FOR: TimeDelta = TimeDelta::hours(24);

/// The same if the shutdown waits for a day or longer.
const LONG_CONFIRMED_FOR: TimeDelta = TimeDelta::days(8);

/// How much later than it looks a function notes that it did: the longest time of a function.
const NOTED_AFTER: TimeDelta = TimeDelta::minutes(15);

impl Model {
    /// What stands against a shutdown now: too few looks, a start, or no notice.
    pub(super) fn against_time(
        &self,
        run: Run,
        change: &Change,
        look: &Look,
        reason: ShutdownReason,
        now: DateTime<Utc>,
    ) -> Vec<&'static str> {
        let mut objections = Vec::new();
        let stack = self.stack_of(run);
        let setup = self.setup(stack);
        let notice = TimeDelta::hours(setup.notice_hours);
        let is_after_stop = reason == ShutdownReason::Stopped;
        let (grace, notice) = if is_after_stop {
            (
                TimeDelta::days(setup.terminate_after_days),
                notice.max(TimeDelta::hours(24)),
            )
        } else {
            (TimeDelta::minutes(setup.grace_minutes), notice)
        };
        if grace.is_zero() && notice.is_zero() {
            return objections;
        }
        let looks = self.earlier_looks(run, change, reason, now);
        let is_long = grace.max(notice) >= TimeDelta::days(1);
        let confirmed_for = if is_long {
            LONG_CONFIRMED_FOR
        } else {
            CONFIRMED_FOR
        };
        match unbroken(&looks, confirmed_for + NOTED_AFTER, now) {
            None if !looks.is_empty() => objections.push("no look has confirmed it for too long"),
            None => objections.push("no earlier run saw the same reason"),
            Some(first) if now - first < grace => {
                objections.push("the earlier run saw it too recently");
            }
            Some(first) if !notice.is_zero() => {
                let is_told = |told: &&super::Notice| {
                    told.stack == stack
                        && told.instance_id == change.instance_id
                        && told.remedy == change.remedy.as_str()
                        && told.at >= first
                        && told.at <= now - notice
                        && look.shown.launch_time <= told.at
                };
                if !self.notices.iter().any(|told| is_told(&told)) {
                    objections.push("no notice was accepted in time");
                }
            }
            Some(_) => {}
        }
        if !is_after_stop && now - look.shown.launch_time < grace {
            objections.push("it was started too recently");
        }
        if is_after_stop && !self.is_stopped_by(stack, &change.instance_id) {
            objections.push("tagwarden did not stop it");
        }
        objections
    }

    /// The times of the looks by other runs that count toward this shutdown.
    fn earlier_looks(
        &self,
        run: Run,
        change: &Change,
        reason: ShutdownReason,
        now: DateTime<Utc>,
    ) -> Vec<DateTime<Utc>> {
        let stack = self.stack_of(run);
        let mut times = Vec::new();
        for (other, view) in self.functions_of(stack).filter(|(other, _)| *other != run) {
            let looks = view.looks.get(&change.instance_id).into_iter().flatten();
            for look in looks.filter(|look| look.at <= now) {
                let counts = self
                    .objections_at(stack, &look.shown, look.at.min(now))
                    .is_empty()
                    && look.policy.is_some_and(|policy| {
                        self.reasons(stack, change.remedy, &look.shown, policy)
                            .contains(&reason)
                    })
                    && !(reason.is_absence() && reason.is_left_out(look));
                if counts && !self.is_over(run, other, change, look, reason) {
                    times.push(look.at);
                }
            }
        }
        times
    }

    /// Whether a run that began after the look's run, and ended undisturbed before the shutdown was written down, found
    /// the reason gone. What overlaps either of them may come too late, because no read can close that window.
    fn is_over(
        &self,
        run: Run,
        looked_by: Run,
        change: &Change,
        look: &Look,
        reason: ShutdownReason,
    ) -> bool {
        let id = &change.instance_id;
        let begun = self.runs.get(&run).and_then(|view| view.begun.get(id));
        let Some(begun) = begun else { return false };
        let Some(looked_until) = self.runs.get(&looked_by).and_then(|view| view.ended) else {
            return false;
        };
        let stack = self.stack_of(run);
        let mut others = self.functions_of(stack).filter(|(other, _)| *other != run);
        others.any(|(_, view)| {
            let is_between =
                view.started >= looked_until && view.ended.is_some_and(|ended| ended < *begun);
            let last = view.looks.get(id).and_then(|looks| looks.last());
            is_between
                && !view.is_troubled
                && last.is_some_and(|last| {
                    last.sequence > look.sequence
                        && !last.is_cut()
                        && !self.holds(stack, reason, last)
                })
        })
    }
}

/// The first of the looks between which, and after which, no time passed that is longer than `most`.
fn unbroken(looks: &[DateTime<Utc>], most: TimeDelta, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut looks = looks.to_vec();
    looks.sort_unstable();
    let mut first = None;
    for look in looks.into_iter().rev() {
        if first.unwrap_or(now) - look > most {
            break;
        }
        first = Some(look);
    }
    first
}

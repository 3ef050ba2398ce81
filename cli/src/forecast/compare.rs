//! What changes when one policy replaces another.

use chrono::TimeDelta;
use serde::Serialize;
use tagwarden_remediation::plan::Prospect;
use tagwarden_remediation::report::Entry;

use super::rows::what;
use super::{Forecast, InstanceForecast, PlanFilter, StepGroup, VerdictName, effect, groups};

/// Two forecasts of the same instances, and the instances that change their verdict or what is done about them.
#[derive(Debug)]
pub struct Comparison<'a> {
    pub before: Forecast<'a>,
    pub after: Forecast<'a>,
    /// The ids of the instances that change.
    changed: Vec<String>,
    /// Those of them that are shown.
    shown: Vec<String>,
}

/// How a change is destructive for an instance, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// It is shut down, now or later, and was not.
    New,
    /// It is terminated, and was stopped.
    Terminated,
    /// It is shut down after a shorter time.
    Sooner,
    /// Its shutdown is announced a shorter time before, or not at all.
    LessNotice,
}

/// One instance that changes.
#[derive(Clone, Copy, Debug)]
pub struct InstanceChange<'c, 'a> {
    pub before: &'c InstanceForecast<'a>,
    pub after: &'c InstanceForecast<'a>,
}

impl<'a> Comparison<'a> {
    /// Compares two forecasts of the same instances.
    pub fn new(before: Forecast<'a>, after: Forecast<'a>) -> Self {
        let mut comparison = Self {
            before,
            after,
            changed: Vec::new(),
            shown: Vec::new(),
        };
        let ids = comparison.after.instances.keys();
        let ids: Vec<String> = ids
            .filter(|id| {
                let change = comparison.change(id);
                change.is_some_and(InstanceChange::is_change)
            })
            .map(|id| (*id).to_owned())
            .collect();
        comparison.shown.clone_from(&ids);
        comparison.changed = ids;
        comparison
    }

    /// The instances that change, by id.
    pub fn changes(&self) -> impl Iterator<Item = InstanceChange<'_, 'a>> {
        self.changed.iter().filter_map(|id| self.change(id))
    }

    /// Those of them that are shown, by id.
    pub fn shown(&self) -> impl Iterator<Item = InstanceChange<'_, 'a>> {
        self.shown.iter().filter_map(|id| self.change(id))
    }

    /// Shows only the changes that `filters` ask for: an instance gets or loses a verdict, or a step of a group
    /// comes or goes.
    pub fn only(mut self, filters: &[PlanFilter]) -> Self {
        let verdicts: Vec<VerdictName> = filters.iter().filter_map(|it| it.verdict()).collect();
        let groups: Vec<StepGroup> = filters.iter().filter_map(|it| it.group()).collect();
        let is_wanted = |change: &InstanceChange<'_, '_>| {
            let mut moved = change.gained().chain(change.lost());
            (verdicts.is_empty()
                || verdicts.contains(&change.before.verdict())
                || verdicts.contains(&change.after.verdict()))
                && (groups.is_empty()
                    || moved.any(|entry| self::groups(entry).iter().any(|it| groups.contains(it))))
        };
        let wanted = self.changes().filter(is_wanted);
        let wanted: Vec<String> = wanted.map(|it| it.after.instance.id.clone()).collect();
        self.shown = wanted;
        self
    }

    fn change(&self, id: &str) -> Option<InstanceChange<'_, 'a>> {
        Some(InstanceChange {
            before: self.before.instances.get(id)?,
            after: self.after.instances.get(id)?,
        })
    }
}

impl<'c> InstanceChange<'c, '_> {
    /// The steps that only the new policy has.
    pub fn gained(self) -> impl Iterator<Item = &'c Entry> {
        without(&self.after.entries, &self.before.entries)
    }

    /// The steps that only the old policy has.
    pub fn lost(self) -> impl Iterator<Item = &'c Entry> {
        without(&self.before.entries, &self.after.entries)
    }

    /// Whether the instance gets this verdict.
    pub fn becomes(self, verdict: VerdictName) -> bool {
        self.after.verdict() == verdict && self.before.verdict() != verdict
    }

    /// How the change is destructive; `None` if it is not. What only delays a shutdown, such as the budget, counts as
    /// the shutdown.
    pub fn harm(self) -> Option<Harm> {
        self.worst().map(|(harm, _, _)| harm)
    }

    /// The most destructive of what the change comes to in any of the worlds in which the instance may be, with what it
    /// faces there under either policy: before and after.
    pub fn worst(self) -> Option<(Harm, Prospect, Prospect)> {
        let (before, after) = (&self.before.prospects, &self.after.prospects);
        let worlds = after.worlds.iter().filter_map(|(world, after)| {
            // Where the old policy does not tell this world from others, it is taken for the worse.
            let before = before.worlds.get(world).copied().unwrap_or(before.least);
            Some((harm(before, *after)?, before, *after))
        });
        worlds.min_by_key(|(harm, _, after)| (*harm, after.down))
    }

    /// Whether only the old policy shuts the instance down.
    pub fn is_lost_shutdown(self) -> bool {
        !self.before.prospects.most.is_clear() && self.after.prospects.most.is_clear()
    }

    fn is_change(self) -> bool {
        self.before.verdict() != self.after.verdict()
            || self.gained().next().is_some()
            || self.lost().next().is_some()
            || self.harm().is_some()
            || self.is_lost_shutdown()
    }
}

fn harm(before: Prospect, after: Prospect) -> Option<Harm> {
    if after.is_clear() {
        None
    } else if before.is_clear() {
        Some(Harm::New)
    } else if after.terminated.is_some() && before.terminated.is_none() {
        Some(Harm::Terminated)
    } else if is_shorter(after.down, before.down) || is_shorter(after.terminated, before.terminated)
    {
        Some(Harm::Sooner)
    } else {
        let is_less = is_shorter(after.notice, before.notice)
            || is_shorter(after.first_notice, before.first_notice);
        is_less.then_some(Harm::LessNotice)
    }
}

fn is_shorter(after: Option<TimeDelta>, before: Option<TimeDelta>) -> bool {
    after
        .zip(before)
        .is_some_and(|(after, before)| after < before)
}

/// Those of `entries` that do something that none of `others` does. Reasons are not compared, because ages grow and
/// rules get new numbers.
fn without<'c>(entries: &'c [Entry], others: &'c [Entry]) -> impl Iterator<Item = &'c Entry> {
    let effect = |entry: &Entry| (effect(entry), what(entry));
    entries
        .iter()
        .filter(move |entry| !others.iter().any(|other| effect(other) == effect(entry)))
}

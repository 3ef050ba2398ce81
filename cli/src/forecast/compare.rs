//! What changes when one policy replaces another.

use tagwarden_remediation::report::Entry;

use super::rows::what;
use super::{Forecast, InstanceForecast, PlanFilter, StepGroup, VerdictName, group};

/// Two forecasts of the same instances, and the instances that change their verdict or what is done about them.
#[derive(Debug)]
pub struct Comparison<'a> {
    pub before: Forecast<'a>,
    pub after: Forecast<'a>,
    /// The ids of the instances that change.
    changed: Vec<String>,
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
        };
        let ids = comparison.after.instances.keys();
        let ids: Vec<String> = ids
            .filter(|id| {
                let change = comparison.change(id);
                change.is_some_and(InstanceChange::is_change)
            })
            .map(|id| (*id).to_owned())
            .collect();
        comparison.changed = ids;
        comparison
    }

    /// The instances that change, by id.
    pub fn changes(&self) -> impl Iterator<Item = InstanceChange<'_, 'a>> {
        self.changed.iter().filter_map(|id| self.change(id))
    }

    /// Keeps the changes that `filters` ask for: an instance gets or loses a verdict, or a step of a group
    /// comes or goes.
    pub fn only(mut self, filters: &[PlanFilter]) -> Self {
        let verdicts: Vec<VerdictName> = filters.iter().filter_map(|it| it.verdict()).collect();
        let groups: Vec<StepGroup> = filters.iter().filter_map(|it| it.group()).collect();
        let is_wanted = |change: &InstanceChange<'_, '_>| {
            let mut moved = change.gained().chain(change.lost());
            (verdicts.is_empty()
                || verdicts.contains(&change.before.verdict())
                || verdicts.contains(&change.after.verdict()))
                && (groups.is_empty() || moved.any(|entry| groups.contains(&group(entry))))
        };
        let wanted = self.changes().filter(is_wanted);
        let wanted: Vec<String> = wanted.map(|it| it.after.instance.id.clone()).collect();
        self.changed = wanted;
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

    /// Whether only the new policy shuts the instance down.
    pub fn is_new_shutdown(self) -> bool {
        is_shut_down(self.after) && !is_shut_down(self.before)
    }

    /// Whether only the old policy shuts the instance down.
    pub fn is_lost_shutdown(self) -> bool {
        is_shut_down(self.before) && !is_shut_down(self.after)
    }

    fn is_change(self) -> bool {
        self.before.verdict() != self.after.verdict()
            || self.gained().next().is_some()
            || self.lost().next().is_some()
    }
}

fn is_shut_down(forecast: &InstanceForecast<'_>) -> bool {
    let mut groups = forecast.entries.iter().map(group);
    groups.any(|group| matches!(group, StepGroup::Stop | StepGroup::Terminate))
}

/// Those of `entries` that do something that none of `others` does. Reasons are not compared, because ages grow and
/// rules get new numbers.
fn without<'c>(entries: &'c [Entry], others: &'c [Entry]) -> impl Iterator<Item = &'c Entry> {
    let effect = |entry: &Entry| (group(entry), what(entry));
    entries
        .iter()
        .filter(move |entry| !others.iter().any(|other| effect(other) == effect(entry)))
}

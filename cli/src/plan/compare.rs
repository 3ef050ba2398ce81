//! What changes if one policy takes the place of another.

use tagwarden_remediation::report::Entry;

use super::forecast::{Forecast, Group, Only, Plan, Verdict, group};
use super::show::rows::what;

/// The instances that change verdict or action, by id.
#[derive(Debug)]
pub struct Comparison<'a> {
    pub before: Plan<'a>,
    pub after: Plan<'a>,
    /// The ids of the instances that change.
    changed: Vec<String>,
}

/// One instance that changes.
#[derive(Clone, Copy, Debug)]
pub struct Change<'c, 'a> {
    pub before: &'c Forecast<'a>,
    pub after: &'c Forecast<'a>,
}

impl<'a> Comparison<'a> {
    /// Compares two plans of the same instances.
    pub fn new(before: Plan<'a>, after: Plan<'a>) -> Self {
        let mut comparison = Self {
            before,
            after,
            changed: Vec::new(),
        };
        let ids = comparison.after.forecasts.keys();
        let ids: Vec<String> = ids
            .filter(|id| comparison.change(id).is_some_and(Change::is_one))
            .map(|id| (*id).to_owned())
            .collect();
        comparison.changed = ids;
        comparison
    }

    /// The instances that change.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_, 'a>> {
        self.changed.iter().filter_map(|id| self.change(id))
    }

    /// The same, of what was asked for alone: instances that get one of the verdicts or lose it, and steps in one of
    /// the groups that come or go.
    pub fn only(mut self, only: &[Only]) -> Self {
        let is_wanted = |change: &Change<'_, '_>| {
            let verdicts: Vec<Verdict> = only.iter().filter_map(|it| it.verdict()).collect();
            let groups: Vec<Group> = only.iter().filter_map(|it| it.group()).collect();
            let mut moved = change.gained().chain(change.lost());
            (verdicts.is_empty()
                || verdicts.contains(&change.before.verdict)
                || verdicts.contains(&change.after.verdict))
                && (groups.is_empty() || moved.any(|entry| groups.contains(&group(entry))))
        };
        let wanted = self.changes().filter(is_wanted);
        let wanted: Vec<String> = wanted.map(|it| it.after.instance.id.clone()).collect();
        self.changed = wanted;
        self
    }

    fn change(&self, id: &str) -> Option<Change<'_, 'a>> {
        Some(Change {
            before: self.before.forecasts.get(id)?,
            after: self.after.forecasts.get(id)?,
        })
    }
}

impl<'c> Change<'c, '_> {
    /// What is done, or left, or refused only under the new policy.
    pub fn gained(self) -> impl Iterator<Item = &'c Entry> {
        without(&self.after.entries, &self.before.entries)
    }

    /// What is so only under the old one.
    pub fn lost(self) -> impl Iterator<Item = &'c Entry> {
        without(&self.before.entries, &self.after.entries)
    }

    /// Whether the instance becomes of this verdict.
    pub fn becomes(self, verdict: Verdict) -> bool {
        self.after.verdict == verdict && self.before.verdict != verdict
    }

    /// Whether the instance is stopped or terminated under the new policy alone.
    pub fn is_new_end(self) -> bool {
        ends(self.after) && !ends(self.before)
    }

    /// Whether it is so under the old one alone.
    pub fn is_end_no_more(self) -> bool {
        ends(self.before) && !ends(self.after)
    }

    fn is_one(self) -> bool {
        self.before.verdict != self.after.verdict
            || self.gained().next().is_some()
            || self.lost().next().is_some()
    }
}

fn ends(forecast: &Forecast<'_>) -> bool {
    let mut groups = forecast.entries.iter().map(group);
    groups.any(|group| matches!(group, Group::Stop | Group::Terminate))
}

/// Those of `entries` that do something that none of `others` does. Why they do it does not matter: ages go by, and
/// rules may be numbered anew.
fn without<'c>(entries: &'c [Entry], others: &'c [Entry]) -> impl Iterator<Item = &'c Entry> {
    let told = |entry: &Entry| (group(entry), what(entry));
    entries
        .iter()
        .filter(move |entry| !others.iter().any(|other| told(other) == told(entry)))
}

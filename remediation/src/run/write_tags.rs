//! Writes the tags of a plan.
//!
//! Few calls serve many instances, and several calls are in flight at a time. All the same, a large run writes for
//! minutes. So every call's instances were looked at a few seconds before it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use tagwarden_core::{Action, Resource};

use super::execute::Execution;
use super::survey::read_again_by_id;
use super::truth;
use crate::ledger::Batch;
use crate::plan::{Act, ActState, Outcome, Reason, plan};
use crate::progress::Phase;
use crate::remediation::RemediationError;
use crate::safeguard::Safeguard;
use crate::tag_batches::{Tags, group_by_tags};
use crate::tag_calls::{KeyMemory, Leave, TagOutcome, create_tags};

/// How old the last look at an instance may be when its tags are written.
const FRESH: TimeDelta = TimeDelta::seconds(5);

/// The most instances that are looked at again together: five requests.
const WAVE_INSTANCES: usize = 1_000;

/// The most sets of tags that are looked at again together. At EC2's 10 calls a second they are written while the look
/// is fresh.
const WAVE_SETS: usize = 40;

/// The most tag-writing calls in flight at a time.
const AT_ONCE: usize = 8;

/// What became of tag writes, by instance and key.
type Outcomes = BTreeMap<(String, String), Outcome>;

impl Execution<'_, '_> {
    /// Writes the tags: one call for all instances that get the same ones. Gives the instances that got a tag, or may
    /// have.
    pub(super) async fn write_tags(&mut self, acts: Vec<Act>) -> BTreeSet<String> {
        let acts = self.unchanged(acts).await;
        // Nothing is written that is not in the ledger.
        let mut batches = self.begin_tags(acts).await;

        let mut outcomes = Outcomes::new();
        let memory = KeyMemory::default();
        let acts = batches.iter().flat_map(|batch| &batch.acts);
        let ids: BTreeSet<&str> = acts.map(Act::instance_id).collect();
        self.home.monitor.enter(Phase::Tagging, Some(ids.len()));
        loop {
            let mut sets = waiting(&batches, &outcomes, None);
            if sets.is_empty() {
                break;
            }
            if !self.is_in_time() {
                defer(sets, &mut outcomes);
                break;
            }
            let mut looked_at = self.read_at;
            if self.is_stale(looked_at) {
                let ids = first_wave(&sets);
                self.look_again(&mut batches, &ids, &mut outcomes).await;
                // This look is of the wave only: the next wave needs one of its own.
                looked_at = self.home.clock.now();
                sets = waiting(&batches, &outcomes, Some(&ids));
            }
            for written in self.write_sets(sets, &memory, looked_at).await {
                outcomes.insert((written.id, written.key), written.outcome);
            }
        }

        // What became of each act completes it in the ledger, and is reported.
        self.complete(&mut batches, |act| outcomes.get(&name(act)?))
            .await;
        let is_written = |outcome: &Outcome| matches!(outcome, Outcome::Done | Outcome::Unclear(_));
        let written = outcomes
            .into_iter()
            .filter(|(_, outcome)| is_written(outcome));
        written.map(|((id, _), _)| id).collect()
    }

    /// Drops the acts that would replace an `Undefined` which is not there any more: EC2 overwrites a tag whatever its
    /// value.
    async fn unchanged(&mut self, mut acts: Vec<Act>) -> Vec<Act> {
        let replaced = |act: &Act| {
            let before = act.tag_key().and_then(|key| act.tags_before.get(key));
            before.is_some_and(|value| !value.trim().is_empty())
        };
        let ids: BTreeSet<&str> = acts
            .iter()
            .filter(|act| replaced(act))
            .map(Act::instance_id)
            .collect();
        if ids.is_empty() {
            return acts;
        }
        let ids: Vec<String> = ids.into_iter().map(ToOwned::to_owned).collect();
        let live = match read_again_by_id(self.home, self.policy, &ids).await {
            Ok(live) => live,
            Err(error) => {
                // What is there is left as it is. The next run looks again.
                tracing::warn!("Undefined stays: {error}");
                Vec::new()
            }
        };
        let live: BTreeMap<&str, _> = live.iter().map(|it| (it.id.as_str(), &it.tags)).collect();
        acts.retain(|act| {
            let tags = live.get(act.instance_id());
            let now = tags
                .zip(act.tag_key())
                .and_then(|(tags, key)| tags.get(key));
            let before = act.tag_key().and_then(|key| act.tags_before.get(key));
            !replaced(act) || now == before
        });
        acts
    }

    async fn write_sets(
        &self,
        sets: BTreeMap<Tags, Vec<String>>,
        memory: &KeyMemory,
        looked_at: DateTime<Utc>,
    ) -> Vec<TagOutcome> {
        let leave = || {
            if !self.is_in_time() {
                Leave::NoTime
            } else if self.is_stale(looked_at) {
                Leave::Stale
            } else {
                Leave::Go
            }
        };
        let home = self.home;
        let calls = stream::iter(sets).map(|(tags, ids)| async move {
            let written = create_tags(&home.ec2, ids, tags, memory, leave).await;
            let ids: BTreeSet<&str> = written.iter().map(|it| it.id.as_str()).collect();
            home.monitor.add(ids.len());
            written
        });
        let written: Vec<Vec<TagOutcome>> = calls.buffer_unordered(AT_ONCE).collect().await;
        written.into_iter().flatten().collect()
    }

    /// Whether instances that were looked at then must be looked at again before anything is written to them.
    fn is_stale(&self, looked_at: DateTime<Utc>) -> bool {
        let home = self.home;
        home.settings.safeguards.hold(Safeguard::LiveTruth)
            && home.clock.now().signed_duration_since(looked_at) > FRESH
    }

    /// Spares the tags of `ids` that the policy and the instances, both read again, do not ask for any more.
    async fn look_again(
        &mut self,
        batches: &mut [Batch],
        ids: &BTreeSet<String>,
        outcomes: &mut Outcomes,
    ) {
        let home = self.home;
        let ids_read: Vec<String> = ids.iter().cloned().collect();
        let live = read_again_by_id(home, self.policy, &ids_read).await;
        let acts = batches.iter_mut().flat_map(|batch| &mut batch.acts);
        let acts = acts.filter(|act| is_waiting(act, outcomes) && ids.contains(act.instance_id()));
        match live {
            Ok(mut live) => {
                let source = truth::ask_of_bare(home, self.context, &live).await;
                live.retain(|instance| !source.changed.contains(&instance.id));
                self.doubt = self.doubt.take().or(source.doubt);
                for act in self.unasked_for(acts, &live) {
                    let why = "the instance has changed since it was first looked at";
                    act.spare(why);
                    tracing::info!(instance = act.instance_id(), "spared: {why}");
                }
            }
            Err(error) => {
                let outcome = match error {
                    RemediationError::PolicyChanged => Outcome::Deferred(Reason::PolicyChanged),
                    error => Outcome::Failed(error.to_failure()),
                };
                let names: Vec<_> = acts.filter_map(|act| name(act)).collect();
                let failed = names.into_iter().map(|name| (name, outcome.clone()));
                outcomes.extend(failed);
            }
        }
    }

    /// Those of `acts` that `live` does not ask for; the others note what it shows.
    fn unasked_for<'a>(
        &self,
        acts: impl Iterator<Item = &'a mut Act>,
        live: &[Resource],
    ) -> Vec<&'a mut Act> {
        let home = self.home;
        let now = home.clock.now();
        let asked = plan(self.policy, &home.settings, live, self.context, now).tags;
        let asked: BTreeMap<_, Act> = asked
            .into_iter()
            .filter_map(|act| Some((name(&act)?, act)))
            .collect();
        // A function's value depends on the time.
        let is_timed = |act: &Act| {
            let mut rules = self.policy.rules().iter();
            let rule = rules.find(|rule| Some(rule.id) == act.rule_id());
            rule.is_some_and(|rule| matches!(rule.action, Action::Function(_)))
        };
        let mut unasked = Vec::new();
        for act in acts {
            let still = name(act).and_then(|name| asked.get(&name));
            match still {
                Some(still)
                    if still.step.is_same_act(&act.step)
                        && (is_timed(act) || still.tag_value() == act.tag_value()) =>
                {
                    act.tags_before.clone_from(&still.tags_before);
                }
                _ => unasked.push(act),
            }
        }
        unasked
    }
}

/// The tags of the acts that wait for their call, by set; of these instances only, if any are named.
fn waiting(
    batches: &[Batch],
    outcomes: &Outcomes,
    ids: Option<&BTreeSet<String>>,
) -> BTreeMap<Tags, Vec<String>> {
    let acts = batches.iter().flat_map(|batch| &batch.acts);
    let acts = acts.filter(|act| is_waiting(act, outcomes));
    let acts = acts.filter(|act| ids.is_none_or(|ids| ids.contains(act.instance_id())));
    group_by_tags(
        acts.filter_map(|act| Some((act.instance_id(), act.tag_key()?, act.tag_value()?))),
    )
}

fn is_waiting(act: &Act, outcomes: &Outcomes) -> bool {
    let has_outcome = || name(act).is_none_or(|name| outcomes.contains_key(&name));
    act.state == ActState::Begun && !has_outcome()
}

fn name(act: &Act) -> Option<(String, String)> {
    Some((act.instance_id().to_owned(), act.tag_key()?.to_owned()))
}

/// The instances that are looked at again together.
fn first_wave(sets: &BTreeMap<Tags, Vec<String>>) -> BTreeSet<String> {
    let ids = sets.values().take(WAVE_SETS).flatten();
    ids.take(WAVE_INSTANCES).cloned().collect()
}

fn defer(sets: BTreeMap<Tags, Vec<String>>, outcomes: &mut Outcomes) {
    for (tags, ids) in sets {
        for id in ids {
            let left = tags.iter().map(|(key, _)| {
                let outcome = Outcome::Deferred(Reason::NoTime);
                ((id.clone(), key.clone()), outcome)
            });
            outcomes.extend(left);
        }
    }
}

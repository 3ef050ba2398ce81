//! What to take back. Pure: the ledger's acts, the instances as they are, the policy and the present go in, a [`UndoPlan`]
//! comes out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::{Finding, Policy, Resource, RuleRemedy, Scope, Shutdown, assess};

use super::{Before, KeepReason, KeptTag, PastShutdown, UndoPlan, UndoStep, WrittenTag};
use crate::ledger::{Batch, Selection};
use crate::plan::{Act, ActState, Remedy, RemedyName};
use crate::run_id::RunId;

/// How long EC2 may still show a tag that an undo took away.
pub(super) const SHOWN_FOR: TimeDelta = TimeDelta::minutes(10);

/// What a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct UndoFacts<'a> {
    /// Every act from the first that is asked for to the present, the oldest batch first: also those that are not asked
    /// for, because the latest act on a tag decides.
    pub history: &'a [Batch],
    /// The runs whose functions may still be at work.
    pub at_work: &'a BTreeSet<RunId>,
    /// The instances that are asked for, as they are now; those that are not here do not exist.
    pub live: &'a [Resource],
    /// The policy as it is now; `None` if it cannot be read.
    pub policy: Option<&'a Policy>,
    /// The present.
    pub now: DateTime<Utc>,
}

/// Plans to take back the acts that `selection` takes.
#[must_use]
pub fn plan(selection: &Selection, facts: &UndoFacts<'_>) -> UndoPlan {
    let live: BTreeMap<&str, &Resource> =
        facts.live.iter().map(|it| (it.id.as_str(), it)).collect();
    let live = |id: &str| live.get(id).copied();
    let mut plan = UndoPlan {
        shutdowns: shutdowns(selection, facts, &live),
        ..UndoPlan::default()
    };
    let (latest, undone) = (latest(facts), undone(facts));
    for (place, asked) in asked(selection, facts) {
        let latest = latest.get(&place).copied().unwrap_or(asked);
        let undone = undone.get(&(place, &latest.batch.run_id)).copied();
        match facts.judge(asked, latest, undone, live(place.0)) {
            Some(Ok(step)) => plan.steps.push(step),
            Some(Err(left)) => plan.left.push(left),
            None => {}
        }
    }
    facts.drop_unsafe_steps(&mut plan, &live);
    facts.drop_held_steps(&mut plan);
    plan.left
        .sort_by(|left, right| left.written.place().cmp(&right.written.place()));
    plan
}

/// Of `steps`, those that must not be taken any more, as the instances and the policy are now.
pub(super) fn unsafe_steps(steps: Vec<UndoStep>, facts: &UndoFacts<'_>) -> Vec<KeptTag> {
    let live: BTreeMap<&str, &Resource> =
        facts.live.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut plan = UndoPlan {
        steps,
        ..UndoPlan::default()
    };
    facts.drop_unsafe_steps(&mut plan, &|id| live.get(id).copied());
    plan.left
}

/// A tag of an instance.
type Place<'a> = (&'a str, &'a str);

/// An act on a tag, and the batch it is one of.
#[derive(Clone, Copy)]
struct TagAct<'a> {
    batch: &'a Batch,
    act: &'a Act,
}

impl<'a> TagAct<'a> {
    fn all(facts: &UndoFacts<'a>) -> impl Iterator<Item = (Place<'a>, Self)> {
        facts.history.iter().flat_map(|batch| {
            batch.acts.iter().filter_map(move |act| {
                let place = (act.instance_id(), act.tag_key()?);
                (!act.remedy.is_destructive()).then_some((place, Self { batch, act }))
            })
        })
    }

    fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.act, other.act)
    }

    /// Whether it was done, or was begun by a run that could not report it.
    fn may_be_done(self) -> bool {
        matches!(self.act.state, ActState::Done | ActState::Begun)
    }

    fn written(self) -> Option<WrittenTag> {
        Some(WrittenTag {
            instance_id: self.act.instance_id().to_owned(),
            tag_key: self.act.tag_key()?.to_owned(),
            value: self.act.tag_value()?.to_owned(),
            origin: match &self.act.step.remedy {
                Remedy::Tag { origin, .. } => origin.clone(),
                _ => None,
            },
            rule_id: self.act.rule_id()?,
            run_id: self.batch.run_id.clone(),
            at: self.batch.begun_at,
        })
    }
}

/// The latest write to each tag of each instance.
///
/// Also one that failed: it was begun because the tag was missing or empty, so nothing earlier is there any more.
fn latest<'a>(facts: &UndoFacts<'a>) -> BTreeMap<Place<'a>, TagAct<'a>> {
    let writes = TagAct::all(facts).filter(|(_, it)| it.act.remedy == RemedyName::Tag);
    writes.collect()
}

/// What took back, or may be taking back at this moment, which run's write to a tag.
///
/// Told by what it undoes, not by its time, which is its user's and not the functions'. One that failed has taken
/// nothing back.
fn undone<'a>(facts: &UndoFacts<'a>) -> BTreeMap<(Place<'a>, &'a RunId), TagAct<'a>> {
    let undoes = TagAct::all(facts)
        .filter(|(_, it)| it.act.state == ActState::Done || facts.may_be_doing(*it))
        .filter_map(|(place, it)| Some(((place, it.act.undoes.as_ref()?), it)));
    undoes.collect()
}

/// The last write to each tag among those that are asked for.
fn asked<'a>(selection: &Selection, facts: &UndoFacts<'a>) -> BTreeMap<Place<'a>, TagAct<'a>> {
    let is_asked = |it: &TagAct<'_>| {
        it.act.remedy == RemedyName::Tag
            && selection.takes(it.batch, it.act)
            && matches!(
                it.act.state,
                ActState::Begun | ActState::Done | ActState::Failed
            )
    };
    TagAct::all(facts).filter(|(_, it)| is_asked(it)).collect()
}

impl UndoFacts<'_> {
    /// What becomes of a write that is asked for, given the latest one and what took that back; `None` where it was never done.
    fn judge(
        &self,
        asked: TagAct<'_>,
        latest: TagAct<'_>,
        undone: Option<TagAct<'_>>,
        live: Option<&Resource>,
    ) -> Option<Result<UndoStep, KeptTag>> {
        let written = asked.written()?;
        let live = live.filter(|instance| !instance.state.is_gone());
        let value = live.and_then(|instance| instance.tags.get(&written.tag_key));
        let is_there = value == Some(&written.value);
        let as_it_is = || match (live, value) {
            (None, _) => KeepReason::InstanceGone,
            (_, None) => KeepReason::Removed,
            _ if is_there => KeepReason::Unsure,
            (_, Some(now)) => KeepReason::Changed { now: now.clone() },
        };
        let by = undone.unwrap_or(latest);
        let run_id = by.batch.run_id.clone();
        let reason = if asked.act.state != ActState::Done && !is_there {
            // Nothing shows that it was ever done.
            return None;
        } else if self.may_be_doing(by) {
            KeepReason::AtWork { run_id }
        } else if undone.is_some() {
            KeepReason::Undone { run_id }
        } else if !latest.may_be_done() {
            as_it_is()
        } else if !latest.is_same(asked) {
            KeepReason::WrittenAgain { run_id }
        } else if is_there {
            let before = if asked.act.step.cause.is_empty_tag() {
                let key = &written.tag_key;
                let value = asked.act.tags_before.get(key).cloned();
                Before::Empty {
                    value: value.unwrap_or_default(),
                }
            } else {
                Before::Missing
            };
            return Some(Ok(UndoStep {
                written,
                before,
                asked_by: None,
            }));
        } else {
            as_it_is()
        };
        Some(Err(KeptTag { written, reason }))
    }

    /// Whether an act is only begun, by a run that may still go on with it.
    fn may_be_doing(&self, it: TagAct<'_>) -> bool {
        it.act.state == ActState::Begun && self.at_work.contains(&it.batch.run_id)
    }

    /// Leaves the tags without which an instance would be stopped or terminated, and notes which of the others the
    /// policy asks for.
    fn drop_unsafe_steps<'l>(
        &self,
        plan: &mut UndoPlan,
        live: &dyn Fn(&str) -> Option<&'l Resource>,
    ) {
        let mut steps_of: BTreeMap<String, Vec<UndoStep>> = BTreeMap::new();
        for step in std::mem::take(&mut plan.steps) {
            let id = step.written.instance_id.clone();
            steps_of.entry(id).or_default().push(step);
        }
        let taken_back = self.taken_back();
        for (id, mut steps) in steps_of {
            let Some(live) = live(&id) else { continue };
            let leave = |step: UndoStep, reason| KeptTag {
                written: step.written,
                reason,
            };
            let Some(policy) = self.policy else {
                let left = steps.into_iter();
                plan.left
                    .extend(left.map(|step| leave(step, KeepReason::PolicyUnread)));
                continue;
            };
            let asking = self.required_by_policy(policy, live, &steps);
            steps = steps
                .into_iter()
                .filter_map(|mut step| match asking.get(&step.written.tag_key) {
                    Some(Requirement::Write(rule_id)) => {
                        step.asked_by = Some(*rule_id);
                        Some(step)
                    }
                    Some(Requirement::ShutDown(rule_id, remedy)) => {
                        let reason = KeepReason::WouldShutDown {
                            rule_id: *rule_id,
                            remedy: *remedy,
                        };
                        plan.left.push(leave(step, reason));
                        None
                    }
                    None => Some(step),
                })
                .collect();
            let mut after = without(live, &steps);
            after.tags.retain(|key, value| {
                taken_back.get(&(id.as_str(), key.as_str())) != Some(&value.as_str())
            });
            // Without tags, a volume has a finding for each rule and nothing else.
            if after.tags.is_empty() && live.kind.untagged_counts() {
                let left = steps
                    .into_iter()
                    .map(|step| leave(step, KeepReason::LastTag));
                plan.left.extend(left);
            } else {
                plan.steps.extend(steps);
            }
        }
    }

    /// The tags that undos have lately taken away, with the values that EC2 may still show. What a function has written
    /// again since is none of them. Only times of functions are compared for that, because an undo has its user's.
    fn taken_back(&self) -> BTreeMap<Place<'_>, &str> {
        let lately = TagAct::all(self).filter(|(_, it)| {
            it.act.remedy == RemedyName::Untag
                && it.may_be_done()
                && it.act.tag_value().is_none()
                && self.now - it.batch.begun_at <= SHOWN_FOR
        });
        let undoes: BTreeMap<Place<'_>, TagAct<'_>> = lately.collect();
        if undoes.is_empty() {
            return BTreeMap::new();
        }
        let mut writes: BTreeMap<Place<'_>, Vec<TagAct<'_>>> = BTreeMap::new();
        for (place, it) in TagAct::all(self) {
            if it.act.remedy == RemedyName::Tag && it.may_be_done() && undoes.contains_key(&place) {
                writes.entry(place).or_default().push(it);
            }
        }
        let stands = |place: &Place<'_>, undo: &TagAct<'_>| {
            let writes = writes.get(place).map_or(&[][..], Vec::as_slice);
            let is_undone = |it: &&TagAct<'_>| Some(&it.batch.run_id) == undo.act.undoes.as_ref();
            let undone_at = writes.iter().find(is_undone).map(|it| it.batch.begun_at);
            let mut writes = writes.iter();
            !writes.any(|it| undone_at.is_none_or(|at| it.batch.begun_at > at))
        };
        let taken = undoes.iter().filter(|(place, undo)| stands(place, undo));
        taken
            .filter_map(|(place, undo)| Some((*place, undo.act.tags_before.get(place.1)?.as_str())))
            .collect()
    }

    /// Leaves every tag as it is while the policy has a hold.
    fn drop_held_steps(&self, plan: &mut UndoPlan) {
        let Some(reason) = self.policy.and_then(Policy::hold) else {
            return;
        };
        let held = std::mem::take(&mut plan.steps).into_iter();
        plan.left.extend(held.map(|step| KeptTag {
            written: step.written,
            reason: KeepReason::Hold {
                reason: reason.to_owned(),
            },
        }));
    }

    /// What the policy asks for once these tags are taken back, by their keys.
    fn required_by_policy(
        &self,
        policy: &Policy,
        live: &Resource,
        steps: &[UndoStep],
    ) -> BTreeMap<String, Requirement> {
        let everywhere = Scope::default();
        let after = without(live, steps);
        let findings = assess(policy, &everywhere, &after, self.now).findings;
        let asking = |finding: &Finding<'_>| {
            let rule = finding.rule;
            let asking = match rule.remedy(live.kind, finding.defect)? {
                RuleRemedy::Write(_) | RuleRemedy::WriteFunction(_) | RuleRemedy::WriteLauncher => {
                    Requirement::Write(rule.id)
                }
                RuleRemedy::ShutDown(Shutdown::Stop) => {
                    Requirement::ShutDown(rule.id, RemedyName::Stop)
                }
                RuleRemedy::ShutDown(Shutdown::Terminate) => {
                    Requirement::ShutDown(rule.id, RemedyName::Terminate)
                }
                RuleRemedy::Report => return None,
            };
            Some((rule.tag_key.clone(), asking))
        };
        findings.iter().filter_map(asking).collect()
    }
}

/// What the policy does about a tag that is missing or empty.
enum Requirement {
    Write(i64),
    ShutDown(i64, RemedyName),
}

/// The instance once these tags are taken back.
fn without(live: &Resource, steps: &[UndoStep]) -> Resource {
    let mut after = live.clone();
    for step in steps {
        match &step.before {
            Before::Missing => after.tags.remove(&step.written.tag_key),
            Before::Empty { value } => after
                .tags
                .insert(step.written.tag_key.clone(), value.clone()),
        };
    }
    after
}

/// The last stop or termination that is asked for, of each instance.
fn shutdowns<'l>(
    selection: &Selection,
    facts: &UndoFacts<'_>,
    live: &dyn Fn(&str) -> Option<&'l Resource>,
) -> Vec<PastShutdown> {
    let mut shutdowns = BTreeMap::new();
    for batch in facts.history {
        for act in &batch.acts {
            let is_over = match act.state {
                ActState::Done => true,
                ActState::Begun => !facts.at_work.contains(&batch.run_id),
                _ => false,
            };
            if !act.remedy.is_destructive() || !is_over || !selection.takes(batch, act) {
                continue;
            }
            let state = live(act.instance_id()).map(|instance| instance.state);
            let is_done = act.state == ActState::Done
                || match act.remedy {
                    RemedyName::Stop => state.is_some_and(tagwarden_core::State::is_stopped),
                    _ => state.is_none_or(tagwarden_core::State::is_gone),
                };
            if !is_done {
                continue;
            }
            let shutdown = PastShutdown {
                instance_id: act.instance_id().to_owned(),
                remedy: act.remedy,
                run_id: batch.run_id.clone(),
                at: batch.begun_at,
                state,
            };
            shutdowns.insert(act.instance_id(), shutdown);
        }
    }
    shutdowns.into_values().collect()
}

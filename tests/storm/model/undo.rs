//! Judges undos.
//!
//! An undo takes a tag away only if its own stack wrote it last, it was selected, and it has that value still. It leaves
//! the instance another tag, and every tag without which the policy would shut the instance down. No function restores
//! what it took back.
//!
//! As with functions, an undo is judged by its last look, provided it has written nothing to the ledger since. EC2
//! compares the value that `DeleteTags` names, so there is no such window for a tag that was missing before.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tagwarden_remediation::ledger::{ActState, Batch, RemedyName};
use tagwarden_sandbox::{Call, InstanceRecord};

use super::tags::tags_of;
use super::view::Look;
use super::{Agreed, Change, Effect, Model, Run, Snapshot, StackNumber, is_exempt, is_unset};

/// What a person asks an undo for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoRequest {
    /// What this run wrote.
    pub run: Option<Run>,
    /// Tags of this key.
    pub key: Option<&'static str>,
    /// Tags of this instance.
    pub instance_id: Option<String>,
}

impl Model {
    /// Records that a person starts an undo in the ledger of a stack.
    pub fn undo_started(
        &mut self,
        run: Run,
        stack: StackNumber,
        request: UndoRequest,
        now: DateTime<Utc>,
    ) {
        self.run_started(run, stack, now);
        self.tally.undos += 1;
        self.runs.entry(run).or_default().undo = Some(request);
    }

    /// The runs of a stack that wrote tags, by the ids of their batches, in order.
    pub fn tagging_runs(&self, stack: StackNumber) -> Vec<(String, Run)> {
        let mut runs = Vec::new();
        for batch in self.ledger.values() {
            let run = self.run_of(batch.run_id.as_str());
            let is_tag = batch.acts.iter().any(|act| act.remedy == RemedyName::Tag);
            if is_tag && self.stack_of(run) == stack {
                runs.push((batch.run_id.as_str().to_owned(), run));
            }
        }
        runs.dedup();
        runs
    }

    pub(super) fn tags_deleted(
        &mut self,
        run: Run,
        call: &Call,
        before: &Snapshot,
        after: &Snapshot,
    ) {
        let tags = tags_of(call);
        if tags.is_empty() {
            self.violate(format!("{} run {run} took every tag away", call.at));
        }
        for (id, instance) in before {
            let mut is_taken = false;
            for (key, value) in &tags {
                let Some(value) = value else {
                    self.violate(format!(
                        "{} run {run} took {key} of {id} away, whatever its value",
                        call.at
                    ));
                    continue;
                };
                let there = instance.tags.get(*key).map(String::as_str);
                if there.is_some_and(|there| there != *value) {
                    self.tally.kept_by_ec2 += 1;
                    let left = self.request(run, untag(id, key, value));
                    self.left_by_ec2.push(left);
                    continue;
                }
                let change = untag(id, key, value);
                if there.is_some() {
                    self.judge_untag(run, &change, instance, call.at);
                    self.tally.undone += 1;
                    is_taken = true;
                    self.take_effect(run, call.at, change.clone());
                }
                self.agree(run, change);
            }
            let left = after.get(id).is_none_or(|it| it.tags.is_empty());
            if is_taken && left && !instance.state.is_ending() {
                self.judge_last_tag(run, instance, call.at);
            }
        }
    }

    /// An undo gives a tag the blanks back that it had.
    pub(super) fn tags_emptied(&mut self, run: Run, call: &Call, before: &Snapshot) {
        if call.outcome.is_err() {
            return;
        }
        for (key, value) in tags_of(call) {
            if !value.unwrap_or_default().trim().is_empty() {
                self.violate(format!("{} undo {run} wrote {key} = {value:?}", call.at));
            }
            for (id, instance) in before {
                let view = self.runs.get(&run);
                let look = view.and_then(|view| view.last_look(id)).cloned();
                let shown = look.as_ref().and_then(|look| look.shown.tags.get(key));
                let stack = self.stack_of(run);
                let last = self.last_write(stack, id, key);
                let last = last.and_then(|it| it.change.tag.as_ref());
                let of_somebody = || {
                    let shown = shown?;
                    let is_own = self.takes_for_own(stack, &untag(id, key, shown), None);
                    is_own.then(|| shown.clone())
                };
                let last = last.map(|(_, value)| value.clone());
                let last = last.filter(|last| Some(last) == shown);
                let Some(written) = last.or_else(of_somebody) else {
                    self.violate(format!(
                        "{} undo {run} emptied {key} of {id}, which was {shown:?} when it looked",
                        call.at
                    ));
                    continue;
                };
                let change = untag(id, key, &written);
                let there = instance.tags.get(key);
                if there == Some(&written) {
                    self.judge_untag(run, &change, instance, call.at);
                } else if there.is_some_and(|it| !it.trim().is_empty()) {
                    self.tally.in_the_window += 1;
                }
                if there.map(String::as_str) != value {
                    self.tally.undone += 1;
                    self.take_effect(run, call.at, change.clone());
                }
                self.agree(run, change);
            }
        }
    }

    /// Judges that an undo takes a tag away or empties it.
    fn judge_untag(
        &mut self,
        run: Run,
        change: &Change,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) {
        let Some((key, value)) = &change.tag else {
            return;
        };
        let Some(view) = self.runs.get(&run) else {
            return;
        };
        let id = &change.instance_id;
        let mut objections: Vec<String> = Vec::new();
        let last = self.last_write(view.stack, id, key);
        let is_last = |last: &Agreed| last.change.tag == change.tag;
        match last {
            Some(last) if is_last(last) => {
                // What undos of another stack took back is not in this one's ledger, and somebody has set it again since.
                let is_again = self.agreed.iter().find(|undo| {
                    undo.change == *change
                        && undo.stack == view.stack
                        && undo.run != run
                        && undo.sequence > last.sequence
                });
                let again = is_again.filter(|undo| {
                    let since = self.begun_at(undo.run);
                    !self.is_troubled(undo.run) && !self.takes_for_own(view.stack, change, since)
                });
                if let Some(undo) = again {
                    objections.push(format!("undo {} had taken it back", undo.run));
                }
                let selected = view.undo.as_ref().and_then(|undo| undo.run);
                if selected.is_some_and(|run| run != last.run && !self.is_troubled(last.run)) {
                    objections.push(format!("run {} had written it last", last.run));
                }
            }
            // A killed run that did not get to write it cannot tell that somebody else wrote the same.
            _ if self.takes_for_own(view.stack, change, None) => self.tally.in_the_window += 1,
            last => objections.push(format!("the last write of it is {last:?}")),
        }
        if let Some(undo) = &view.undo {
            let is_selected = undo.key.is_none_or(|selected| selected == key)
                && undo.instance_id.as_ref().is_none_or(|it| it == id);
            if !is_selected {
                objections.push(format!("that was not asked for: {undo:?}"));
            }
        } else {
            objections.push("it is no undo".to_owned());
        }
        let look = self.look_of_undo(run, instance, now);
        let policy = view.standing_policy();
        let policy = policy.unwrap_or_else(|| self.policy_of(view.stack));
        let shuts_down = self.rules(policy).any(|rule| {
            rule.key == key && rule.required && matches!(rule.action, "Stop" | "Terminate")
        });
        if shuts_down && !is_exempt(&look.shown, look.at.date_naive()) {
            objections.push("the policy shuts it down without that tag".to_owned());
        }
        if !self.is_begun(run, change) {
            objections.push("it was not written down before".to_owned());
        }
        for objection in objections {
            self.violate(format!(
                "{now} undo {run} took {key} = {value} of {id} away, but {objection}"
            ));
        }
    }

    /// Whether an undo could see that it took a tag away, or could not see that EC2 left it: somebody had changed the tag so
    /// shortly before the call that EC2's descriptions still show the old value after it, as they do of what was taken away.
    pub fn may_take_for_undone(&self, run: Run, id: &str, key: &str) -> bool {
        let is_of = |it: &&Agreed| {
            let tag = it.change.tag.as_ref();
            it.run == run
                && it.change.instance_id == id
                && it.change.remedy == RemedyName::Untag
                && tag.is_some_and(|(of, _)| of == key)
        };
        if self.agreed.iter().any(|agreed| is_of(&agreed)) {
            return true;
        }
        let left = self.left_by_ec2.iter().rev().find(is_of);
        let view = self.runs.get(&run);
        let last = view
            .and_then(|view| view.looks.get(id))
            .and_then(|it| it.last());
        left.zip(last).is_some_and(|(left, last)| {
            let shown = last.shown.tags.get(key);
            let written = left.change.tag.as_ref().map(|(_, value)| value);
            last.sequence > left.sequence && (shown.is_none() || shown == written)
        })
    }

    /// When a run wrote the last of its batches down.
    fn begun_at(&self, run: Run) -> Option<DateTime<Utc>> {
        let batches = self.ledger.values();
        let batches = batches.filter(|batch| self.run_of(batch.run_id.as_str()) == run);
        batches.map(|batch| batch.begun_at).max()
    }

    /// Whether a troubled run of a stack was about to write a tag with this value, after `since` if that is given, so that
    /// its ledger may have it as done.
    fn takes_for_own(
        &self,
        stack: StackNumber,
        untag: &Change,
        since: Option<DateTime<Utc>>,
    ) -> bool {
        let write = Change {
            remedy: RemedyName::Tag,
            ..untag.clone()
        };
        self.ledger.values().any(|batch| {
            let run = self.run_of(batch.run_id.as_str());
            self.stack_of(run) == stack
                && self.is_troubled(run)
                && since.is_none_or(|since| batch.begun_at > since)
                && batch.acts.iter().any(|act| write.is(act))
        })
    }

    /// Judges that an undo left an instance without tags: only if all others were taken away since its last look, and not
    /// by another undo of the same ledger.
    fn judge_last_tag(&mut self, run: Run, instance: &InstanceRecord, now: DateTime<Utc>) {
        let look = self.look_of_undo(run, instance, now);
        let stack = self.stack_of(run);
        let id = &instance.id;
        let taken: BTreeSet<&str> = self
            .ledger
            .values()
            .filter(|batch| self.is_of(batch, run))
            .flat_map(|batch| &batch.acts)
            .filter(|act| act.instance_id() == id && act.state == ActState::Begun)
            .filter_map(|act| act.tag_key())
            .collect();
        let left = look.shown.tags.keys();
        let left: Vec<&String> = left.filter(|key| !taken.contains(key.as_str())).collect();
        if left.is_empty() {
            self.violate(format!("{now} undo {run} left {id} without any tags"));
            return;
        }
        let by_undo = |key: &&String| {
            let effects = self.effects.iter().rev();
            let mut of_tag = effects.filter(|effect| {
                let tag = effect.change.tag.as_ref();
                effect.change.instance_id == *id && tag.is_some_and(|(tag, _)| tag == *key)
            });
            of_tag.next().is_some_and(|effect| {
                effect.run != run
                    && effect.stack == stack
                    && effect.change.remedy == RemedyName::Untag
                    && !self.is_tag_undone(id, key, effect.sequence)
            })
        };
        if let Some(key) = left.into_iter().find(by_undo) {
            self.violate(format!(
                "{now} undo {run} left {id} without any tags, after another undo had taken {key} away"
            ));
        } else {
            self.tally.in_the_window += 1;
        }
    }

    /// The last look of an undo at an instance; the instance as it is, if the undo has written to the ledger since.
    fn look_of_undo(&self, run: Run, instance: &InstanceRecord, now: DateTime<Utc>) -> Look {
        let view = self.runs.get(&run);
        let last = view.and_then(|view| view.standing_look(&instance.id));
        last.cloned().unwrap_or_else(|| Look {
            sequence: self.sequence,
            at: now,
            shown: instance.clone(),
            listed: instance.tags.clone(),
            policy: None,
        })
    }

    /// What a stack's functions last wrote to a tag.
    fn last_write(&self, stack: StackNumber, id: &str, key: &str) -> Option<&Agreed> {
        let is_it = |agreed: &&Agreed| {
            let tag = agreed.change.tag.as_ref();
            agreed.stack == stack
                && agreed.change.remedy == RemedyName::Tag
                && agreed.change.instance_id == id
                && tag.is_some_and(|(written, _)| written == key)
        };
        self.agreed.iter().rev().find(is_it)
    }

    /// Whether a run writes what an undo of its ledger has taken back before the run began, although the function of the
    /// rule does not give that value now.
    pub(super) fn restores(&self, run: Run, change: &Change, now: DateTime<Utc>) -> bool {
        let (Some((key, value)), Some(view)) = (&change.tag, self.runs.get(&run)) else {
            return false;
        };
        let is_of_tag = |effect: &&Effect| {
            let tag = effect.change.tag.as_ref();
            effect.stack == view.stack
                && effect.change.instance_id == change.instance_id
                && tag.is_some_and(|(written, _)| written == key)
        };
        let last = self.effects.iter().rev().find(is_of_tag);
        let is_back = last.is_some_and(|last| {
            last.change.remedy == RemedyName::Untag
                && last.sequence < view.started
                && last.change.tag == change.tag
        });
        let policy = view.policy.map_or(0, |(_, policy)| policy);
        let is_function = self
            .rules(policy)
            .any(|rule| rule.key == key && rule.action == "Function");
        let today = [now, view.started_at].map(|at| at.date_naive().to_string());
        is_back && is_function && !today.contains(value)
    }

    /// What a complete undo of a stack's ledger must have taken back and has not: tags that its functions wrote last,
    /// with the value that they wrote.
    pub fn not_undone(&self, stack: StackNumber, instance: &InstanceRecord) -> Vec<String> {
        let policy = self.policy_of(stack);
        let shuts_down = |key: &str| {
            self.rules(policy).any(|rule| {
                rule.key == key && rule.required && matches!(rule.action, "Stop" | "Terminate")
            })
        };
        let is_own = |key: &str, value: &String| {
            let write = self.last_write(stack, &instance.id, key);
            write.is_some_and(|write| {
                let is_back = |undo: &Agreed| {
                    undo.sequence > write.sequence
                        && undo.change.remedy == RemedyName::Untag
                        && undo.change.instance_id == instance.id
                        && undo.change.tag == write.change.tag
                };
                let has_value = |(_, written): &(String, String)| written == value;
                write.change.tag.as_ref().is_some_and(has_value)
                    && self.is_known_as_done(write)
                    && !self.agreed.iter().any(is_back)
            })
        };
        let tags = instance.tags.iter();
        let own: Vec<String> = tags
            .filter(|(key, value)| !is_unset(&instance.tags, key) && is_own(key, value))
            .map(|(key, _)| key.clone())
            .collect();
        if own.len() == instance.tags.len() {
            return Vec::new();
        }
        own.into_iter().filter(|key| !shuts_down(key)).collect()
    }

    /// How often undos of other stacks have taken a tag away, which to this stack's functions is somebody's removal.
    pub fn taken_by_other_stacks(&self, stack: StackNumber, id: &str, key: &str) -> usize {
        let effects = self.effects.iter().filter(|effect| {
            let tag = effect.change.tag.as_ref();
            effect.stack != stack
                && effect.change.remedy == RemedyName::Untag
                && effect.change.instance_id == id
                && tag.is_some_and(|(taken, _)| taken == key)
        });
        effects.count()
    }

    /// Whether the ledger has a write as done, and no later one of the same tag that says otherwise.
    fn is_known_as_done(&self, write: &Agreed) -> bool {
        let key = write.change.tag.as_ref().map(|(key, _)| key.as_str());
        let batches = self.ledger.values();
        let of_tag = |batch: &&Batch| {
            self.stack_of(self.run_of(batch.run_id.as_str())) == write.stack
                && batch.acts.iter().any(|act| {
                    act.instance_id() == write.change.instance_id
                        && act.remedy == RemedyName::Tag
                        && act.tag_key() == key
                })
        };
        let last = batches.filter(of_tag).max_by_key(|batch| batch.begun_at);
        last.is_some_and(|batch| {
            self.is_of(batch, write.run)
                && batch
                    .acts
                    .iter()
                    .any(|act| act.state == ActState::Done && write.change.is(act))
        })
    }
}

fn untag(id: &str, key: &str, value: &str) -> Change {
    Change {
        instance_id: id.to_owned(),
        remedy: RemedyName::Untag,
        tag: Some((key.to_owned(), value.to_owned())),
    }
}

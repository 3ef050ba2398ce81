//! Judges tag writes.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tagwarden_remediation::ledger::{ActState, RemedyName};
use tagwarden_sandbox::{Call, InstanceRecord};

use super::{Change, Effect, Model, Run, Snapshot, is_unset};
use crate::scenario::Deed;

/// How long a tag that was just written may be overwritten, because the writer looked before: the 5 seconds that the
/// safety page names, the delays of an answer and a request, and the call's retries.
const WINDOW: TimeDelta = TimeDelta::seconds(75);

impl Model {
    pub(super) fn tags_written(&mut self, run: Run, call: &Call, before: &Snapshot) {
        for (key, value) in tags_of(call) {
            let value = value.unwrap_or_default();
            for (id, instance) in before {
                let change = Change {
                    instance_id: id.clone(),
                    remedy: RemedyName::Tag,
                    tag: Some((key.to_owned(), value.to_owned())),
                };
                self.judge_tag(run, &change, instance, call.at);
                self.agree(run, change.clone());
                if instance.tags.get(key).is_none_or(|there| there != value) {
                    self.tally.tags += 1;
                    self.take_effect(run, call.at, change);
                }
            }
        }
    }

    /// Judges a tag write: a value that somebody else set must not be overwritten, no tag may be written twice, and what
    /// an undo took back is not restored.
    fn judge_tag(
        &mut self,
        run: Run,
        change: &Change,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) {
        let Some((key, value)) = &change.tag else {
            return;
        };
        let id = &change.instance_id;
        let view = self.runs.get(&run);
        let last = view.and_then(|view| view.last_look(id)).cloned();
        let last = last.as_ref();
        // The tags may be gone by the time at which it asks for them. What it was shown then, it may believe.
        let asked = view.and_then(|view| view.listed.get(id));
        let listed = last.filter(|look| look.is_cut()).and_then(|look| {
            let asked = asked.filter(|(at, _)| *at > look.sequence);
            asked.map_or(&look.listed, |(_, tags)| tags).get(key)
        });
        if listed.is_some_and(|listed| !listed.is_empty() && listed != value) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} over {listed:?} of {id}, whose tags were left out"
            ));
        }
        if last.is_none_or(|look| !is_unset(&look.shown.tags, key)) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} to {id}, which had it when it was looked at"
            ));
        }
        let there = instance.tags.get(key);
        let is_overwritten = there.is_some_and(|there| !there.is_empty() && there != value);
        if is_overwritten && last.is_some_and(|look| now - look.at > WINDOW) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} over {there:?} of {id}, which it had looked at at {:?}",
                last.map(|look| look.at)
            ));
        }
        self.judge_second_write(run, change, instance, now);
        if self.restores(run, change, now) {
            self.violate(format!(
                "{now} run {run} restored {key} = {value} of {id}, which an undo had taken back"
            ));
        }
        if !self.is_begun(run, change) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} to {id}, which it had not written down"
            ));
        }
    }

    /// No tag may be written twice. What runs of another stack write is not known before it shows.
    fn judge_second_write(
        &mut self,
        run: Run,
        change: &Change,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) {
        let Some((key, value)) = &change.tag else {
            return;
        };
        let id = &change.instance_id;
        let same = |effect: &&Effect| {
            effect.run != run
                && effect.change.instance_id == *id
                && effect.change.remedy == RemedyName::Tag
                && matches!(&effect.change.tag, Some((written, _)) if written == key)
        };
        let Some(earlier) = self.effects.iter().rev().find(same) else {
            return;
        };
        let view = self.runs.get(&run);
        let last = view.and_then(|view| view.last_look(id));
        // EC2 may be late to show what was written.
        let is_hidden = last
            .is_some_and(|look| look.sequence > earlier.sequence && is_unset(&look.listed, key));
        let is_of_other_stack = earlier.stack != self.stack_of(run)
            && last.is_some_and(|look| look.sequence < earlier.sequence);
        if is_hidden
            || is_unset(&instance.tags, key)
            || self.is_tag_undone(id, key, earlier.sequence)
        {
            return;
        }
        if is_of_other_stack {
            self.tally.crossed += 1;
            return;
        }
        let message = format!(
            "{now} run {run} wrote {key} = {value} to {id}, after run {} had written it at {}",
            earlier.run, earlier.at
        );
        self.violate(message);
    }

    /// The tags of an instance at each read by a run.
    pub(super) fn shown(&self, run: Run, id: &str) -> Vec<BTreeMap<String, String>> {
        let looks = self.runs.get(&run).and_then(|view| view.looks.get(id));
        let looks = looks.into_iter().flatten();
        looks.map(|look| look.shown.tags.clone()).collect()
    }

    /// Whether the ledger has this act of this run as begun.
    pub(super) fn is_begun(&self, run: Run, change: &Change) -> bool {
        let batches = self.ledger.values().filter(|batch| self.is_of(batch, run));
        let mut acts = batches.flat_map(|batch| &batch.acts);
        acts.any(|act| act.state == ActState::Begun && change.is(act))
    }

    /// Whether people have removed or overwritten a tag since `sequence`.
    pub fn is_tag_undone(&self, id: &str, key: &str, sequence: u64) -> bool {
        self.deeds_after(id, sequence).any(|deed| match deed {
            Deed::Tag(changed, _) | Deed::Untag(changed) => changed == key,
            Deed::TagFully | Deed::UntagFully | Deed::Flicker(_) => true,
            _ => false,
        })
    }
}

/// The tags of a call: keys, and values where it has them.
pub(super) fn tags_of(call: &Call) -> Vec<(&str, Option<&str>)> {
    let text = |name: String| call.parameters.get(&name).and_then(Value::as_str);
    let tags = (1..).map_while(|number| {
        let key = text(format!("Tag.{number}.Key"))?;
        Some((key, text(format!("Tag.{number}.Value"))))
    });
    tags.collect()
}

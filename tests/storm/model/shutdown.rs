//! Judges stops and terminations.
//!
//! A shutdown is right only if the policy or the settings ask for it, an earlier run saw the same reason at least the
//! grace period before, no run has found the reason gone since, nothing else stands against it, and `DescribeTags`
//! agrees that a missing tag is missing.

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_remediation::ledger::RemedyName;
use tagwarden_sandbox::{Call, InstanceRecord};

use super::view::{Look, View};
use super::view::{has_manager, is_exempt, is_exempt_unreadably};
use super::{Change, Model, Run, Snapshot, StackNumber, is_unset};
use crate::scenario::{Deed, SCOPE};

/// The fewest instances on which one reason is suspicious.
const SUSPICIOUS: usize = 20;

/// Why an instance is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShutdownReason {
    /// It has no tags.
    Untagged,
    /// It has no tags, and tagwarden stopped it days ago.
    Stopped,
    /// A tag is missing, or else empty.
    Tag { key: &'static str, is_missing: bool },
}

impl Model {
    pub(super) fn shut_down(
        &mut self,
        run: Run,
        remedy: RemedyName,
        call: &Call,
        before: &Snapshot,
        after: &Snapshot,
    ) {
        for (id, instance) in before {
            let was = instance.state;
            let is = after.get(id).map_or(was, |instance| instance.state);
            let change = Change {
                instance_id: id.clone(),
                remedy,
                tag: None,
            };
            if was == is && call.outcome.is_err() {
                continue;
            }
            self.agree(run, change.clone());
            if was == is {
                self.judge_repetition(run, &change, call.at);
                continue;
            }
            self.judge_shutdown(run, &change, instance, call.at);
            match remedy {
                RemedyName::Stop => self.tally.stops += 1,
                _ => self.tally.terminations += 1,
            }
            self.take_effect(run, call.at, change);
        }
    }

    /// Judges a repetition: no run may request what another run has done, unless it was undone.
    fn judge_repetition(&mut self, run: Run, change: &Change, now: DateTime<Utc>) {
        let same = |effect: &&super::Effect| effect.change == *change && effect.run != run;
        let Some(earlier) = self.effects.iter().rev().find(same) else {
            self.tally.in_the_window += 1;
            return;
        };
        let is_undone = self
            .deeds_after(&change.instance_id, earlier.sequence)
            .any(|deed| matches!(deed, Deed::Start | Deed::Terminate));
        let view = self.runs.get(&run);
        let last = view.and_then(|view| view.last_look(&change.instance_id));
        // What runs of another stack do is not known before it shows.
        let is_of_other_stack = earlier.stack != self.stack_of(run)
            && last.is_some_and(|look| {
                let state = look.shown.state;
                look.sequence < earlier.sequence || !(state.is_stopping() || state.is_ending())
            });
        if is_of_other_stack {
            self.tally.crossed += 1;
        } else if !is_undone {
            let message = format!(
                "{now} run {run} repeated what run {} had done at {}: {change:?}",
                earlier.run, earlier.at
            );
            self.violate(message);
        }
    }

    /// Judges a shutdown. Protection is judged by the current state.
    fn judge_shutdown(
        &mut self,
        run: Run,
        change: &Change,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) {
        let Some(view) = self.runs.get(&run) else {
            return;
        };
        let last = view.standing_look(&change.instance_id);
        let stack = view.stack;
        let in_force = self.policy_of(stack);
        let policy = view.standing_policy().unwrap_or(in_force);
        let current = Look {
            sequence: self.sequence,
            at: now,
            shown: instance.clone(),
            listed: instance.tags.clone(),
            policy: Some(in_force),
        };
        let mut look = last.unwrap_or(&current).clone();
        look.policy = Some(policy);

        let mut objections = self.objections_at(stack, &look.shown, now);
        objections.extend(self.weakest_reason(run, change, &look, now));
        if instance.stop_protected || (instance.protected && change.remedy != RemedyName::Stop) {
            objections.push("it is protected");
        }
        if is_exempt_unreadably(&look.shown) {
            objections.push("its exemption cannot be read");
        }
        if !self.is_begun(run, change) {
            objections.push("it was not written down before");
        }
        let has_tagged = |effect: &super::Effect| {
            effect.run == run
                && effect.change.instance_id == change.instance_id
                && effect.change.remedy == RemedyName::Tag
        };
        if self.effects.iter().any(has_tagged) {
            objections.push("it wrote a tag to it");
        }
        for objection in &objections {
            self.violate(format!("{now} run {run}: {change:?}, but {objection}"));
        }
        if objections.is_empty() && !self.is_asked_for_now(stack, change.remedy, instance, now) {
            self.tally.in_the_window += 1;
        }
    }

    fn is_asked_for_now(
        &self,
        stack: StackNumber,
        remedy: RemedyName,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) -> bool {
        let policy = self.policy_of(stack);
        self.objections_at(stack, instance, now).is_empty()
            && !self.reasons(stack, remedy, instance, policy).is_empty()
    }

    /// What stands against any shutdown of an instance in this state.
    pub(super) fn objections_at(
        &self,
        stack: StackNumber,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) -> Vec<&'static str> {
        let mut objections = Vec::new();
        if has_manager(instance) {
            objections.push("it has a manager");
        }
        if is_exempt(instance, now.date_naive()) {
            objections.push("it is exempt");
        }
        if !self.is_in_scope(stack, instance) {
            objections.push("it is out of scope");
        }
        objections
    }

    pub fn is_in_scope(&self, stack: StackNumber, instance: &InstanceRecord) -> bool {
        !self.setup(stack).is_scoped || instance.vpc_id == SCOPE
    }

    /// The reasons for this shutdown of an instance in this state, permitted or not.
    pub(super) fn reasons(
        &self,
        stack: StackNumber,
        remedy: RemedyName,
        instance: &InstanceRecord,
        policy: usize,
    ) -> Vec<ShutdownReason> {
        let setup = self.setup(stack);
        let is_stop = remedy == RemedyName::Stop;
        let wanted = if is_stop { "stop" } else { "terminate" };
        if self.is_untagged(stack, instance) {
            let stops_first = !is_stop
                && setup.untagged == "stop"
                && setup.terminate_after_days > 0
                && instance.state.is_stopping();
            return if setup.untagged == wanted {
                vec![ShutdownReason::Untagged]
            } else if stops_first {
                vec![ShutdownReason::Stopped]
            } else {
                Vec::new()
            };
        }
        // Under a rule that is not required the dashboard shows no reason for a shutdown.
        let rules = self.rules(policy).filter(|rule| {
            rule.required
                && rule.action.eq_ignore_ascii_case(wanted)
                && is_unset(&instance.tags, rule.key)
        });
        rules
            .map(|rule| ShutdownReason::Tag {
                key: rule.key,
                is_missing: !instance.tags.contains_key(rule.key),
            })
            .collect()
    }

    /// Whether an instance has no tags and the functions of a stack have never tagged it. What another stack did is not in
    /// its ledger.
    fn is_untagged(&self, stack: StackNumber, instance: &InstanceRecord) -> bool {
        let is_tag = |agreed: &super::Agreed| {
            agreed.stack == stack
                && agreed.change.instance_id == instance.id
                && agreed.change.remedy == RemedyName::Tag
        };
        instance.tags.is_empty() && !self.agreed.iter().any(is_tag)
    }

    /// What stands against the reason for a shutdown against which the least stands.
    fn weakest_reason(
        &self,
        run: Run,
        change: &Change,
        look: &Look,
        now: DateTime<Utc>,
    ) -> Vec<&'static str> {
        let stack = self.stack_of(run);
        let policy = look.policy.unwrap_or_else(|| self.policy_of(stack));
        let reasons = self.reasons(stack, change.remedy, &look.shown, policy);
        let reasons = reasons.into_iter();
        let objections = reasons.map(|reason| self.against(run, change, look, reason, now));
        objections
            .min_by_key(Vec::len)
            .unwrap_or_else(|| vec!["the policy does not ask for it"])
    }

    /// What stands against one reason for a shutdown.
    fn against(
        &self,
        run: Run,
        change: &Change,
        look: &Look,
        reason: ShutdownReason,
        now: DateTime<Utc>,
    ) -> Vec<&'static str> {
        let mut objections = Vec::new();
        if let ShutdownReason::Tag { .. } = reason
            && !self.permits(self.stack_of(run), change.remedy)
        {
            objections.push("rules may not do this");
        }
        let view = self.runs.get(&run);
        if reason.is_absence() {
            let listed = view.and_then(|view| view.listed.get(&change.instance_id));
            let has_agreed =
                listed.is_some_and(|(at, tags)| *at > look.sequence && reason.holds_for(tags));
            // The tags may be gone by the time at which it asks for them.
            if reason.is_left_out(look) && !has_agreed {
                objections.push("its tags were left out");
            }
            // A run whose calls were disturbed may have seen less than it asked for.
            if view.is_some_and(|view| view.is_in_doubt && !view.is_troubled) {
                objections.push("tags were left out in this run");
            }
            if !listed.is_some_and(|(_, tags)| reason.holds_for(tags)) {
                objections.push("DescribeTags does not agree");
            }
        }
        objections.extend(self.against_time(run, change, look, reason, now));
        if view.is_some_and(|view| self.is_suspicious(view, run, reason, now)) {
            objections.push("nearly every instance has the same");
        }
        objections
    }

    /// Whether a look shows the reason, and nothing that ends a countdown.
    pub(super) fn holds(&self, stack: StackNumber, reason: ShutdownReason, look: &Look) -> bool {
        let is_untagged = self.is_untagged(stack, &look.shown);
        self.objections_at(stack, &look.shown, look.at).is_empty()
            && match reason {
                ShutdownReason::Untagged => is_untagged,
                ShutdownReason::Stopped => is_untagged && look.shown.state.is_stopping(),
                ShutdownReason::Tag { key, is_missing } => {
                    !is_untagged
                        && is_unset(&look.shown.tags, key)
                        && is_missing != look.shown.tags.contains_key(key)
                }
            }
    }

    fn permits(&self, stack: StackNumber, remedy: RemedyName) -> bool {
        match self.setup(stack).rules_may_destroy {
            "stop-and-terminate" => true,
            "stop" => remedy == RemedyName::Stop,
            _ => false,
        }
    }

    /// Whether a stack has stopped an instance, and nobody has started it since.
    pub(super) fn is_stopped_by(&self, stack: StackNumber, id: &str) -> bool {
        let is_stop = |effect: &&super::Effect| {
            effect.stack == stack
                && effect.change.instance_id == *id
                && effect.change.remedy == RemedyName::Stop
        };
        let stop = self.effects.iter().rev().find(is_stop);
        stop.is_some_and(|stop| {
            let mut deeds = self.deeds_after(id, stop.sequence);
            !deeds.any(|deed| deed == Deed::Start)
        })
    }

    /// Whether a sweep found the reason on nearly every instance, and no sweep at least an hour before did.
    fn is_suspicious(
        &self,
        view: &View,
        run: Run,
        reason: ShutdownReason,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(fleet) = &view.fleet else {
            return false;
        };
        let first = fleet.iter().filter_map(|id| view.looks.get(id)?.first());
        let looks: Vec<&Look> = first
            .filter(|look| {
                !look.shown.state.is_ending() && !is_exempt(&look.shown, look.at.date_naive())
            })
            .collect();
        let with_it = looks
            .iter()
            .filter(|look| self.holds(view.stack, reason, look));
        let with_it = with_it.count();
        // A little more than nine of ten, because the second look may find others.
        let is_nearly_all = with_it >= SUSPICIOUS && with_it * 20 >= looks.len() * 19;
        let an_hour_ago = now - TimeDelta::hours(1);
        let is_repeated = self.functions_of(view.stack).any(|(other, earlier)| {
            other != run && earlier.fleet.is_some() && earlier.started_at <= an_hour_ago
        });
        is_nearly_all && !is_repeated
    }

    /// Whether a stack's shutdown of the instance is still missing although nothing speaks against it.
    pub fn is_overdue(
        &self,
        stack: StackNumber,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) -> bool {
        let is_done = |remedy| match remedy {
            RemedyName::Stop => {
                instance.state.is_stopping()
                    || instance.state.is_ending()
                    || instance.has_instance_store_root
            }
            _ => instance.state.is_ending(),
        };
        let is_permitted = |remedy, reason: &ShutdownReason| match reason {
            ShutdownReason::Untagged => true,
            // That takes longer than sweeps go on.
            ShutdownReason::Stopped => false,
            ShutdownReason::Tag { .. } => self.permits(stack, remedy),
        };
        self.setup(stack).budget > 0
            && !instance.protected
            && !instance.stop_protected
            && !is_exempt_unreadably(instance)
            && self.objections_at(stack, instance, now).is_empty()
            && [RemedyName::Stop, RemedyName::Terminate]
                .into_iter()
                .any(|remedy| {
                    let policy = self.policy_of(stack);
                    let reasons = self.reasons(stack, remedy, instance, policy);
                    let mut reasons = reasons.iter();
                    !is_done(remedy) && reasons.any(|reason| is_permitted(remedy, reason))
                })
    }
}

impl ShutdownReason {
    /// Whether a tag is what is missing.
    pub(super) fn is_absence(self) -> bool {
        !matches!(
            self,
            Self::Tag {
                is_missing: false,
                ..
            }
        )
    }

    /// Whether these tags of `DescribeTags` agree.
    fn holds_for(self, tags: &super::view::Tags) -> bool {
        match self {
            Self::Untagged | Self::Stopped => tags.is_empty(),
            Self::Tag { key, .. } => !tags.contains_key(key),
        }
    }

    /// Whether the look misses the tag only because `DescribeInstances` left it out.
    pub(super) fn is_left_out(self, look: &Look) -> bool {
        look.is_cut() && !self.holds_for(&look.listed)
    }
}

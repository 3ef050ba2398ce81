//! The model: observes every call at the account, at the moment it takes effect, and judges it.
//!
//! It does not know how the remediation decides. It works out independently what may be done to an instance, from the
//! account's state, in the few lines of [`Model::judge_shutdown`].
//!
//! # The window that no read can close
//!
//! Between a function's last read and its act, a person may tag or exempt the instance or change the policy. No program
//! that reads before it writes can know that. The model allows exactly this window: an act is judged by what its
//! function last read, provided the function has since written nothing but stops and terminations, neither to the
//! ledger nor to EC2. After any other write the read was not the last step before the act, so the act is judged by the
//! instance's current state. Age and protection are always judged by the current state.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::Value;
use tagwarden_remediation::ledger::{ActState, Batch, RemedyName};
use tagwarden_sandbox::{Call, InstanceRecord};

use crate::scenario::{Deed, Rule, Setup};

/// The policy table.
pub const POLICY_TABLE: &str = "policy";
/// The ledger's table.
pub const LEDGER_TABLE: &str = "ledger";
/// The key of the exemption tag.
pub const EXEMPTION: &str = "tagwarden:exempt-until";
/// The key of the tag that Auto Scaling sets.
pub const GROUP: &str = "aws:autoscaling:groupName";

/// The number of a function's run. Its Lambda request id begins with this number, so its run id ends with it.
pub type Run = u32;

/// Everything that happened at the account.
#[derive(Debug)]
pub struct Model {
    setup: Setup,
    policies: Vec<Vec<Rule>>,
    /// The index of the policy in force.
    policy: usize,
    /// The number of observations so far, which orders them.
    sequence: u64,
    runs: BTreeMap<Run, View>,
    /// The changes of instances, in order.
    pub effects: Vec<Effect>,
    /// The requests that EC2 accepted, including those that changed nothing.
    pub agreed: Vec<(Run, Change)>,
    /// The deeds of people, in order.
    pub deeds: Vec<PersonDeed>,
    /// The ledger's batches as last written.
    pub ledger: BTreeMap<(String, u32), Batch>,
    /// The acts that reports have as done.
    pub reported: Vec<ReportedAct>,
    /// What must not happen and did.
    pub violations: Vec<String>,
    /// The counts of what happened.
    pub tally: Tally,
}

/// What one function has read, and whether it was disturbed.
#[derive(Debug, Default)]
struct View {
    /// When it last read the policy, and the index of that policy.
    policy: Option<(u64, usize)>,
    /// Every read of an instance.
    reads: BTreeMap<String, Vec<(u64, InstanceRecord)>>,
    /// When it last wrote anything but a shutdown.
    wrote: u64,
    /// Whether it was killed, or one of its calls failed or lost its answer.
    is_troubled: bool,
}

/// A change of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub instance_id: String,
    pub remedy: RemedyName,
    /// The tag's key and value, if the remedy is a tag.
    pub tag: Option<(String, String)>,
}

/// A change that took effect.
#[derive(Clone, Debug)]
pub struct Effect {
    pub run: Run,
    pub sequence: u64,
    pub at: DateTime<Utc>,
    pub change: Change,
    /// The instance's tags at each read by the function, oldest first.
    pub shown: Vec<BTreeMap<String, String>>,
}

/// A deed of a person to an instance.
#[derive(Clone, Debug)]
pub struct PersonDeed {
    pub sequence: u64,
    pub instance_id: String,
    pub deed: Deed,
}

/// An act that a report has as done.
#[derive(Clone, Debug)]
pub struct ReportedAct {
    /// The run that published the report.
    pub by: Run,
    /// The run that did the act.
    pub done_by: Run,
    pub instance_id: String,
    pub rule_id: Option<i64>,
    pub remedy: String,
}

/// The counts of what happened, to prove that a storm was not a calm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub storms: usize,
    pub functions: usize,
    pub events: usize,
    pub calls: usize,
    pub killed: usize,
    pub refused_calls: usize,
    pub lost_answers: usize,
    pub conflicts: usize,
    pub deeds: usize,
    pub meddled: usize,
    pub tags: usize,
    pub stops: usize,
    pub terminations: usize,
    /// Acts that were no longer needed, and acts in the window that no read can close.
    pub in_the_window: usize,
    pub begun: usize,
    pub spared: usize,
    pub refused: usize,
    pub failed: usize,
    pub recovered_by_others: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.storms += other.storms;
        self.functions += other.functions;
        self.events += other.events;
        self.calls += other.calls;
        self.killed += other.killed;
        self.refused_calls += other.refused_calls;
        self.lost_answers += other.lost_answers;
        self.conflicts += other.conflicts;
        self.deeds += other.deeds;
        self.meddled += other.meddled;
        self.tags += other.tags;
        self.stops += other.stops;
        self.terminations += other.terminations;
        self.in_the_window += other.in_the_window;
        self.begun += other.begun;
        self.spared += other.spared;
        self.refused += other.refused;
        self.failed += other.failed;
        self.recovered_by_others += other.recovered_by_others;
    }
}

/// Instances at one moment, by id.
pub type Snapshot = BTreeMap<String, InstanceRecord>;

impl Model {
    pub fn new(setup: Setup, policies: Vec<Vec<Rule>>) -> Self {
        Self {
            setup,
            policies,
            policy: 0,
            sequence: 0,
            runs: BTreeMap::new(),
            effects: Vec::new(),
            agreed: Vec::new(),
            deeds: Vec::new(),
            ledger: BTreeMap::new(),
            reported: Vec::new(),
            violations: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Records that another policy is in force.
    pub fn policy_changed(&mut self, policy: usize) {
        self.policy = policy;
    }

    /// Records the deed of a person.
    pub fn record_deed(&mut self, instance_id: &str, deed: Deed) {
        self.sequence += 1;
        self.tally.deeds += 1;
        self.deeds.push(PersonDeed {
            sequence: self.sequence,
            instance_id: instance_id.to_owned(),
            deed,
        });
    }

    /// Records that a function was killed or that one of its calls failed.
    pub fn record_trouble(&mut self, run: Run) {
        self.runs.entry(run).or_default().is_troubled = true;
    }

    pub fn is_troubled(&self, run: Run) -> bool {
        self.runs.get(&run).is_some_and(|view| view.is_troubled)
    }

    /// Whether a run wrote anything.
    pub fn has_written(&self, run: Run) -> bool {
        self.agreed.iter().any(|(by, _)| *by == run)
    }

    /// The deeds of people to an instance after `sequence`.
    pub fn deeds_after(&self, instance_id: &str, sequence: u64) -> impl Iterator<Item = Deed> {
        let of_it =
            move |done: &&PersonDeed| done.instance_id == instance_id && done.sequence > sequence;
        self.deeds.iter().filter(of_it).map(|done| done.deed)
    }

    /// Observes a call of `run` that was executed or refused. `before` and `after` are the instances it names.
    pub fn observe(&mut self, run: Run, call: &Call, before: &Snapshot, after: &Snapshot) {
        self.sequence += 1;
        self.tally.calls += 1;
        let sequence = self.sequence;
        let is_done = call.outcome.is_ok();
        let policy = self.policy;
        let view = self.runs.entry(run).or_default();
        match call.operation.as_str() {
            "Scan" if is_done && call.resources == [POLICY_TABLE] => {
                view.policy = Some((sequence, policy));
            }
            "DescribeInstances" if is_done => {
                for (id, instance) in before {
                    let reads = view.reads.entry(id.clone()).or_default();
                    reads.push((sequence, instance.clone()));
                }
            }
            "CreateTags" => {
                view.wrote = sequence;
                if is_done {
                    self.tags_written(run, call, before);
                }
            }
            "StopInstances" => self.shut_down(run, RemedyName::Stop, call, before, after),
            "TerminateInstances" => self.shut_down(run, RemedyName::Terminate, call, before, after),
            "Publish" => {
                view.wrote = sequence;
                if is_done {
                    self.record_report(run, call);
                }
            }
            "TransactWriteItems" => {
                view.wrote = sequence;
                if is_done {
                    self.record_batches(call);
                }
            }
            "PutItem" | "UpdateItem" | "DeleteItem" => view.wrote = sequence,
            _ => {}
        }
    }

    fn tags_written(&mut self, run: Run, call: &Call, before: &Snapshot) {
        let text = |name: String| call.parameters.get(&name).and_then(Value::as_str);
        for number in 1.. {
            let Some(key) = text(format!("Tag.{number}.Key")) else {
                break;
            };
            let value = text(format!("Tag.{number}.Value")).unwrap_or_default();
            for (id, instance) in before {
                let change = Change {
                    instance_id: id.clone(),
                    remedy: RemedyName::Tag,
                    tag: Some((key.to_owned(), value.to_owned())),
                };
                self.judge_tag(run, &change, instance, call.at);
                self.agreed.push((run, change.clone()));
                if instance.tags.get(key).is_none_or(|there| there != value) {
                    self.tally.tags += 1;
                    self.take_effect(run, call.at, change);
                }
            }
        }
    }

    /// Judges a tag write: a value that a person set must not be overwritten, and no tag may be written twice.
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
        let shown = self.shown(run, id);
        if !shown.iter().any(|tags| is_unset(tags, key)) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} to {id}, which had it when it was looked at"
            ));
        }
        let same = |effect: &&Effect| {
            effect.run != run
                && effect.change.instance_id == *id
                && matches!(&effect.change.tag, Some((written, _)) if written == key)
        };
        let earlier = self.effects.iter().rev().find(same);
        if let Some(earlier) = earlier
            && !is_unset(&instance.tags, key)
            && !self.is_tag_undone(id, key, earlier.sequence)
        {
            let message = format!(
                "{now} run {run} wrote {key} = {value} to {id}, after run {} had written it at {}",
                earlier.run, earlier.at
            );
            self.violate(message);
        }
        if !self.is_begun(run, change) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} to {id}, which it had not written down"
            ));
        }
    }

    fn shut_down(
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
            self.agreed.push((run, change.clone()));
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
        let same = |effect: &&Effect| effect.change == *change && effect.run != run;
        let Some(earlier) = self.effects.iter().rev().find(same) else {
            self.tally.in_the_window += 1;
            return;
        };
        let is_undone = self
            .deeds_after(&change.instance_id, earlier.sequence)
            .any(|deed| matches!(deed, Deed::Start | Deed::Terminate));
        if !is_undone {
            let message = format!(
                "{now} run {run} repeated what run {} had done at {}: {change:?}",
                earlier.run, earlier.at
            );
            self.violate(message);
        }
    }

    /// Judges a shutdown by the policy and by the instance's age, manager, exemption and protection. The act must also
    /// be in the ledger already.
    fn judge_shutdown(
        &mut self,
        run: Run,
        change: &Change,
        instance: &InstanceRecord,
        now: DateTime<Utc>,
    ) {
        let view = self.runs.entry(run).or_default();
        let reads = view.reads.get(&change.instance_id);
        let last = reads.and_then(|reads| reads.last());
        let shown = last.filter(|(sequence, _)| *sequence > view.wrote);
        let shown = shown.map_or(instance, |(_, shown)| shown).clone();
        let read = view.policy.filter(|(sequence, _)| *sequence > view.wrote);
        let policy = read.map_or(self.policy, |(_, policy)| policy);

        let mut objections = self.objections(change.remedy, &shown, policy, now);
        if now - instance.launch_time.min(instance.attach_time) < self.grace() {
            objections.push("it is too young");
        }
        if instance.stop_protected || (instance.protected && change.remedy != RemedyName::Stop) {
            objections.push("it is protected");
        }
        if !self.is_begun(run, change) {
            objections.push("it was not written down before");
        }
        for objection in &objections {
            self.violate(format!("{now} run {run}: {change:?}, but {objection}"));
        }
        if objections.is_empty()
            && !self
                .objections(change.remedy, instance, self.policy, now)
                .is_empty()
        {
            self.tally.in_the_window += 1;
        }
    }

    /// The reasons against a shutdown of an instance in this state.
    fn objections(
        &self,
        remedy: RemedyName,
        instance: &InstanceRecord,
        policy: usize,
        now: DateTime<Utc>,
    ) -> Vec<&'static str> {
        let mut objections = Vec::new();
        if instance.tags.contains_key(GROUP)
            || instance.spot_request_id.is_some()
            || instance.operator.is_some()
        {
            objections.push("it has a manager");
        }
        if is_exempt(instance, now.date_naive()) {
            objections.push("it is exempt");
        }
        if !self.asks_for(remedy, instance, policy) {
            objections.push("the policy does not ask for it");
        }
        objections
    }

    /// Whether the policy asks for this shutdown.
    pub fn asks_for(&self, remedy: RemedyName, instance: &InstanceRecord, policy: usize) -> bool {
        let wanted = if remedy == RemedyName::Stop {
            "Stop"
        } else {
            "Terminate"
        };
        if instance.tags.is_empty() {
            return self.setup.untagged.eq_ignore_ascii_case(wanted);
        }
        let policy = self.policies.get(policy);
        policy.into_iter().flatten().any(|rule| {
            // Under a rule that is not required the dashboard shows no reason for a shutdown.
            rule.required
                && rule.action.eq_ignore_ascii_case(wanted)
                && is_unset(&instance.tags, rule.key)
        })
    }

    /// Whether a shutdown of the instance is still missing although nothing speaks against it.
    pub fn is_overdue(&self, instance: &InstanceRecord, now: DateTime<Utc>) -> bool {
        let is_done = |remedy| match remedy {
            RemedyName::Stop => instance.state.is_stopping() || instance.state.is_ending(),
            _ => instance.state.is_ending(),
        };
        self.setup.budget > 0
            && !instance.protected
            && !instance.stop_protected
            && [RemedyName::Stop, RemedyName::Terminate]
                .into_iter()
                .any(|remedy| {
                    !is_done(remedy)
                        && self
                            .objections(remedy, instance, self.policy, now)
                            .is_empty()
                })
    }

    /// The tags of an instance at each read by a run.
    fn shown(&self, run: Run, id: &str) -> Vec<BTreeMap<String, String>> {
        let reads = self.runs.get(&run).and_then(|view| view.reads.get(id));
        let reads = reads.into_iter().flatten();
        reads.map(|(_, instance)| instance.tags.clone()).collect()
    }

    /// Whether the ledger has this act of this run as begun.
    fn is_begun(&self, run: Run, change: &Change) -> bool {
        let batches = self.ledger.values().filter(|batch| is_of(batch, run));
        let mut acts = batches.flat_map(|batch| &batch.acts);
        acts.any(|act| act.state == ActState::Begun && change.is(act))
    }

    /// Whether people have removed or overwritten a tag since `sequence`.
    pub fn is_tag_undone(&self, id: &str, key: &str, sequence: u64) -> bool {
        self.deeds_after(id, sequence).any(|deed| match deed {
            Deed::Tag(changed, _) | Deed::Untag(changed) => changed == key,
            Deed::TagFully | Deed::UntagFully => true,
            _ => false,
        })
    }

    fn grace(&self) -> TimeDelta {
        TimeDelta::minutes(self.setup.grace_minutes)
    }

    fn take_effect(&mut self, run: Run, at: DateTime<Utc>, change: Change) {
        let shown = self.shown(run, &change.instance_id);
        self.effects.push(Effect {
            run,
            sequence: self.sequence,
            at,
            change,
            shown,
        });
    }

    /// Records the batches of acts that a transaction wrote.
    fn record_batches(&mut self, call: &Call) {
        let actions = call
            .parameters
            .get("TransactItems")
            .and_then(Value::as_array);
        for action in actions.into_iter().flatten() {
            let Some(item) = action.pointer("/Put/Item").and_then(Value::as_object) else {
                continue;
            };
            if !item.contains_key("Acts") {
                continue;
            }
            let members = item
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)));
            match serde_json::from_value::<Batch>(members.collect()) {
                Ok(batch) => {
                    let key = (batch.run_id.as_str().to_owned(), batch.number);
                    self.ledger.insert(key, batch);
                }
                Err(error) => self.violate(format!("an unreadable batch: {error}")),
            }
        }
    }

    fn record_report(&mut self, run: Run, call: &Call) {
        let message = call.parameters.get("Message").and_then(Value::as_str);
        let body: Value = serde_json::from_str(message.unwrap_or_default()).unwrap_or_default();
        let report = body.get("sqs").and_then(Value::as_str).unwrap_or_default();
        let report: Value = serde_json::from_str(report).unwrap_or_default();
        let entries = report.get("entries").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("outcome") != "done" || text("remedy") == "notify" {
                continue;
            }
            let done_by = match text("runId") {
                "" => run,
                other => {
                    self.tally.recovered_by_others += 1;
                    run_of(other)
                }
            };
            self.reported.push(ReportedAct {
                by: run,
                done_by,
                instance_id: text("instanceId").to_owned(),
                rule_id: entry.get("ruleId").and_then(Value::as_i64),
                remedy: text("remedy").to_owned(),
            });
        }
    }

    pub fn violate(&mut self, what: String) {
        self.violations.push(what);
    }
}

impl Change {
    /// Whether `act` is the ledger's record of this change.
    pub fn is(&self, act: &tagwarden_remediation::ledger::Act) -> bool {
        let tag = self.tag.as_ref();
        act.instance_id() == self.instance_id
            && act.remedy == self.remedy
            && tag.is_none_or(|(key, value)| {
                act.tag_key() == Some(key) && act.tag_value() == Some(value)
            })
    }
}

/// The run's number, from its id.
pub fn run_of(run_id: &str) -> Run {
    let number = run_id.rsplit('-').next().unwrap_or_default();
    Run::from_str_radix(number, 16).unwrap_or_default()
}

pub fn is_of(batch: &Batch, run: Run) -> bool {
    run_of(batch.run_id.as_str()) == run
}

fn is_unset(tags: &BTreeMap<String, String>, key: &str) -> bool {
    tags.get(key).is_none_or(String::is_empty)
}

/// Whether the exemption's date has not passed and a reason follows it.
fn is_exempt(instance: &InstanceRecord, today: NaiveDate) -> bool {
    let tag = instance.tags.get(EXEMPTION).map(String::as_str);
    let Some((date, reason)) = tag.and_then(|tag| tag.split_once(' ')) else {
        return false;
    };
    !reason.is_empty() && date.parse::<NaiveDate>().is_ok_and(|date| date >= today)
}

/// A DynamoDB value without its type.
fn plain(value: &Value) -> Value {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), value) {
        ("N", Value::String(number)) => serde_json::from_str(number).unwrap_or_default(),
        ("L", Value::Array(values)) => values.iter().map(plain).collect(),
        ("M", Value::Object(members)) => members
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        ("NULL", _) => Value::Null,
        (_, value) => value.clone(),
    }
}

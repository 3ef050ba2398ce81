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

mod records;
mod shutdown;
mod tally;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tagwarden_remediation::ledger::{ActState, Batch, RemedyName};
use tagwarden_sandbox::{Call, InstanceRecord};

use crate::scenario::{Deed, Rule, SCOPE, Setup};

pub use tally::Tally;
pub use view::is_exempt;
use view::{Look, View};

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
    /// The notices that SNS accepted.
    notices: Vec<Notice>,
    /// The instances and the tag keys that a policy has denied at any time.
    denied: BTreeSet<String>,
    /// Whether the topic has a confirmed subscription.
    has_subscribers: bool,
    /// What must not happen and did.
    pub violations: Vec<String>,
    /// The counts of what happened.
    pub tally: Tally,
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

/// A notice of a shutdown, in a report that SNS accepted on a topic with a subscription.
#[derive(Clone, Debug)]
pub struct Notice {
    pub at: DateTime<Utc>,
    pub instance_id: String,
    pub remedy: String,
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
            notices: Vec::new(),
            denied: BTreeSet::new(),
            has_subscribers: true,
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

    /// The keys that the policy in force fills in where they are missing.
    pub fn keys_to_fill_in(&self) -> Vec<&'static str> {
        let rules = self.policies.get(self.policy).into_iter().flatten();
        let rules = rules.filter(|rule| match rule.action {
            "Update" => rule.required,
            action => matches!(action, "UserLookup" | "Function"),
        });
        rules.map(|rule| rule.key).collect()
    }

    /// Records that a function starts.
    pub fn run_started(&mut self, run: Run, now: DateTime<Utc>) {
        self.sequence += 1;
        let view = self.runs.entry(run).or_default();
        view.started = self.sequence;
        view.started_at = now;
    }

    /// Records that a function ended, or was ended.
    pub fn run_ended(&mut self, run: Run) {
        self.sequence += 1;
        self.runs.entry(run).or_default().ended = Some(self.sequence);
    }

    /// Records that a policy denies writes to an instance, or of a tag key.
    pub fn denied(&mut self, what: &str) {
        self.denied.insert(what.to_owned());
    }

    /// Whether a policy has denied writes to an instance, or of a tag key, at any time.
    pub fn was_denied(&self, what: &str) -> bool {
        self.denied.contains(what)
    }

    /// Records whether the topic has a confirmed subscription.
    pub fn subscribed(&mut self, has_subscribers: bool) {
        self.has_subscribers = has_subscribers;
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

    /// Observes a call of `run` that was executed or refused. `before` and `after` are the instances it names. For a
    /// description `before` is what `DescribeInstances` shows, and `after` has the tags that `DescribeTags` shows.
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
                let is_of_all = call.resources.is_empty();
                let is_scoped = self.setup.is_scoped && is_of_all;
                let in_scope = before
                    .iter()
                    .filter(|(_, it)| !is_scoped || it.vpc_id == SCOPE);
                let in_scope: Vec<_> = in_scope.collect();
                if is_of_all && view.fleet.is_none() {
                    view.fleet = Some(in_scope.iter().map(|(id, _)| (*id).clone()).collect());
                }
                for (id, instance) in in_scope {
                    let listed = after.get(id).map(|it| it.tags.clone());
                    view.looks.entry(id.clone()).or_default().push(Look {
                        sequence,
                        at: call.at,
                        shown: instance.clone(),
                        listed: listed.unwrap_or_default(),
                        policy: view.policy.map(|(_, policy)| policy),
                    });
                }
            }
            "DescribeTags" if is_done => {
                for (id, instance) in after {
                    let last = view.looks.get(id).and_then(|looks| looks.last());
                    if last.is_some_and(Look::is_cut) && !instance.tags.is_empty() {
                        view.is_in_doubt = true;
                    }
                    view.listed.insert(id.clone(), instance.tags.clone());
                }
            }
            "GetTopicAttributes" if is_done => {
                view.has_subscribers |= self.has_subscribers;
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
        let looks = self.runs.get(&run).and_then(|view| view.looks.get(id));
        let last = looks.and_then(|looks| looks.last()).cloned();
        let last = last.as_ref();
        let listed = last.filter(|look| look.is_cut());
        let listed = listed.and_then(|look| look.listed.get(key));
        if listed.is_some_and(|listed| !listed.is_empty() && listed != value) {
            self.violate(format!(
                "{now} run {run} wrote {key} = {value} over {listed:?} of {id}, whose tags were left out"
            ));
        }
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
        // EC2 may be late to show what was written.
        let is_hidden = earlier.is_some_and(|earlier| {
            last.is_some_and(|look| look.sequence > earlier.sequence && is_unset(&look.listed, key))
        });
        if let Some(earlier) = earlier
            && !is_hidden
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

    /// The tags of an instance at each read by a run.
    fn shown(&self, run: Run, id: &str) -> Vec<BTreeMap<String, String>> {
        let looks = self.runs.get(&run).and_then(|view| view.looks.get(id));
        let looks = looks.into_iter().flatten();
        looks.map(|look| look.shown.tags.clone()).collect()
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
            Deed::TagFully | Deed::UntagFully | Deed::Flicker(_) => true,
            _ => false,
        })
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

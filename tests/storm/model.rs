//! The model: observes every call at the account, at the moment it takes effect, and judges it.
//!
//! It does not know how the remediation decides. It works out independently what may be done to an instance, from the
//! account's state, in the few lines of [`Model::judge_shutdown`].
//!
//! # The window that no read can close
//!
//! Between a function's last read and its act, a person may tag or exempt the instance or change the policy. No program
//! that reads before it writes can know that. The model allows exactly this window: an act is judged by what its
//! function had last read as it sent the call, provided the function has since written nothing but stops and terminations, neither to the
//! ledger nor to EC2. After any other write the read was not the last step before the act, so the act is judged by the
//! instance's current state. Age and protection are always judged by the current state.

mod countdown;
mod letters;
mod records;
mod shutdown;
mod tags;
mod tally;
mod undo;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_remediation::ledger::{Batch, RemedyName};
use tagwarden_sandbox::{Call, InstanceRecord};

use crate::scenario::{Deed, REPORTS, Rule, SCOPE, Setup};

use letters::SentLetter;
pub use tally::Tally;
pub use undo::UndoRequest;
pub use view::Sent;
pub use view::is_exempt;
use view::{Look, View};

/// The key of the exemption tag.
pub const EXEMPTION: &str = "tagwarden:exempt-until";
/// The key of the tag that Auto Scaling sets.
pub const GROUP: &str = "aws:autoscaling:groupName";

/// The number of a run. The Lambda request id of a function begins with this number, so its run id ends with it. The run
/// ids of undos are learned as they are written.
pub type Run = u32;

/// The number of a stack: a deployment with a ledger, a queue and settings of its own.
pub type StackNumber = usize;

/// The policy tables, by stack. A second stack may use the first one's.
pub const POLICY_TABLES: [&str; 2] = ["policy", "policy-2"];

/// The ledgers' tables, by stack.
pub const LEDGER_TABLES: [&str; 2] = ["ledger", "ledger-2"];

/// What the model knows of one stack.
#[derive(Debug)]
struct Stack {
    setup: Setup,
    /// Its policy table.
    table: &'static str,
}

/// Everything that happened at the account.
#[derive(Debug)]
pub struct Model {
    stacks: Vec<Stack>,
    policies: Vec<Vec<Rule>>,
    /// The index of the policy in force, by policy table.
    in_force: BTreeMap<&'static str, usize>,
    /// The runs whose ids do not end with their number.
    undo_ids: BTreeMap<String, Run>,
    /// The number of observations so far, which orders them.
    sequence: u64,
    runs: BTreeMap<Run, View>,
    /// The changes of instances, in order.
    pub effects: Vec<Effect>,
    /// The requests that EC2 accepted, including those that changed nothing.
    pub agreed: Vec<Agreed>,
    /// The tags that EC2 left at an undo's request, because somebody had changed them first.
    left_by_ec2: Vec<Agreed>,
    /// The deeds of people, in order.
    pub deeds: Vec<PersonDeed>,
    /// The ledger's batches as last written.
    pub ledger: BTreeMap<(String, u32), Batch>,
    /// The acts that reports have as done.
    pub reported: Vec<ReportedAct>,
    /// The letters that SNS accepted.
    letters: Vec<SentLetter>,
    /// The owners whose letters could not be sent, and the run that reported that.
    undelivered: Vec<(Run, String)>,
    /// The runs that may have had no time for their letters.
    late_runs: BTreeSet<Run>,
    /// The runs that could not ask CloudTrail.
    look_up_failed: BTreeSet<Run>,
    /// Whether SNS refused letters to their topic at some time.
    has_refused_letters: bool,
    /// Who launched the instances.
    launchers: BTreeMap<String, String>,
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
    /// The tag's key and value, if the remedy is a tag; of an undo, the value that it takes away.
    pub tag: Option<(String, String)>,
}

/// A request that EC2 accepted for one instance.
#[derive(Clone, Debug)]
pub struct Agreed {
    pub run: Run,
    pub stack: StackNumber,
    pub sequence: u64,
    pub change: Change,
}

/// A change that took effect.
#[derive(Clone, Debug)]
pub struct Effect {
    pub run: Run,
    pub stack: StackNumber,
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
    pub stack: StackNumber,
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
    /// A model of stacks with these settings and policy tables. `policies` are those of all tables.
    pub fn new(stacks: Vec<(Setup, &'static str)>, policies: Vec<Vec<Rule>>) -> Self {
        let stacks = stacks.into_iter();
        Self {
            stacks: stacks
                .map(|(setup, table)| Stack { setup, table })
                .collect(),
            policies,
            in_force: BTreeMap::new(),
            undo_ids: BTreeMap::new(),
            sequence: 0,
            runs: BTreeMap::new(),
            effects: Vec::new(),
            agreed: Vec::new(),
            left_by_ec2: Vec::new(),
            deeds: Vec::new(),
            ledger: BTreeMap::new(),
            reported: Vec::new(),
            letters: Vec::new(),
            undelivered: Vec::new(),
            late_runs: BTreeSet::new(),
            look_up_failed: BTreeSet::new(),
            has_refused_letters: false,
            launchers: BTreeMap::new(),
            notices: Vec::new(),
            denied: BTreeSet::new(),
            has_subscribers: true,
            violations: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Records that another policy is in force in a table.
    pub fn policy_changed(&mut self, table: &'static str, policy: usize) {
        self.in_force.insert(table, policy);
    }

    /// The index of the policy in force for a stack.
    fn policy_of(&self, stack: StackNumber) -> usize {
        let table = self.stacks[stack].table;
        self.in_force.get(table).copied().unwrap_or_default()
    }

    fn rules(&self, policy: usize) -> impl Iterator<Item = &Rule> {
        self.policies.get(policy).into_iter().flatten()
    }

    fn setup(&self, stack: StackNumber) -> &Setup {
        &self.stacks[stack].setup
    }

    pub fn stack_of(&self, run: Run) -> StackNumber {
        self.runs.get(&run).map_or(0, |view| view.stack)
    }

    /// The views of a stack's functions, without the undos.
    fn functions_of(&self, stack: StackNumber) -> impl Iterator<Item = (Run, &View)> {
        let of_it = move |(_, view): &(&Run, &View)| view.stack == stack && !view.is_undo();
        let runs = self.runs.iter().filter(of_it);
        runs.map(|(run, view)| (*run, view))
    }

    /// The run's number, from its id.
    pub fn run_of(&self, run_id: &str) -> Run {
        let number = || Run::from_str_radix(run_id.rsplit('-').next()?, 16).ok();
        let undo = self.undo_ids.get(run_id).copied();
        undo.or_else(number).unwrap_or_default()
    }

    pub fn is_of(&self, batch: &Batch, run: Run) -> bool {
        self.run_of(batch.run_id.as_str()) == run
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

    /// The keys that the policy in force for a stack fills in where they are missing.
    pub fn keys_to_fill_in(&self, stack: StackNumber) -> Vec<&'static str> {
        let rules = self.rules(self.policy_of(stack));
        let rules = rules.filter(|rule| match rule.action {
            "Update" => rule.required,
            action => matches!(action, "UserLookup" | "Function"),
        });
        rules.map(|rule| rule.key).collect()
    }

    /// Records that a function of a stack starts.
    pub fn run_started(&mut self, run: Run, stack: StackNumber, now: DateTime<Utc>) {
        self.sequence += 1;
        let view = self.runs.entry(run).or_default();
        view.stack = stack;
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
        self.agreed.iter().any(|agreed| agreed.run == run)
    }

    /// The deeds of people to an instance after `sequence`.
    pub fn deeds_after(&self, instance_id: &str, sequence: u64) -> impl Iterator<Item = Deed> {
        let of_it =
            move |done: &&PersonDeed| done.instance_id == instance_id && done.sequence > sequence;
        self.deeds.iter().filter(of_it).map(|done| done.deed)
    }

    /// What a run knows as it sends a call.
    pub fn sent(&self, run: Run) -> Sent {
        let view = self.runs.get(&run);
        let (wrote, policy) = view.map_or((0, None), |view| (view.wrote, view.policy));
        Sent {
            sequence: self.sequence,
            wrote,
            policy,
        }
    }

    /// Observes a call of `run` that was executed or refused, and what the run knew as it sent it. `before` and `after` are the instances it names. For a
    /// description `before` is what `DescribeInstances` shows, and `after` has the tags that `DescribeTags` shows.
    pub fn observe(
        &mut self,
        (run, sent): (Run, Sent),
        call: &Call,
        before: &Snapshot,
        after: &Snapshot,
    ) {
        self.sequence += 1;
        self.tally.calls += 1;
        let sequence = self.sequence;
        let is_done = call.outcome.is_ok();
        let stack = self.stack_of(run);
        let policy = self.policy_of(stack);
        let is_stack_scoped = self.setup(stack).is_scoped;
        let view = self.runs.entry(run).or_default();
        view.sent = sent;
        match call.operation.as_str() {
            "Scan" if is_done && call.resources == [self.stacks[stack].table] => {
                view.policy = Some((sequence, policy));
            }
            "DescribeInstances" if is_done => {
                let is_of_all = call.resources.is_empty();
                let is_scoped = is_stack_scoped && is_of_all;
                let in_scope = before
                    .iter()
                    .filter(|(_, it)| !is_scoped || it.vpc_id == SCOPE);
                let in_scope: Vec<_> = in_scope.collect();
                // Instances that a run was told of are asked for by a filter, and are not the fleet.
                let is_by_id = call.parameters["Filter.1.Name"] == "instance-id";
                if is_of_all && !is_by_id && view.fleet.is_none() {
                    view.fleet = Some(in_scope.iter().map(|(id, _)| (*id).clone()).collect());
                }
                for (id, instance) in in_scope {
                    let listed = after.get(id).map(|it| it.tags.clone());
                    let look = Look {
                        sequence,
                        at: call.at,
                        shown: instance.clone(),
                        listed: listed.unwrap_or_default(),
                        policy: view.policy.map(|(_, policy)| policy),
                    };
                    // A function that DescribeTags shows other tags describes the instance once more.
                    view.is_in_doubt |= view.differing.remove(id) && look.is_cut();
                    view.looks.entry(id.clone()).or_default().push(look);
                }
            }
            "DescribeTags" if is_done => {
                for (id, instance) in after {
                    let last = view.looks.get(id).and_then(|looks| looks.last());
                    if last.is_some_and(Look::is_cut) && !instance.tags.is_empty() {
                        view.differing.insert(id.clone());
                    }
                    let tags = instance.tags.clone();
                    view.listed.insert(id.clone(), (sequence, tags));
                }
            }
            "GetTopicAttributes" if is_done => {
                view.has_subscribers |= self.has_subscribers;
            }
            "CreateTags" if view.is_undo() => self.tags_emptied(run, call, before),
            "CreateTags" => {
                view.wrote = sequence;
                if is_done {
                    self.tags_written(run, call, before);
                }
            }
            "DeleteTags" if is_done => self.tags_deleted(run, call, before, after),
            "StopInstances" => self.shut_down(run, RemedyName::Stop, call, before, after),
            "TerminateInstances" => self.shut_down(run, RemedyName::Terminate, call, before, after),
            "Publish" => {
                view.wrote = sequence;
                let topic = call.parameters["TopicArn"].as_str().unwrap_or_default();
                if is_done && topic.ends_with(REPORTS) {
                    self.record_report(run, call);
                } else if is_done {
                    self.record_letter(run, call, topic);
                }
            }
            "TransactWriteItems" => {
                view.wrote = sequence;
                if is_done {
                    self.record_batches(run, call);
                }
            }
            "PutItem" | "UpdateItem" | "DeleteItem" => view.wrote = sequence,
            _ => {}
        }
    }

    fn take_effect(&mut self, run: Run, at: DateTime<Utc>, change: Change) {
        let shown = self.shown(run, &change.instance_id);
        self.effects.push(Effect {
            run,
            stack: self.stack_of(run),
            sequence: self.sequence,
            at,
            change,
            shown,
        });
    }

    /// Records a request that EC2 accepted.
    fn agree(&mut self, run: Run, change: Change) {
        let agreed = self.request(run, change);
        self.agreed.push(agreed);
    }

    fn request(&self, run: Run, change: Change) -> Agreed {
        Agreed {
            run,
            stack: self.stack_of(run),
            sequence: self.sequence,
            change,
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
                let written = match self.remedy {
                    RemedyName::Untag => act.tags_before.get(key).map(String::as_str),
                    _ => act.tag_value(),
                };
                act.tag_key() == Some(key) && written == Some(value)
            })
    }
}

/// Whether a tag is missing or empty.
fn is_unset(tags: &BTreeMap<String, String>, key: &str) -> bool {
    tags.get(key).is_none_or(String::is_empty)
}

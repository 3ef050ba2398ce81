//! Carries out a plan: every act is written down before it is done, and completed after.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::{mem, slice};

use chrono::{DateTime, Utc};
use tagwarden_core::Policy;

use super::survey::read_again_by_id;
use super::truth;
use crate::ledger::{Batch, BeginResult, Refusals, Writer};
use crate::plan::{
    Act, ActState, Countdown, CountdownName, Doubt, Outcome, Plan, PlanContext, Reason, Refusal,
    plan,
};
use crate::progress::Phase;
use crate::remediation::{Remediation, RemediationError};
use crate::report::Report;
use crate::safeguard::Safeguard;

/// After this many shutdowns failed or were refused, the others are left for the next run, which knows of these.
const MOST_REFUSED: usize = 100;

/// The most instances that a run tries again although EC2 refused them some days ago.
const MOST_RETRIED: usize = 20;

/// Carries out one run's plan.
pub(super) struct Execution<'a, 'r> {
    pub(super) home: &'a Remediation,
    pub(super) policy: &'a Policy,
    pub(super) context: &'a PlanContext,
    /// When the instances were read, or a little earlier.
    pub(super) read_at: DateTime<Utc>,
    /// None: tags are written without a ledger, and nothing is stopped or terminated.
    pub(super) writer: Option<Writer<'a>>,
    pub(super) report: &'r mut Report,
    /// The countdowns of the shutdowns, by instance, as they were read.
    pub(super) standing: BTreeMap<String, (CountdownName, Countdown)>,
    /// Why no missing tag is believed any more.
    pub(super) doubt: Option<Doubt>,
    /// Instances to look at again a little later: another run does the same to them right now, or this one tagged them
    /// and did not shut them down.
    pub(super) again: BTreeSet<String>,
    /// No act is begun later than this.
    pub(super) last_start: Option<DateTime<Utc>>,
}

impl Execution<'_, '_> {
    /// Carries out `plan`, and reports what became of every part of it.
    pub(super) async fn execute(&mut self, plan: Plan) {
        for step in plan.reported {
            self.report.add(step, Outcome::Done);
        }
        // Tags come first: they help even if there is no time for anything else.
        let tagged = self.write_tags(plan.tags).await;
        let shutdowns = self.without_tagged(plan.shutdowns.into_values(), &tagged);
        self.shut_down(shutdowns).await;
        for (step, outcome) in plan.settled {
            self.report.add(step, outcome);
        }
    }

    /// Leaves out the instances that this run wrote a tag to, because the policy was judged without that tag.
    fn without_tagged(
        &mut self,
        acts: impl Iterator<Item = Act>,
        tagged: &BTreeSet<String>,
    ) -> Vec<Act> {
        let (tagged, others): (Vec<Act>, Vec<Act>) =
            acts.partition(|act| tagged.contains(act.instance_id()));
        for act in tagged {
            self.again.insert(act.instance_id().to_owned());
            let outcome = Outcome::Deferred(Reason::JustTagged);
            self.report.add(act.step, outcome);
        }
        others
    }

    pub(super) async fn begin_tags(&mut self, acts: Vec<Act>) -> Vec<Batch> {
        match &mut self.writer {
            _ if acts.is_empty() => Vec::new(),
            Some(writer) => {
                writer.know(&self.context.memories, self.policy.rules());
                let begun = writer.begin_tags(&acts, self.read_at).await;
                self.report_unbegun(begun)
            }
            None => vec![self.unwritten(acts)],
        }
    }

    /// Stops and terminates, as many as the budget allows.
    async fn shut_down(&mut self, waiting: Vec<Act>) {
        let home = self.home;
        let mut waiting = self.without_standing_refusals(waiting);
        let mut refused = Refusals::new();
        let mut failed = 0;
        let mut is_in_time = self.is_in_time();
        home.monitor.enter(Phase::Shutdown, Some(waiting.len()));
        // What EC2 refuses costs no budget, so that many of them cannot keep the others from their turn.
        while !waiting.is_empty() && failed < MOST_REFUSED && is_in_time {
            // The ledger takes as many as the budget leaves and as one transaction holds.
            let Some(mut batch) = self.begin_shutdowns(&mut waiting).await else {
                continue;
            };
            // Begun, and not done yet: this is the last moment at which a person's change still counts.
            self.confirm(&mut batch).await;
            let outcomes = self.call(&mut batch).await;
            failed += outcomes.values().filter(|it| is_failure(it)).count();
            refused.extend(self.refusals(&batch, &outcomes));
            // Completing gives the budget of what was not done back to the next batch.
            self.complete(slice::from_mut(&mut batch), |act| {
                outcomes.get(act.instance_id())
            })
            .await;
            is_in_time = self.is_in_time();
        }
        // The next run goes on with the rest, and knows by then what EC2 refuses.
        for act in waiting {
            let reason = if is_in_time {
                Reason::ManyProtected
            } else {
                Reason::NoTime
            };
            self.report.add(act.step, Outcome::Deferred(reason));
        }
        if let Some(ledger) = &home.ledger
            && let Err(error) = ledger.remember_refusals(&refused).await
        {
            tracing::error!("what EC2 refused will be tried again: {error}");
        }
    }

    /// Puts the acts that EC2 refused in the last days behind all others, and leaves out those for which it is not yet
    /// their turn.
    fn without_standing_refusals(&mut self, acts: Vec<Act>) -> VecDeque<Act> {
        let name = |act: &Act| (act.instance_id().to_owned(), act.remedy);
        let of = |act: &Act| self.context.refused.get(&name(act));
        let (mut again, others): (Vec<Act>, Vec<Act>) =
            acts.into_iter().partition(|act| of(act).is_some());
        // Those that were tried last come last, so that each has its turn.
        again.sort_by_key(|act| of(act).map(|refusal| refusal.at));
        let left = again.split_off(again.len().min(MOST_RETRIED));
        for act in left {
            if let Some(refusal) = of(&act) {
                let outcome = Outcome::Refused(refusal.reason.clone());
                self.report.add(act.step, outcome);
            }
        }
        others.into_iter().chain(again).collect()
    }

    /// What EC2 refused of `batch`, to be remembered.
    fn refusals(&self, batch: &Batch, outcomes: &BTreeMap<String, Outcome>) -> Refusals {
        let at = self.home.clock.now();
        let acts = batch.acts.iter();
        acts.filter_map(|act| match outcomes.get(act.instance_id())? {
            Outcome::Refused(reason @ (Reason::Protected | Reason::RefusedByEc2 { .. })) => {
                let name = (act.instance_id().to_owned(), act.remedy);
                let reason = reason.clone();
                Some((name, Refusal { reason, at }))
            }
            _ => None,
        })
        .collect()
    }

    /// Takes the next of `waiting` and begins them, as far as the budget allows; `None` if none of them may be begun.
    async fn begin_shutdowns(&mut self, waiting: &mut VecDeque<Act>) -> Option<Batch> {
        let settings = &self.home.settings;
        let limit = if settings.safeguards.hold(Safeguard::Budget) {
            settings.max_destructive
        } else {
            usize::MAX
        };
        let doubt = self.doubt.as_ref().map(Doubt::outcome);
        let mut acts: Vec<Act> = Vec::with_capacity(waiting.len());
        for act in waiting.drain(..) {
            match &doubt {
                Some(outcome) if act.is_for_absence(self.policy) => {
                    self.report.add(act.step, outcome.clone());
                }
                _ => acts.push(act),
            }
        }
        if acts.is_empty() {
            return None;
        }
        let Some(writer) = &mut self.writer else {
            // The plan refuses them already where there is no ledger.
            self.refuse(acts, &Reason::NoLedger);
            return None;
        };
        if !settings.safeguards.hold(Safeguard::WriteAhead) {
            return Some(self.unwritten(acts));
        }
        let (mut begun, rest) = writer.begin_shutdowns(acts, limit, &self.standing).await;
        let over_budget = mem::take(&mut begun.over_budget);
        let batch = self.report_unbegun(begun).pop();
        if batch.is_none() && !over_budget.is_empty() {
            let acts = over_budget.into_iter().chain(rest);
            self.refuse(acts, &Reason::Budget { limit });
        } else {
            // Whatever EC2 refuses of the batch leaves room for others.
            waiting.extend(over_budget);
            waiting.extend(rest);
        }
        batch
    }

    /// Spares those that the policy and the instances, both read again, do not ask for any more.
    pub(super) async fn confirm(&mut self, batch: &mut Batch) {
        let home = self.home;
        if !home.settings.safeguards.hold(Safeguard::LiveTruth) {
            return;
        }
        let begun = batch.acts.iter().filter(|act| is_begun(act));
        let ids: Vec<String> = begun.map(|act| act.instance_id().to_owned()).collect();
        if ids.is_empty() {
            return;
        }
        let live = match read_again_by_id(home, self.policy, &ids).await {
            Ok(live) => live,
            Err(error) => return self.spare_all(batch, &error),
        };
        // The tags are asked for twice, because DescribeInstances may leave them out.
        let begun = batch.acts.iter().filter(|act| is_begun(act));
        let missing = begun.filter(|act| act.is_for_absence(self.policy));
        let missing: BTreeSet<&str> = missing.map(Act::instance_id).collect();
        let doubtful = live.iter().filter(|it| missing.contains(it.id.as_str()));
        let source = truth::ask(home, doubtful).await;
        self.doubt = self.doubt.take().or(source.doubt);
        if let Some(doubt) = &self.doubt {
            let outcome = doubt.outcome();
            let begun = batch.acts.iter_mut().filter(|act| is_begun(act));
            for act in begun.filter(|act| act.is_for_absence(self.policy)) {
                act.spare(outcome.reason().unwrap_or_default());
                self.report.add(act.step.clone(), outcome.clone());
            }
        }
        let now = home.clock.now();
        let still = plan(self.policy, &home.settings, &live, self.context, now).shutdowns;
        for act in batch.acts.iter_mut().filter(|act| is_begun(act)) {
            let is_asked_for = !source.changed.contains(act.instance_id())
                && still.values().any(|it| it.step.is_same_act(&act.step));
            if is_asked_for {
                let instance = live.iter().find(|it| it.id == act.instance_id());
                act.tags_before = instance.map(|it| it.tags.clone()).unwrap_or_default();
            } else {
                let why = "the instance has changed since it was first looked at";
                act.spare(why);
                tracing::info!(instance = act.instance_id(), "spared: {why}");
            }
        }
    }

    /// Spares and reports all of `batch`, which could not be confirmed.
    fn spare_all(&mut self, batch: &mut Batch, error: &RemediationError) {
        for act in batch.acts.iter_mut().filter(|act| is_begun(act)) {
            let outcome = match error {
                RemediationError::PolicyChanged => Outcome::Deferred(Reason::PolicyChanged),
                error => Outcome::Failed(error.to_failure()),
            };
            act.spare(outcome.reason().unwrap_or_default());
            self.report.add(act.step.clone(), outcome);
        }
    }

    /// Notes what became of the acts of `batches`, in the ledger and in the report.
    pub(super) async fn complete<'o>(
        &mut self,
        batches: &mut [Batch],
        outcome: impl Fn(&Act) -> Option<&'o Outcome>,
    ) {
        for act in batches.iter_mut().flat_map(|batch| &mut batch.acts) {
            let Some(outcome) = outcome(act) else {
                continue;
            };
            act.settle(outcome);
            self.report.add(act.step.clone(), outcome.clone());
        }
        if let Some(writer) = self.writer.as_mut().filter(|writer| writer.has_begun()) {
            writer.complete(batches).await;
        }
    }

    pub(super) fn is_in_time(&self) -> bool {
        let now = self.home.clock.now();
        !self.home.monitor.is_cancelled()
            && self.last_start.is_none_or(|last_start| now <= last_start)
    }

    /// Reports what was not begun; gives what was.
    fn report_unbegun(&mut self, begun: BeginResult) -> Vec<Batch> {
        for act in begun.contended {
            let id = act.step.instance_id;
            tracing::info!(instance = id, "left to another run, which does the same");
            self.again.insert(id);
        }
        for (act, reason) in begun.refused {
            self.report.add(act.step, Outcome::Refused(reason));
        }
        for (act, failure) in begun.failed {
            self.report.add(act.step, Outcome::Failed(failure));
        }
        begun.batches
    }

    fn refuse(&mut self, acts: impl IntoIterator<Item = Act>, reason: &Reason) {
        for act in acts {
            self.report.add(act.step, Outcome::Refused(reason.clone()));
        }
    }

    /// A batch that is in no ledger.
    fn unwritten(&self, acts: Vec<Act>) -> Batch {
        Batch {
            run_id: self.report.run_id.clone(),
            number: 0,
            trigger: String::new(),
            begun_at: self.home.clock.now(),
            acts,
        }
    }
}

fn is_begun(act: &Act) -> bool {
    act.state == ActState::Begun
}

/// Whether the shutdown did not happen for a cause that the instance may have again.
fn is_failure(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused(reason) => *reason != Reason::Vanished,
        Outcome::Failed(_) | Outcome::Unclear(_) => true,
        Outcome::Done | Outcome::WouldDo | Outcome::Deferred(_) => false,
    }
}

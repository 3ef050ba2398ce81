//! Carries out a plan: every act is written down before it is done, and completed after.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::{mem, slice};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tagwarden_core::Policy;

use super::survey::read_again_by_id;
use crate::calls;
use crate::ledger::{Batch, BeginResult, Writer};
use crate::plan::{Act, ActState, Outcome, Plan, PlanContext, Reason, RemedyName, plan};
use crate::progress::Phase;
use crate::remediation::{Remediation, RemediationError};
use crate::report::Report;
use crate::safeguard::Safeguard;
use crate::tag_batches::group_by_tags;

/// After EC2 refused this many instances one by one, the others are left for the next run, which knows of these.
const MOST_REFUSED: usize = 20;

/// The most tag-writing calls in flight at a time.
const AT_ONCE: usize = 8;

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
    /// Instances to which another run does the same right now.
    pub(super) contended: BTreeSet<String>,
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
        self.write_tags(plan.tags).await;
        self.shut_down(plan.shutdowns.into_values().collect()).await;
        for (step, outcome) in plan.settled {
            self.report.add(step, outcome);
        }
    }

    /// Writes the tags: one call for all instances that get the same ones.
    async fn write_tags(&mut self, acts: Vec<Act>) {
        // Nothing is written that is not in the ledger.
        let mut batches = self.begin_tags(acts).await;

        // Few calls serve many instances, and several calls are in flight at a time.
        let acts = batches.iter().flat_map(|batch| &batch.acts);
        let ids_of = group_by_tags(
            acts.filter_map(|act| Some((act.instance_id(), act.tag_key()?, act.tag_value()?))),
        );
        let this = &*self;
        let monitor = &self.home.monitor;
        monitor.enter(Phase::Tagging, Some(ids_of.values().map(Vec::len).sum()));
        let calls = stream::iter(ids_of).map(|(tags, ids)| async move {
            if this.is_in_time() {
                let outcomes = calls::create_tags(&this.home.ec2, ids, &tags).await;
                monitor.add(outcomes.len());
                outcomes
            } else {
                let left = || Outcome::Deferred(Reason::NoTime);
                ids.into_iter().map(|id| (id, left())).collect()
            }
        });
        let outcomes: Vec<Vec<(String, Outcome)>> = calls.buffer_unordered(AT_ONCE).collect().await;

        // What became of each act completes it in the ledger, and is reported.
        let outcomes = outcomes.into_iter().flatten().collect();
        self.complete(&mut batches, &outcomes).await;
    }

    async fn begin_tags(&mut self, acts: Vec<Act>) -> Vec<Batch> {
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
    async fn shut_down(&mut self, mut waiting: VecDeque<Act>) {
        let home = self.home;
        let mut protected = BTreeSet::new();
        let mut is_in_time = self.is_in_time();
        home.monitor.enter(Phase::Shutdown, Some(waiting.len()));
        // A protected instance costs no budget, so that many of them cannot keep the others from their turn.
        while !waiting.is_empty() && protected.len() < MOST_REFUSED && is_in_time {
            // The ledger takes as many as the budget leaves and as one transaction holds.
            let Some(mut batch) = self.begin_shutdowns(&mut waiting).await else {
                continue;
            };
            // Begun, and not done yet: this is the last moment at which a person's change still counts.
            self.confirm(&mut batch).await;
            let outcomes = self.call(&batch).await;
            let refused = outcomes
                .iter()
                .filter(|(_, outcome)| **outcome == Outcome::Refused(Reason::Protected));
            protected.extend(refused.map(|(id, _)| id.clone()));
            // Completing gives the budget of what was not done back to the next batch.
            self.complete(slice::from_mut(&mut batch), &outcomes).await;
            is_in_time = self.is_in_time();
        }
        // The next run goes on with the rest, and knows by then what is protected.
        for act in waiting {
            let reason = if is_in_time {
                Reason::ManyProtected
            } else {
                Reason::NoTime
            };
            self.report.add(act.step, Outcome::Deferred(reason));
        }
        if let Some(ledger) = &home.ledger
            && let Err(error) = ledger.remember_protected(protected).await
        {
            tracing::error!("protected instances will be tried again: {error}");
        }
    }

    /// Stops and terminates those of `batch` that are still begun.
    async fn call(&self, batch: &Batch) -> BTreeMap<String, Outcome> {
        let of = |remedy| {
            let acts = batch
                .acts
                .iter()
                .filter(move |act| act.remedy == remedy && act.state == ActState::Begun);
            acts.map(|act| act.instance_id().to_owned())
                .collect::<Vec<_>>()
        };
        let ec2 = &self.home.ec2;
        let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
        outcomes.extend(calls::stop(ec2, of(RemedyName::Stop)).await);
        outcomes.extend(calls::terminate(ec2, of(RemedyName::Terminate)).await);
        self.home.monitor.add(outcomes.len());
        outcomes
    }

    /// Takes the next of `waiting` and begins them, as far as the budget allows; `None` if none of them may be begun.
    async fn begin_shutdowns(&mut self, waiting: &mut VecDeque<Act>) -> Option<Batch> {
        let settings = &self.home.settings;
        let limit = if settings.safeguards.hold(Safeguard::Budget) {
            settings.max_destructive
        } else {
            usize::MAX
        };
        let acts: Vec<Act> = waiting.drain(..).collect();
        let Some(writer) = &mut self.writer else {
            // The plan refuses them already where there is no ledger.
            self.refuse(acts, &Reason::NoLedger);
            return None;
        };
        if !settings.safeguards.hold(Safeguard::WriteAhead) {
            return Some(self.unwritten(acts));
        }
        let (mut begun, rest) = writer.begin_shutdowns(acts, limit).await;
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
    async fn confirm(&mut self, batch: &mut Batch) {
        let home = self.home;
        if !home.settings.safeguards.hold(Safeguard::LiveTruth) {
            return;
        }
        let ids: Vec<String> = batch
            .acts
            .iter()
            .map(|act| act.instance_id().to_owned())
            .collect();
        let live = match read_again_by_id(home, self.policy, &ids).await {
            Ok(live) => live,
            Err(error) => return self.spare_all(batch, &error),
        };
        let now = home.clock.now();
        let still = plan(self.policy, &home.settings, &live, self.context, now).shutdowns;
        for act in &mut batch.acts {
            let is_asked_for = still.values().any(|it| it.step.is_same_act(&act.step));
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
        for act in &mut batch.acts {
            let outcome = match error {
                RemediationError::PolicyChanged => Outcome::Deferred(Reason::PolicyChanged),
                error => Outcome::Failed(error.to_failure()),
            };
            act.spare(outcome.reason().unwrap_or_default());
            self.report.add(act.step.clone(), outcome);
        }
    }

    /// Notes what became of the acts of `batches`, in the ledger and in the report.
    async fn complete(&mut self, batches: &mut [Batch], outcomes: &BTreeMap<String, Outcome>) {
        for act in batches.iter_mut().flat_map(|batch| &mut batch.acts) {
            let Some(outcome) = outcomes.get(act.instance_id()) else {
                continue;
            };
            act.settle(outcome);
            self.report.add(act.step.clone(), outcome.clone());
        }
        if let Some(writer) = self.writer.as_mut().filter(|writer| writer.has_begun()) {
            writer.complete(batches).await;
        }
    }

    fn is_in_time(&self) -> bool {
        let now = self.home.clock.now();
        !self.home.monitor.is_cancelled()
            && self.last_start.is_none_or(|last_start| now <= last_start)
    }

    /// Reports what was not begun; gives what was.
    fn report_unbegun(&mut self, begun: BeginResult) -> Vec<Batch> {
        for act in begun.contended {
            let id = act.step.instance_id;
            tracing::info!(instance = id, "left to another run, which does the same");
            self.contended.insert(id);
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

//! The calls that stop and terminate the instances of one batch.
//!
//! Between two calls time passes, and somebody may tag an instance. So before each call but the first the policy and
//! the instances are read again: between two attempts, between stops and terminations, and after instances were set
//! aside.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Duration;

use tagwarden_aws::instances;

use super::execute::Execution;
use crate::calls;
use crate::error_code::ErrorKind;
use crate::ledger::Batch;
use crate::plan::{Act, ActState, Outcome, Reason, RemedyName, StepFailure};

/// The most attempts of a call that EC2 throttles or does not answer.
const ATTEMPTS: u32 = 5;

/// The longest pause before the second attempt. It doubles with each further one.
const PAUSE: Duration = Duration::from_secs(1);

/// What became of shutdowns, by instance.
type ShutdownOutcomes = BTreeMap<String, Outcome>;

/// The calls of one batch.
#[derive(Debug, Default)]
struct Calls {
    outcomes: ShutdownOutcomes,
    /// Instances for which a call was sent, and what is not clear about it.
    tried: BTreeMap<String, Option<StepFailure>>,
    /// How many attempts in a row EC2 throttled or did not answer.
    attempts: u32,
    /// Whether a call was sent since the last look.
    is_stale: bool,
}

impl Execution<'_, '_> {
    /// Stops and terminates those of `batch` that are still begun, which were just confirmed.
    pub(super) async fn call(&mut self, batch: &mut Batch) -> BTreeMap<String, Outcome> {
        let mut calls = Calls::default();
        for remedy in [RemedyName::Stop, RemedyName::Terminate] {
            let begun = begun(batch).filter(|act| act.remedy == remedy);
            let ids: Vec<String> = begun.map(|act| act.instance_id().to_owned()).collect();
            let mut waiting = vec![ids];
            while let Some(ids) = waiting.pop() {
                let ids = self.still_begun(batch, ids, &mut calls).await;
                if !ids.is_empty() {
                    let rest = self.call_once(remedy, ids, &mut calls).await;
                    waiting.extend(rest);
                }
                calls.settle(batch);
            }
        }
        self.home.monitor.add(calls.outcomes.len());
        calls.outcomes
    }

    /// Those of `ids` that are still to be shut down; read again where a call was sent since the last look.
    async fn still_begun(
        &mut self,
        batch: &mut Batch,
        mut ids: Vec<String>,
        calls: &mut Calls,
    ) -> Vec<String> {
        if mem::take(&mut calls.is_stale) {
            let reported = self.report.entries.len();
            self.confirm(batch).await;
            self.settle_spared(batch, calls).await;
            // A look that failed is not the news about those for which a call was sent.
            let news = self.report.entries.split_off(reported);
            let news = news
                .into_iter()
                .filter(|entry| !calls.outcomes.contains_key(&entry.step.instance_id));
            self.report.entries.extend(news);
        }
        let begun: BTreeSet<&str> = begun(batch).map(Act::instance_id).collect();
        ids.retain(|id| begun.contains(id.as_str()));
        ids
    }

    /// Sends one call. Gives the batches that are to be tried again.
    async fn call_once(
        &self,
        remedy: RemedyName,
        ids: Vec<String>,
        calls: &mut Calls,
    ) -> Vec<Vec<String>> {
        if !calls.tried.is_empty() && !self.is_in_time() {
            for id in ids {
                let outcome = match calls.tried.get(&id).cloned().flatten() {
                    Some(failure) => Outcome::Unclear(failure),
                    None => Outcome::Deferred(Reason::NoTime),
                };
                calls.outcomes.insert(id, outcome);
            }
            return Vec::new();
        }
        let ec2 = &self.home.ec2;
        let answer = match remedy {
            RemedyName::Stop => calls::stop(ec2, &ids).await,
            _ => calls::terminate(ec2, &ids).await,
        };
        calls.is_stale = true;
        for id in &ids {
            calls.tried.entry(id.clone()).or_default();
        }
        let Err(error) = answer else {
            calls.attempts = 0;
            let done = ids.into_iter().map(|id| (id, Outcome::Done));
            calls.outcomes.extend(done);
            return Vec::new();
        };
        let kind = ErrorKind::of(error.code());
        if kind == ErrorKind::Unclear {
            for id in &ids {
                let failure = Some(StepFailure::from(&error));
                calls.tried.insert(id.clone(), failure);
            }
        }
        if kind.may_pass() && calls.attempts.saturating_add(1) < ATTEMPTS {
            self.pause(calls.attempts).await;
            calls.attempts = calls.attempts.saturating_add(1);
            return vec![ids];
        }
        calls.attempts = 0;
        let aside = calls::split(ids, &error);
        for id in aside.settled {
            let outcome = match calls.tried.get(&id).cloned().flatten() {
                // An earlier attempt may have been carried out.
                Some(failure) if kind.may_pass() => Outcome::Unclear(failure),
                _ => calls::shutdown_outcome(&error, &id),
            };
            calls.outcomes.insert(id, outcome);
        }
        aside.rest
    }

    /// Waits before the next attempt: longer each time, and by chance never as long as others.
    async fn pause(&self, attempt: u32) {
        let longest = PAUSE.saturating_mul(2_u32.saturating_pow(attempt));
        let part = fastrand::u32(500..=1_000);
        let pause = longest.saturating_mul(part) / 1_000;
        self.home.clock.sleep(pause).await;
    }

    /// Says of those that a call was sent for, and that the last look spared, whether the call was carried out.
    async fn settle_spared(&self, batch: &mut Batch, calls: &mut Calls) {
        let is_open = |act: &Act| {
            let id = act.instance_id();
            act.state == ActState::Spared
                && calls.tried.contains_key(id)
                && !calls.outcomes.contains_key(id)
        };
        let acts = batch.acts.iter().filter(|act| is_open(act));
        let ids: Vec<String> = acts.map(|act| act.instance_id().to_owned()).collect();
        if ids.is_empty() {
            return;
        }
        let live = instances::describe(&self.home.ec2, &ids).await;
        for id in ids {
            // A call that EC2 refused may have been carried out for other Availability Zones. So without an answer
            // nothing is clear.
            let unclear = calls.tried.get(&id).cloned().flatten();
            let unclear = unclear.or_else(|| live.as_ref().err().map(StepFailure::from));
            let is_done = live.as_ref().is_ok_and(|live| {
                let mut acts = batch.acts.iter().filter(|act| act.instance_id() == id);
                let live = live.iter().find(|live| live.id == id);
                acts.any(|act| act.shows_on(live))
            });
            let outcome = match unclear {
                _ if is_done => Outcome::Done,
                Some(failure) => Outcome::Unclear(failure),
                None => continue,
            };
            calls.outcomes.insert(id, outcome);
        }
        calls.settle(batch);
    }
}

impl Calls {
    /// Notes in `batch` what is settled, so that no further look or call concerns it.
    fn settle(&self, batch: &mut Batch) {
        for act in &mut batch.acts {
            match self.outcomes.get(act.instance_id()) {
                // It stays begun in the ledger, and the next run looks whether it was done.
                Some(Outcome::Unclear(failure)) => act.spare(failure.text.clone()),
                Some(outcome) => act.settle(outcome),
                None => {}
            }
        }
    }
}

fn begun(batch: &Batch) -> impl Iterator<Item = &Act> {
    batch.acts.iter().filter(|act| act.state == ActState::Begun)
}

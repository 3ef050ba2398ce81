//! Does what a plan asks for: every act is written down before it is done, and completed after.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tagwarden_core::Policy;

use crate::act::{self, Acted};
use crate::function::{Remediation, RemediationError};
use crate::ledger::{Act, ActState, Batch, Begun, RemedyName, Writer};
use crate::plan::{Known, Reason, plan};
use crate::report::{Outcome, Report};
use crate::safeguard::Safeguard;
use crate::tag_sets::alike;
use crate::watch::Phase;
use crate::work::Work;

/// After EC2 refused so many instances one by one, the others are left for the next run, which knows of these.
const MOST_REFUSED: usize = 20;

/// So many calls that write tags are under way at once.
const AT_ONCE: usize = 8;

/// One run's hands.
pub(crate) struct CarryOut<'a, 'r> {
    pub(crate) remediation: &'a Remediation,
    pub(crate) policy: &'a Policy,
    pub(crate) known: &'a Known,
    /// When the instances were looked at, or a little earlier.
    pub(crate) looked_at: DateTime<Utc>,
    /// None: tags are written without a ledger, and nothing is stopped or terminated.
    pub(crate) writer: Option<Writer<'a>>,
    pub(crate) report: &'r mut Report,
    /// Instances of which another run does the same right now.
    pub(crate) others: BTreeSet<String>,
    /// No act is begun later than this.
    pub(crate) last_start: Option<DateTime<Utc>>,
}

impl CarryOut<'_, '_> {
    /// Does `work`, and reports what became of every part of it.
    pub(crate) async fn carry_out(&mut self, mut work: Work) {
        let ends = work.take_ends().collect();
        for step in work.told {
            self.report.add(step, Outcome::Done);
        }
        self.tag(work.tags).await;
        self.end(ends).await;
        self.report.add_settled(work.settled);
    }

    /// Writes the tags: one call for all instances that lack the same ones.
    async fn tag(&mut self, acts: Vec<Act>) {
        let mut batches = self.begin_tags(acts).await;

        let acts = batches.iter().flat_map(|batch| &batch.acts);
        let ids_of = alike(acts.filter_map(|act| {
            let (key, value) = (act.tag_key.as_deref()?, act.tag_value.as_deref()?);
            Some((act.instance_id.as_str(), key, value))
        }));
        let this = &*self;
        let watch = &self.remediation.watch;
        watch.begin(Phase::Tagging, Some(ids_of.values().map(Vec::len).sum()));
        let calls = stream::iter(ids_of).map(|(tags, ids)| async move {
            if this.is_in_time() {
                let acted = act::create_tags(&this.remediation.ec2, ids, &tags).await;
                watch.add(acted.len());
                acted
            } else {
                ids.into_iter().map(|id| (id, Acted::Left)).collect()
            }
        });
        let results: Vec<Vec<(String, Acted)>> = calls.buffer_unordered(AT_ONCE).collect().await;
        let results = results.into_iter().flatten().collect();
        self.complete(&mut batches, &results).await;
    }

    async fn begin_tags(&mut self, acts: Vec<Act>) -> Vec<Batch> {
        match &mut self.writer {
            _ if acts.is_empty() => Vec::new(),
            Some(writer) => {
                let begun = writer.begin_tags(&acts, self.looked_at).await;
                self.add_unbegun(begun)
            }
            None => vec![self.unwritten(acts)],
        }
    }

    /// Stops and terminates, as many as the budget allows.
    async fn end(&mut self, mut waiting: VecDeque<Act>) {
        let mut protected = BTreeSet::new();
        let mut is_in_time = self.is_in_time();
        let remediation = self.remediation;
        remediation.watch.begin(Phase::Ending, Some(waiting.len()));
        // A protected instance costs no budget, so that many of them cannot keep the others from their turn.
        while !waiting.is_empty() && protected.len() < MOST_REFUSED && is_in_time {
            let Some(mut batch) = self.begin_ends(&mut waiting).await else {
                continue;
            };
            self.confirm(&mut batch).await;
            let of = |remedy| {
                let acts = batch
                    .acts
                    .iter()
                    .filter(move |act| act.remedy == remedy && act.state == ActState::Begun);
                acts.map(|act| act.instance_id.clone()).collect::<Vec<_>>()
            };
            let ec2 = &self.remediation.ec2;
            let mut results: BTreeMap<String, Acted> = BTreeMap::new();
            results.extend(act::stop(ec2, of(RemedyName::Stop)).await);
            results.extend(act::terminate(ec2, of(RemedyName::Terminate)).await);
            remediation.watch.add(results.len());
            let refused = results
                .iter()
                .filter(|(_, acted)| **acted == Acted::Refused(Reason::Protected));
            protected.extend(refused.map(|(id, _)| id.clone()));
            self.complete(std::slice::from_mut(&mut batch), &results)
                .await;
            is_in_time = self.is_in_time();
        }
        for act in waiting {
            let reason = if is_in_time {
                Reason::ManyProtected
            } else {
                Reason::NoTime
            };
            self.add(&act, Outcome::Deferred(reason));
        }
        if let Some(ledger) = &self.remediation.ledger
            && let Err(error) = ledger.remember_protected(protected).await
        {
            tracing::error!("protected instances will be tried again: {error}");
        }
    }

    /// Takes the next of `waiting` and begins them, as far as the budget allows; `None` if none of them may be begun.
    async fn begin_ends(&mut self, waiting: &mut VecDeque<Act>) -> Option<Batch> {
        let settings = &self.remediation.settings;
        let limit = if settings.safeguards.hold(Safeguard::Budget) {
            settings.max_destructive
        } else {
            usize::MAX
        };
        let acts: Vec<Act> = waiting.drain(..).collect();
        let Some(writer) = &mut self.writer else {
            // The plan refuses them already where there is no ledger.
            for act in acts {
                self.add(&act, Outcome::Refused(Reason::NoLedger));
            }
            return None;
        };
        if !settings.safeguards.hold(Safeguard::WriteAhead) {
            return Some(self.unwritten(acts));
        }
        let (mut begun, rest) = writer.begin_ends(acts, limit).await;
        let over_budget = std::mem::take(&mut begun.over_budget);
        let batch = self.add_unbegun(begun).pop();
        if batch.is_none() && !over_budget.is_empty() {
            for act in over_budget.iter().chain(&rest) {
                self.add(act, Outcome::Refused(Reason::Budget { limit }));
            }
        } else {
            // Whatever EC2 refuses of the batch leaves room for others.
            waiting.extend(over_budget);
            waiting.extend(rest);
        }
        batch
    }

    /// Spares those that the policy and the instances, both read again, do not ask for any more.
    async fn confirm(&mut self, batch: &mut Batch) {
        let remediation = self.remediation;
        if !remediation.settings.safeguards.hold(Safeguard::LiveTruth) {
            return;
        }
        let ids: Vec<String> = batch
            .acts
            .iter()
            .map(|act| act.instance_id.clone())
            .collect();
        let live = match remediation.look_again_at(self.policy, &ids).await {
            Ok(live) => live,
            Err(error) => {
                for act in &mut batch.acts {
                    // Without the words "nothing was done": tags may have been written by now.
                    let outcome = match &error {
                        RemediationError::PolicyChanged => Outcome::Deferred(Reason::PolicyChanged),
                        RemediationError::Aws(error) => Outcome::Failed(error.to_string()),
                        error => Outcome::Failed(error.to_string()),
                    };
                    act.state = ActState::Spared;
                    act.why = outcome.reason();
                    if let Some(step) = act.step() {
                        self.report.add(step, outcome);
                    }
                }
                return;
            }
        };
        let now = remediation.clock.now();
        let still = plan(self.policy, &remediation.settings, &live, self.known, now).destructive;
        for act in &mut batch.acts {
            let asked_for = act
                .step()
                .is_some_and(|step| still.iter().any(|other| other.is_same_act(&step)));
            if asked_for {
                let instance = live.iter().find(|it| it.id == act.instance_id);
                act.tags_before = instance.map(|it| it.tags.clone()).unwrap_or_default();
            } else {
                act.state = ActState::Spared;
                let why = "the instance has changed since it was first looked at";
                act.why = Some(why.to_owned());
                tracing::info!(instance = act.instance_id, "spared: {why}");
            }
        }
    }

    /// Notes what became of the acts of `batches`, in the ledger and in the report.
    async fn complete(&mut self, batches: &mut [Batch], results: &BTreeMap<String, Acted>) {
        for act in batches.iter_mut().flat_map(|batch| &mut batch.acts) {
            let Some(acted) = results.get(&act.instance_id) else {
                continue;
            };
            (act.state, act.why) = match acted {
                Acted::Done => (ActState::Done, None),
                Acted::Refused(reason) => (ActState::Refused, Some(reason.to_string())),
                Acted::Failed(why) => (ActState::Failed, Some(why.clone())),
                Acted::Left => (ActState::Spared, Some(Reason::NoTime.to_string())),
                // The next run looks whether it was done.
                Acted::Unclear(why) => (ActState::Begun, Some(why.clone())),
            };
            if let Some(step) = act.step() {
                self.report.add_acted(step, acted.clone());
            }
        }
        if let Some(writer) = self.writer.as_mut().filter(|writer| writer.has_begun()) {
            writer.complete(batches).await;
        }
    }

    fn is_in_time(&self) -> bool {
        let now = self.remediation.clock.now();
        !self.remediation.watch.is_to_end()
            && self.last_start.is_none_or(|last_start| now <= last_start)
    }

    /// Reports what was not begun; gives what was.
    fn add_unbegun(&mut self, begun: Begun) -> Vec<Batch> {
        for act in begun.others {
            tracing::info!(
                instance = act.instance_id,
                "left to another run, which does the same"
            );
            self.others.insert(act.instance_id);
        }
        for (act, why) in begun.failed {
            self.add(&act, Outcome::Failed(why));
        }
        begun.batches
    }

    fn add(&mut self, act: &Act, outcome: Outcome) {
        if let Some(step) = act.step() {
            self.report.add(step, outcome);
        }
    }

    /// A batch that is in no ledger.
    fn unwritten(&self, acts: Vec<Act>) -> Batch {
        Batch {
            run_id: self.report.run_id.clone(),
            number: 0,
            trigger: String::new(),
            begun_at: self.remediation.clock.now(),
            acts,
        }
    }
}

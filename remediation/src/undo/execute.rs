//! Reads what an undo is planned from, and carries the plan out.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use aws_sdk_ec2::types::Tag;
use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_aws::policy_table::{PolicyTableError, read_policy};
use tagwarden_aws::{AwsError, Clock, Ec2, resources};
use tagwarden_core::Resource;

use super::plan::{SHOWN_FOR, unsafe_steps};
use super::work::{TagOnResource, UndoOutcome, UndoResult, Work, act_place, note, place};
use super::{Before, KeepReason, UndoFacts, UndoPlan, UndoStep, plan};
use crate::calls;
use crate::ledger::{AFTER_TAG, Batch, Ledger, Selection, Writer};
use crate::plan::{Act, ActState, Outcome, Reason};
use crate::run_id::RunId;
use crate::tag_batches::{Tags, group_by_tags};
use crate::tag_calls::{KeyMemory, Leave, create_tags};

/// What the ledger calls an undo's trigger.
const TRIGGER: &str = "undo";

/// The longest that an undo takes, from the answer to the question. An undo that is killed in between leaves its mark in
/// the ledger, and the next run of the remediation recovers it.
const LONGEST: TimeDelta = TimeDelta::minutes(15);

/// Takes tags back in one account and Region.
#[derive(Debug)]
pub struct Undo {
    clock: Clock,
    dynamodb: aws_sdk_dynamodb::Client,
    ec2: Ec2,
    ledger: Ledger,
    policy_table: String,
}

/// A plan to take tags back, before it is carried out.
#[derive(Clone, Debug)]
pub struct UndoPreview {
    /// The plan.
    pub plan: UndoPlan,
    /// Why the policy cannot be read. What it asks for is not known then.
    pub unread_policy: Option<PolicyTableError>,
}

/// Why nothing can be undone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// The ledger has no such run.
    #[error("the ledger has no acts of run {0}")]
    UnknownRun(RunId),
    /// DynamoDB or EC2 cannot be asked.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Undo {
    /// Undoes what `ledger` holds, with clients of `config` and in its time.
    #[must_use]
    pub fn new(config: &SdkConfig, ledger: Ledger, policy_table: String) -> Self {
        Self {
            clock: Clock::of(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            ec2: Ec2::new(config),
            ledger,
            policy_table,
        }
    }

    /// Plans to take back what `selection` takes. Changes nothing.
    ///
    /// # Errors
    /// See [`UndoError`]. A policy that cannot be read is none.
    pub async fn preview(&self, selection: &Selection) -> Result<UndoPreview, UndoError> {
        let run_started = selection.run_id.as_ref().map(RunId::started_at);
        let since = run_started.or(selection.since);
        let since = since.unwrap_or_else(|| self.ledger.oldest());
        self.preview_since(since, selection).await
    }

    async fn preview_since(
        &self,
        since: DateTime<Utc>,
        selection: &Selection,
    ) -> Result<UndoPreview, UndoError> {
        // In this order: a run that ends in between was at work when it was asked.
        let at_work = self.ledger.at_work().await?;
        let history = self.ledger.batches_since(since).await?;
        if let Some(run_id) = &selection.run_id
            && !history.iter().any(|batch| batch.run_id == *run_id)
        {
            return Err(UndoError::UnknownRun(run_id.clone()));
        }
        let ids: BTreeSet<String> = history
            .iter()
            .flat_map(|batch| batch.acts.iter().map(move |act| (batch, act)))
            .filter(|(batch, act)| selection.takes(batch, act))
            .map(|(_, act)| act.instance_id().to_owned())
            .collect();
        if ids.is_empty() {
            return Ok(UndoPreview {
                plan: UndoPlan::default(),
                unread_policy: None,
            });
        }
        let ids: Vec<String> = ids.into_iter().collect();
        let live = resources::describe_unplaced(&self.ec2, &ids).await?;
        let policy = read_policy(&self.dynamodb, &self.policy_table).await;
        let facts = UndoFacts {
            history: &history,
            at_work: &at_work,
            live: &live,
            policy: policy.as_ref().ok(),
            now: self.clock.now(),
        };
        Ok(UndoPreview {
            plan: plan(selection, &facts),
            unread_policy: policy.err(),
        })
    }

    /// Carries `shown` out, a plan that was made for `selection`: as much of it as a plan made now would still hold.
    ///
    /// It is written down before it is done and completed after, as every act is.
    ///
    /// # Errors
    /// What the plan is made of cannot be read again: nothing was done.
    pub async fn execute(
        &self,
        selection: &Selection,
        shown: &UndoPlan,
    ) -> Result<UndoResult, UndoError> {
        let started_at = self.clock.now();
        let mut work = self.confirm(selection, shown).await?;
        let run_id = RunId::new(started_at, "");
        let lease = started_at.checked_add_signed(LONGEST).unwrap_or(started_at);
        let trigger = TRIGGER.to_owned();
        // What is taken back was seen to be there: only a run that is still at it stands against it, not one whose act may
        // just not show yet.
        let shows_at = started_at
            .checked_add_signed(AFTER_TAG)
            .unwrap_or(started_at);
        let mut writer = Writer::new(&self.ledger, run_id.clone(), trigger, lease, true);
        let begun = writer.begin_tags(&work.acts(), shows_at).await;
        for act in &begun.contended {
            work.settle(act, UndoOutcome::Spared(KeepReason::Contended));
        }
        for (act, failure) in &begun.failed {
            work.settle(act, UndoOutcome::Failed(failure.text.clone()));
        }
        let mut batches = begun.batches;
        if batches.is_empty() {
            return Ok(work.end(None));
        }
        self.confirm_claimed(&mut batches, &mut work).await;
        self.take_back(&mut batches, &mut work).await;
        writer.complete(&batches).await;
        let acts = batches.iter().flat_map(|batch| &batch.acts);
        let is_known = acts
            .map(|act| act.state)
            .all(|state| state != ActState::Begun);
        writer.end(is_known).await;
        Ok(work.end(Some(run_id)))
    }

    /// Plans again, with everything read again, and spares what is not as it was shown.
    async fn confirm(&self, selection: &Selection, shown: &UndoPlan) -> Result<Work, UndoError> {
        let first = shown.steps.iter().map(|step| step.written.at).min();
        let since = first.unwrap_or_else(|| self.clock.now());
        let now = self.preview_since(since, selection).await?.plan;
        let still = now.steps.iter().map(|step| (step.written.place(), step));
        let still: BTreeMap<_, _> = still.collect();
        let left = now.left.iter().map(|left| (left.written.place(), left));
        let left: BTreeMap<_, _> = left.collect();
        let outcome = |step: &UndoStep| match still.get(&step.written.place()) {
            Some(still) if still.written == step.written => None,
            Some(still) => Some(KeepReason::WrittenAgain {
                run_id: still.written.run_id.clone(),
            }),
            None => {
                let left = left.get(&step.written.place());
                Some(left.map_or(KeepReason::Removed, |left| left.reason.clone()))
            }
        };
        let steps = shown.steps.iter().map(|step| {
            let outcome = outcome(step).map(UndoOutcome::Spared);
            (place(step), (step.clone(), outcome))
        });
        Ok(Work {
            steps: steps.collect(),
        })
    }

    /// Spares what must not be taken back any more. The instances are claimed by now, so another undo that took tags of
    /// them has ended, and its work shows: two undos never leave an instance without tags.
    async fn confirm_claimed(&self, batches: &mut [Batch], work: &mut Work) {
        let acts = batches.iter().flat_map(|batch| &batch.acts);
        let ids: BTreeSet<String> = acts.map(|act| act.instance_id().to_owned()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut kept: BTreeMap<TagOnResource, UndoOutcome> = BTreeMap::new();
        let steps: Vec<UndoStep> = work.waiting().cloned().collect();
        match self.live_with_history(&ids).await {
            Ok((live, history)) => {
                let policy = read_policy(&self.dynamodb, &self.policy_table).await;
                let facts = UndoFacts {
                    history: &history,
                    at_work: &BTreeSet::new(),
                    live: &live,
                    policy: policy.as_ref().ok(),
                    now: self.clock.now(),
                };
                for left in unsafe_steps(steps, &facts) {
                    let (id, key) = left.written.place();
                    let place = (id.to_owned(), key.to_owned());
                    kept.insert(place, UndoOutcome::Spared(left.reason));
                }
            }
            Err(error) => {
                let failed = UndoOutcome::Failed(error.to_string());
                kept.extend(steps.iter().map(|step| (place(step), failed.clone())));
            }
        }
        for act in batches.iter_mut().flat_map(|batch| &mut batch.acts) {
            let Some(outcome) = act_place(act).and_then(|place| kept.remove(&place)) else {
                continue;
            };
            note(act, &outcome);
            work.settle(act, outcome);
        }
    }

    /// The instances as they are now, and the acts of the time for which EC2 may not show what an undo took away.
    async fn live_with_history(
        &self,
        ids: &[String],
    ) -> Result<(Vec<Resource>, Vec<Batch>), AwsError> {
        let live = resources::describe_unplaced(&self.ec2, ids).await?;
        let now = self.clock.now();
        let since = now.checked_sub_signed(SHOWN_FOR).unwrap_or(now);
        Ok((live, self.ledger.batches_since(since).await?))
    }

    /// Takes the tags back, and says of each act how far it got. One whose end cannot be seen stays begun.
    async fn take_back(&self, batches: &mut [Batch], work: &mut Work) {
        let mut results = self.delete(work).await;
        results.extend(self.empty(work).await);
        let ids: BTreeSet<String> = results.keys().map(|(id, _)| id.clone()).collect();
        let live = self.live(ids).await;
        for act in batches.iter_mut().flat_map(|batch| &mut batch.acts) {
            let Some(place) = act_place(act) else {
                continue;
            };
            let Some(outcome) = results.remove(&place) else {
                continue;
            };
            let outcome = match outcome {
                Taken::Unclear(why) => {
                    work.settle(act, UndoOutcome::Failed(why));
                    continue;
                }
                Taken::Settled(UndoOutcome::Done) => match &live {
                    Ok(live) => seen(act, live),
                    Err(error) => {
                        let why =
                            format!("EC2 accepted the call, but did not say how it ended: {error}");
                        work.settle(act, UndoOutcome::Failed(why));
                        continue;
                    }
                },
                Taken::Settled(other) => other,
            };
            note(act, &outcome);
            work.settle(act, outcome);
        }
    }

    /// Takes away the tags that were not there: one call for all instances that have the same ones.
    async fn delete(&self, work: &Work) -> BTreeMap<TagOnResource, Taken> {
        let mut results = BTreeMap::new();
        for (tags, ids) in sets(work.waiting().filter(|step| step.before == Before::Missing)) {
            for (id, outcome) in delete_tags(&self.ec2, ids, &tags).await {
                for (key, _) in &tags {
                    let place = (id.clone(), key.clone());
                    results.insert(place, taken(&outcome));
                }
            }
        }
        results
    }

    /// Gives the tags that were there their empty values back. EC2 has no call that compares first, so they are looked at right before.
    async fn empty(&self, work: &Work) -> BTreeMap<TagOnResource, Taken> {
        let mut results = BTreeMap::new();
        let ids: BTreeSet<String> = work
            .waiting()
            .filter(|step| step.before != Before::Missing)
            .map(|step| step.written.instance_id.clone())
            .collect();
        let live = self.live(ids).await;
        let mut unchanged = Vec::new();
        for step in work.waiting() {
            let Before::Empty { value: before } = &step.before else {
                continue;
            };
            let value = match &live {
                Ok(live) => value_of(step.written.place(), live),
                Err(error) => {
                    let failed = UndoOutcome::Failed(error.to_string());
                    results.insert(place(step), Taken::Settled(failed));
                    continue;
                }
            };
            match changed(value, &step.written.value) {
                None => unchanged.push((step, before.as_str())),
                Some(reason) => {
                    let spared = UndoOutcome::Spared(reason);
                    results.insert(place(step), Taken::Settled(spared));
                }
            }
        }
        let restored = group_by_tags(unchanged.into_iter().map(|(step, before)| {
            let (id, key) = step.written.place();
            (id, key, before)
        }));
        let memory = KeyMemory::default();
        for (tags, ids) in restored {
            let tags = tags.into_iter().collect();
            let leave = || Leave::Go;
            for done in create_tags(&self.ec2, ids, tags, &memory, leave).await {
                results.insert((done.id, done.key), taken(&done.outcome));
            }
        }
        results
    }

    /// The instances as they are now, by id.
    async fn live(&self, ids: BTreeSet<String>) -> Result<Live, AwsError> {
        let ids: Vec<String> = ids.into_iter().collect();
        let live = resources::describe_unplaced(&self.ec2, &ids).await?;
        Ok(live.into_iter().map(|it| (it.id.clone(), it)).collect())
    }
}

/// Instances by id.
type Live = BTreeMap<String, Resource>;

/// The tags to take back: each set is one call.
fn sets<'a>(steps: impl IntoIterator<Item = &'a UndoStep>) -> BTreeMap<Tags, Vec<String>> {
    group_by_tags(steps.into_iter().map(|step| {
        let written = &step.written;
        let id = written.instance_id.as_str();
        (id, written.tag_key.as_str(), written.value.as_str())
    }))
}

/// Takes `tags` away from every one of `ids`, each only where it still has exactly this value: EC2 itself compares, so
/// a value that somebody sets at this very moment stays. That it stayed is no error.
///
/// See [DeleteTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html).
async fn delete_tags(ec2: &Ec2, ids: Vec<String>, tags: &Tags) -> Vec<(String, Outcome)> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    calls::set_aside(ids, async |ids: &[String]| {
        let request = ec2.to_delete_tags().await.delete_tags();
        let request = request.set_tags(Some(tags.clone()));
        match request.set_resources(Some(ids.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:DeleteTags", &error)),
        }
    })
    .await
}

/// What a call says of one tag.
enum Taken {
    Settled(UndoOutcome),
    /// It may have been carried out: the act stays begun, and the next run of the remediation looks.
    Unclear(String),
}

fn taken(outcome: &Outcome) -> Taken {
    Taken::Settled(match outcome {
        Outcome::Done => UndoOutcome::Done,
        Outcome::Refused(Reason::Vanished) => UndoOutcome::Spared(KeepReason::InstanceGone),
        Outcome::Refused(reason) | Outcome::Deferred(reason) => {
            UndoOutcome::Failed(reason.to_string())
        }
        Outcome::Failed(failure) => UndoOutcome::Failed(failure.text.clone()),
        Outcome::Unclear(failure) => return Taken::Unclear(failure.text.clone()),
        Outcome::WouldDo => return Taken::Unclear("nothing is known of it".to_owned()),
    })
}

/// What the instance shows of an act that EC2 took. Another value than the one to remove shows that somebody
/// changed the tag first. The old value proves nothing, because EC2 shows a change a little later.
fn seen(act: &Act, live: &Live) -> UndoOutcome {
    if act.tag_value().is_some() {
        // It was looked at right before, and is empty now or was filled since.
        return UndoOutcome::Done;
    }
    let key = act.tag_key().unwrap_or_default();
    let written = act.tags_before.get(key).map(String::as_str);
    match value_of((act.instance_id(), key), live) {
        Some(now) if Some(now) != written => UndoOutcome::Spared(KeepReason::Changed {
            now: now.to_owned(),
        }),
        _ => UndoOutcome::Done,
    }
}

/// Why the tag with this value is not as it was written; `None` if it is.
fn changed(value: Option<&str>, written: &str) -> Option<KeepReason> {
    match value {
        None => Some(KeepReason::Removed),
        Some(now) if now == written => None,
        Some(now) => Some(KeepReason::Changed {
            now: now.to_owned(),
        }),
    }
}

fn value_of<'a>((id, key): (&str, &str), live: &'a Live) -> Option<&'a str> {
    let instance = live.get(id)?;
    instance.tags.get(key).map(String::as_str)
}

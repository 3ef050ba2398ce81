//! What is remembered of each resource: one item, whose revision every change increases. The claims of its tags are in it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::builders::PutBuilder;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tagwarden_aws::AwsError;
use tagwarden_core::TagRule;

use super::Ledger;
use super::act::{Batch, stored};
use super::claim::{Claims, claimed_after};
use super::items::{self, LedgerItem, expires, key, number};
use super::pauses::PausedTags;
use super::transaction::{
    ATTEMPTS, LARGEST_BATCH, MOST_WRITES, Transaction, TransactionResult, busy,
};
use crate::plan::{Act, ActState, Memory, Reason, RemedyName, TagClaim, rule_note};

/// The sort key of what is remembered of a resource.
pub(super) const MEMORY: &str = "memory";

/// The most resources whose tags are begun in one batch: beginning it writes what is remembered of each, the mark and the
/// batch.
const MOST_TAGGED: usize = MOST_WRITES - 2;

/// What is remembered of resources, by id.
pub(crate) type Memories = BTreeMap<String, Memory>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredMemory {
    pk: String,
    #[serde(flatten)]
    memory: Memory,
}

impl Ledger {
    /// What is remembered of those of `ids` of which anything is, one call for each 100.
    ///
    /// # Errors
    /// DynamoDB cannot be asked, or holds something else; the error names the item.
    pub(crate) async fn memories<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i String>,
    ) -> Result<Memories, AwsError> {
        let ids: BTreeSet<&String> = ids.into_iter().collect();
        let keys: Vec<LedgerItem> = ids.into_iter().map(|id| key(id, MEMORY)).collect();
        let stored = self.batch_get::<StoredMemory>(&keys).await?.into_iter();
        Ok(stored.map(|it| (it.pk, it.memory)).collect())
    }

    /// Remembers who launched these resources, by id. What is remembered already is not written.
    ///
    /// # Errors
    /// DynamoDB did not take it all.
    pub(crate) async fn remember_launchers(
        &self,
        launchers: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        self.remember(launchers.keys(), |id, memory| {
            let launcher = launchers.get(id);
            let is_new = memory.launched_by.as_ref() != launcher;
            memory.launched_by = launcher.cloned();
            is_new
        })
        .await
    }

    /// Remembers that exemptions of these resources, which cannot be read, were first reported at `now`. What is
    /// remembered already is not written.
    ///
    /// # Errors
    /// DynamoDB did not take it all.
    pub(crate) async fn remember_unreadable_exemptions(
        &self,
        ids: &BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Result<(), AwsError> {
        self.remember(ids, |_, memory| {
            let is_new = memory.unreadable_exemption_since.is_none();
            memory
                .unreadable_exemption_since
                .get_or_insert(now.timestamp_millis());
            is_new
        })
        .await
    }

    /// Remembers that these tags, by resource, wait for a source of their values since `now`. What is remembered already is
    /// not written.
    ///
    /// # Errors
    /// DynamoDB did not take it all.
    pub(crate) async fn remember_waits(
        &self,
        keys: &BTreeMap<String, BTreeSet<String>>,
        now: DateTime<Utc>,
    ) -> Result<(), AwsError> {
        self.remember(keys.keys(), |id, memory| {
            let mut is_new = false;
            for key in keys.get(id).into_iter().flatten() {
                is_new |= !memory.waits_since.contains_key(key);
                let since = memory.waits_since.entry(key.clone());
                since.or_insert(now.timestamp_millis());
            }
            is_new
        })
        .await
    }

    /// Has tags restored again, by instance, that somebody kept removing.
    ///
    /// # Errors
    /// DynamoDB did not take it all.
    pub(super) async fn resume_memories(&self, tags: &PausedTags) -> Result<(), AwsError> {
        self.remember(tags.keys(), |id, memory| {
            let mut is_changed = false;
            for tag_key in tags.get(id).into_iter().flatten() {
                is_changed |= memory.resume(tag_key);
            }
            is_changed
        })
        .await
    }

    /// Changes the memories of `ids` by `change`, which says whether there was anything to change.
    async fn remember<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i String>,
        change: impl Fn(&str, &mut Memory) -> bool,
    ) -> Result<(), AwsError> {
        let mut waiting: BTreeSet<&String> = ids.into_iter().collect();
        for attempt in 0..ATTEMPTS {
            let mut memories = self.memories(waiting.iter().copied()).await?;
            waiting.retain(|id| {
                let memory = memories.entry((*id).clone()).or_default();
                change(id.as_str(), memory)
            });
            if waiting.is_empty() {
                return Ok(());
            }
            let ids: Vec<&String> = waiting.iter().copied().collect();
            for ids in ids.chunks(MOST_WRITES) {
                let mut transaction = Transaction::default();
                for id in ids {
                    let mut memory = memories.remove(*id).unwrap_or_default();
                    transaction.add(self.put_memory(id, &mut memory)?)?;
                }
                self.transact(transaction).await?;
            }
            // What another run has changed meanwhile is read again.
            if attempt > 0 {
                self.pause(attempt).await;
            }
        }
        Err(busy())
    }

    /// Puts `memory` in the place of the revision that it was read as, and gives it the next.
    pub(super) fn put_memory(&self, id: &str, memory: &mut Memory) -> Result<PutBuilder, AwsError> {
        let old = memory.revision;
        let put = self.put_memory_anyway(id, memory)?;
        Ok(if old == 0 {
            put.condition_expression("attribute_not_exists(Pk)")
        } else {
            put.condition_expression("Revision = :revision")
                .expression_attribute_values(":revision", number(old))
        })
    }

    /// The same, whatever is there.
    pub(super) fn put_memory_anyway(
        &self,
        id: &str,
        memory: &mut Memory,
    ) -> Result<PutBuilder, AwsError> {
        memory.revision = memory.revision.saturating_add(1);
        let mut item = items::item(key(id, MEMORY), memory)?;
        item.extend([expires(self.clock.now())]);
        Ok(self.put(item))
    }

    /// Completes batches of tags: what became of their acts, and what of their claims.
    ///
    /// `memories` are those that the run has written. One that another run has changed since is read again.
    ///
    /// # Errors
    /// DynamoDB did not take them all.
    pub(super) async fn complete_tags(
        &self,
        batches: &[&Batch],
        claims: Claims,
        memories: &mut Memories,
    ) -> Result<(), AwsError> {
        let mut together: Vec<&Batch> = Vec::new();
        let mut writes = 0;
        for batch in batches {
            let items = 1 + ending(batch, claims).len();
            if writes + items > MOST_WRITES {
                self.complete_together(&std::mem::take(&mut together), claims, memories)
                    .await?;
                writes = 0;
            }
            writes += items;
            together.push(batch);
        }
        self.complete_together(&together, claims, memories).await
    }

    async fn complete_together(
        &self,
        batches: &[&Batch],
        claims: Claims,
        memories: &mut Memories,
    ) -> Result<(), AwsError> {
        if batches.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut unread: BTreeSet<String> = batches
            .iter()
            .flat_map(|batch| ending(batch, claims).into_keys())
            .filter(|id| !memories.contains_key(*id))
            .map(ToOwned::to_owned)
            .collect();
        for attempt in 0..ATTEMPTS {
            if !unread.is_empty() {
                let read = self.memories(&unread).await?;
                memories.retain(|id, _| !unread.contains(id));
                memories.extend(read);
                unread.clear();
            }
            let mut transaction = Transaction::default();
            let mut written: BTreeMap<String, Memory> = BTreeMap::new();
            for batch in batches {
                transaction.add(self.put(stored(batch, now)?))?;
                for (id, acts) in ending(batch, claims) {
                    let of_other_batch = written.get(id);
                    let known = of_other_batch.or_else(|| memories.get(id)).cloned();
                    // What has expired meanwhile needs no end.
                    let Some(mut memory) = known else { continue };
                    if end(&mut memory, &acts, batch, claims, now) {
                        written.insert(id.to_owned(), memory);
                    }
                }
            }
            let mut positions: BTreeMap<usize, String> = BTreeMap::new();
            for (id, memory) in &mut written {
                let position = transaction.add(self.put_memory(id, memory)?)?;
                positions.insert(position, id.clone());
            }
            match self.transact(transaction).await? {
                TransactionResult::Yes => {
                    memories.extend(written);
                    return Ok(());
                }
                TransactionResult::Refused(refused) => {
                    let changed = refused.iter().filter_map(|it| positions.remove(it));
                    unread = changed.collect();
                }
                TransactionResult::Busy => {}
            }
            self.pause(attempt).await;
        }
        Err(busy())
    }
}

/// The acts of `batch` whose memory changes as they are completed, by resource.
fn ending(batch: &Batch, claims: Claims) -> BTreeMap<&str, Vec<&Act>> {
    let mut ending: BTreeMap<&str, Vec<&Act>> = BTreeMap::new();
    for act in &batch.acts {
        let changes = match act.state {
            ActState::Begun => false,
            ActState::Done => claims == Claims::End,
            _ => true,
        };
        if changes {
            ending.entry(act.instance_id()).or_default().push(act);
        }
    }
    ending
}

/// Notes in `memory` what became of `acts`; gives whether that changes it.
fn end(
    memory: &mut Memory,
    acts: &[&Act],
    batch: &Batch,
    claims: Claims,
    now: DateTime<Utc>,
) -> bool {
    let mut is_changed = false;
    for act in acts {
        let Some(tag_key) = act.tag_key() else {
            continue;
        };
        if act.state != ActState::Done {
            is_changed |= memory.forget(tag_key, batch.begun_at);
        }
        if claims != Claims::Stay
            && let Some(until) = claimed_after(act, now)
        {
            is_changed |= memory.end_claim(tag_key, &batch.run_id, until);
        }
    }
    is_changed
}

/// What each rule writes, by its number.
pub(super) type Rules = BTreeMap<i64, TagRule>;

/// Acts on tags that must not begin.
#[derive(Debug, Default)]
pub(super) struct BarredActs {
    /// Another run has claimed them.
    pub(super) contended: Vec<Act>,
    /// What is remembered of their resources stands against them.
    pub(super) refused: Vec<(Act, Reason)>,
}

/// Takes out of `acts` those that a run which read the resources at `read_at` must not begin.
pub(super) fn take_out(
    acts: &mut Vec<Act>,
    memories: &Memories,
    rules: &Rules,
    read_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> BarredActs {
    let mut barred = BarredActs::default();
    for act in std::mem::take(acts) {
        let memory = memories.get(act.instance_id()).zip(act.tag_key());
        // An undo claims the whole resource, because two of them must not leave it without tags.
        let is_contended = memory.is_some_and(|(memory, tag_key)| match act.remedy {
            RemedyName::Untag => memory.has_claim(read_at),
            _ => memory.is_claimed(tag_key, read_at),
        });
        let rule = act.rule_id().and_then(|rule_id| rules.get(&rule_id));
        let rule = rule.filter(|_| act.remedy == RemedyName::Tag);
        let paused_until = memory
            .zip(rule)
            .and_then(|((memory, _), rule)| memory.paused_until(rule, now));
        if is_contended {
            barred.contended.push(act);
        } else if let Some(until) = paused_until {
            let until = until.date_naive();
            barred
                .refused
                .push((act, Reason::RemovedRepeatedly { until, by: None }));
        } else {
            acts.push(act);
        }
    }
    barred
}

/// Notes in `memory` that `act`, which is one of `batch`, is about to be done by `lease`.
pub(super) fn claim(
    memory: &mut Memory,
    act: &Act,
    batch: &Batch,
    rules: &Rules,
    lease: DateTime<Utc>,
) {
    let Some(tag_key) = act.tag_key() else {
        return;
    };
    let rule = act.rule_id().and_then(|rule_id| rules.get(&rule_id));
    let rule = rule.map(rule_note);
    memory.claim(TagClaim {
        tag_key,
        value: act.tag_value().filter(|_| act.remedy == RemedyName::Tag),
        rule: rule.as_deref(),
        run_id: &batch.run_id,
        until: lease,
        at: batch.begun_at,
    });
}

/// Splits acts on tags into batches that one transaction begins. All acts on a resource are in one batch, because they
/// change what is remembered of it together.
pub(super) fn tag_batches(acts: &[Act]) -> Vec<Vec<Act>> {
    let mut acts_of: BTreeMap<&str, Vec<&Act>> = BTreeMap::new();
    let mut in_order: Vec<&str> = Vec::new();
    for act in acts {
        let of_one = acts_of.entry(act.instance_id()).or_default();
        if of_one.is_empty() {
            in_order.push(act.instance_id());
        }
        of_one.push(act);
    }
    let mut batches: Vec<Vec<Act>> = Vec::new();
    let (mut tagged, mut bytes) = (MOST_TAGGED, 0);
    for id in in_order {
        let of_one = acts_of.remove(id).unwrap_or_default();
        let size: usize = of_one.iter().map(|act| act.size()).sum();
        if tagged == MOST_TAGGED || bytes + size > LARGEST_BATCH {
            batches.push(Vec::new());
            (tagged, bytes) = (0, 0);
        }
        tagged += 1;
        bytes += size;
        if let Some(batch) = batches.last_mut() {
            batch.extend(of_one.into_iter().cloned());
        }
    }
    batches
}

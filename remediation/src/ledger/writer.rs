//! Writes acts down: begins and completes them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_core::TagRule;

use super::Ledger;
use super::act::{Batch, stored};
use super::budget::Budget;
use super::claim::{Claim, ClaimName, Claims};
use super::countdowns::countdown_item;
use super::items::{self, LedgerItem, PUT, key, number, text};
use super::memory::{self, Memories, Rules};
use super::notes::BATCH_GET_LIMIT;
use super::open_runs::OpenMark;
use super::transaction::{
    ATTEMPTS, LARGEST_BATCH, MOST_WRITES, Transaction, TransactionResult, busy,
};
use crate::plan::{Act, ActState, Countdown, CountdownName, Reason, RemedyName, StepFailure};
use crate::run_id::RunId;

/// The most stops and terminations of one batch: beginning it writes a claim and a countdown for each, the mark, the
/// batch and the budget; completing it writes a claim and a countdown for each, the batch and the budget.
const MOST_SHUTDOWNS: usize = (MOST_WRITES - 3) / 2;

/// Writes down the acts of one run.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    ledger: &'a Ledger,
    run_id: RunId,
    trigger: String,
    /// When the run's function has ended at the latest.
    lease: DateTime<Utc>,
    /// Whether claims of other runs are respected: always, except in a test.
    claims: bool,
    /// How many batches were begun, or may have been.
    batches: u32,
    /// What is remembered of the resources, as far as it was read or written.
    memories: Memories,
    /// What each rule writes, by its number.
    rules: Rules,
    /// Whether a batch, or part of it, could not be completed. The run then stays open, and the next run finds out what was
    /// done.
    is_incomplete: bool,
}

/// The terms on which acts begin.
#[derive(Clone, Copy, Debug)]
struct Want<'w> {
    /// How many stops and terminations an hour may see; none for tags.
    limit: Option<usize>,
    /// When their instances were read; none where they are read after the acts have begun.
    read_at: Option<DateTime<Utc>>,
    /// The countdowns of the acts, by instance: an act begins only if its countdown is still as it was read.
    standing: &'w BTreeMap<String, (CountdownName, Countdown)>,
}

/// Which acts began, and which did not.
#[derive(Debug, Default)]
pub(crate) struct BeginResult {
    /// They are written down, and can be done.
    pub(crate) batches: Vec<Batch>,
    /// Another run does the same to their instances right now.
    pub(crate) contended: Vec<Act>,
    /// There is no budget for them.
    pub(crate) over_budget: Vec<Act>,
    /// They are not to be done, as what is remembered of their resources shows.
    pub(crate) refused: Vec<(Act, Reason)>,
    /// They could not be written down, so they must not be done.
    pub(crate) failed: Vec<(Act, StepFailure)>,
}

impl<'a> Writer<'a> {
    /// Writes for the run `run_id`, started by `trigger`, whose function is ended by `lease`; it keeps to the claims of
    /// others if `claims`.
    pub(crate) fn new(
        ledger: &'a Ledger,
        run_id: RunId,
        trigger: String,
        lease: DateTime<Utc>,
        claims: bool,
    ) -> Self {
        Self {
            ledger,
            run_id,
            trigger,
            lease,
            claims,
            batches: 0,
            memories: Memories::new(),
            rules: Rules::new(),
            is_incomplete: false,
        }
    }

    /// Takes what was read of the ledger already, and the rules by which the acts were planned.
    pub(crate) fn know(&mut self, memories: &Memories, rules: &[TagRule]) {
        self.memories = memories.clone();
        self.rules = rules.iter().map(|it| (it.id, it.clone())).collect();
    }

    /// Begins tag writes to instances that were read at `read_at` or later.
    pub(crate) async fn begin_tags(&mut self, acts: &[Act], read_at: DateTime<Utc>) -> BeginResult {
        let mut begun = BeginResult::default();
        let mut acts = acts.to_vec();
        // A large run does without, because to write a tag twice does no harm.
        if self.claims && acts.len() <= BATCH_GET_LIMIT {
            match self.ledger.claimed_by_older_version(&acts, read_at).await {
                Ok(claimed) => {
                    let contended = acts.extract_if(.., |it| claimed.contains(&ClaimName::of(it)));
                    begun.contended.extend(contended);
                }
                Err(error) => {
                    let failure = StepFailure::from(&error);
                    let failed = acts.into_iter().map(|act| (act, failure.clone()));
                    begun.failed.extend(failed);
                    return begun;
                }
            }
        }
        for acts in memory::tag_batches(&acts) {
            let want = Want {
                limit: None,
                read_at: Some(read_at),
                standing: &BTreeMap::new(),
            };
            self.begin(acts, want, &mut begun).await;
        }
        begun
    }

    /// Begins as many of these stops and terminations, one an instance, as `limit` an hour leaves; those that do not
    /// fit into one batch are given back.
    pub(crate) async fn begin_shutdowns(
        &mut self,
        mut acts: Vec<Act>,
        limit: usize,
        standing: &BTreeMap<String, (CountdownName, Countdown)>,
    ) -> (BeginResult, Vec<Act>) {
        let mut bytes = 0;
        let fits = |act: &&Act| {
            bytes += act.size();
            bytes <= LARGEST_BATCH
        };
        let fitting = acts.iter().take(MOST_SHUTDOWNS).take_while(fits).count();
        // One instance's tags always fit.
        let rest = acts.split_off(fitting.max(1).min(acts.len()));
        let mut begun = BeginResult::default();
        let want = Want {
            limit: Some(limit),
            read_at: None,
            standing,
        };
        self.begin(acts, want, &mut begun).await;
        (begun, rest)
    }

    async fn begin(&mut self, mut acts: Vec<Act>, want: Want<'_>, begun: &mut BeginResult) {
        if let Err(error) = self.try_to_begin(&mut acts, want, begun).await {
            // It may have been written down all the same: the number is used up, and the next run is to look.
            self.batches += 1;
            self.is_incomplete = true;
            let failure = StepFailure::from(&error);
            begun
                .failed
                .extend(acts.into_iter().map(|act| (act, failure.clone())));
        }
    }

    /// Begins `acts` as one batch, and takes out those that must not begin.
    ///
    /// # Errors
    /// DynamoDB did not take them: none was begun.
    async fn try_to_begin(
        &mut self,
        acts: &mut Vec<Act>,
        want: Want<'_>,
        begun: &mut BeginResult,
    ) -> Result<(), AwsError> {
        for attempt in 0..ATTEMPTS {
            // The budget comes first, because it decides how many acts the batch holds.
            let budget = match want.limit {
                None => None,
                Some(limit) => {
                    let budget = self.ledger.budget().await?;
                    let left = budget.left(limit, self.ledger.clock.now());
                    begun
                        .over_budget
                        .extend(acts.split_off(acts.len().min(left)));
                    Some(budget)
                }
            };
            if let Some(read_at) = want.read_at.filter(|_| self.claims) {
                let now = self.ledger.clock.now();
                let barred = memory::take_out(acts, &self.memories, &self.rules, read_at, now);
                begun.contended.extend(barred.contended);
                begun.refused.extend(barred.refused);
            }
            if acts.is_empty() {
                return Ok(());
            }
            // Batch, claims, budget and mark are written together or not at all.
            let batch = Batch {
                run_id: self.run_id.clone(),
                number: self.batches + 1,
                trigger: self.trigger.clone(),
                begun_at: self.ledger.clock.now(),
                acts: acts.clone(),
            };
            let (transaction, claims, memories) = self.beginning(&batch, budget, want.standing)?;
            match self.ledger.transact(transaction).await? {
                TransactionResult::Yes => {
                    self.batches += 1;
                    self.memories.extend(memories);
                    begun.batches.push(batch);
                    return Ok(());
                }
                TransactionResult::Refused(positions) => {
                    // The mark is the first write: if it is not ours any more, the run has no right to act.
                    if positions.contains(&0) {
                        return Err(AwsError::unexpected(
                            PUT,
                            "another run has taken over this run",
                        ));
                    }
                    let claimed = positions.iter().filter_map(|position| claims.get(position));
                    let claimed: BTreeSet<String> = claimed.cloned().collect();
                    if want.limit.is_none() {
                        // What is remembered is not known, or another run has changed it: the next attempt goes by what
                        // it is now.
                        let read = self.ledger.memories(&claimed).await?;
                        self.memories.retain(|id, _| !claimed.contains(id));
                        self.memories.extend(read);
                        continue;
                    }
                    // What another run has claimed is left to that run, and the rest is tried at once.
                    let contended = acts.extract_if(.., |act| claimed.contains(act.instance_id()));
                    begun.contended.extend(contended);
                    // Otherwise the budget was refused, because another run changed it meanwhile.
                    if !claimed.is_empty() {
                        continue;
                    }
                }
                TransactionResult::Busy => {}
            }
            self.ledger.pause(attempt).await;
        }
        Err(busy())
    }

    /// The transaction that begins `batch`, with the mark of the run first; which instance is claimed at which position;
    /// and what is remembered of the instances once it is carried out.
    fn beginning(
        &self,
        batch: &Batch,
        budget: Option<Budget>,
        standing: &BTreeMap<String, (CountdownName, Countdown)>,
    ) -> Result<(Transaction, BTreeMap<usize, String>, Memories), AwsError> {
        let ledger = self.ledger;
        let now = batch.begun_at;
        let mut transaction = Transaction::default();
        let mark = ledger
            .put(OpenMark::new(&self.run_id, self.lease).item()?)
            .condition_expression("attribute_not_exists(Pk) OR HeldBy = :by")
            .expression_attribute_values(":by", text(self.run_id.as_str()));
        transaction.add(mark)?;
        transaction.add(ledger.put(stored(batch, now)?))?;
        if let Some(budget) = budget {
            let taken = budget.taken(
                &self.run_id,
                batch.number,
                batch.acts.len(),
                self.lease,
                now,
            );
            transaction.add(ledger.put_budget(&budget, &taken)?)?;
        }
        let mut claims = BTreeMap::new();
        let mut memories = Memories::new();
        for act in &batch.acts {
            if act.remedy.is_destructive() {
                let claim = Claim::of(act, &self.run_id, self.lease);
                let mut put = ledger.put(claim_item(&claim)?);
                if self.claims {
                    put = put
                        .condition_expression("attribute_not_exists(Pk) OR ClaimedUntil < :looked")
                        .expression_attribute_values(":looked", number(now.timestamp_millis()));
                }
                claims.insert(transaction.add(put)?, act.instance_id().to_owned());
            } else {
                let known = || self.memories.get(act.instance_id()).cloned();
                let memory = memories
                    .entry(act.instance_id().to_owned())
                    .or_insert_with(|| known().unwrap_or_default());
                memory::claim(memory, act, batch, &self.rules, self.lease);
            }
            if let Some((name, countdown)) = standing.get(act.instance_id()) {
                let put = ledger.put_countdown(name, Some(countdown), &countdown.seen(now))?;
                claims.insert(transaction.add(put)?, act.instance_id().to_owned());
            }
        }
        for (id, memory) in &mut memories {
            let put = if self.claims {
                ledger.put_memory(id, memory)?
            } else {
                ledger.put_memory_anyway(id, memory)?
            };
            claims.insert(transaction.add(put)?, id.clone());
        }
        Ok((transaction, claims, memories))
    }

    /// Completes `batches`, whose acts say now how far they got.
    ///
    /// What cannot be written is logged and leaves the run open: the next run finds out what was done.
    pub(crate) async fn complete(&mut self, batches: &[Batch]) {
        let mut acts = batches.iter().flat_map(|batch| &batch.acts);
        self.is_incomplete |= acts.any(|act| act.state == ActState::Begun);
        let memories = &mut self.memories;
        if let Err(error) = self.ledger.complete(batches, Claims::End, memories).await {
            tracing::error!("acts could not be completed in the ledger: {error}");
            self.is_incomplete = true;
        }
    }

    /// Whether the run has begun an act, or may have.
    pub(crate) fn has_begun(&self) -> bool {
        self.batches > 0
    }

    /// Ends the run. Everything it did has been reported, or could not be.
    pub(crate) async fn end(&self, is_reported: bool) {
        if !self.has_begun() {
            return;
        }
        let is_over = is_reported && !self.is_incomplete;
        self.ledger
            .let_go(&self.run_id, &self.run_id, is_over)
            .await;
    }
}

impl Ledger {
    /// Completes batches of any run, several in one transaction where they fit. `memories` are those that the run has
    /// written.
    ///
    /// # Errors
    /// DynamoDB did not take them all.
    pub(crate) async fn complete(
        &self,
        batches: &[Batch],
        claims: Claims,
        memories: &mut Memories,
    ) -> Result<(), AwsError> {
        let (shutdowns, tags): (Vec<&Batch>, Vec<&Batch>) = batches
            .iter()
            .partition(|batch| batch.acts.iter().any(|act| act.remedy.is_destructive()));
        for batch in shutdowns {
            self.complete_shutdowns(batch, claims).await?;
        }
        let acts = tags.iter().flat_map(|batch| &batch.acts);
        let tagged: BTreeSet<&str> = acts.map(Act::instance_id).collect();
        let claims = match claims {
            Claims::End if tagged.len() + tags.len() > MOST_WRITES => Claims::EndUndone,
            claims => claims,
        };
        self.complete_tags(&tags, claims, memories).await
    }

    pub(super) async fn write(&self, transaction: Transaction) -> Result<(), AwsError> {
        if transaction.is_empty() {
            return Ok(());
        }
        for attempt in 0..ATTEMPTS {
            if self.transact(transaction.clone()).await? == TransactionResult::Yes {
                return Ok(());
            }
            self.pause(attempt).await;
        }
        Err(busy())
    }

    async fn complete_shutdowns(&self, batch: &Batch, claims: Claims) -> Result<(), AwsError> {
        // What definitely did not happen gives its part back at once. An abandoned act counts as done, because its
        // function may still have sent the call.
        let spent = |act: &&Act| {
            matches!(
                act.state,
                ActState::Begun | ActState::Done | ActState::Abandoned
            )
        };
        let spent = batch.acts.iter().filter(spent).count();
        for attempt in 0..ATTEMPTS {
            let budget = self.budget().await?;
            let settled = budget.settled(&batch.run_id, batch.number, spent, self.clock.now());
            let mut transaction = Transaction::default();
            transaction.add(self.put_budget(&budget, &settled)?)?;
            for item in self.shutdowns_completed(batch, claims)? {
                transaction.add(self.put(item))?;
            }
            if self.transact(transaction).await? == TransactionResult::Yes {
                return Ok(());
            }
            self.pause(attempt).await;
        }
        Err(busy())
    }

    /// What to put once a batch of shutdowns has ended: itself, the claims that end with it, and which instances it
    /// stopped.
    fn shutdowns_completed(
        &self,
        batch: &Batch,
        claims: Claims,
    ) -> Result<Vec<LedgerItem>, AwsError> {
        let now = self.clock.now();
        let mut items = vec![stored(batch, now)?];
        for act in &batch.acts {
            let ends = match claims {
                Claims::End => true,
                Claims::EndUndone => act.state != ActState::Done,
                Claims::Stay => false,
            };
            if let Some(claim) = Claim::ended(act, &batch.run_id, now).filter(|_| ends) {
                items.push(claim_item(&claim)?);
            }
            if act.remedy == RemedyName::Stop
                && act.state == ActState::Done
                && act.rule_id().is_none()
            {
                let countdown = Countdown::after_stop(now);
                let name = CountdownName::of_stopped(act.instance_id());
                items.push(countdown_item(&name, &countdown)?);
            }
        }
        Ok(items)
    }

    /// When the budget has room again at the latest for one act.
    pub(crate) async fn budget_has_room_at(
        &self,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, AwsError> {
        Ok(self.budget().await?.has_room_at(now))
    }

    /// How many of the hour's `limit` stops and terminations are left, and when there is room again for one.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn budget_left(
        &self,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<(usize, DateTime<Utc>), AwsError> {
        let budget = self.budget().await?;
        Ok((budget.left(limit, now), budget.has_room_at(now)))
    }

    async fn budget(&self) -> Result<Budget, AwsError> {
        Ok(self.get(budget_key()).await?.unwrap_or_default())
    }

    /// Puts `new` in the place of `old`, if that is what is there.
    fn put_budget(
        &self,
        old: &Budget,
        new: &Budget,
    ) -> Result<aws_sdk_dynamodb::types::builders::PutBuilder, AwsError> {
        let put = self.put(items::item(budget_key(), new)?);
        Ok(if old.revision == 0 {
            put.condition_expression("attribute_not_exists(Pk)")
        } else {
            put.condition_expression("Revision = :revision")
                .expression_attribute_values(":revision", number(old.revision))
        })
    }
}

fn budget_key() -> LedgerItem {
    key("budget", "hour")
}

fn claim_item(claim: &Claim) -> Result<LedgerItem, AwsError> {
    items::item(claim.name.key(), claim)
}

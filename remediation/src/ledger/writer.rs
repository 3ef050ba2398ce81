//! Writes acts down: begins and completes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;

use super::Ledger;
use super::act::Batch;
use super::budget::Budget;
use super::claim::{Claim, ClaimName};
use super::countdowns::countdown_item;
use super::items::{self, LedgerItem, PUT, day_key, expires, key, number, text};
use super::open_runs::OpenMark;
use super::transaction::{MOST_WRITES, Transaction, TransactionResult};
use crate::plan::{Act, ActState, Countdown, CountdownName, RemedyName, StepFailure};
use crate::run_id::RunId;

/// The most tags of one batch: beginning it writes a claim for each, the mark and the batch.
const MOST_TAGS: usize = MOST_WRITES - 2;

/// The most stops and terminations of one batch: beginning it writes a claim and a countdown for each, the mark, the
/// batch and the budget; completing it writes a claim and a countdown for each, the batch and the budget.
const MOST_SHUTDOWNS: usize = (MOST_WRITES - 3) / 2;

/// The most bytes of a batch of stops and terminations, by [`Act::size`]. Such acts hold all tags of their instances, and
/// a DynamoDB item has at most 400 KB.
///
/// See [Quotas](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
const LARGEST_BATCH: usize = 200 * 1024;

/// How many times a transaction is tried that conflicts with others. Each time one of the others succeeds, so this is
/// enough for more functions at a time than an account has.
const ATTEMPTS: u32 = 60;

/// The shortest and the longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

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

/// What happens to the claims of acts that are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// They end, because the run that completes the acts holds them.
    End,
    /// Those of acts that were not done end. The others end with the run's time, because ending each of very many costs as
    /// many calls as beginning them.
    EndUndone,
    /// They stay as they are, because others may hold them by now.
    Stay,
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
            is_incomplete: false,
        }
    }

    /// Begins tag writes to instances that were read at `read_at` or later.
    pub(crate) async fn begin_tags(&mut self, acts: &[Act], read_at: DateTime<Utc>) -> BeginResult {
        let mut begun = BeginResult::default();
        for acts in acts.chunks(MOST_TAGS) {
            let want = Want {
                limit: None,
                read_at: Some(read_at),
                standing: &BTreeMap::new(),
            };
            self.begin(acts.to_vec(), want, &mut begun).await;
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
            let read_at = want.read_at.unwrap_or(batch.begun_at);
            let (transaction, claims) = self.beginning(&batch, budget, read_at, want.standing)?;
            match self.ledger.transact(transaction).await? {
                TransactionResult::Yes => {
                    self.batches += 1;
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
                    // What another run has claimed is left to that run, and the rest is tried at once.
                    let claimed = positions.iter().filter_map(|position| claims.get(position));
                    let claimed: BTreeSet<&ClaimName> = claimed.collect();
                    let contended =
                        acts.extract_if(.., |act| claimed.contains(&ClaimName::of(act)));
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

    /// The transaction that begins `batch`, with the mark of the run first; and what is claimed at which position.
    fn beginning(
        &self,
        batch: &Batch,
        budget: Option<Budget>,
        read_at: DateTime<Utc>,
        standing: &BTreeMap<String, (CountdownName, Countdown)>,
    ) -> Result<(Transaction, BTreeMap<usize, ClaimName>), AwsError> {
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
        for act in &batch.acts {
            let claim = Claim::of(act, &self.run_id, self.lease);
            let mut put = ledger.put(claim_item(&claim)?);
            if self.claims {
                put = put
                    .condition_expression("attribute_not_exists(Pk) OR ClaimedUntil < :looked")
                    .expression_attribute_values(":looked", number(read_at.timestamp_millis()));
            }
            let countdown = standing.get(act.instance_id());
            if let Some((name, countdown)) = countdown {
                let put_countdown =
                    ledger.put_countdown(name, Some(countdown), &countdown.seen(now))?;
                claims.insert(transaction.add(put_countdown)?, claim.name.clone());
            }
            claims.insert(transaction.add(put)?, claim.name);
        }
        Ok((transaction, claims))
    }

    /// Completes `batches`, whose acts say now how far they got.
    ///
    /// What cannot be written is logged and leaves the run open: the next run finds out what was done.
    pub(crate) async fn complete(&mut self, batches: &[Batch]) {
        let mut acts = batches.iter().flat_map(|batch| &batch.acts);
        self.is_incomplete |= acts.any(|act| act.state == ActState::Begun);
        if let Err(error) = self.ledger.complete(batches, Claims::End).await {
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
    /// Completes batches of any run, several in one transaction where they fit.
    ///
    /// # Errors
    /// DynamoDB did not take them all.
    pub(crate) async fn complete(&self, batches: &[Batch], claims: Claims) -> Result<(), AwsError> {
        let mut transaction = Transaction::default();
        let acts: usize = batches.iter().map(|batch| batch.acts.len()).sum();
        let claims_of_tags = match claims {
            Claims::End if acts + batches.len() > MOST_WRITES => Claims::EndUndone,
            claims => claims,
        };
        for batch in batches {
            if batch.acts.iter().any(|act| act.remedy.is_destructive()) {
                self.complete_shutdowns(batch, claims).await?;
                continue;
            }
            let claims = claims_of_tags;
            let items = self.completion(batch, claims)?;
            if transaction.len() + items.len() > MOST_WRITES {
                self.write(std::mem::take(&mut transaction)).await?;
            }
            for item in items {
                transaction.add(self.put(item))?;
            }
        }
        self.write(transaction).await
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
            for item in self.completion(batch, claims)? {
                transaction.add(self.put(item))?;
            }
            if self.transact(transaction).await? == TransactionResult::Yes {
                return Ok(());
            }
            self.pause(attempt).await;
        }
        Err(busy())
    }

    /// What to put once a batch has ended: itself, the claims that end with it, and which instances it stopped.
    fn completion(&self, batch: &Batch, claims: Claims) -> Result<Vec<LedgerItem>, AwsError> {
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
                let countdown = Countdown::starting(now);
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

    /// Waits before the next attempt: longer each time, and by chance never as long as others.
    pub(super) async fn pause(&self, attempt: u32) {
        let longest = PAUSE.saturating_mul(2_u32.saturating_pow(attempt.min(16)));
        let longest = longest.min(LONGEST_PAUSE);
        let part = fastrand::u32(1..=1_000);
        self.clock.sleep(longest.saturating_mul(part) / 1_000).await;
    }
}

fn stored(batch: &Batch, now: DateTime<Utc>) -> Result<LedgerItem, AwsError> {
    let sort_key = format!("{}#{:04}", batch.run_id, batch.number);
    let mut item = items::item(key(day_key(batch.run_id.day()), sort_key), batch)?;
    item.extend([expires(now)]);
    Ok(item)
}

fn budget_key() -> LedgerItem {
    key("budget", "hour")
}

fn claim_item(claim: &Claim) -> Result<LedgerItem, AwsError> {
    items::item(claim.name.key(), claim)
}

fn busy() -> AwsError {
    AwsError::unexpected(
        PUT,
        "too many functions write to the ledger at the same time",
    )
}

//! Plays a storm: holds the account and the random numbers.
//!
//! | module | what it holds |
//! |---|---|
//! | [`queue`] | the queue that feeds the functions |
//! | [`functions`] | the functions, and the sweeps after the storm |
//! | [`people`] | people, and their deeds to instances |
//! | [`undo`] | people who take tags back |

mod functions;
mod people;
mod queue;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_types::region::Region;
use chrono::{DateTime, Utc};
use tagwarden_remediation::Settings;
use tagwarden_remediation::safeguard::Safeguards;
use tagwarden_sandbox::{Account, InstanceRecord};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::model::{LEDGER_TABLES, Model, POLICY_TABLES, Run, Sent, Snapshot, StackNumber};
use crate::network::{CallOutcome, CallPlan, Function, Kill, own_region};
use crate::scenario::{CONTACT, CONTACTS, LETTERS, REPORTS, Storm};
use functions::{settings, settle};
use people::play_events;
use queue::{Message, deliver};

/// The start of every storm: two hours before midnight, so that a day and exemptions end during it.
const START: &str = "2026-11-23T22:00:00Z";

/// The world of one storm. Clones share one state.
#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    account: Account,
    /// The Region that the clients of the functions are told.
    region: Region,
    /// The topic of the reports, that of letters, and that of a team.
    topic: String,
    letter_topics: [String; 2],
    stacks: Vec<Stack>,
    storm: Storm,
    /// Kills this run at this call. Without it, kills are random.
    killing: Option<(Run, Kill)>,
    state: Mutex<State>,
    /// Notified when a message arrives, and when no more will.
    sent: Notify,
}

/// A deployment of the functions.
#[derive(Debug)]
struct Stack {
    /// The functions' queue.
    queue_url: String,
    policy_table: &'static str,
    ledger_table: &'static str,
    settings: Settings,
}

#[derive(Debug)]
struct State {
    model: Model,
    chance: fastrand::Rng,
    /// The fleet, in the order of launch.
    fleet: Vec<String>,
    queue: Vec<Message>,
    /// The ledger items that a transaction in flight holds.
    locked: BTreeSet<(String, String)>,
    runs: Run,
    calls: BTreeMap<Run, u32>,
    /// Trouble that a run has for several calls of one operation.
    lasting: BTreeMap<Run, (String, CallOutcome, u32)>,
    begun_at: Instant,
    /// Whether the storm is over, so that there is no more trouble.
    is_calm: bool,
}

/// Plays `storm` and then sweeps until nothing is left to do. Returns the world for the checks.
pub fn play(storm: &Storm, safeguards: &Safeguards, killing: Option<(Run, Kill)>) -> World {
    // Makes the SDK's retries and the ledger's pauses follow from the seed.
    fastrand::seed(storm.seed);
    let runtime = tagwarden_sandbox::paused_runtime().unwrap();
    runtime.block_on(async {
        let world = World::new(storm, safeguards, killing);
        let storm = async {
            let people = tokio::task::spawn_local(play_events(world.clone()));
            deliver(&world, || people.is_finished()).await;
            settle(&world).await;
        };
        LocalSet::new().run_until(Box::pin(storm)).await;
        world
    })
}

impl World {
    fn new(storm: &Storm, safeguards: &Safeguards, killing: Option<(Run, Kill)>) -> Self {
        let account = Account::starting_at(START.parse().unwrap());
        account.keep_quotas();
        let topic = |ending: &str| account.create_topic(ending.trim_start_matches(':'));
        let letter_topics = [topic(LETTERS), topic(CONTACT)];
        // It is there, and takes what is sent to it.
        topic(CONTACTS[1].1);
        let region = own_region();
        let reports = REPORTS.trim_start_matches(':');
        let topic = account.create_topic_in(region.as_ref(), reports);
        let mut stacks = Vec::new();
        for (number, setup) in storm.setups().enumerate() {
            let ledger_table = LEDGER_TABLES[number];
            account.create_table_with_keys(ledger_table, "Pk", "Sk");
            account.set_time_to_live(ledger_table, "ExpiresAt");
            account.create_table(POLICY_TABLES[number]);
            let second = storm.second.as_ref().filter(|_| number == 1);
            let shares_policy = second.is_some_and(|second| second.policies.is_none());
            let policy_table = POLICY_TABLES[if shares_policy { 0 } else { number }];
            let queue_url = account.create_queue(&format!("tagwarden-{number}"));
            let mut settings = settings(
                setup,
                [policy_table, ledger_table, &topic, &queue_url],
                &letter_topics,
            );
            settings.safeguards = safeguards.clone();
            stacks.push(Stack {
                queue_url,
                policy_table,
                ledger_table,
                settings,
            });
        }
        let setups = storm.setups().cloned();
        let tables = stacks.iter().map(|stack| stack.policy_table);
        let mut model = Model::new(setups.zip(tables).collect(), storm.all_policies());
        model.tally.two_stacks = usize::from(storm.second.is_some());
        model.tally.outages = usize::from(storm.outage.is_some());
        let world = Self(Arc::new(Inner {
            account,
            region,
            topic,
            letter_topics,
            stacks,
            storm: storm.clone(),
            killing,
            state: Mutex::new(State {
                model,
                chance: fastrand::Rng::with_seed(storm.seed),
                fleet: Vec::new(),
                queue: Vec::new(),
                locked: BTreeSet::new(),
                runs: 0,
                calls: BTreeMap::new(),
                lasting: BTreeMap::new(),
                begun_at: Instant::now(),
                is_calm: false,
            }),
            sent: Notify::new(),
        }));
        world.activate_policy(0);
        for machine in &storm.fleet {
            world.launch(machine);
        }
        world
    }

    pub fn account(&self) -> &Account {
        &self.0.account
    }

    pub fn storm(&self) -> &Storm {
        &self.0.storm
    }

    fn stack(&self, stack: StackNumber) -> &Stack {
        &self.0.stacks[stack]
    }

    /// The number of stacks.
    pub fn stacks(&self) -> usize {
        self.0.stacks.len()
    }

    /// Whether the functions are down.
    fn is_down(&self) -> bool {
        let outage = self.storm().outage.as_ref();
        outage.is_some_and(|outage| outage.contains(&self.since_start()))
    }

    /// When the storm began, by the account's clock.
    pub fn begun_at() -> DateTime<Utc> {
        START.parse().unwrap()
    }

    /// When an instance was last changed.
    pub fn last_effect_at(&self) -> DateTime<Utc> {
        let last = self.model(|model| model.effects.last().map(|effect| effect.at));
        last.unwrap_or_else(Self::begun_at)
    }

    /// The number of calls that a run made.
    pub fn calls_of(&self, run: Run) -> u32 {
        self.state().calls.get(&run).copied().unwrap_or_default()
    }

    /// Lends the model, which has everything that happened at the account.
    pub fn model<T>(&self, ask: impl FnOnce(&mut Model) -> T) -> T {
        ask(&mut self.state().model)
    }

    /// Whether harm was seen already, so that the storm can stop.
    fn has_violation(&self) -> bool {
        !self.state().model.violations.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws the delays and the outcome of the function's next call.
    pub fn plan_call(&self, function: &Function, operation: &str) -> CallPlan {
        let trouble = &self.storm().trouble;
        let mut state = self.state();
        let calls = state.calls.entry(function.run).or_default();
        let number = *calls;
        *calls += 1;
        let mut plan = CallPlan {
            number,
            request_delay: Duration::from_millis(1),
            response_delay: Duration::from_millis(1),
            outcome: CallOutcome::Answered,
        };
        if state.is_calm {
            return plan;
        }
        plan.request_delay = state.delay(trouble.latency_millis, trouble.slow);
        plan.response_delay = state.delay(trouble.latency_millis, trouble.slow);
        plan.outcome = state.draw_outcome(
            function.run,
            operation,
            [
                (CallOutcome::Refused, trouble.throttled),
                (CallOutcome::Lost, trouble.lost),
                (CallOutcome::Silent, trouble.silent),
            ],
        );
        match plan.outcome {
            CallOutcome::Answered => return plan,
            CallOutcome::Refused => state.model.tally.refused_calls += 1,
            CallOutcome::Lost | CallOutcome::Silent => state.model.tally.lost_answers += 1,
        }
        state.model.record_trouble(function.run);
        if operation == "LookupEvents" {
            state.model.look_up_failed(function.run);
        }
        plan
    }

    /// Locks items for a transaction. If some are locked already, returns their places and locks none.
    pub fn lock(&self, items: &[(String, String)]) -> Vec<usize> {
        let mut state = self.state();
        let taken = items.iter().enumerate();
        let taken = taken.filter(|(_, item)| state.locked.contains(*item));
        let taken: Vec<usize> = taken.map(|(place, _)| place).collect();
        if taken.is_empty() {
            state.locked.extend(items.iter().cloned());
        } else {
            state.model.tally.conflicts += 1;
        }
        taken
    }

    pub fn unlock(&self, items: &[(String, String)]) {
        let mut state = self.state();
        for item in items {
            state.locked.remove(item);
        }
    }

    /// The instances that a call names, before and after `call`: for a write in their current state; for a
    /// description as `DescribeInstances` shows them, and with the tags that `DescribeTags` shows.
    pub async fn watch<T>(
        &self,
        operation: &str,
        ids: &[String],
        call: impl Future<Output = T>,
    ) -> (T, Snapshot, Snapshot) {
        let account = self.account();
        if matches!(operation, "DescribeInstances" | "DescribeTags") {
            let all = || account.instances().into_iter().map(|instance| instance.id);
            let ids: Vec<String> = if ids.is_empty() {
                all().collect()
            } else {
                ids.to_vec()
            };
            let mut shown = Snapshot::new();
            let mut listed = Snapshot::new();
            for id in ids {
                if let Some((instance, tags)) = account.described(&id) {
                    let tagged = InstanceRecord {
                        tags,
                        ..instance.clone()
                    };
                    shown.insert(id.clone(), instance);
                    listed.insert(id, tagged);
                }
            }
            return (call.await, shown, listed);
        }
        let now = || {
            let is_write = matches!(
                operation,
                "CreateTags" | "DeleteTags" | "StopInstances" | "TerminateInstances"
            );
            let ids = ids.iter().filter(|_| is_write);
            let instances = ids.filter_map(|id| account.instance(id));
            instances
                .map(|instance| (instance.id.clone(), instance))
                .collect()
        };
        let before = now();
        // The account has no latency, so nothing can happen between the two snapshots but this call.
        let answer = call.await;
        (answer, before, now())
    }

    /// Puts what the functions sent to their queue where they receive from.
    fn collect_messages(&self) {
        for (number, stack) in self.0.stacks.iter().enumerate() {
            for body in self.account().take_messages(&stack.queue_url) {
                let body = serde_json::from_str(&body).unwrap();
                self.send_to(number, body, self.since_start(), false);
            }
        }
    }

    /// Shows the model the call that was just executed, and what its run knew as it sent it.
    pub fn observe(&self, run: (Run, Sent), before: &Snapshot, after: &Snapshot) {
        let calls = self.account().calls();
        self.account().forget_calls();
        for call in &calls {
            self.state().model.observe(run, call, before, after);
        }
    }
}

impl State {
    /// Whether an event of this chance out of 1,000 happens.
    fn happens(&mut self, chance: u32) -> bool {
        self.chance.u32(..1_000) < chance
    }

    fn delay(&mut self, most: u64, slow: u32) -> Duration {
        let most = if self.happens(slow) { 20_000 } else { most };
        Duration::from_millis(self.chance.u64(1..=most))
    }

    /// Draws the outcome of a call. Trouble is single, or lasts for several calls, long enough for the SDK to give up.
    fn draw_outcome(
        &mut self,
        run: Run,
        operation: &str,
        chances: [(CallOutcome, u32); 3],
    ) -> CallOutcome {
        if let Some((lasting, outcome, left)) = self.lasting.get_mut(&run)
            && lasting == operation
            && *left > 0
        {
            *left -= 1;
            return *outcome;
        }
        let drawn = chances
            .into_iter()
            .find(|(_, chance)| self.happens(*chance));
        let Some((outcome, _)) = drawn else {
            return CallOutcome::Answered;
        };
        if self.happens(300) {
            let lasts = self.chance.u32(1..6);
            self.lasting
                .insert(run, (operation.to_owned(), outcome, lasts));
        }
        outcome
    }
}

/// The number of open runs in all ledgers.
pub fn open_marks(account: &Account, stacks: usize) -> usize {
    let tables = LEDGER_TABLES[..stacks].iter();
    let items = tables.flat_map(|table| account.items(table));
    items.filter(|item| item["Pk"] == "open").count()
}

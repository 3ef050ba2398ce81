//! Plays a storm: the account, the queue that feeds the functions, the people, and chance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use chrono::TimeDelta;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tagwarden::settings::Environment;
use tagwarden_remediation::safeguard::Safeguards;
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Account, Identity, Launch};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::model::{Before, EXEMPTION, GROUP, LEDGER_TABLE, Model, POLICY_TABLE, Run};
use crate::network::{Fate, Function, Kill, Network, Passage, Stage};
use crate::scenario::{
    COMPLETE, Deed, Event, Exempt, MEDDLING, Machine, Owned, Protection, Rule, Storm, Timed,
};

/// When every storm begins: two hours before midnight, so that exemptions and days end in it.
const START: &str = "2026-11-23T22:00:00Z";

/// So often a message is delivered that no function could serve.
const MOST_RECEIVES: u32 = 5;

/// Longer than any budget, claim or run lasts.
const LULL: Duration = Duration::from_mins(80);

/// In milliseconds: longer than any storm.
const NEVER: u64 = 1_000_000_000;

/// After so many sweeps there must be nothing left to do.
const MOST_SWEEPS: usize = 200;

/// The world of one storm. A clone is the same world.
#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    account: Account,
    storm: Storm,
    settings: Settings,
    /// Kills this run at this call, and leaves the others to chance.
    killing: Option<(Run, Kill)>,
    state: Mutex<State>,
    /// Told when there is a message, or when there will be none any more.
    sent: Notify,
}

#[derive(Debug)]
struct State {
    model: Model,
    chance: fastrand::Rng,
    /// The fleet, in the order of the launches.
    fleet: Vec<String>,
    queue: Vec<Message>,
    /// The items of the ledger that a transaction is at work on.
    locked: BTreeSet<(String, String)>,
    runs: Run,
    calls: BTreeMap<Run, u32>,
    /// Trouble of a run that lasts for some calls of one operation.
    lasting: BTreeMap<Run, (String, Fate, u32)>,
    begun_at: Instant,
    /// The storm is over: no more trouble.
    is_calm: bool,
}

/// A message of the queue, or an event that comes by itself.
#[derive(Clone, Debug)]
struct Message {
    /// Milliseconds after the beginning.
    visible_at: u64,
    body: Value,
    receives: u32,
    is_direct: bool,
}

/// What became of one function.
enum End {
    /// It answered: these messages of the batch have failed.
    Answered(Vec<usize>),
    /// It gave an error, was killed, or its time was up.
    Failed,
}

/// Plays `storm` to its end, and the sweeps after it until there is nothing left to do. Gives what the account saw.
pub fn play(storm: &Storm, safeguards: Safeguards, killing: Option<(Run, Kill)>) -> World {
    // The SDK's retries and the ledger's pauses.
    fastrand::seed(storm.seed);
    let runtime = tagwarden_sandbox::paused_runtime().unwrap();
    runtime.block_on(async {
        let world = World::new(storm, safeguards, killing);
        let storm = async {
            let people = tokio::task::spawn_local(live(world.clone()));
            deliver(&world, &people).await;
            settle(&world).await;
        };
        LocalSet::new().run_until(Box::pin(storm)).await;
        world
    })
}

impl World {
    fn new(storm: &Storm, safeguards: Safeguards, killing: Option<(Run, Kill)>) -> Self {
        let account = Account::starting_at(START.parse().unwrap());
        account.keep_quotas();
        account.create_table_with_keys(LEDGER_TABLE, "Pk", "Sk");
        account.set_time_to_live(LEDGER_TABLE, "ExpiresAt");
        account.create_table(POLICY_TABLE);
        let topic = account.create_topic("reports");
        let mut settings = settings(storm, &topic);
        settings.safeguards = safeguards;
        let world = Self(Arc::new(Inner {
            account,
            storm: storm.clone(),
            settings,
            killing,
            state: Mutex::new(State {
                model: Model::new(storm.setup.clone(), storm.policies.clone()),
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
        world.put_in_force(0);
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

    /// How many calls a run made.
    pub fn calls_of(&self, run: Run) -> u32 {
        self.state().calls.get(&run).copied().unwrap_or_default()
    }

    /// What the account saw.
    pub fn model<T>(&self, ask: impl FnOnce(&mut Model) -> T) -> T {
        ask(&mut self.state().model)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, machine: &Machine) -> String {
        let id = self.account().launch(launch(self, machine));
        self.state().fleet.push(id.clone());
        id
    }

    fn who(&self, number: usize) -> String {
        let fleet = &self.state().fleet;
        fleet.get(number % fleet.len()).cloned().unwrap_or_default()
    }

    fn put_in_force(&self, policy: usize) {
        let policies = &self.storm().policies;
        let policy = policy % policies.len();
        self.account().clear_table(POLICY_TABLE);
        for rule in &policies[policy] {
            self.account().put_item(POLICY_TABLE, row(rule));
        }
        self.state().model.policy_changed(policy);
    }

    /// Somebody does something.
    fn deed(&self, id: &str, deed: Deed) {
        let account = self.account();
        match deed {
            Deed::TagFully => {
                for key in COMPLETE {
                    account.set_tag(id, key, "by hand");
                }
            }
            Deed::Tag(key, value) => account.set_tag(id, key, value),
            Deed::Untag(key) => account.remove_tag(id, key),
            Deed::UntagFully => {
                let tags = account.instance(id).map(|instance| instance.tags);
                for key in tags.unwrap_or_default().into_keys() {
                    if !key.starts_with("aws:") {
                        account.remove_tag(id, &key);
                    }
                }
            }
            Deed::Exempt(exempt) => account.set_tag(id, EXEMPTION, exemption(exempt)),
            Deed::EndExemption => account.remove_tag(id, EXEMPTION),
            Deed::Protect(protected) => account.protect(id, protected),
            Deed::Adopt => account.set_tag(id, GROUP, "web"),
            Deed::Start => account.start(id),
            Deed::Terminate => account.terminate(id),
            Deed::ChangePolicy(policy) => self.put_in_force(policy),
        }
        self.state().model.done(id, deed);
    }

    /// Now and then somebody does something to the instances that a call is about, while it is on its way.
    pub fn meddle(&self, ids: &[String], items: &[(String, String)]) {
        let meant: Vec<&String> = ids
            .iter()
            .chain(
                items
                    .iter()
                    .map(|(pk, _)| pk)
                    .filter(|pk| pk.starts_with("i-")),
            )
            .collect();
        let (id, deed) = {
            let mut state = self.state();
            if state.is_calm || meant.is_empty() || !state.strikes(self.storm().trouble.meddling) {
                return;
            }
            state.model.tally.meddled += 1;
            let id = meant[state.chance.usize(..meant.len())].clone();
            let deed = match state.chance.u32(..8) {
                0..4 => MEDDLING[state.chance.usize(..MEDDLING.len())],
                4 => Deed::ChangePolicy(state.chance.usize(..4)),
                _ => Deed::TagFully,
            };
            (id, deed)
        };
        self.deed(&id, deed);
    }

    /// How the next call of `function` goes.
    pub fn passage(&self, function: &Function, operation: &str) -> Passage {
        let trouble = &self.storm().trouble;
        let mut state = self.state();
        let calls = state.calls.entry(function.run).or_default();
        let number = *calls;
        *calls += 1;
        let mut passage = Passage {
            number,
            there: Duration::from_millis(1),
            back: Duration::from_millis(1),
            fate: Fate::Answered,
        };
        if state.is_calm {
            return passage;
        }
        passage.there = state.delay(trouble.latency_millis, trouble.slow);
        passage.back = state.delay(trouble.latency_millis, trouble.slow);
        passage.fate = state.fate(
            function.run,
            operation,
            [
                (Fate::Refused, trouble.throttled),
                (Fate::Lost, trouble.lost),
                (Fate::Silent, trouble.silent),
            ],
        );
        match passage.fate {
            Fate::Answered => return passage,
            Fate::Refused => state.model.tally.refused_calls += 1,
            Fate::Lost | Fate::Silent => state.model.tally.lost_answers += 1,
        }
        state.model.trouble(function.run);
        passage
    }

    /// Locks items for a transaction; gives the places of those that are locked already, and then locks none.
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

    /// The instances that a call is about, as they are.
    pub fn instances(&self, operation: &str, ids: &[String]) -> Before {
        let account = self.account();
        let instances = match operation {
            "DescribeInstances" if ids.is_empty() => account.instances(),
            "DescribeInstances" | "CreateTags" | "StopInstances" | "TerminateInstances" => {
                ids.iter().filter_map(|id| account.instance(id)).collect()
            }
            _ => Vec::new(),
        };
        let instances = instances.into_iter();
        instances
            .map(|instance| (instance.id.clone(), instance))
            .collect()
    }

    /// The call that has just been carried out.
    pub fn observe(&self, run: Run, before: &Before, after: &Before) {
        let calls = self.account().calls();
        self.account().forget_calls();
        for call in &calls {
            self.state().model.observe(run, call, before, after);
        }
    }

    /// Runs one function.
    async fn invoke(&self, payload: Value) -> Result<Value, ()> {
        let function = self.function();
        let config = self.account().sdk_config();
        let network = Network {
            world: self.clone(),
            function: function.clone(),
            account: config.http_client().unwrap(),
        };
        let config = config
            .to_builder()
            .http_client(SharedHttpClient::new(network))
            .build();
        let remediation = Remediation::new(&config, self.0.settings.clone());
        let time = Duration::from_secs(self.storm().setup.timeout_seconds);
        let deadline = self.account().now() + TimeDelta::from_std(time).unwrap();
        let mut context = Context::default();
        let number = self.account().id();
        context.request_id = format!("{:08x}-0000-4000-8000-000000000000", function.run);
        context.invoked_function_arn =
            format!("arn:aws:lambda:us-east-1:{number}:function:tagwarden");
        context.deadline = deadline.timestamp_millis().unsigned_abs();
        let handled = timeout(time, remediation.handle(LambdaEvent::new(payload, context)));
        let answer = tokio::select! {
            biased;
            () = function.killed.notified() => None,
            answer = handled => answer.ok(),
        };
        answer.map_or_else(
            || {
                let mut state = self.state();
                state.model.tally.killed += 1;
                state.model.trouble(function.run);
                Err(())
            },
            |answer| answer.map_err(drop),
        )
    }

    fn function(&self) -> Arc<Function> {
        let mut state = self.state();
        state.runs += 1;
        state.model.tally.functions += 1;
        let run = state.runs;
        let kill = match self.0.killing {
            Some((killed, kill)) => (killed == run).then_some(kill),
            None if state.is_calm || !state.strikes(self.storm().trouble.killed) => None,
            None => Some(Kill {
                call: state.chance.u32(..40),
                stage: [Stage::Before, Stage::Underway, Stage::Answered][state.chance.usize(..3)],
            }),
        };
        Arc::new(Function {
            run,
            kill,
            killed: Notify::new(),
        })
    }

    fn since_start(&self) -> u64 {
        let begun_at = self.state().begun_at;
        u64::try_from(begun_at.elapsed().as_millis()).unwrap()
    }

    fn send(&self, body: Value, visible_at: u64, is_direct: bool) {
        self.state().queue.push(Message {
            visible_at,
            body,
            receives: 0,
            is_direct,
        });
        self.0.sent.notify_one();
    }

    /// When the next message can be had; `None` if there is none.
    fn next_message(&self) -> Option<u64> {
        let state = self.state();
        state.queue.iter().map(|message| message.visible_at).min()
    }

    /// The messages for the next function: up to a few that can be had now, or one event that comes by itself.
    fn receive(&self) -> Vec<Message> {
        let now = self.since_start();
        let mut state = self.state();
        let most = state.chance.usize(1..=self.storm().setup.batch);
        let mut batch: Vec<Message> = Vec::new();
        let mut left = Vec::new();
        // A standard queue keeps no order.
        let mut queue = std::mem::take(&mut state.queue);
        state.chance.shuffle(&mut queue);
        for message in queue {
            let fits = match batch.first() {
                None => true,
                Some(first) => !first.is_direct && !message.is_direct && batch.len() < most,
            };
            if message.visible_at <= now && fits {
                batch.push(message);
            } else {
                left.push(message);
            }
        }
        state.queue = left;
        state.model.tally.events += batch.len();
        batch
    }

    /// What the queue does with a batch after its function has ended.
    fn received(&self, batch: Vec<Message>, end: &End) {
        // Six times the function's time, as Lambda asks.
        let hidden = self.storm().setup.timeout_seconds * 6_000;
        let visible_at = self.since_start() + hidden;
        for (place, message) in batch.into_iter().enumerate() {
            let has_failed = match end {
                End::Answered(failed) => failed.contains(&place),
                End::Failed => true,
            };
            let receives = message.receives + 1;
            if has_failed && !message.is_direct && receives < MOST_RECEIVES {
                self.state().queue.push(Message {
                    visible_at,
                    receives,
                    ..message
                });
            }
        }
    }
}

impl State {
    /// Whether something happens that has this chance of 1,000.
    fn strikes(&mut self, chance: u32) -> bool {
        self.chance.u32(..1_000) < chance
    }

    fn delay(&mut self, most: u64, slow: u32) -> Duration {
        let most = if self.strikes(slow) { 20_000 } else { most };
        Duration::from_millis(self.chance.u64(1..=most))
    }

    /// Trouble comes alone, or stays for some calls: long enough for the SDK to give up.
    fn fate(&mut self, run: Run, operation: &str, chances: [(Fate, u32); 3]) -> Fate {
        if let Some((lasting, fate, left)) = self.lasting.get_mut(&run)
            && lasting == operation
            && *left > 0
        {
            *left -= 1;
            return *fate;
        }
        let struck = chances
            .into_iter()
            .find(|(_, chance)| self.strikes(*chance));
        let Some((fate, _)) = struck else {
            return Fate::Answered;
        };
        if self.strikes(300) {
            let lasts = self.chance.u32(1..6);
            self.lasting
                .insert(run, (operation.to_owned(), fate, lasts));
        }
        fate
    }
}

/// What happens by itself: people's deeds, and what the remediation is told of.
async fn live(world: World) {
    enum Thing {
        Event(Event),
        Deed(usize, Deed),
    }
    let storm = world.storm();
    let events = storm.events.iter().map(|event| Timed {
        at: event.at,
        what: Thing::Event(event.what.clone()),
    });
    let deeds = storm.deeds.iter().map(|deed| Timed {
        at: deed.at,
        what: Thing::Deed(deed.what.0, deed.what.1),
    });
    let mut things: Vec<Timed<Thing>> = events.chain(deeds).collect();
    things.sort_by_key(|thing| thing.at);
    let begun_at = world.state().begun_at;
    for thing in things {
        sleep_until(begun_at + Duration::from_millis(thing.at)).await;
        let at = |late: &u64| thing.at + late * 1_000;
        match thing.what {
            Thing::Deed(who, deed) => world.deed(&world.who(who), deed),
            Thing::Event(Event::Sweep) => world.send(sweep(), thing.at, false),
            Thing::Event(Event::Ids(who)) => {
                let ids: Vec<String> = who.iter().map(|who| world.who(*who)).collect();
                world.send(json!({ "instanceIds": ids }), thing.at, true);
            }
            Thing::Event(Event::Changes(who, copies)) => {
                for who in who {
                    for late in &copies {
                        world.send(change(&world.who(who)), at(late), false);
                    }
                }
            }
            Thing::Event(Event::Launch(machine, copies)) => {
                let id = world.launch(&machine);
                let event = world.account().run_instances_event(&id).unwrap();
                for late in &copies {
                    world.send(event.clone(), at(late), false);
                }
            }
        }
    }
    world.0.sent.notify_one();
}

/// Feeds the functions, until nothing is left to feed them with.
async fn deliver(world: &World, people: &tokio::task::JoinHandle<()>) {
    let free = Arc::new(Semaphore::new(world.storm().setup.functions));
    let mut flying = JoinSet::new();
    loop {
        let permit = free.clone().acquire_owned().await.unwrap();
        let batch = world.receive();
        if batch.is_empty() {
            drop(permit);
            let next = world.next_message();
            if next.is_none() && people.is_finished() && flying.is_empty() {
                return;
            }
            let next = next.map_or(NEVER, |at| at.saturating_sub(world.since_start()).max(1));
            tokio::select! {
                biased;
                Some(_) = flying.join_next() => {}
                () = world.0.sent.notified() => {}
                () = sleep(Duration::from_millis(next)) => {}
            }
            continue;
        }
        let world = world.clone();
        flying.spawn_local(async move {
            let payload = match batch.as_slice() {
                [message] if message.is_direct => message.body.clone(),
                messages => sqs_batch(messages),
            };
            let end = match world.invoke(payload).await {
                Ok(answer) => End::Answered(failures(&answer)),
                Err(()) => End::Failed,
            };
            world.received(batch, &end);
            drop(permit);
        });
    }
}

/// After the storm: sweeps, until one of them finds nothing to do.
async fn settle(world: &World) {
    world.state().is_calm = true;
    world.put_in_force(0);
    for _ in 0..MOST_SWEEPS {
        sleep(LULL).await;
        let answer = world.invoke(sweep()).await;
        let run = world.state().runs;
        let is_open = open_marks(world.account()) > 0;
        let has_written = world.model(|model| model.has_written(run));
        if answer.is_ok() && !has_written && !is_open {
            return;
        }
    }
    world.model(|model| model.violate("the sweeps never came to rest".to_owned()));
}

/// How many runs are open.
pub fn open_marks(account: &Account) -> usize {
    let items = account.items(LEDGER_TABLE);
    items.iter().filter(|item| item["Pk"] == "open").count()
}

fn settings(storm: &Storm, topic: &str) -> Settings {
    let setup = &storm.setup;
    let variables: BTreeMap<&str, String> = BTreeMap::from([
        ("TAGWARDEN_POLICY_TABLE", POLICY_TABLE.to_owned()),
        ("TAGWARDEN_LEDGER_TABLE", LEDGER_TABLE.to_owned()),
        ("TAGWARDEN_TOPIC_ARN", topic.to_owned()),
        ("TAGWARDEN_MODE", "enforce".to_owned()),
        ("TAGWARDEN_UNTAGGED", setup.untagged.to_owned()),
        ("TAGWARDEN_GRACE_MINUTES", setup.grace_minutes.to_string()),
        (
            "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
            setup.budget.to_string(),
        ),
    ]);
    let read = |name: &str| variables.get(name).cloned();
    Settings::from_environment(&Environment::new(&read)).unwrap()
}

fn row(rule: &Rule) -> Value {
    let required = if rule.required { "Y" } else { "N" };
    let mut row = json!({
        "RuleId": rule.id, "TagKey": rule.key, "Action": rule.action, "Required": required,
    });
    if !rule.default.is_empty() {
        row["Default"] = rule.default.into();
    }
    row
}

fn launch(world: &World, machine: &Machine) -> Launch {
    let people = ["ann", "bob", "eve"];
    let person = people[world.state().chance.usize(..people.len())];
    let mut launch = Launch::new()
        .ago(TimeDelta::minutes(machine.age_minutes))
        .launched_by(Identity::iam_user(person));
    for (key, value) in &machine.tags {
        launch = launch.tag(*key, *value);
    }
    if let Some(exempt) = machine.exempt {
        launch = launch.tag(EXEMPTION, exemption(exempt));
    }
    if machine.other_zone {
        launch = launch.availability_zone("us-east-1b");
    }
    if machine.stopped {
        launch = launch.stopped();
    }
    launch = match machine.owner {
        None => launch,
        Some(Owned::AutoScaling) => launch.tag(GROUP, "web"),
        Some(Owned::Spot) => launch.spot(),
        Some(Owned::Service) => launch.operated_by("eks.amazonaws.com"),
    };
    match machine.protection {
        None => launch,
        Some(Protection::Termination) => launch.protected(),
        Some(Protection::Stop) => launch.stop_protected(),
    }
}

fn exemption(exempt: Exempt) -> &'static str {
    match exempt {
        Exempt::ForLong => "2027-06-30 moves to the new account",
        Exempt::Today => "2026-11-23 is being looked at",
        Exempt::Ended => "2026-11-22 was being looked at",
        Exempt::Unreadable => "2027-06-30",
    }
}

fn sweep() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1",
        "resources": [], "detail": {},
    })
}

fn change(id: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Config Rules Compliance Change", "source": "aws.config",
        "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "resourceId": id, "resourceType": "AWS::EC2::Instance", "awsRegion": "us-east-1",
            "awsAccountId": "111111111111", "configRuleName": "tagwarden",
            "messageType": "ComplianceChangeNotification", "recordVersion": "1.0",
            "newEvaluationResult": {"complianceType": "NON_COMPLIANT"},
        },
    })
}

/// What Lambda makes of messages of the queue, each named by its place.
fn sqs_batch(messages: &[Message]) -> Value {
    let records = messages.iter().enumerate().map(|(place, message)| {
        json!({
            "messageId": place.to_string(), "receiptHandle": "handle", "body": message.body.to_string(),
            "attributes": {"ApproximateReceiveCount": (message.receives + 1).to_string()},
            "messageAttributes": {}, "md5OfBody": "0", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111111111111:tagwarden", "awsRegion": "us-east-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// The places of the messages that have failed.
fn failures(answer: &Value) -> Vec<usize> {
    let failures = answer["batchItemFailures"].as_array();
    let ids = failures.into_iter().flatten();
    ids.filter_map(|failure| failure["itemIdentifier"].as_str()?.parse().ok())
        .collect()
}

//! Storms of end dates: people extend, shorten and mistype them before any call of any run, sweeps and messages come at any
//! time, functions run at once and are killed at any call, calls are slow, refused and lost, and reports are refused or
//! reach nobody.
//!
//! What must hold of every instance that is shut down:
//!
//! - the last look of that run, after the shutdown was written down, saw an end date that had passed: whoever extended it
//!   before that look saved it;
//! - a report that somebody received named the instance and this end date, at least the shortest notice before, and after
//!   any run that saw another date;
//! - what nobody extends is shut down in the end.

mod network;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::region::Region;
use chrono::TimeDelta;
use fastrand::Rng;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tagwarden_core::settings::Environment;
use tagwarden_remediation::safeguard::{Safeguard, Safeguards};
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Account, Launch};
use tokio::sync::Notify;

use crate::network::own_region;
use crate::number;
use network::{KillAt, StormRun, WatchedNetwork};
use witness::{Witness, any_value};

/// The number of storms unless `TAGWARDEN_STORMS` is set.
const SEEDS: u64 = 4;
const INSTANCES: usize = 10;

/// How often functions are called while the storm lasts, and at most after it.
const STEPS: usize = 50;
const CALM_STEPS: usize = 80;

struct EndStorm {
    witness: Arc<Witness>,
    region: Region,
    topic: String,
    queue: String,
    settings: Settings,
    runs: usize,
}

impl EndStorm {
    fn new(seed: u64, safeguards: Safeguards) -> Self {
        let account = Account::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
        account.create_table("policy");
        account.put_item("policy", json!({"RuleId": -1, "PolicyFormat": 2}));
        let when_expired = if seed.is_multiple_of(2) {
            "Terminate"
        } else {
            "Stop"
        };
        let rule = json!({
            "RuleId": 3, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": when_expired,
            "Notice": ["7d", "1d"], "Allowed": ["never"],
        });
        account.put_item("policy", rule);
        account.create_table_with_keys("ledger", "Pk", "Sk");
        account.set_time_to_live("ledger", "ExpiresAt");
        let region = own_region();
        let topic = account.create_topic_in(region.as_ref(), "reports");
        let queue = account.create_queue("tagwarden");
        let mut random = Rng::with_seed(seed);
        let launch = |random: &mut Rng| {
            let value = any_value(random, account.now());
            let launch = Launch::new().ago(TimeDelta::hours(5));
            account.launch(launch.tag("Name", "web").tag("Expires", &value))
        };
        let ids = (0..INSTANCES).map(|_| launch(&mut random)).collect();
        let settings = settings(&topic, &queue, safeguards);
        Self {
            witness: Arc::new(Witness::new(account, ids, random)),
            region,
            topic,
            queue,
            settings,
            runs: 0,
        }
    }

    /// A run that handles `event`, and may be killed; errors are part of the weather.
    fn run(&mut self, event: Value, is_stormy: bool) -> impl Future<Output = ()> + use<> {
        self.runs += 1;
        let kill = self.witness.random(|random| {
            let is_killed = is_stormy && random.u8(0..4) == 0;
            is_killed.then(|| KillAt {
                call: random.u32(0..24),
                is_after: random.bool(),
            })
        });
        let run = Arc::new(StormRun {
            number: self.runs,
            kill,
            killed: Notify::new(),
        });
        let (witness, settings) = (self.witness.clone(), self.settings.clone());
        let region = self.region.clone();
        async move {
            let account = &witness.account;
            let config = account.sdk_config();
            let network = WatchedNetwork {
                witness: witness.clone(),
                run: run.clone(),
                account: config.http_client().unwrap(),
            };
            let config = config.to_builder().region(region);
            let config = config.http_client(SharedHttpClient::new(network)).build();
            let remediation = Remediation::new(&config, settings);
            let mut context = Context::default();
            context.request_id = format!("{:08x}-0000-4000-8000-000000000000", run.number);
            context.invoked_function_arn = format!(
                "arn:aws:lambda:us-east-1:{}:function:tagwarden",
                account.id()
            );
            let deadline = account.now() + TimeDelta::minutes(15);
            context.deadline = deadline.timestamp_millis().unsigned_abs();
            tokio::select! {
                biased;
                () = run.killed.notified() => {}
                answer = remediation.handle(LambdaEvent::new(event, context)) => {
                    if answer.is_ok() {
                        witness.completed(run.number);
                    }
                }
            }
        }
    }

    /// A sweep, or an event about one instance.
    fn any_event(&self) -> Value {
        let ids = &self.witness.ids;
        let id = self.witness.random(|random| {
            let is_event = random.u8(0..4) == 0;
            is_event.then(|| ids[random.usize(0..ids.len())].clone())
        });
        match id {
            Some(id) => json!({"instanceIds": [id]}),
            None => sweep(self.witness.account.id()),
        }
    }
}

fn settings(topic: &str, queue: &str, safeguards: Safeguards) -> Settings {
    let variables = BTreeMap::from([
        ("TAGWARDEN_POLICY_TABLE", "policy"),
        ("TAGWARDEN_MODE", "enforce"),
        ("TAGWARDEN_LEDGER_TABLE", "ledger"),
        ("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate"),
        ("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "3"),
        ("TAGWARDEN_TOPIC_ARN", topic),
        ("TAGWARDEN_QUEUE_URL", queue),
    ]);
    let read = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let mut settings = Settings::from_environment(&Environment::new(&read)).unwrap();
    settings.safeguards = safeguards;
    settings
}

fn sweep(account: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": account,
        "time": "2026-11-23T12:00:00Z", "region": "us-east-1", "resources": [], "detail": {},
    })
}

/// The event that Lambda makes of a queue's messages.
fn batch(messages: &[String]) -> Value {
    let records = messages.iter().enumerate().map(|(place, body)| {
        json!({
            "messageId": place.to_string(), "receiptHandle": "handle", "body": body,
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "md5OfBody": "0",
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:111111111111:tagwarden",
            "awsRegion": "us-east-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// Plays one storm. Gives how often people wrote, or what must not have happened.
async fn play(seed: u64, safeguards: Safeguards) -> Result<usize, Vec<String>> {
    let mut storm = EndStorm::new(seed, safeguards);
    let witness = storm.witness.clone();
    let account = &witness.account;
    for step in 0..STEPS + CALM_STEPS {
        let is_stormy = step < STEPS;
        if step == STEPS {
            witness.calm_down();
            // Nobody writes any more, and all dates pass.
            let end = account.now() + TimeDelta::days(9);
            for id in witness.live().into_keys() {
                account.set_tag(&id, "Expires", end.format("%Y-%m-%d").to_string());
            }
        }
        let (wait, is_deaf, is_refused, at_once) = witness.random(|random| {
            let happens = |random: &mut Rng, one_in| is_stormy && random.u8(0..one_in) == 0;
            (
                random.i64(if is_stormy { 10..900 } else { 400..900 }),
                happens(random, 5),
                happens(random, 5),
                random.u8(0..3) == 0,
            )
        });
        account.set_subscriptions(&storm.topic, u32::from(!is_deaf));
        account.refuse_publications(&storm.topic, is_refused);
        witness.set_heard(!is_deaf);
        let mut events = vec![storm.any_event()];
        if at_once {
            events.push(storm.any_event());
        }
        // Its own messages come late, with whatever else happens.
        let messages = account.take_messages(&storm.queue);
        if !messages.is_empty() {
            events.push(batch(&messages));
        }
        let events = events.into_iter();
        let runs: Vec<_> = events.map(|event| storm.run(event, is_stormy)).collect();
        futures_util::future::join_all(runs).await;
        account.forget_calls();
        if witness.live().is_empty() {
            break;
        }
        account.advance(TimeDelta::minutes(wait));
    }
    let (ended, writes) = witness.result()?;
    let left = witness.live();
    assert!(left.is_empty(), "seed {seed}: never ended: {left:?}");
    assert_eq!(ended, INSTANCES, "seed {seed}");
    Ok(writes)
}

/// Plays storms until one does harm. Gives how often people wrote in each on average, or what must not have happened.
async fn first_harm(safeguards: &Safeguards) -> Result<usize, String> {
    let mut writes = 0;
    let first = number("TAGWARDEN_STORM_SEED");
    let storms = number("TAGWARDEN_STORMS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or(0);
    for seed in first..first + storms {
        match Box::pin(play(seed, safeguards.clone())).await {
            Ok(written) => writes += written,
            Err(harm) => return Err(format!("seed {seed}: {}", harm.join("\n"))),
        }
    }
    Ok(writes / usize::try_from(storms).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_end_dates_does_no_harm() {
    let writes = first_harm(&Safeguards::default()).await.unwrap();
    // A storm in which nobody writes proves nothing.
    assert!(writes > 20, "{writes}");
}

/// Without each of these, the storms find the harm that it prevents.
#[rstest::rstest]
#[case::notice(Safeguard::Notice, "without a notice")]
#[case::live_truth(Safeguard::LiveTruth, "was not looked at after it was written down")]
#[tokio::test(start_paused = true)]
async fn a_storm_of_end_dates_does_harm_without(#[case] safeguard: Safeguard, #[case] harm: &str) {
    let safeguards = Safeguards::without(safeguard);
    let found = first_harm(&safeguards).await.unwrap_err();
    assert!(found.contains(harm), "{found}");
}

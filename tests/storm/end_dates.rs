//! A storm of end dates: people extend, shorten and mistype them at every moment, also during a run, while sweeps come
//! at any time, functions run at once, and reports sometimes reach nobody.
//!
//! What must hold of every instance that is shut down:
//!
//! - the last look before the call saw an end date that had passed: whoever extended it before that look saved it;
//! - a report that somebody received named the instance and this end date, at least the shortest notice before;
//! - what nobody extends is shut down in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use tagwarden_core::date::end_of;
use tagwarden_core::settings::Environment;
use tagwarden_remediation::safeguard::{Safeguard, Safeguards};
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Account, Launch};

const SEEDS: u64 = 12;
const INSTANCES: usize = 12;
const STEPS: usize = 60;
const NOTICE: TimeDelta = TimeDelta::days(1);

/// What the looks of one storm could see, by instance.
#[derive(Debug, Default)]
struct Seen {
    /// The value that the last look of DescribeInstances could see.
    looked: BTreeMap<String, String>,
}

struct EndStorm {
    account: Account,
    ids: Vec<String>,
    topic: String,
    seen: Arc<Mutex<Seen>>,
    /// Whether people still write.
    people: Arc<AtomicBool>,
    random: Arc<Mutex<Rng>>,
    safeguards: Safeguards,
}

fn expires(account: &Account, id: &str) -> Option<String> {
    account.instance(id)?.tags.remove("Expires")
}

/// A value that a person might set at `now`: most often a date, sometimes a mistake.
fn any_value(random: &mut Rng, now: DateTime<Utc>) -> String {
    let day = now + TimeDelta::hours(random.i64(-72..24 * 20));
    match random.u8(0..8) {
        0 => day.to_rfc3339(),
        1 => day.format("%d/%m/%Y").to_string(),
        2 => "never".to_owned(),
        3 => "Never".to_owned(),
        _ => day.format("%Y-%m-%d").to_string(),
    }
}

impl EndStorm {
    fn new(seed: u64, safeguards: Safeguards) -> Self {
        let account = Account::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
        account.create_table("policy");
        account.put_item("policy", json!({"RuleId": -1, "PolicyFormat": 2}));
        let rule = json!({
            "RuleId": 3, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate",
            "Notice": ["7d", "1d"], "Allowed": ["never"],
        });
        account.put_item("policy", rule);
        account.create_table_with_keys("ledger", "Pk", "Sk");
        account.set_time_to_live("ledger", "ExpiresAt");
        let topic = account.create_topic("reports");
        let mut random = Rng::with_seed(seed);
        let mut ids = Vec::new();
        for _ in 0..INSTANCES {
            let value = any_value(&mut random, account.now());
            let launch = Launch::new().ago(TimeDelta::hours(5));
            let id = account.launch(launch.tag("Name", "web").tag("Expires", &value));
            ids.push(id);
        }
        Self {
            account,
            ids,
            topic,
            seen: Arc::new(Mutex::new(Seen::default())),
            people: Arc::new(AtomicBool::new(true)),
            random: Arc::new(Mutex::new(random)),
            safeguards,
        }
    }

    /// Notes what each look can see, and lets people write right before it.
    fn watch(&self) {
        let (seen, random, ids) = (self.seen.clone(), self.random.clone(), self.ids.clone());
        let people = self.people.clone();
        self.account.on_call("DescribeInstances", move |account| {
            let mut seen = seen.lock().unwrap();
            if people.load(Ordering::Relaxed) && random.lock().unwrap().u8(0..5) == 0 {
                let mut random = random.lock().unwrap();
                let id = &ids[random.usize(0..ids.len())];
                let value = any_value(&mut random, account.now());
                if expires(account, id).is_some_and(|old| old != value) {
                    account.set_tag(id, "Expires", value);
                }
            }
            for id in &ids {
                if let Some(value) = expires(account, id) {
                    seen.looked.insert(id.clone(), value);
                }
            }
        });
    }

    fn remediation(&self) -> Remediation {
        let variables = BTreeMap::from([
            ("TAGWARDEN_POLICY_TABLE", "policy"),
            ("TAGWARDEN_MODE", "enforce"),
            ("TAGWARDEN_LEDGER_TABLE", "ledger"),
            ("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate"),
            ("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "3"),
            ("TAGWARDEN_TOPIC_ARN", self.topic.as_str()),
        ]);
        let read = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let mut settings = Settings::from_environment(&Environment::new(&read)).unwrap();
        settings.safeguards = self.safeguards.clone();
        Remediation::new(&self.account.sdk_config(), settings)
    }

    /// Runs a sweep; errors are part of the weather.
    async fn sweep(&self) {
        let mut context = Context::default();
        let arn = format!(
            "arn:aws:lambda:us-east-1:{}:function:tagwarden",
            self.account.id()
        );
        context.invoked_function_arn = arn;
        let deadline = self.account.now() + TimeDelta::minutes(15);
        context.deadline = deadline.timestamp_millis().unsigned_abs();
        let event = json!({
            "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": self.account.id(), "time": "2026-11-23T12:00:00Z", "region": "us-east-1",
            "resources": [], "detail": {},
        });
        let _ = self
            .remediation()
            .handle(LambdaEvent::new(event, context))
            .await;
    }

    fn is_running(&self, id: &str) -> bool {
        let instance = self.account.instance(id);
        instance.is_some_and(|it| it.state.as_str() == "running")
    }

    /// Judges the shutdown of `id`, which the last runs did. `notices` are the reports that somebody received.
    fn judge(&self, id: &str, notices: &[(DateTime<Utc>, String)], seed: u64) {
        let looks = self.seen.lock().unwrap();
        let now = self.account.now();
        let value = looks.looked.get(id).unwrap();
        let end = end_of(value);
        assert!(
            end.is_some_and(|end| end <= now),
            "seed {seed}: {id} ended with {value:?} at {now}"
        );
        let told = notices.iter().any(|(at, text)| {
            let names =
                |line: &str| line.contains(id) && line.contains(&format!("Expires = {value}"));
            // The run of a notice takes a moment.
            *at <= now - NOTICE + TimeDelta::minutes(1) && text.lines().any(names)
        });
        assert!(
            told,
            "seed {seed}: {id} ended at {now} without a notice of {value}"
        );
    }
}

/// Plays one storm. Gives how many instances were shut down, and how often people wrote.
async fn play(seed: u64, safeguards: Safeguards) -> usize {
    let storm = EndStorm::new(seed, safeguards);
    storm.watch();
    let mut notices: Vec<(DateTime<Utc>, String)> = Vec::new();
    let mut running = storm.ids.clone();
    let mut ended = 0;
    for step in 0..STEPS * 2 {
        let is_calm = step >= STEPS;
        let (wait, is_heard, at_once) = {
            let mut random = storm.random.lock().unwrap();
            (
                random.i64(10..900),
                random.u8(0..5) > 0,
                random.u8(0..3) == 0,
            )
        };
        if is_calm && step == STEPS {
            storm.people.store(false, Ordering::Relaxed);
            // Nobody writes any more, and all dates pass.
            for id in &running {
                let now = storm.account.now();
                let value = (now + TimeDelta::days(9)).format("%Y-%m-%d").to_string();
                storm.account.set_tag(id, "Expires", value);
            }
        }
        storm
            .account
            .set_subscriptions(&storm.topic, u32::from(is_heard || is_calm));
        let before = storm.account.published().len();
        if at_once {
            tokio::join!(storm.sweep(), storm.sweep());
        } else {
            storm.sweep().await;
        }
        if is_heard || is_calm {
            let at = storm.account.now();
            let new = storm.account.published().split_off(before);
            notices.extend(
                new.into_iter()
                    .map(|it| (at, it.message.replace("\\n", "\n"))),
            );
        }
        let (still, gone): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|id| storm.is_running(id));
        for id in &gone {
            storm.judge(id, &notices, seed);
        }
        ended += gone.len();
        running = still;
        storm.account.advance(TimeDelta::minutes(wait));
    }
    assert!(running.is_empty(), "seed {seed}: never ended: {running:?}");
    ended
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_end_dates_does_no_harm() {
    let mut ended = 0;
    for seed in 0..SEEDS {
        ended += Box::pin(play(seed, Safeguards::default())).await;
    }
    assert_eq!(ended, INSTANCES * usize::try_from(SEEDS).unwrap());
}

/// Without this safeguard, the storms find an instance that nobody was told of.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "without a notice")]
async fn without_notices_a_storm_of_end_dates_does_harm() {
    for seed in 0..SEEDS {
        let play = play(seed, Safeguards::without(Safeguard::Notice));
        Box::pin(play).await;
    }
}

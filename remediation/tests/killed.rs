//! `tagwarden-remediation` as a process that is killed (SIGKILL) while it works: the next run completes what it began,
//! does nothing twice, and reports all of it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, too"
)]

#[path = "../../tests/support/aftermath.rs"]
mod aftermath;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use aftermath::{Deed, OPERATIONS, assert_done_once};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Bootstrap, Fault, Identity, Launch, Loopback};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

const POLICY: &str = "acme_cloud_policy_tagging_def";
const LEDGER: &str = "ledger";

/// The number of processes that work at the same time, each in a world of its own.
const AT_ONCE: usize = 6;

const OWNER: (&str, &str) = ("Owner", "ops");
const PROJECT: (&str, &str) = ("ProjectCode", "P1");
const CREATOR: (&str, &str) = ("CreatedBy", "eve");
const EXPIRY: (&str, &str) = ("Expires", "2031-01-01");

type Tags = &'static [(&'static str, &'static str)];

/// The fleet: who launched each instance an hour ago, its tags, and the deeds expected.
#[rustfmt::skip]
const FLEET: &[(&str, Tags, &[&str])] = &[
    ("ann", &[OWNER], &["ProjectCode", "CreatedBy", "Expires"]),
    ("ben", &[OWNER, PROJECT], &["CreatedBy", "Expires"]),
    ("ann", &[OWNER, ("ProjectCode", ""), CREATOR, EXPIRY], &["ProjectCode"]),
    ("ben", &[OWNER, ("ProjectCode", ""), CREATOR], &["ProjectCode", "Expires"]),
    ("ben", &[PROJECT, CREATOR, EXPIRY], &["stop"]),
    ("ann", &[PROJECT, CREATOR, EXPIRY], &["stop"]),
    ("ann", &[], &["terminate"]),
    ("ben", &[], &["terminate"]),
    ("ben", &[OWNER, PROJECT, CREATOR, EXPIRY], &[]),
];

/// An account whose fleet needs tags of several kinds, two stops and two terminations.
struct World {
    account: Account,
    loopback: Loopback,
    topic: String,
    /// The deeds expected for the fleet.
    work: BTreeSet<Deed>,
}

impl World {
    fn new() -> Self {
        let account = Account::new();
        account.create_table(POLICY);
        for rule in [
            json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
            json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
            json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()+30d"}),
            json!({"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y"}),
        ] {
            account.put_item(POLICY, rule);
        }
        account.create_table_with_keys(LEDGER, "Pk", "Sk");
        let topic = account.create_topic("reports");
        let mut world = Self {
            loopback: Loopback::serve(&account).unwrap(),
            account,
            topic,
            work: BTreeSet::new(),
        };
        for (by, tags, work) in FLEET {
            let launch = Launch::new()
                .ago(TimeDelta::hours(1))
                .launched_by(Identity::iam_user(*by));
            let with_tag = |launch: Launch, (key, value): &(&str, &str)| launch.tag(*key, *value);
            let id = world.account.launch(tags.iter().fold(launch, with_tag));
            let work = work.iter().map(|what| (id.clone(), (*what).to_owned()));
            world.work.extend(work);
        }
        world
    }

    fn function(&self) -> Bootstrap {
        Bootstrap::new(env!("CARGO_BIN_EXE_tagwarden-remediation"))
            .env("AWS_ENDPOINT_URL", self.loopback.url())
            .env("TAGWARDEN_MODE", "enforce")
            // One sweep does everything, so that a kill at each of its calls is seen.
            .env("TAGWARDEN_GRACE_MINUTES", "0")
            .env("TAGWARDEN_RULES_MAY_DESTROY", "stop")
            .env("TAGWARDEN_LEDGER_TABLE", LEDGER)
            .env("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1000")
            .env("TAGWARDEN_TOPIC_ARN", &self.topic)
    }

    /// Runs a sweep undisturbed. Returns its answer.
    async fn sweep(&self) -> Value {
        let answer = self.function().invoke(&self.scheduled_event()).await;
        answer.unwrap().unwrap()
    }

    fn scheduled_event(&self) -> Value {
        json!({"detail-type": "Scheduled Event", "account": self.account.id(), "detail": {}})
    }

    /// Runs a sweep and kills the function when its call number `nth` arrives. Returns whether it was killed.
    async fn sweep_killed(&mut self, nth: usize, moment: Moment) -> bool {
        let (arrived, arrival) = oneshot::channel();
        let (is_dead, death) = mpsc::channel::<()>();
        let once = Arc::new(Mutex::new(Some((arrived, death))));
        let calls = Arc::new(AtomicUsize::new(0));
        for operation in OPERATIONS {
            let (once, calls) = (Arc::clone(&once), Arc::clone(&calls));
            self.account.on_call(operation, move |account| {
                if calls.fetch_add(1, Ordering::Relaxed) != nth {
                    return;
                }
                let Some((arrived, death)) = once.lock().unwrap().take() else {
                    return;
                };
                if moment == Moment::Before {
                    account.fail(Fault::new(operation, "Dropped", "its caller is dead"));
                }
                let _ = arrived.send(());
                if !matches!(moment, Moment::Soon(_)) {
                    // The account holds the call back until the function is dead.
                    let _ = death.recv();
                }
            });
        }
        let killed = async {
            arrival.await.unwrap();
            if let Moment::Soon(time) = moment {
                tokio::time::sleep(time).await;
            }
        };
        let function = self.function();
        let event = self.scheduled_event();
        let is_killed = tokio::select! {
            answer = function.invoke(&event) => {
                answer.unwrap().unwrap();
                false
            }
            // Dropping the invocation kills the process, and `select!` drops it on return.
            () = killed => true,
        };
        drop(is_dead);
        // A new server: a request of the dead process was executed before this, or never will be.
        self.loopback = Loopback::serve(&self.account).unwrap();
        is_killed
    }

    /// Expires the holds and claims of every run so far. Other runs respect them until they expire, and the functions
    /// use the real clock, so the test would have to wait.
    fn expire_claims(&self) {
        for mut item in self.account.items(LEDGER) {
            let before = item.clone();
            for name in ["HeldUntil", "ClaimedUntil"] {
                if item.get(name).is_some() {
                    item[name] = json!(1);
                }
            }
            // The claims of tags are in what is remembered of their instance.
            let tags = item.get_mut("Tags").and_then(Value::as_object_mut);
            for tag in tags.into_iter().flat_map(|tags| tags.values_mut()) {
                tag["ClaimedUntil"] = json!(1);
            }
            if item != before {
                self.account.put_item(LEDGER, item);
            }
        }
    }
}

/// The moment of the kill, relative to the arrival of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// Before the call is executed.
    Before,
    /// After the call was executed, before the function receives the answer.
    After,
    /// This long after the call arrived, whatever the function does then.
    Soon(Duration),
}

#[tokio::test]
async fn next_run_completes_a_run_killed_at_any_call() {
    let world = World::new();
    let answer = world.sweep().await;
    let done = ["tagged", "stopped", "terminated"].map(|count| &answer[count]);
    assert_eq!(done, [4, 2, 2], "{answer}");
    assert_done_once(&world.account, LEDGER, &world.work, "undisturbed");
    let calls = world.account.calls();
    let is_known = |operation: &str| OPERATIONS.contains(&operation);
    assert!(
        calls.iter().all(|call| is_known(&call.operation)),
        "{calls:?}"
    );

    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let mut cases = JoinSet::new();
    for (nth, call) in calls.iter().enumerate() {
        for moment in [Moment::Before, Moment::After] {
            let how = format!("killed at call {nth}, {}: {moment:?}", call.operation);
            cases.spawn(killed_at_call(nth, moment, how, Arc::clone(&turn)));
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

async fn killed_at_call(nth: usize, moment: Moment, how: String, turn: Arc<Semaphore>) {
    let mut world = World::new();
    let _turn = turn.acquire().await.unwrap();
    assert!(world.sweep_killed(nth, moment).await, "never {how}");
    world.expire_claims();
    world.sweep().await;
    assert_done_once(&world.account, LEDGER, &world.work, &how);
}

#[tokio::test]
async fn completes_all_work_despite_repeated_random_kills() {
    const KILLS: usize = 4;
    let mut cases = JoinSet::new();
    for _ in 0..AT_ONCE {
        cases.spawn(async {
            let mut world = World::new();
            let mut kills = Vec::new();
            for _ in 0..KILLS {
                let moment = Moment::Soon(Duration::from_millis(random(40)));
                let nth = usize::try_from(random(25)).unwrap();
                let is_killed = world.sweep_killed(nth, moment).await;
                kills.push((nth, moment, is_killed));
                world.expire_claims();
            }
            world.sweep().await;
            let how = format!("killed at {kills:?}");
            assert_done_once(&world.account, LEDGER, &world.work, &how);
        });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

/// A random number below `bound`.
fn random(bound: u64) -> u64 {
    RandomState::new().hash_one(bound) % bound
}

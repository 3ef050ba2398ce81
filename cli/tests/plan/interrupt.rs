//! An interrupt during `tagwarden apply`.

use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use tagwarden_core::settings::Environment;
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Identity, Launch};

use crate::apply::{LEDGER, acts, is_open};
use crate::guide::guide_shows;
use crate::support::{stderr, stdout};
use crate::world::World;

const APPLY: [&str; 4] = ["apply", "--yes", "--ledger-table", LEDGER];

/// A world with instances that each lack another tag value, so that each takes a call; and one to be terminated.
fn scene(test: &str) -> World {
    let world = World::new(&format!("plan-interrupt-{test}"));
    world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
    for number in 0..40 {
        world.account.launch(
            Launch::new()
                .ago(TimeDelta::hours(1))
                .launched_by(Identity::iam_user(format!("user{number}")))
                .tag("ProjectCode", "x")
                .tag("Expires", "2027-01-31"),
        );
    }
    world.account.launch(Launch::new().ago(TimeDelta::hours(1)));
    crate::countdowns::begin_an_hour_ago(&world.account, LEDGER);
    world
}

/// Runs the command, and sends it so many interrupts when it makes the `nth` call of `operation`.
fn interrupted(world: &World, operation: &str, nth: usize, signals: usize) -> Output {
    interrupted_running(&APPLY, world, operation, nth, signals)
}

fn interrupted_running(
    arguments: &[&str],
    world: &World,
    operation: &str,
    nth: usize,
    signals: usize,
) -> Output {
    let child: Arc<Mutex<Option<u32>>> = Arc::default();
    let to = Arc::clone(&child);
    let mut calls = 0;
    world.account.on_call(operation, move |_| {
        calls += 1;
        if calls != nth {
            return;
        }
        let id = to.lock().unwrap().unwrap().to_string();
        for _ in 0..signals {
            let status = Command::new("kill").args(["-INT", &id]).status().unwrap();
            assert!(status.success());
            // The answer waits until the signal has arrived for sure.
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    let mut known = child.lock().unwrap();
    let running = world
        .command(arguments)
        // The function's own, to which it hands on what it has no time for.
        .env(
            "TAGWARDEN_QUEUE_URL",
            "https://sqs.us-east-1.amazonaws.com/111111111111/queue",
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    *known = Some(running.id());
    drop(known);
    running.wait_with_output().unwrap()
}

#[test]
fn before_anything_is_done_nothing_is() {
    let world = scene("early");
    // The first describe is the plan's.
    let output = interrupted(&world, "DescribeInstances", 2, 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(stderr(&output), "error: interrupted\n\nNothing was done.\n");
    assert_eq!(world.account.count("TransactWriteItems"), 0);
    assert_eq!(world.account.count("CreateTags"), 0);
}

#[test]
fn completes_started_acts_and_leaves_the_rest() {
    let world = scene("midway");
    let output = interrupted(&world, "CreateTags", 3, 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(
        stderr(&output),
        "error: interrupted\n\nThe report above lists what was done. Run the command again for the rest.\n"
    );
    guide_shows(stderr(&output));
    let text = stdout(&output);
    let done = text.matches("New tag created.").count();
    let left = text
        .matches("Left for later: the run was ended before it came to it.")
        .count();
    assert!(done >= 3 && left >= 10, "{text}");
    assert_eq!(done + left, 41, "{text}");
    assert_eq!(world.account.count("CreateTags"), done);
    assert_eq!(world.account.count("TerminateInstances"), 0);
    assert_eq!(world.account.count("SendMessageBatch"), 0);
    // The ledger says the same, and nobody has to finish anything.
    let states = |state: &str| {
        acts(&world)
            .iter()
            .filter(|act| act["State"] == state)
            .count()
    };
    assert_eq!(
        (states("done"), states("spared"), states("begun")),
        (done, 40 - done, 0)
    );
    assert!(!is_open(&world));
    let line = |text: &str| text.split_once(" missing tag").unwrap().1.to_owned();
    for line in text
        .lines()
        .filter(|it| it.contains("missing tag CreatedBy."))
        .map(line)
    {
        guide_shows(&line);
    }
    // The rest is done when the command is run again.
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.account.count("CreateTags"), 40);
    assert_eq!(world.account.count("TerminateInstances"), 1);
}

#[test]
fn reports_an_interruption_as_json() {
    let world = scene("json");
    let arguments = [&APPLY[..], &["--output", "json"]].concat();
    let output = interrupted_running(&arguments, &world, "CreateTags", 3, 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["interrupted"], true);
    let done = world.account.count("CreateTags");
    assert_eq!(document["counts"]["tagged"], done);
    assert_eq!(document["counts"]["deferred"], 41 - done);
}

#[tokio::test]
async fn leaves_recovery_to_the_next_run_on_a_second_interrupt() {
    let world = scene("twice");
    let output = interrupted(&world, "CreateTags", 3, 2);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!stdout(&output).contains("New tag created."), "{output:?}");
    assert!(is_open(&world));
    let tagged = |world: &World| {
        let instances = world.account.instances();
        instances
            .iter()
            .filter(|it| it.tags.contains_key("CreatedBy"))
            .count()
    };
    let before = tagged(&world);
    // The function's next sweep, once the time of the run is over for sure.
    world.account.advance(TimeDelta::minutes(20));
    let variable = |name: &str| match name {
        "TAGWARDEN_MODE" => Some("enforce".to_owned()),
        "TAGWARDEN_LEDGER_TABLE" => Some(LEDGER.to_owned()),
        _ => None,
    };
    let settings = Settings::from_environment(&Environment::new(&variable)).unwrap();
    let function = Remediation::new(&world.account.sdk_config(), settings);
    let sweep = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    let answer = function
        .handle(LambdaEvent::new(sweep, Context::default()))
        .await;
    let answer = answer.unwrap();
    assert_eq!(
        tagged(&world),
        40,
        "{before} were tagged by the run that was interrupted"
    );
    assert_eq!(answer["terminated"], 1);
    assert!(!is_open(&world));
    let begun = acts(&world)
        .iter()
        .filter(|act| act["State"] == "begun")
        .count();
    assert_eq!(begun, 0);
}

//! `tagwarden apply`: one sweep from here.

use insta::assert_snapshot;
use serde_json::Value;
use tagwarden_sandbox::Fault;

use crate::account::{world, writes};
use crate::countdowns::begin_an_hour_ago;
use crate::fleet::VPC;
use crate::support::{stderr, stdout};
use crate::world::{TABLE, World};

pub const LEDGER: &str = "ledger";

/// A world with a ledger, in which a run has seen the old untagged instances, and the command that applies its policy.
pub fn with_ledger(test: &str) -> World {
    let world = world(test);
    world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
    // So that a run from here is the second look.
    begin_an_hour_ago(&world.account, LEDGER);
    world
}

const APPLY: [&str; 6] = ["apply", "--yes", "--vpc-ids", VPC, "--ledger-table", LEDGER];

/// What was written, without the days and the names of runs.
pub fn told(text: &str) -> String {
    let day = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?").unwrap();
    let run = regex_lite::Regex::new(r"\d{8}T\d{6}Z-[0-9a-f]{8}").unwrap();
    let text = run.replace_all(text, "RUN");
    day.replace_all(&text, "DAY").into_owned()
}

/// The ledger's acts, each with its state.
pub fn acts(world: &World) -> Vec<Value> {
    let items = world.account.items(LEDGER);
    let batches = items.iter().filter(|item| item["Acts"].is_array());
    batches
        .flat_map(|batch| batch["Acts"].as_array().unwrap().clone())
        .collect()
}

/// Whether a run is marked as one that has not ended.
pub fn is_open(world: &World) -> bool {
    let items = world.account.items(LEDGER);
    items.iter().any(|item| item["Pk"] == "open")
}

#[test]
fn shows_the_plan_and_applies_it() {
    let world = with_ledger("apply");
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stderr(&output), "");
    assert_snapshot!(told(stdout(&output)));
    let acts = acts(&world);
    let states = |state: &str| acts.iter().filter(|act| act["State"] == state).count();
    // What was shown as protected is not tried.
    assert_eq!(states("done"), 16, "{acts:?}");
    assert_eq!(acts.len(), 16, "{acts:?}");
    assert!(!is_open(&world));
    // There is nothing left that could be done.
    let changes = ["CreateTags", "StopInstances", "TerminateInstances"];
    let changes = || changes.map(|call| world.account.count(call));
    let before = changes();
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("Plan: 0 instances to tag, 0 to stop, 1 to terminate (later)."),
        "{output:?}"
    );
    assert_eq!(changes(), before);
}

#[test]
fn the_run_is_in_the_history() {
    let world = with_ledger("apply-history");
    assert_eq!(world.run(&APPLY).status.code(), Some(0));
    let output = world.run(&[
        "history",
        "--ledger-table",
        LEDGER,
        "--trigger",
        "apply",
        "--output",
        "csv",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output).lines().count(), 1 + 16, "{output:?}");
}

#[test]
fn does_nothing_without_a_terminal_or_yes() {
    let world = with_ledger("apply-unasked");
    let output = world.run(&["apply", "--ledger-table", LEDGER]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("Will terminate"), "{output:?}");
    assert_eq!(
        stderr(&output),
        "error: cannot ask for consent: standard input is not a terminal\n\n\
         Nothing was done. To continue without a question, add --yes.\n"
    );
    assert_eq!(writes(&world.account), 0);
}

#[test]
fn shuts_nothing_down_without_a_ledger() {
    let world = world("apply-no-ledger");
    let output = world.run(&["apply", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("no ledger table is configured"), "{text}");
    assert!(!text.contains("Will terminate"), "{text}");
    assert_eq!(world.account.count("TerminateInstances"), 0);
    assert!(world.account.count("CreateTags") > 0);
}

#[test]
fn keeps_the_hours_limit_across_runs() {
    let world = with_ledger("apply-budget");
    let arguments = [&APPLY[..], &["--max-destructive-per-hour", "1"]].concat();
    assert_eq!(world.run(&arguments).status.code(), Some(0));
    let ended = |world: &World| {
        let instances = world.account.instances();
        let ended = instances.iter().filter(|it| it.state.is_ending());
        ended.count()
    };
    let before = ended(&world);
    world.account.launch(
        tagwarden_sandbox::Launch::new()
            .vpc(VPC)
            .ago(chrono::TimeDelta::hours(1)),
    );
    begin_an_hour_ago(&world.account, LEDGER);
    let output = world.run(&arguments);
    assert!(
        stdout(&output).contains("the limit of 1 stops and terminations an hour"),
        "{output:?}"
    );
    assert_eq!(ended(&world), before);
}

#[test]
fn acts_on_the_current_state_not_on_the_plan() {
    let world = with_ledger("apply-live");
    // Somebody tags it after the plan was shown.
    let id = world.account.instances()[6].id.clone();
    let tagged = id.clone();
    world
        .account
        .on_next_call("TransactWriteItems", move |account| {
            account.set_tag(&tagged, "Owner", "ann");
        });
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        world.account.instance(&id).unwrap().state.as_str(),
        "running"
    );
}

#[test]
fn publishes_what_the_topic_has_not_received() {
    let world = with_ledger("apply-topic");
    let topic = world.account.create_topic("reports");
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.account.published().len(), 0);
    // The function is the next one to look; what is left was not told to its topic yet.
    world.account.launch(
        tagwarden_sandbox::Launch::new()
            .vpc(VPC)
            .ago(chrono::TimeDelta::hours(1))
            .tag("Name", "late"),
    );
    let arguments = [&APPLY[..], &["--topic-arn", &topic]].concat();
    let output = world.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let published = world.account.published();
    assert_eq!(published.len(), 1);
    assert!(
        published[0].message.contains("first seen so at"),
        "{published:?}"
    );
}

#[test]
fn shows_a_report_that_cannot_be_published() {
    let world = with_ledger("apply-unpublished");
    let topic = world.account.create_topic("reports");
    world
        .account
        .fail(Fault::new("Publish", "AuthorizationError", "You may not."));
    let arguments = [&APPLY[..], &["--topic-arn", &topic]].concat();
    let output = world.run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stdout(&output).contains("has been terminated. Reason: No tags found."),
        "{output:?}"
    );
    let message = stderr(&output);
    assert!(message.contains("sns:Publish"), "{message}");
    assert!(
        message.contains("The report above lists what was done."),
        "{message}"
    );
}

#[test]
fn reports_failed_steps_as_an_error() {
    let world = with_ledger("apply-fails");
    world
        .account
        .fail(Fault::new("CreateTags", "UnauthorizedOperation", "You may not.").always());
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("Tagging failed: "), "{output:?}");
    assert!(
        stderr(&output).starts_with("error: 15 steps failed\n\nThe report above says why."),
        "{output:?}"
    );
    // What can be done is done all the same.
    assert!(
        stdout(&output).contains("i-00000000000000007 has been terminated."),
        "{output:?}"
    );
}

#[test]
fn stops_when_the_policy_changes_meanwhile() {
    let world = with_ledger("apply-policy");
    let mut scans = 0;
    world.account.on_call("Scan", move |account| {
        scans += 1;
        // One for the plan, one before the sweep looks, one before it acts.
        if scans == 3 {
            account.clear_table(TABLE);
            let row = serde_json::json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
            account.put_item(TABLE, row);
        }
    });
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output)
            .starts_with("error: the policy changed during the run, so nothing was done"),
        "{output:?}"
    );
    for call in ["CreateTags", "StopInstances", "TerminateInstances"] {
        assert_eq!(world.account.count(call), 0, "{call}");
    }
}

/// What `apply --output json` writes; nobody is to be told anything else.
fn document(output: &std::process::Output) -> Value {
    assert_eq!(stderr(output), "", "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn reports_plan_and_result_as_json() {
    let world = with_ledger("apply-json");
    let arguments = [&APPLY[..], &["--output", "json"]].concat();
    let output = world.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let done = document(&output);
    assert_eq!(
        (&done["version"], &done["from"]),
        (&1.into(), &"us-east-1".into())
    );
    assert_eq!(done["policy"], format!("the policy table {TABLE}"));
    assert_eq!(
        (
            &done["planned"]["wouldTag"],
            &done["planned"]["wouldTerminate"],
            &done["planned"]["delayedTerminate"]
        ),
        (&13.into(), &2.into(), &1.into())
    );
    assert_eq!(
        (&done["counts"]["tagged"], &done["counts"]["terminated"]),
        (&13.into(), &1.into())
    );
    let steps = done["steps"].as_array().unwrap();
    let of = |outcome: &str| {
        steps
            .iter()
            .filter(|step| step["outcome"] == outcome)
            .count()
    };
    assert_eq!(
        (of("done"), of("refused"), of("deferred")),
        (16, 1, 1),
        "{steps:?}"
    );
    assert_eq!(
        (&done["interrupted"], &done["unpublished"]),
        (&false.into(), &Value::Null)
    );
    // It is the run that the ledger has.
    let run = done["runId"].as_str().unwrap();
    let history = world.run(&["history", "--ledger-table", LEDGER, "--run", run]);
    assert_eq!(history.status.code(), Some(0), "{history:?}");

    // The second time there is nothing to do, and the same form to read.
    let output = world.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let nothing = document(&output);
    assert!(nothing["runId"].is_string(), "{nothing}");
    let steps = nothing["steps"].as_array().unwrap().iter();
    let outcomes: Vec<&str> = steps
        .map(|step| step["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["refused", "deferred"]);
    let members = |document: &Value| -> Vec<String> {
        document.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(members(&nothing), members(&done));
}

#[test]
fn begins_to_count_what_no_run_has_seen_before() {
    let world = world("apply-counts");
    world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
    let output = world.run(&APPLY);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    let note = "Shutdowns need two looks, 15 minutes apart. For 3 shutdowns this is the first,";
    assert!(text.contains(note), "{text}");
    // The old one, the protected one and the young one.
    assert!(text.contains("3 shutdowns counted down, due "), "{text}");
    assert!(text.contains("3 to terminate (later)."), "{text}");
    assert_eq!(world.account.count("TerminateInstances"), 0);

    let arguments = [&APPLY[..], &["--output", "json"]].concat();
    let again = document(&world.run(&arguments));
    let counting = again["counting"].as_array().unwrap();
    assert_eq!(counting.len(), 3, "{counting:?}");
    let at = |name: &str| -> chrono::DateTime<chrono::Utc> {
        counting[0][name].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(at("due") - at("since"), chrono::TimeDelta::minutes(15));
    assert_eq!(counting[0]["remedy"], "terminate");
    assert_eq!(again["counts"]["terminated"], 0);
}

#[test]
fn shuts_down_at_the_first_look_without_a_grace_period() {
    let world = world("apply-at-once");
    world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
    let arguments = [&APPLY[..], &["--grace-minutes", "0"]].concat();
    let output = world.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(!text.contains("two looks"), "{text}");
    assert!(!text.contains("counted down"), "{text}");
    assert_eq!(world.account.instances()[6].state.as_str(), "shutting-down");
}

#[test]
fn does_nothing_as_json_without_yes() {
    let world = with_ledger("apply-json-unasked");
    let output = world.run(&["apply", "--ledger-table", LEDGER, "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let message = stderr(&output);
    assert!(message.contains("Will terminate"), "{message}");
    assert!(
        message.ends_with("Nothing was done. To continue without a question, add --yes.\n"),
        "{message}"
    );
    assert_eq!(writes(&world.account), 0);
}

#[test]
fn reports_a_failed_publication_as_json() {
    let world = with_ledger("apply-json-unpublished");
    let topic = world.account.create_topic("reports");
    world
        .account
        .fail(Fault::new("Publish", "AuthorizationError", "You may not."));
    let more = ["--topic-arn", &topic, "--output", "json"];
    let output = world.run(&[&APPLY[..], &more].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let why = document["unpublished"].as_str().unwrap();
    assert!(why.contains("sns:Publish"), "{why}");
    assert_eq!(document["counts"]["terminated"], 1);
}

#[test]
fn shows_the_warnings_of_the_run() {
    // Whoever did it would otherwise take the ledger for complete.
    let denied = || Fault::new("DeleteItem", "AccessDeniedException", "You may not.").always();
    let world = with_ledger("apply-warns");
    world.account.fail(denied());
    let output = world.run(&APPLY);
    let message = stderr(&output);
    assert!(message.starts_with("warning: "), "{message}");
    assert!(
        message.contains("AccessDeniedException: You may not."),
        "{message}"
    );
    let world = with_ledger("apply-warns-json");
    world.account.fail(denied());
    let output = world.run(&[&APPLY[..], &["--output", "json"]].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let warnings = document["warnings"].as_array().unwrap();
    assert!(!warnings.is_empty(), "{document}");
    for warning in warnings {
        assert!(
            stderr(&output).contains(warning.as_str().unwrap()),
            "{output:?}"
        );
    }
}

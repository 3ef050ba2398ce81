//! `tagwarden apply` does what it showed, `apply FILE` what is in the plan, and neither does anything else.

use std::process::Output;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Launch};

use crate::account::writes;
use crate::apply::{LEDGER, is_open, with_ledger};
use crate::countdowns::begin_an_hour_ago;
use crate::fleet::VPC;
use crate::support::{stderr, stdout};
use crate::world::{TABLE, World};

const SETTINGS: [&str; 2] = ["--vpc-ids", VPC];
const APPLY: [&str; 6] = ["apply", "--yes", "--vpc-ids", VPC, "--ledger-table", LEDGER];

/// The untagged instance that is old enough to be terminated.
const OLD: &str = "i-00000000000000007";

/// The instance named search, which lacks `ProjectCode`.
const SEARCH: &str = "i-00000000000000002";

fn run(world: &World, arguments: &[&[&str]]) -> Output {
    world.run(&arguments.concat())
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Does `change` between the look and the run: at the scan with which the run begins.
fn meanwhile(world: &World, mut change: impl FnMut(&Account) + Send + 'static) {
    let mut scans = 0;
    world.account.on_call("Scan", move |account| {
        scans += 1;
        if scans == 2 {
            change(account);
        }
    });
}

fn late() -> Launch {
    let day = TimeDelta::days(1);
    Launch::new().vpc(VPC).ago(day).tag("Name", "late")
}

fn save(world: &World, arguments: &[&str]) {
    let output = run(
        world,
        &[&["plan", "--save", "p.json"], &SETTINGS, arguments],
    );
    assert_eq!(status(&output), 2, "{output:?}");
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn tags(world: &World, id: &str) -> Vec<String> {
    let instance = world.account.instance(id).unwrap();
    instance.tags.keys().cloned().collect()
}

#[test]
fn another_policy_than_the_one_that_was_shown_is_not_applied() {
    let world = with_ledger("bound-policy");
    meanwhile(&world, |account| {
        account.put_item(
            TABLE,
            json!({"RuleId": 9, "TagKey": "Surprise", "Action": "Update", "Required": "Y", "Default": "x"}),
        );
    });
    let output = world.run(&APPLY);
    assert_eq!(status(&output), 1, "{output:?}");
    assert!(
        stderr(&output).starts_with("error: the policy changed since the plan was shown"),
        "{output:?}"
    );
    assert_eq!(world.account.count("CreateTags"), 0);
}

#[test]
fn what_was_not_shown_is_left_out_and_said() {
    let world = with_ledger("bound-more");
    meanwhile(&world, |account| {
        account.launch(late());
        // An untagged instance that another run has counted down.
        account.launch(Launch::new().vpc(VPC).ago(TimeDelta::days(1)));
        begin_an_hour_ago(account, LEDGER);
        // Less is done: somebody has written this one.
        account.set_tag(SEARCH, "ProjectCode", "P1");
    });
    let output = run(&world, &[&APPLY, &["--output", "json"]]);
    assert_eq!(status(&output), 0, "{output:?}");
    let done = document(&output);
    // ProjectCode, CreatedBy and Expires of the late one, and the termination.
    assert_eq!(done["leftOut"], 4, "{done}");
    let steps = done["steps"].as_array().unwrap().iter();
    let left_out = steps.filter(|it| {
        it["reason"]
            .as_str()
            .is_some_and(|it| it.contains("not in the plan"))
    });
    assert_eq!(left_out.count(), 4, "{done}");
    assert_eq!(done["counts"]["terminated"], 1);
    let skipped = done["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1, "{done}");
    assert_eq!(skipped[0]["instanceId"], SEARCH);
    assert_eq!(skipped[0]["tagKey"], "ProjectCode");
    // The next plan shows them.
    let output = world.run(&APPLY);
    assert!(
        stdout(&output).contains("3 tagged") || stdout(&output).contains("1 tagged"),
        "{output:?}"
    );
}

#[test]
fn a_saved_plan_is_applied_as_far_as_it_is_true() {
    let world = with_ledger("bound-saved");
    save(&world, &[]);
    let saved: Value = serde_json::from_str(&world.read("p.json")).unwrap();
    assert_eq!(
        (
            &saved["kind"],
            &saved["version"],
            &saved["region"],
            &saved["policyTable"]
        ),
        (
            &json!("tagwarden-plan"),
            &json!(1),
            &json!("us-east-1"),
            &json!(TABLE)
        )
    );
    assert_eq!(saved["settings"]["grace-minutes"], "15");
    world.account.launch(late());
    world.account.set_tag(SEARCH, "ProjectCode", "P1");
    world.account.set_tag(OLD, "Owner", "ann");
    let output = run(&world, &[&APPLY, &["p.json"]]);
    assert_eq!(status(&output), 0, "{output:?}");
    let text = stdout(&output);
    for part in [
        "The plan of ",
        "Skipped, because it is not so any more:",
        "i-00000000000000002: tag ProjectCode = \"Proj007\": the tag is \"P1\" now",
        "i-00000000000000007: terminate: it is not asked for any more",
        "and are not in the plan: a new plan shows them.",
        "12 tagged",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(world.account.count("TerminateInstances"), 0);
    let newest = world.account.instances().last().unwrap().id.clone();
    assert_eq!(tags(&world, &newest), ["Name"]);
    assert_eq!(tags(&world, OLD), ["Owner"]);
    // As a document.
    let output = run(&world, &[&APPLY, &["p.json", "--output", "json"]]);
    assert_eq!(status(&output), 0, "{output:?}");
    let again = document(&output);
    assert_eq!(again["plan"], saved["at"]);
    assert!(again["skipped"].as_array().unwrap().len() > 12, "{again}");
}

#[test]
fn a_saved_plan_terminates_what_is_in_it() {
    let world = with_ledger("bound-ends");
    save(&world, &["--only", "terminate"]);
    let output = run(&world, &[&APPLY, &["p.json"]]);
    assert_eq!(status(&output), 0, "{output:?}");
    assert!(
        stdout(&output).contains(&format!("{OLD} has been terminated")),
        "{output:?}"
    );
    assert_eq!(world.account.count("CreateTags"), 0);
}

#[test]
fn a_stale_plan_is_refused() {
    let stale = |test: &str, arguments: &[&str], change: &dyn Fn(&World), why: &str| {
        let world = with_ledger(&format!("bound-stale-{test}"));
        save(&world, &[]);
        change(&world);
        let before = writes(&world.account);
        let output = run(&world, &[&APPLY, arguments, &["p.json"]]);
        assert_eq!(status(&output), 1, "{output:?}");
        assert!(stderr(&output).contains(why), "{why}: {output:?}");
        assert_eq!(writes(&world.account), before);
    };
    let edit = |from: &'static str, to: &'static str| {
        move |world: &World| {
            let text = world.read("p.json");
            assert!(text.contains(from), "{text}");
            world.write("p.json", &text.replace(from, to));
        }
    };
    stale(
        "policy",
        &[],
        &|world| {
            let row = json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
            world.account.put_item(TABLE, row);
        },
        "error: the plan is stale: the policy has changed since",
    );
    stale(
        "region",
        &[],
        &edit("\"us-east-1\"", "\"eu-west-1\""),
        "the plan is stale: it is of eu-west-1, and this is us-east-1",
    );
    stale(
        "account",
        &[],
        &edit("\"account\": \"", "\"account\": \"9"),
        "the plan is stale: it is of the account 9",
    );
    stale(
        "settings",
        &["--grace-minutes", "0"],
        &|_| {},
        "the plan is stale: it was made with --grace-minutes 15, and this is --grace-minutes 0",
    );
    stale(
        "version",
        &[],
        &edit("\"version\": 1", "\"version\": 2"),
        "a newer tagwarden has written it",
    );
    stale(
        "kind",
        &[],
        &edit("tagwarden-plan", "x"),
        "it is not a saved plan",
    );
    stale(
        "broken",
        &[],
        &edit("\"steps\"", "\"stops\""),
        "missing field `steps`",
    );
    stale(
        "untag",
        &[],
        &edit("\"tag\"", "\"untag\""),
        "it has a step that no plan has",
    );
}

#[test]
fn an_old_plan_shuts_nothing_down() {
    let world = with_ledger("bound-old");
    save(&world, &[]);
    let mut saved: Value = serde_json::from_str(&world.read("p.json")).unwrap();
    let at: chrono::DateTime<chrono::Utc> = saved["at"].as_str().unwrap().parse().unwrap();
    saved["at"] = json!(at - TimeDelta::hours(25));
    world.write("p.json", &saved.to_string());
    let output = run(&world, &[&APPLY, &["p.json"]]);
    assert_eq!(status(&output), 0, "{output:?}");
    let text = stdout(&output);
    assert!(text.contains(", 25 hours old:"), "{text}");
    assert!(
        text.contains(": terminate: the plan is older than 1 day"),
        "{text}"
    );
    assert_eq!(world.account.count("TerminateInstances"), 0);
    assert!(text.contains("13 tagged"), "{text}");
}

#[test]
fn other_files_are_not_overwritten() {
    let world = with_ledger("bound-file");
    world.write("p.json", "mine");
    let output = run(&world, &[&["plan", "--save", "p.json"], &SETTINGS]);
    assert_eq!(status(&output), 1, "{output:?}");
    assert!(
        stderr(&output).contains("exists and is not a saved plan"),
        "{output:?}"
    );
    assert_eq!(world.read("p.json"), "mine");
    let output = run(&world, &[&["plan", "--save", "-"], &SETTINGS]);
    assert_eq!(status(&output), 1, "{output:?}");
}

#[test]
fn plan_and_apply_are_narrowed_alike() {
    let world = with_ledger("bound-narrow");
    for (arguments, tally) in [
        (
            vec!["--instance", SEARCH],
            "1 instance to tag, 0 to stop, 0 to terminate",
        ),
        (
            vec!["--tag", "CreatedBy"],
            "4 instances to tag, 0 to stop, 0 to terminate",
        ),
        (
            vec![
                "--instance",
                OLD,
                "--instance",
                SEARCH,
                "--tag",
                "ProjectCode",
            ],
            "1 instance to tag, 0 to stop, 0 to terminate",
        ),
    ] {
        let output = run(&world, &[&["plan"], &SETTINGS, &arguments]);
        assert_eq!(status(&output), 2, "{output:?}");
        assert!(stdout(&output).contains(tally), "{output:?}");
    }
    let output = run(&world, &[&APPLY, &["--only", "terminate"]]);
    assert_eq!(status(&output), 0, "{output:?}");
    assert!(stdout(&output).contains("1 terminated"), "{output:?}");
    assert_eq!(world.account.count("CreateTags"), 0);
    let output = run(
        &world,
        &[&APPLY, &["--instance", SEARCH, "--tag", "ProjectCode"]],
    );
    assert_eq!(status(&output), 0, "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("1 instance looked at: 1 tagged."), "{text}");
    assert_eq!(world.account.count("CreateTags"), 1);
    for (arguments, why) in [
        (
            ["--instance", "i-0123456789abcdef0"],
            "us-east-1 has no instance i-0123456789abcdef0",
        ),
        (
            ["--tag", "owner"],
            "the policy has no rule for the tag \"owner\"",
        ),
    ] {
        for command in [&["plan"][..], &APPLY] {
            let output = run(&world, &[command, &arguments]);
            assert_eq!(status(&output), 1, "{output:?}");
            assert!(stderr(&output).contains(why), "{output:?}");
        }
    }
}

/// Nothing would be changed. So nobody is asked, and the run is made all the same.
#[test]
fn what_is_only_to_be_told_is_told_without_a_question() {
    let world = World::new("plan-bound-notify");
    world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
    let topic = world.account.create_topic("reports");
    world.account.clear_table(TABLE);
    let row = json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
    world.account.put_item(TABLE, row);
    world.account.launch(late());
    let arguments = ["apply", "--ledger-table", LEDGER, "--topic-arn", &topic];
    let output = world.run(&arguments);
    assert_eq!(status(&output), 0, "{output:?}");
    let published = world.account.published();
    assert_eq!(published.len(), 1, "{output:?}");
    assert!(
        published[0].message.contains("missing tag Owner"),
        "{published:?}"
    );
    // What was told is not told again.
    assert_eq!(status(&world.run(&arguments)), 0);
    assert_eq!(world.account.published().len(), 1);
}

/// The clock between a stop and a termination goes on, and its end is announced and kept.
#[test]
fn what_it_stopped_is_terminated_in_the_end() {
    let world = World::new("plan-bound-stop-first");
    world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
    let topic = world.account.create_topic("reports");
    world
        .account
        .launch(Launch::new().vpc(VPC).ago(TimeDelta::days(30)));
    let stop = ["--untagged", "stop", "--terminate-after-days", "2"];
    let apply = [
        "apply",
        "--yes",
        "--ledger-table",
        LEDGER,
        "--topic-arn",
        &topic,
    ];
    let output = run(&world, &[&apply, &stop, &["--grace-minutes", "0"]]);
    assert_eq!(world.account.count("StopInstances"), 1, "{output:?}");
    let published = world.account.published().len();
    // The ledger's clock is this machine's, so the stop is made a day older.
    let items = world.account.items(LEDGER);
    let mut standing = items
        .into_iter()
        .find(|item| item["Pk"] == "countdown")
        .unwrap();
    let since: chrono::DateTime<chrono::Utc> = standing["Since"].as_str().unwrap().parse().unwrap();
    for name in ["Since", "SeenAt"] {
        standing[name] = json!(since - TimeDelta::hours(30));
    }
    world.account.put_item(LEDGER, standing);
    // Nothing is changed, so that nobody has to agree; the notice goes out.
    let apply = ["apply", "--ledger-table", LEDGER, "--topic-arn", &topic];
    let output = run(&world, &[&apply, &stop]);
    assert_eq!(status(&output), 0, "{output:?}");
    assert_eq!(world.account.published().len(), published + 1, "{output:?}");
    let items = world.account.items(LEDGER);
    let standing = items.iter().find(|item| item["Pk"] == "countdown").unwrap();
    assert!(standing["RemindedAt"].is_string(), "{standing}");
    assert!(!is_open(&world));
}

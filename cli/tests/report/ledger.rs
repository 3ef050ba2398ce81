//! What the page tells of the ledger, and of a live account.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use tagwarden_sandbox::Service;

use crate::fleet::{self, SOURCES};
use crate::scene::{LEDGER, Scene, ended, wrote};
use crate::support::{command, stderr};

/// Acts of a week: two tags written three days ago, one instance terminated two days ago, another refused.
pub fn week(scene: &Scene) {
    let (web, db) = ("i-00000001", "i-00000002");
    scene.past(
        TimeDelta::days(3),
        "00000001",
        "schedule",
        &[
            wrote(web, "ProjectCode", "Proj007", "done"),
            wrote(db, "ProjectCode", "Proj007", "done"),
        ],
    );
    scene.past(
        TimeDelta::days(2),
        "00000002",
        "schedule",
        &[
            ended(web, "terminate", "done", None),
            ended(
                db,
                "terminate",
                "refused",
                Some("the instance is protected against it"),
            ),
        ],
    );
    // Longer ago than the page shows, unless it is asked for.
    let long_ago = [wrote(web, "Owner", "x", "done")];
    scene.past(TimeDelta::days(50), "00000003", "schedule", &long_ago);
}

/// The lines of the page that tell how many acts of a kind there are: `2 tags written`.
fn told(page: &str) -> Vec<String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("<p><b>"));
    let acts = lines.filter_map(|line| line.split_once("</b> "));
    let acts = acts.map(|(number, rest)| (number, rest.split(['<', ',']).next().unwrap()));
    acts.filter(|(number, _)| number.parse::<usize>().is_ok())
        .map(|(number, name)| format!("{number} {name}"))
        .collect()
}

#[test]
fn a_live_account_and_its_ledger() {
    let scene = Scene::new("report");
    let web = scene.launch(&[("Name", "web"), ("CreatedBy", "ann")]);
    scene.launch(&[("Name", "db"), ("CreatedBy", "ann"), ("ProjectCode", "P")]);
    week(&scene);
    scene.account.forget_calls();
    let output = scene.run(&["report", "page.html", "--title", "Shop & Co"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = scene.read("page.html");
    assert!(page.contains("<h1>Shop &amp; Co</h1>"), "{page}");
    assert!(page.contains(
        "2 instances of <b>us-east-1, account 111111111111</b> under <b>the policy table "
    ));
    assert!(page.contains(&web));
    assert!(page.contains("from the ledger tagwarden-ledger in us-east-1"));
    assert_eq!(
        told(&page),
        [
            "2 tags written",
            "0 instances stopped",
            "1 instance terminated",
            "0 tags taken back",
            "1 not done: refused",
        ]
    );
    // Nothing is changed by it.
    let calls = scene.account.calls();
    let writes: Vec<_> = calls
        .iter()
        .filter(|call| {
            let reads = ["Describe", "Lookup", "Scan", "Query", "Get", "BatchGet"];
            !reads.iter().any(|read| call.operation.starts_with(read))
        })
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(calls.iter().any(|call| call.service == Service::DynamoDb));
}

#[test]
fn the_time_is_as_asked_for() {
    let scene = Scene::new("report-since");
    scene.launch(&[("Name", "web")]);
    week(&scene);
    let first = |since: &str| {
        let output = scene.run(&["report", "page.html", "--force", "--since", since]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        told(&scene.read("page.html")).swap_remove(0)
    };
    assert_eq!(first("60d"), "3 tags written");
    assert_eq!(first("1d"), "0 tags written");
    // Weeks, where days would be too many columns.
    assert_eq!(first("300d"), "3 tags written");
    assert!(scene.read("page.html").contains("a column a week"));
    let output = scene.run(&["report", "page.html", "--force", "--since", "2999-01-01"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: --since is in the future"));
}

#[test]
fn shows_an_act_in_progress() {
    let scene = Scene::new("report-begun");
    scene.launch(&[("Name", "web")]);
    let begun = [wrote("i-00000001", "Owner", "x", "begun")];
    scene.past(TimeDelta::minutes(1), "00000001", "launch", &begun);
    let output = scene.run(&["report", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(told(&scene.read("page.html")).pop().unwrap(), "1 begun");
}

/// What docs/report-page.md says: what `plan` needs with the ledger.
#[test]
fn the_ledger_needs_no_other_permission_than_the_plan() {
    let scene = Scene::new("report-permissions");
    scene.launch(&[("Name", "web")]);
    scene.launch(&[]);
    let called = |arguments: &[&str]| -> BTreeSet<String> {
        scene.account.forget_calls();
        scene.run(arguments);
        let calls = scene.account.calls().into_iter();
        calls.map(|call| call.operation).collect()
    };
    let (plan, report) = (called(&["plan"]), called(&["report", "page.html"]));
    assert!(plan.is_subset(&report));
    let more: Vec<_> = report.difference(&plan).collect();
    assert_eq!(more, Vec::<&String>::new());
    assert!(plan.contains("Query"), "{plan:?}");
}

/// To look at an account can take a while: what can be said before is said before.
#[test]
fn aws_is_not_asked_for_a_page_that_cannot_be_written() {
    let scene = Scene::new("report-early");
    scene.write("page.html", "mine");
    let output = scene.run(&["report", "page.html"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(scene.account.calls().len(), 0);
    assert_eq!(scene.read("page.html"), "mine");
}

/// Who hands in recordings may have no account: the environment alone does not make the command ask AWS.
#[test]
fn recordings_ask_for_a_ledger_only_if_told_to() {
    let directory = fleet::directory("no-ledger", 3);
    let run = |more: &[&str]| {
        let mut command =
            command(&[&["report", "page.html", "--force"], &SOURCES[..], more].concat());
        command
            .env("TAGWARDEN_LEDGER_TABLE", LEDGER)
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "none")
            .env("AWS_SHARED_CREDENTIALS_FILE", "none")
            .env_remove("AWS_REGION")
            .env_remove("AWS_DEFAULT_REGION")
            .current_dir(&directory);
        command.output().unwrap()
    };
    assert_eq!(run(&[]).status.code(), Some(0));
    let page = std::fs::read_to_string(directory.join("page.html")).unwrap();
    assert!(page.contains("No ledger was read"), "{page}");
    assert!(page.contains("What tagwarden did"));
    let output = run(&["--since", "7d"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no ledger table is given"),
        "{output:?}"
    );
    let output = run(&["--ledger-table", LEDGER]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no AWS Region given"),
        "{output:?}"
    );
}

#[test]
fn names_a_ledger_that_does_not_exist() {
    let scene = Scene::new("report-missing");
    let output = scene
        .command(&["report", "page.html", "--ledger-table", "nothing"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("ledger"), "{output:?}");
    assert!(!scene.path("page.html").exists());
}

#[test]
fn an_act_has_its_day() {
    let scene = Scene::new("report-day");
    scene.launch(&[("Name", "web")]);
    let day = (Utc::now() - TimeDelta::days(3)).date_naive();
    let last_second = day.and_hms_opt(23, 59, 59).unwrap().and_utc();
    let stop = ended("i-00000001", "stop", "done", None);
    scene.past_at(last_second, "00000001", "schedule", &[stop]);
    let output = scene.run(&["report", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = scene.read("page.html");
    let told = format!("<title>{}: 1</title>", day.format("%-d %b %Y"));
    assert!(page.contains(&told), "{page}");
}

//! `tagwarden demo`: what it tells, as JSON and on a page.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

#[path = "demo/document.rs"]
mod document;
#[path = "demo/later.rs"]
mod later;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};
use support::{stderr, stdout, tagwarden};

/// The JSON document of one run, which most tests look at.
static STORY: LazyLock<Value> = LazyLock::new(|| {
    let output = tagwarden(&["demo", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
});

/// The instances of `before` or `after`, by role.
fn instances(step: &str) -> BTreeMap<&'static str, &'static Value> {
    let instances = STORY[step]["instances"].as_array().unwrap();
    instances
        .iter()
        .map(|seen| (seen["role"].as_str().unwrap(), seen))
        .collect()
}

fn instance(step: &str, role: &str) -> &'static Value {
    instances(step)[role]
}

fn id(role: &str) -> &'static str {
    instance("before", role)["instanceId"].as_str().unwrap()
}

/// Every role with its verdict; `-` where Config shows no result.
fn verdicts(step: &str) -> BTreeMap<&'static str, &'static str> {
    instances(step)
        .into_iter()
        .map(|(role, seen)| (role, seen["verdict"].as_str().unwrap_or("-")))
        .collect()
}

/// The lines of a report that are about this instance.
fn lines(report: &str, role: &str) -> Vec<&'static str> {
    let text = STORY[report]["text"].as_str().unwrap();
    text.lines()
        .filter(|line| line.starts_with("-- ") && line.contains(id(role)))
        .collect()
}

/// How many calls of this operation `calls` counts.
fn calls(calls: &Value, operation: &str) -> u64 {
    calls["byOperation"][operation]["calls"]
        .as_u64()
        .unwrap_or(0)
}

#[test]
fn finds_the_defects_of_each_instance_at_first() {
    let expected = [
        (
            "billing",
            "NON_COMPLIANT",
            json!("missing tag CreatedBy (rule 2)"),
        ),
        (
            "builder",
            "NON_COMPLIANT",
            json!("missing tag CreatedBy (rule 2)"),
        ),
        (
            "cache",
            "NON_COMPLIANT",
            json!("missing tag ProjectCode (rule 1; found projectcode)"),
        ),
        ("lab", "-", Value::Null),
        (
            "mail",
            "NON_COMPLIANT",
            json!("empty tag ProjectCode (rule 1)"),
        ),
        (
            "reports",
            "NON_COMPLIANT",
            json!("missing tag CreatedBy (rule 2)"),
        ),
        (
            "rookie",
            "NON_COMPLIANT",
            json!("The instance has no tags at all."),
        ),
        (
            "scratch",
            "NON_COMPLIANT",
            json!("The instance has no tags at all."),
        ),
        (
            "search",
            "NON_COMPLIANT",
            json!("missing tag ProjectCode (rule 1)"),
        ),
        ("shop", "COMPLIANT", Value::Null),
        (
            "vault",
            "NON_COMPLIANT",
            json!("The instance has no tags at all."),
        ),
        (
            "wiki",
            "COMPLIANT",
            json!("optional: missing tag Expires (rule 3)"),
        ),
        (
            "worker",
            "NON_COMPLIANT",
            json!(
                "missing tag ProjectCode (rule 1); missing tag CreatedBy (rule 2); \
                 optional: missing tag Expires (rule 3)"
            ),
        ),
    ];
    let found: Vec<_> = instances("before")
        .into_iter()
        .map(|(role, seen)| {
            let verdict = seen["verdict"].as_str().unwrap_or("-");
            (role, verdict, seen["annotation"].clone())
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(
        STORY["before"]["counts"],
        json!({"evaluated": 12, "compliant": 2, "nonCompliant": 10, "notApplicable": 0})
    );
}

#[test]
fn reports_steps_in_a_dry_run_without_doing_them() {
    let report = &STORY["dryRunReport"];
    assert_eq!(report["json"]["mode"], "dry-run");
    assert_eq!(report["answer"], json!({"batchItemFailures": []}));
    let summary = &report["json"]["summary"];
    for (count, expected) in [
        ("instances", 10),
        ("wouldTag", 7),
        ("wouldTerminate", 1),
        ("refused", 1),
        ("deferred", 1),
        ("tagged", 0),
        ("terminated", 0),
        ("failed", 0),
    ] {
        assert_eq!(summary[count], expected, "{count}");
    }
    assert_eq!(
        lines("dryRunReport", "search"),
        [format!(
            "-- Instance {} missing tag ProjectCode. New tag would be created.",
            id("search")
        )]
    );
    assert_eq!(
        lines("dryRunReport", "scratch"),
        [format!(
            "-- {} would be terminated. Reason: No tags found.",
            id("scratch")
        )]
    );
    // What it had done would not be there to find for the run that follows. A protected instance needs a person in the
    // dry run, and is counted down by the other.
    let findings = |report: &str| {
        let entries = STORY[report]["json"]["entries"].as_array().unwrap();
        let finding = |entry: &Value| {
            ["instanceId", "finding", "tagKey", "tagValue", "remedy"]
                .map(|name| entry[name].clone())
        };
        let mut findings: Vec<_> = entries.iter().map(finding).collect();
        findings.sort_by_key(|finding| finding.clone().map(|part| part.to_string()));
        findings
    };
    assert_eq!(findings("dryRunReport"), findings("report"));
}

#[test]
fn reports_in_the_customers_words() {
    let report = &STORY["report"];
    assert_eq!(report["subject"], "ACME Cloud Tagging Policy Report");
    assert_eq!(report["answer"], json!({"batchItemFailures": []}));
    assert_eq!(report["json"]["mode"], "enforce");
    let [
        billing,
        builder,
        cache,
        mail,
        reports,
        rookie,
        scratch,
        search,
        vault,
        worker,
    ] = [
        "billing", "builder", "cache", "mail", "reports", "rookie", "scratch", "search", "vault",
        "worker",
    ]
    .map(id);
    let run_id = report["json"]["runId"].as_str().unwrap();
    let text = report["text"].as_str().unwrap();
    let moment = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").unwrap();
    let moments: BTreeSet<&str> = moment.find_iter(text).map(|it| it.as_str()).collect();
    let [since, due] = moments.into_iter().collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    let counted = format!(
        "Left for later: first seen so at {since}; if it still is, it is done after {due}."
    );
    let console = "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=";
    let expected = format!(
        "The following tagging policy violations occurred:

Tagged: 7 instances
-- Instance {search} missing tag ProjectCode. New tag created.
-- Instance {mail} empty tag ProjectCode. Value set.
-- Instance {cache} missing tag ProjectCode. New tag created. \"Proj042\" is from its tag projectcode.
-- Instance {worker} missing tag ProjectCode. New tag created.
-- Instance {billing} missing tag CreatedBy. New tag created.
-- Instance {reports} missing tag CreatedBy. New tag created.
-- Instance {builder} missing tag CreatedBy. New tag created.
-- Instance {worker} missing tag CreatedBy. New tag created.
-- Instance {worker} missing tag Expires. New tag created.

Left for later: 3 instances
-- {scratch} is to be terminated. Reason: No tags found. {counted}
-- {vault} is to be terminated. Reason: No tags found. {counted}
-- {rookie} is to be terminated. Reason: No tags found. {counted}

10 instances looked at: 7 tagged, 3 left for later.
This run in the ledger, with the tags before:
   tagwarden history --run {run_id} --ledger-table tagwarden-ledger --region us-east-1
"
    );
    assert_eq!(text, expected);

    // The second look, 15 minutes later.
    let text = STORY["sweepReport"]["text"].as_str().unwrap();
    let expected = format!(
        "The following tagging policy violations occurred:

Needs a person: 1 instance
-- {vault} has not been terminated. Reason: No tags found. Refused: the instance is protected against it.
   Owner: alice.
   {console}{vault}
   What to do: tag it, turn its protection off, or exempt it with the tag tagwarden:exempt-until.

Stopped or terminated: 1 instance
-- {scratch} has been terminated. Reason: No tags found.
   Owner: alice.
   {console}{scratch}
"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn fixes_in_the_sweep_what_no_event_announced() {
    assert_eq!(
        lines("sweepReport", "wiki"),
        [format!(
            "-- Instance {} missing tag Expires. New tag created.",
            id("wiki")
        )]
    );
    let answer = &STORY["sweepReport"]["answer"];
    for (count, expected) in [
        ("instances", 12),
        ("tagged", 2),
        ("terminated", 1),
        ("refused", 1),
        ("failed", 0),
    ] {
        assert_eq!(answer[count], expected, "{count}");
    }
}

#[test]
fn leaves_only_unfixable_instances_non_compliant() {
    let expected = BTreeMap::from([
        ("billing", "COMPLIANT"),
        ("builder", "COMPLIANT"),
        ("cache", "COMPLIANT"),
        ("lab", "-"),
        ("mail", "COMPLIANT"),
        ("reports", "COMPLIANT"),
        ("rookie", "COMPLIANT"),
        ("scratch", "-"),
        ("search", "COMPLIANT"),
        ("shop", "COMPLIANT"),
        ("vault", "NON_COMPLIANT"),
        ("wiki", "COMPLIANT"),
        ("worker", "COMPLIANT"),
    ]);
    assert_eq!(verdicts("after"), expected);
    assert_eq!(
        STORY["after"]["counts"],
        json!({"evaluated": 12, "compliant": 10, "nonCompliant": 1, "notApplicable": 1})
    );
    assert_eq!(
        STORY["left"],
        json!([
            {
                "instanceId": id("vault"),
                "role": "vault",
                "outcome": "refused",
                "reason": "the instance is protected against it",
            },
        ])
    );
}

#[test]
fn writes_the_values_of_the_policy() {
    let tag = |role: &str, key: &str| instance("after", role)["tags"][key].as_str().unwrap();
    for role in ["search", "mail", "worker"] {
        assert_eq!(tag(role, "ProjectCode"), "Proj007", "{role}");
    }
    // What somebody wrote under another spelling of the key.
    assert_eq!(tag("cache", "ProjectCode"), "Proj042");
    for (role, creator) in [
        ("billing", "bob"),
        ("reports", "maria@example.com"),
        ("builder", "ci/GitHubActions"),
        ("worker", "autoscaling.amazonaws.com"),
    ] {
        assert_eq!(tag(role, "CreatedBy"), creator, "{role}");
    }
    // Midnight may have passed since the demo's account was made.
    let today = chrono::Utc::now().date_naive();
    let dates = [today, today - chrono::Days::new(1)].map(|date| date.to_string());
    for role in ["wiki", "worker"] {
        assert!(
            dates.iter().any(|date| date == tag(role, "Expires")),
            "{role}"
        );
    }
}

#[test]
fn terminates_only_the_unprotected_instance_without_tags_at_both_looks() {
    for (role, seen) in instances("after") {
        let expected = if role == "scratch" {
            "terminated"
        } else {
            "running"
        };
        assert_eq!(seen["state"], expected, "{role}");
    }
    assert_eq!(instance("after", "vault")["tags"], json!({}));
    // Tagged between the two looks, it is judged by the rules.
    let rookie = instance("after", "rookie")["tags"].as_object().unwrap();
    let keys: Vec<&String> = rookie.keys().collect();
    assert_eq!(keys, ["CreatedBy", "Expires", "Name", "ProjectCode"]);
}

#[test]
fn keeps_every_value_that_somebody_set() {
    for (role, before) in instances("before") {
        for (key, value) in before["tags"].as_object().unwrap() {
            if value != "" {
                assert_eq!(instance("after", role)["tags"][key], *value, "{role} {key}");
            }
        }
    }
    assert_eq!(instance("after", "cache")["tags"]["projectcode"], "Proj042");
    assert_eq!(instance("after", "shop"), instance("before", "shop"));
}

#[test]
fn leaves_the_instance_in_another_vpc_alone() {
    assert_ne!(instance("before", "lab")["vpcId"], STORY["vpcId"]);
    assert_eq!(instance("after", "lab"), instance("before", "lab"));
    for report in ["dryRunReport", "report", "sweepReport"] {
        assert_eq!(lines(report, "lab"), Vec::<&str>::new(), "{report}");
    }
}

#[test]
fn changes_nothing_in_a_second_sweep() {
    let sweep = &STORY["secondSweep"];
    assert_eq!(sweep["changedInstances"], json!([]));
    assert_eq!(calls(&sweep["calls"], "ec2:CreateTags"), 0);
    assert_eq!(calls(&sweep["calls"], "ec2:StopInstances"), 0);
    // The protected one is not tried again before tomorrow.
    assert_eq!(calls(&sweep["calls"], "ec2:TerminateInstances"), 0);
    // And nobody is told the same twice a day.
    assert_eq!(calls(&sweep["calls"], "sns:Publish"), 0);
}

#[test]
fn makes_one_call_for_each_set_of_tags() {
    let all = &STORY["calls"];
    // A project for two, that of a near miss, three launchers, everything for the worker, and in the sweep a date, and
    // everything for the instance that was named meanwhile. Under the later policy, a date for two.
    assert_eq!(calls(all, "ec2:CreateTags"), 9);
    // The dates of the old rule.
    assert_eq!(calls(all, "ec2:DeleteTags"), 1);
    // The protected one is found out once, and the other tried again without it. Later one comes to its end.
    assert_eq!(
        all["byOperation"]["ec2:TerminateInstances"],
        json!({"calls": 3, "refused": 1})
    );
    // Four launchers on one page, in the dry run and when enforcing; and in the sweep that of what was named meanwhile. Under
    // the later policy, whom an end date concerns, in a page each time.
    assert_eq!(calls(all, "cloudtrail:LookupEvents"), 5);
    assert_eq!(calls(all, "config:PutEvaluations"), 3);
    assert_eq!(calls(all, "sns:Publish"), 5);
    let operations = all["byOperation"].as_object().unwrap();
    let sum: u64 = operations
        .values()
        .map(|tally| tally["calls"].as_u64().unwrap())
        .sum();
    assert_eq!(all["total"], sum);
}

/// The page, with dates and the time it took replaced.
fn normalised(page: &str) -> String {
    let replaced = [
        ("[0-9]{8}T[0-9]{6}Z-", "YYYYMMDDThhmmssZ-"),
        (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b", "YYYY-MM-DD"),
        (r"\b[0-9]{2}:[0-9]{2}\b", "hh:mm"),
        (r" AWS calls in [0-9]+ ms:", " AWS calls in … ms:"),
    ];
    replaced.iter().fold(page.to_owned(), |page, (form, by)| {
        let form = regex_lite::Regex::new(form).unwrap();
        form.replace_all(&page, *by).into_owned()
    })
}

#[test]
fn writes_a_plain_page_of_100_columns_into_a_pipe() {
    let output = tagwarden(&["demo"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    assert!(!stdout(&output).contains('\u{1b}'));
    insta::assert_snapshot!(normalised(stdout(&output)));
}

#[test]
fn the_readme_shows_an_excerpt_of_the_page() {
    const README: &str = include_str!("../../README.md");
    let (_, excerpt) = README.split_once("An excerpt of its output").unwrap();
    let excerpt = excerpt.split("```").nth(1).unwrap();
    let excerpt = normalised(excerpt.strip_prefix("text\n").unwrap());
    let output = tagwarden(&["demo"]);
    let page = normalised(stdout(&output));
    let mut lines = page.lines();
    for shown in excerpt.lines().filter(|line| *line != "…") {
        assert!(
            lines.any(|line| line == shown),
            "not in the demo: {shown:?}"
        );
    }
}

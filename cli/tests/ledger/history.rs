//! `tagwarden history`: which acts it shows, and how.

use chrono::{NaiveTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::scene::{LEDGER, Scene, ended, text, timeless, wrote};
use crate::support::HERE;
use crate::support::{stderr, stdout, tagwarden};

/// Two days of acts, one of each kind.
fn two_days(test: &str) -> Scene {
    let scene = Scene::new(test);
    let (web, db) = ("i-00000000000000001", "i-00000000000000002");
    scene.past(
        TimeDelta::hours(30),
        "00000001",
        "schedule",
        &[wrote(web, "Owner", "früher \"so\"", "done")],
    );
    let mut again = wrote(db, "ProjectCode", "Proj007", "done");
    again["TagsBefore"] = json!({"ProjectCode": ""});
    let run = scene.past(
        TimeDelta::hours(5),
        "00000002",
        "compliance-change+launch",
        &[wrote(web, "ProjectCode", "Proj007", "done"), again],
    );
    scene.past(
        TimeDelta::hours(4),
        "00000003",
        "schedule",
        &[
            ended(web, "stop", "done", None),
            ended(
                db,
                "terminate",
                "refused",
                Some("the instance is protected against it"),
            ),
            ended(
                "i-00000000000000003",
                "terminate",
                "spared",
                Some("the instance has changed since it was first looked at"),
            ),
        ],
    );
    scene.past(
        TimeDelta::hours(3),
        "00000004",
        "undo",
        &[
            json!({
                "InstanceId": web, "Remedy": "untag", "RuleId": 1, "TagKey": "ProjectCode",
                "TagsBefore": {"ProjectCode": "Proj007"}, "State": "done", "Undoes": run,
            }),
            json!({
                "InstanceId": db, "Remedy": "untag", "RuleId": 1, "TagKey": "ProjectCode", "TagValue": "",
                "TagsBefore": {"ProjectCode": "Proj007"}, "State": "failed",
                "Why": "ec2:CreateTags: UnauthorizedOperation: no", "Undoes": run,
            }),
        ],
    );
    scene.past(
        TimeDelta::minutes(1),
        "00000005",
        "request",
        &[wrote(db, "Expires", "2026-11-23", "begun")],
    );
    scene
}

/// The runs of the acts that are shown, by the last digit of their suffix.
fn shown(scene: &Scene, arguments: &[&str]) -> String {
    let arguments = [&["history", "--output", "json"], arguments].concat();
    let document: Value = serde_json::from_str(&scene.told(&arguments)).unwrap();
    let acts = document["acts"].as_array().unwrap();
    acts.iter()
        .map(|act| act["runId"].as_str().unwrap().chars().last().unwrap())
        .collect()
}

#[test]
fn the_last_day_as_a_table() {
    let scene = two_days("history-text");
    insta::assert_snapshot!(timeless(&scene.told(&["history"])));
}

#[test]
fn as_json() {
    let scene = two_days("history-json");
    let document = scene.told(&["history", "--since", "2d", "--output", "json"]);
    insta::assert_snapshot!(timeless(&document));
}

#[test]
fn as_csv() {
    let scene = two_days("history-csv");
    let document = scene.told(&["history", "--since", "2d", "--output", "csv"]);
    insta::assert_snapshot!(timeless(&document));
}

#[test]
fn filters_by_run_instance_and_state() {
    let scene = two_days("history-asked");
    let runs = scene.runs();
    let since = (Utc::now() - TimeDelta::minutes(210)).to_rfc3339();
    let today = Utc::now().date_naive().to_string();
    let tomorrow = (Utc::now() + TimeDelta::days(1)).date_naive().to_string();
    let cases: [(&[&str], &str); 20] = [
        (&[], "22333445"),
        (&["--since", "2d"], "122333445"),
        (&["--since", "29h"], "22333445"),
        (&["--since", &since], "445"),
        (&["--since", "2d", "--until", "4h"], "122333"),
        (&["--until", &tomorrow], "22333445"),
        (&["--since", &tomorrow, "--until", "9999-01-01"], ""),
        (&["--run", &runs[0]], "1"),
        (&["--run", &runs[1]], "22"),
        (&["--run", &runs[1], "--since", "4h"], ""),
        (&["--instance", "i-00000000000000003"], "3"),
        (
            &[
                "--instance",
                "i-00000000000000003",
                "--instance",
                "i-00000000000000001",
            ],
            "2334",
        ),
        (&["--instance", "i-00000000000000009"], ""),
        (&["--trigger", "launch"], "22"),
        (&["--trigger", "undo"], "44"),
        (&["--trigger", "countdown"], ""),
        (&["--state", "done"], "2234"),
        (&["--state", "refused", "--state", "spared"], "33"),
        (&["--state", "begun"], "5"),
        (&["--trigger", "schedule", "--state", "failed"], ""),
    ];
    for (arguments, expected) in cases {
        assert_eq!(shown(&scene, arguments), expected, "{arguments:?}");
    }
    // A date is its beginning, in UTC.
    let midnight = Utc::now().with_time(NaiveTime::MIN).unwrap();
    let hours = (Utc::now() - midnight).num_hours();
    let expected = [(5, "22"), (4, "333"), (3, "44"), (0, "5")];
    let expected = expected.iter().filter(|(ago, _)| *ago < hours || *ago == 0);
    let expected: String = expected.map(|(_, runs)| *runs).collect();
    if hours != 0 && !(3..=5).contains(&hours) {
        assert_eq!(shown(&scene, &["--since", &today]), expected);
    }
}

#[test]
fn a_run_may_begin_its_acts_on_the_next_day() {
    let scene = Scene::new("history-midnight");
    let midnight = Utc::now().with_time(NaiveTime::MIN).unwrap();
    let acts = [wrote("i-00000000000000001", "Owner", "x", "done")];
    scene.past_at(midnight, "00000001", "schedule", &acts);
    let today = midnight.date_naive().to_string();
    assert_eq!(shown(&scene, &["--since", &today]), "1");
}

#[test]
fn acts_of_a_whole_year_are_found_in_their_order_and_page_by_page() {
    let scene = Scene::new("history-year");
    let act = |day: i64| wrote("i-00000000000000001", "Owner", &day.to_string(), "done");
    for day in (10..=390).rev().step_by(10) {
        let acts = [act(day)];
        scene.past(TimeDelta::days(day), "00000001", "schedule", &acts);
        scene.past(TimeDelta::days(day), "00000002", "schedule", &acts);
    }
    scene.account.query_page_items(1);
    let arguments = ["history", "--since", "60w", "--output", "json"];
    let document: Value = serde_json::from_str(&scene.told(&arguments)).unwrap();
    let times: Vec<String> = document["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| text(&act["at"]))
        .collect();
    assert_eq!(times.len(), 78);
    assert!(times.is_sorted());
}

#[test]
fn exits_with_0_without_acts() {
    let scene = Scene::new("history-none");
    let told = timeless(&scene.told(&["history"]));
    let expected =
        format!("The ledger {LEDGER} in {HERE}, since YYYY-MM-DD HH:MM:SS UTC:\n\nNo acts.\n");
    assert_eq!(told, expected);
    assert_eq!(scene.writes(), 0);
}

#[test]
fn rejects_an_unknown_run() {
    let scene = two_days("history-unknown");
    let run = "20261101T000000Z-deadbeef";
    let output = scene.run(&["history", "--run", run]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let message = stderr(&output);
    assert!(
        message.contains(&format!("has no acts of run {run}")),
        "{message}"
    );
    assert!(
        message.contains("`tagwarden history --since 7d`"),
        "{message}"
    );
}

#[test]
fn values_cannot_command_the_terminal() {
    let scene = Scene::new("history-escapes");
    let mut act = wrote(
        "i-00000000000000001",
        "K\u{1b}[2J",
        "v\u{1b}[31m\n\"q\"",
        "failed",
    );
    act["Why"] = "\u{1b}]0;title\u{7}".into();
    scene.past(TimeDelta::hours(1), "00000001", "schedule", &[act]);
    let told = scene.told(&["history"]);
    assert!(!told.contains(['\u{1b}', '\u{7}']), "{told:?}");
    assert!(
        told.contains(r#"K\u{1b}[2J = "v\u{1b}[31m\n\"q\"""#),
        "{told}"
    );
}

#[test]
fn time_must_pass_from_since_to_until() {
    let scene = Scene::new("history-backwards");
    for arguments in [&["--until", "25h"][..], &["--since", "1h", "--until", "2h"]] {
        let output = scene.run(&[&["history"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("--until must be later than --since"));
    }
}

#[test]
fn rejects_a_wrong_command_line() {
    for (arguments, culprit) in [
        (&["--run", "yesterday"][..], "is not the id of a run"),
        (&["--instance", "web"], "not the id of an instance"),
        (&["--since", "yesterday"], "must be how long ago"),
        (&["--state", "over"], "'over'"),
        (&["--trigger", "cron"], "'cron'"),
        (&["--output", "xml"], "'xml'"),
    ] {
        let output = tagwarden(&[&["history"], arguments].concat());
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let message = stderr(&output);
        assert!(message.contains(culprit), "{message}");
    }
}

//! The command's JSON documents and exit statuses are those of version 0.1.0, and it reads what that version stored.
//! What differs on purpose is named here.
//!
//! `documents.json` and `statuses.json` were written by commit f8b0a8f, from the same commands in the same accounts.
//! They are never written again. See `tests/golden/README.md`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod cases;
#[allow(dead_code, reason = "the functions' replay uses the rest of it")]
#[path = "../../../tests/golden/compare.rs"]
mod compare;
#[path = "../support/countdowns.rs"]
mod countdowns;
#[allow(dead_code, reason = "the functions' replay uses the rest of it")]
#[path = "../../../tests/golden/items.rs"]
mod items;
mod world;

use std::collections::BTreeMap;

use cases::{Case, cases};
use compare::{Members, difference};
use serde_json::Value;

/// The cases with a wrong command line. Version 0.1.0 ended them with 2, which only means differences now.
const MISUSED: [&str; 10] = [
    "check nothing",
    "completions of an unknown shell",
    "demo misused",
    "history misused",
    "nothing",
    "plan misused",
    "push misused",
    "report misused",
    "undo of nothing said",
    "unknown command",
];

fn fixture(text: &str) -> BTreeMap<String, Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn documents_have_the_same_members_and_values() {
    let written = fixture(include_str!("documents.json"));
    let now = documents(cases());
    let names = |of: &BTreeMap<String, Value>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&written), names(&now));
    let differences = written.iter().filter_map(|(name, document)| {
        let mut now = now[name].clone();
        count_as_before(&mut now);
        now = without_trial(&now);
        let document = &without_trial(document);
        // What waits for a second look has a member of its own.
        if name.starts_with("apply") {
            let counting = now.as_object_mut().unwrap().remove("counting");
            assert!(counting.is_some_and(|it| it.is_array()), "{name}");
            // So has what a plan and a run differ by.
            for member in ["plan", "skipped", "leftOut"] {
                now.as_object_mut().unwrap().remove(member).unwrap();
            }
        }
        // A run is made although it changes nothing, because it may have something to note or to tell.
        if name == "apply again" {
            let run = now.as_object_mut().unwrap().remove("runId").unwrap();
            assert_eq!((run, &document["runId"]), ("RUN".into(), &Value::Null));
            now["runId"] = Value::Null;
        }
        // Today a document says which account was called, and by whose settings.
        if let Some(members) = now
            .as_object_mut()
            .filter(|it| it.contains_key("accountProblem"))
        {
            assert_eq!(members["account"], "111111111111", "{name}");
            for come in ["account", "accountProblem", "profile", "stack"] {
                assert!(members.remove(come).is_some(), "{name}: {come}");
            }
            if document.get("region").is_none() {
                assert_eq!(members.remove("region").unwrap(), "us-east-1", "{name}");
            }
        }
        // The old command undid without a policy that can be read. This one needs one, and the account has one now.
        if name.starts_with("undo") && name.ends_with("old ledger") {
            let members = now.as_object_mut().unwrap();
            assert_eq!(members["policyProblem"], Value::Null, "{name}");
            members.insert(
                "policyProblem".to_owned(),
                document["policyProblem"].clone(),
            );
        }
        // A step says where its value comes from, and a report who sent it.
        without_origins(&mut now);
        // The demo's story has a second look at the untagged ones 15 minutes later, and a second chapter. Its document has
        // the same form.
        let (document, now) = if name == "demo" {
            now.as_object_mut().unwrap().remove("later").unwrap();
            (form(document), form(&now))
        } else {
            (document.clone(), now)
        };
        let difference = difference(&document, &now, Members::Same);
        difference.map(|it| format!("{name}: {it}"))
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Takes out where the values of steps come from, and who sent a report, which version 0.1.0 did not say.
fn without_origins(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("valueOrigin");
            if members.contains_key("instanceIds") && members.contains_key("entries") {
                for member in ["source", "account", "region", "hops"] {
                    members.remove(member).unwrap();
                }
            }
            members.values_mut().for_each(without_origins);
        }
        Value::Array(values) => values.iter_mut().for_each(without_origins),
        _ => {}
    }
}

#[test]
fn exit_statuses_are_the_same() {
    let mut written = fixture(include_str!("statuses.json"));
    for name in MISUSED {
        let before = written.insert(name.to_owned(), 64.into());
        assert_eq!(before, Some(2.into()), "{name}");
    }
    assert_eq!(statuses(cases()), written);
}

/// What `apply` shows as protected is not tried any more, so that it is in no ledger.
fn without_trial(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(acts) = document.get_mut("acts").and_then(Value::as_array_mut) {
        acts.retain(|act| act["trigger"] != "apply" || act["state"] != "refused");
    }
    document
}

/// A shutdown that is only delayed counts as a shutdown, which it did not, and comparisons say what is destructive.
fn count_as_before(document: &mut Value) {
    for counts in ["/counts", "/counts/before", "/counts/after", "/planned"] {
        let counts = document.pointer_mut(counts).and_then(Value::as_object_mut);
        let Some(counts) = counts else { continue };
        for (delayed, all) in [
            ("delayedStop", "wouldStop"),
            ("delayedTerminate", "wouldTerminate"),
        ] {
            if let Some(delayed) = counts.remove(delayed) {
                let now = counts[all].as_u64().unwrap() - delayed.as_u64().unwrap();
                counts.insert(all.to_owned(), now.into());
            }
        }
    }
    let changes = document.get_mut("changes").and_then(Value::as_array_mut);
    for change in changes.into_iter().flatten() {
        if let Some(change) = change.as_object_mut() {
            change.remove("destructive");
        }
    }
}

/// A document's form: its members, without their values. What a list holds is left out.
fn form(document: &Value) -> Value {
    match document {
        Value::Object(members) if !members.contains_key("byOperation") => members
            .iter()
            .map(|(name, it)| (name.clone(), form(it)))
            .collect(),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(serde_json::Map::new()),
        Value::String(_) => "".into(),
        Value::Number(_) => 0.into(),
        other => other.clone(),
    }
}

/// The documents that the cases write, by the case's name.
fn documents(cases: Vec<Case>) -> BTreeMap<String, Value> {
    let cases = cases.into_iter().filter(|case| case.is_json);
    cases
        .map(|case| (case.name.clone(), timeless(&case.output.stdout)))
        .collect()
}

/// The exit statuses of the cases.
fn statuses(cases: Vec<Case>) -> BTreeMap<String, Value> {
    let status = |case: Case| (case.name, case.output.status.code().unwrap().into());
    cases.into_iter().map(status).collect()
}

/// A document without times, what they took, ids of runs, and this machine's folders.
fn timeless(output: &[u8]) -> Value {
    let mut text = String::from_utf8(output.to_vec()).unwrap();
    for (pattern, with) in [
        (r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RUN"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME"),
        (r#""wallTimeMs": \d+"#, r#""wallTimeMs": 0"#),
        (r"\b20\d\d-\d\d-\d\d\b", "DAY"),
    ] {
        let pattern = regex_lite::Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, with).into_owned();
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

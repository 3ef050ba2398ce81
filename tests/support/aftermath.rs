//! What must hold when all work is done, however often the function crashed on the way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tagwarden_remediation::ledger::{Act, ActState, Batch};
use tagwarden_sandbox::{Account, Call};

/// The operations that the remediation calls.
pub const OPERATIONS: [&str; 15] = [
    "BatchGetItem",
    "CreateTags",
    "DeleteItem",
    "DescribeInstances",
    "DescribeTags",
    "GetItem",
    "LookupEvents",
    "Publish",
    "PutItem",
    "Query",
    "Scan",
    "StopInstances",
    "TerminateInstances",
    "TransactWriteItems",
    "UpdateItem",
];

/// An instance and what is done to it: a tag's key, `stop` or `terminate`.
pub type Deed = (String, String);

/// Deeds, each with the run that did it.
pub type Reported = BTreeSet<(Deed, String)>;

/// Panics unless exactly `expected` took effect, each once; the ledger has each as done, once; a report has each with
/// the run that did it; and no run is open.
///
/// `how` describes the case in the message of a failure.
pub fn assert_done_once(account: &Account, ledger: &str, expected: &BTreeSet<Deed>, how: &str) {
    let once: BTreeMap<Deed, usize> = expected.iter().map(|deed| (deed.clone(), 1)).collect();
    assert_eq!(effects(account), once, "{how}: what took effect");

    let done = done_once(batches(account, ledger), expected, how);
    assert_eq!(reported(account), done, "{how}: what was reported");

    let is_open = |item: &Value| item["Pk"] == "open";
    let open: Vec<Value> = account.items(ledger).into_iter().filter(is_open).collect();
    assert!(open.is_empty(), "{how}: still open: {open:?}");
}

/// The run that did each of `expected`. Panics unless `batches`, the whole ledger, have exactly these as done, each
/// once, and every other act as not done.
pub fn done_once(batches: Vec<Batch>, expected: &BTreeSet<Deed>, how: &str) -> Reported {
    let mut done = BTreeMap::new();
    for batch in batches {
        for act in batch.acts {
            match act.state {
                ActState::Done => {
                    let again = done.insert(deed(&act), batch.run_id.to_string());
                    assert_eq!(again, None, "{how}: {act:?} is in the ledger twice");
                }
                ActState::Abandoned => {
                    let why = act.why.as_deref();
                    let expected = Some("its function ended before it was done");
                    assert_eq!(why, expected, "{how}: {act:?}");
                }
                _ => panic!("{how}: the ledger does not say what became of {act:?}"),
            }
        }
    }
    assert!(done.keys().eq(expected), "{how}: in the ledger is {done:?}");
    done.into_iter().collect()
}

/// The deeds that took effect on the account's instances, counted from its log of calls.
fn effects(account: &Account) -> BTreeMap<Deed, usize> {
    let mut effects = BTreeMap::new();
    for call in account.calls() {
        if call.outcome.is_err() {
            continue;
        }
        for what in deeds_of(&call) {
            for id in &call.resources {
                *effects.entry((id.clone(), what.clone())).or_default() += 1;
            }
        }
    }
    effects
}

fn deeds_of(call: &Call) -> Vec<String> {
    let key = |number: usize| {
        let key = call.parameters.get(format!("Tag.{number}.Key"))?.as_str()?;
        Some(key.to_owned())
    };
    match call.operation.as_str() {
        "CreateTags" => (1..).map_while(key).collect(),
        "StopInstances" => vec!["stop".to_owned()],
        "TerminateInstances" => vec!["terminate".to_owned()],
        _ => Vec::new(),
    }
}

/// Every batch of acts in the ledger.
pub fn batches(account: &Account, ledger: &str) -> Vec<Batch> {
    let items = account.items(ledger).into_iter();
    items
        .filter(|item| item.get("Acts").is_some())
        .map(|item| serde_json::from_value(item).unwrap())
        .collect()
}

fn deed(act: &Act) -> Deed {
    let remedy = act.remedy.as_str().to_owned();
    let what = act.tag_key().filter(|_| remedy == "tag");
    (
        act.instance_id().to_owned(),
        what.map_or(remedy.clone(), ToOwned::to_owned),
    )
}

/// The deeds that the topic's reports have as done. Asserts that the text for people and the JSON for programs agree.
fn reported(account: &Account) -> Reported {
    let mut reported = Reported::new();
    for publication in account.published() {
        let body: Value = serde_json::from_str(&publication.message).unwrap();
        let json = body.get("sqs").unwrap_or(&body["default"]);
        let report: Value = serde_json::from_str(json.as_str().unwrap()).unwrap();
        let text = body["default"].as_str().unwrap();
        for (deed, run) in reported_in(&report) {
            let end = if report["runId"] == run.as_str() {
                ".".to_owned()
            } else {
                format!(" By run {run}, which did not report it.")
            };
            let is_its_line = |line: &str| line.contains(&deed.0) && line.ends_with(&end);
            assert!(text.lines().any(is_its_line), "{deed:?} by {run}: {text}");
            reported.insert((deed, run));
        }
    }
    reported
}

/// The deeds that a report's JSON has as done.
pub fn reported_in(report: &Value) -> Reported {
    let entries = report["entries"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["outcome"] == "done")
        .map(|entry| {
            let field = |name: &str| entry[name].as_str().map(str::to_owned);
            let remedy = field("remedy").unwrap();
            let tag = field("tagKey").filter(|_| remedy == "tag");
            let deed = (field("instanceId").unwrap(), tag.unwrap_or(remedy));
            let own = || report["runId"].as_str().unwrap().to_owned();
            (deed, field("runId").unwrap_or_else(own))
        })
        .collect()
}

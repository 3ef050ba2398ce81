//! What today's version does differently on purpose. Each difference is as narrow as its reason.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::items::{key, text};

/// The moments in which version 0.1.0 spared [`YOUNG`] for its age.
const MOMENTS_OF_YOUNG: [&str; 2] = ["again", "sweep"];

/// An untagged instance that was launched three minutes before the fixtures' first run.
const YOUNG: &str = "i-00000000000000010";

/// The moments whose first report follows reports of version 0.1.0: it says what the upgrade changes.
const FIRST_REPORTS: [&str; 5] = [
    "after-failures",
    "again",
    "launch",
    "reminder",
    "terminated-at-last",
];

/// What `after`, the outcome of the moment `name` in version 0.1.0, is today.
pub fn expected(name: &str, after: &Value) -> Value {
    let mut after = after.clone();
    if let Some(items) = after["ledger"].as_array_mut() {
        for item in items.iter_mut() {
            become_a_countdown(item);
        }
        match name {
            "stop-first" => become_a_refusal(items, "stop"),
            "sweep" => become_a_refusal(items, "terminate"),
            "failures" => give_the_budget_back(items),
            "terminated-at-last" => forget_the_last_look(items),
            _ => {}
        }
    }
    if FIRST_REPORTS.contains(&name) {
        let document = after.pointer_mut("/published/0/document").unwrap();
        document["changes"] = json!(["what means something else"]);
    }
    if name == "broken-policy" {
        become_a_document(&mut after["published"][0]);
    }
    if MOMENTS_OF_YOUNG.contains(&name) {
        refuse_young_by_budget(name, &mut after);
    }
    after
}

/// Takes out of reports where the values of tags come from, and who sent the report, which version 0.1.0 did not say.
pub fn without_origins(value: &mut Value) {
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

/// That the policy is not valid was a text, which programs could not read.
fn become_a_document(published: &mut Value) {
    let counts = [
        "deferred",
        "failed",
        "instances",
        "notified",
        "refused",
        "stopped",
        "tagged",
        "terminated",
        "wouldStop",
        "wouldTag",
        "wouldTerminate",
    ];
    let summary: serde_json::Map<_, _> = counts
        .map(|it| (it.to_owned(), json!(0)))
        .into_iter()
        .collect();
    published["document"] = json!({
        "version": 1, "runId": "20261123T121105Z-601d000a", "mode": "enforce", "part": 1, "parts": 1, "repeated": 0,
        "summary": summary, "policyProblems": ["what is wrong"], "instanceIds": [], "entries": [],
    });
    published["forms"] = json!(["default", "http", "https", "lambda", "sqs"]);
}

/// Takes out of reports' entries whom they concern, which version 0.1.0 did not say.
pub fn without_subjects(value: &mut Value) {
    const MEMBERS: [&str; 7] = [
        "name",
        "owner",
        "launcher",
        "account",
        "region",
        "consoleLink",
        "dueAt",
    ];
    match value {
        Value::Object(members) => {
            if members.contains_key("finding") {
                members.retain(|name, _| !MEMBERS.contains(&name.as_str()));
            }
            members.values_mut().for_each(without_subjects);
        }
        Value::Array(values) => values.iter_mut().for_each(without_subjects),
        _ => {}
    }
}

/// The note on an instance that is stopped and untagged is a countdown of its termination, with the same times. A
/// countdown has no member for a notice that was not given, and is remembered for nine days, not as long as an act.
fn become_a_countdown(item: &mut Value) {
    let (id, sk) = key(item);
    if sk != "stopped" {
        return;
    }
    let item = item.as_object_mut().unwrap();
    item.insert("Pk".to_owned(), json!({"S": "countdown"}));
    let sk = format!("{id}#terminate#untagged");
    item.insert("Sk".to_owned(), json!({ "S": sk }));
    item.remove("ExpiresAt");
    if item["RemindedAt"]["NULL"] == true {
        item.remove("RemindedAt");
    }
}

/// What EC2 refused is an item for each instance and shutdown, so that there is room for any number.
fn become_a_refusal(items: &mut [Value], remedy: &str) {
    let is_day = |item: &&mut Value| item["Pk"]["S"] == "protected";
    let item = items.iter_mut().find(is_day).unwrap();
    let id = text(&item["Entries"]["SS"][0]).to_owned();
    let sk = format!("{id}#{remedy}");
    *item = json!({"Pk": {"S": "protected"}, "Sk": {"S": sk}, "InstanceId": {"S": id}});
}

/// A termination that EC2 denied did not happen, so it takes no part of the budget.
fn give_the_budget_back(items: &mut [Value]) {
    let is_budget = |item: &&mut Value| item["Pk"]["S"] == "budget";
    let item = items.iter_mut().find(is_budget).unwrap();
    assert_eq!(item["Holds"]["L"].as_array().unwrap().len(), 1);
    item["Holds"]["L"] = json!([]);
}

/// The act's transaction notes the look that led to it in the countdown.
fn forget_the_last_look(items: &mut [Value]) {
    let is_countdown = |item: &&mut Value| item["Pk"]["S"] == "countdown";
    let item = items.iter_mut().find(is_countdown).unwrap();
    item.as_object_mut().unwrap().remove("SeenAt").unwrap();
}

/// The grace period begins with the first look, no longer with the launch. Without a grace period a young instance
/// comes last, and in these moments the budget is used up by then.
fn refuse_young_by_budget(name: &str, after: &mut Value) {
    for counts in ["/answer/answer", "/published/0/document/summary"] {
        let counts = after.pointer_mut(counts).unwrap();
        assert_eq!(counts["deferred"], 1);
        counts["deferred"] = json!(0);
        counts["refused"] = json!(counts["refused"].as_u64().unwrap() + 1);
    }
    let entries = after.pointer_mut("/published/0/document/entries").unwrap();
    let entries = entries.as_array_mut().unwrap();
    if let Some(place) = entries.iter().position(|it| it["instanceId"] == YOUNG) {
        let mut entry = entries.remove(place);
        entry["outcome"] = json!("refused");
        // After the other one that is over the budget.
        entries.insert(1, entry);
    }
    // The moment "again" begins with what "sweep" reported.
    let items = after["ledger"].as_array_mut().unwrap();
    for item in items.iter_mut().filter(|_| name == "sweep") {
        if item["Pk"]["S"] == "told" {
            let entries = item["Entries"]["SS"].as_array_mut().unwrap();
            entries.retain(|it| text(it) != format!("{YOUNG} grace"));
        }
    }
}

/// Takes over the moments in `now` that are at most a second away from those in `written`. A run looks up the launchers of
/// what it shuts down too, two a second, so that its acts begin at other fractions of a minute.
pub fn take_near_moments(written: &mut Value, now: &Value) {
    match (&mut *written, now) {
        (Value::Object(members), Value::Object(_)) => {
            for (name, member) in members {
                take_near_moments(member, &now[name]);
            }
        }
        (Value::Array(values), Value::Array(now)) => {
            for (value, now) in values.iter_mut().zip(now) {
                take_near_moments(value, now);
            }
        }
        (Value::String(was), Value::String(is)) => {
            let distance = milliseconds(was).zip(milliseconds(is));
            if distance.is_some_and(|(was, is)| was.abs_diff(is) <= 1_000) {
                *written = now.clone();
            }
        }
        _ => {}
    }
}

/// A moment of the ledger in milliseconds since 1970: RFC 3339, seconds or milliseconds.
fn milliseconds(text: &str) -> Option<i64> {
    const SECONDS_OF_2020: i64 = 1_577_836_800;
    match text.parse::<i64>() {
        Ok(number) if number > SECONDS_OF_2020 * 1_000 => Some(number),
        Ok(number) if number > SECONDS_OF_2020 => Some(number * 1_000),
        Ok(_) => None,
        Err(_) => Some(text.parse::<DateTime<Utc>>().ok()?.timestamp_millis()),
    }
}

//! What today's version does differently on purpose. Each difference is as narrow as its reason.

use serde_json::{Value, json};

use crate::items::{key, text};

/// The moments in which version 0.1.0 spared [`YOUNG`] for its age.
const MOMENTS_OF_YOUNG: [&str; 2] = ["again", "sweep"];

/// An untagged instance that was launched three minutes before the fixtures' first run.
const YOUNG: &str = "i-00000000000000010";

/// What `after`, the outcome of the moment `name` in version 0.1.0, is today.
pub fn expected(name: &str, after: &Value) -> Value {
    let mut after = after.clone();
    if let Some(items) = after["ledger"].as_array_mut() {
        for item in items {
            become_a_countdown(item);
        }
    }
    if MOMENTS_OF_YOUNG.contains(&name) {
        refuse_young_by_budget(&mut after);
    }
    after
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

/// The grace period begins with the first look, no longer with the launch. Without a grace period a young instance
/// comes last, and in these moments the budget is used up by then.
fn refuse_young_by_budget(after: &mut Value) {
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
    for item in after["ledger"].as_array_mut().unwrap() {
        if let Some(entries) = item["Entries"]["SS"].as_array_mut() {
            entries.retain(|it| text(it) != format!("{YOUNG} grace"));
        }
    }
}

//! What version 0.1.0 stored and wrote is read, and written in the same form.
//!
//! Each fixture in `functions/` is a moment: the ledger as version 0.1.0 left it, an event, and all that its functions
//! made of it. See `README.md` in this folder. The functions of today receive the same event in the same account.
//! `on_purpose` has what they do differently.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod compare;
mod imports;
mod items;
mod moment;
mod on_purpose;
mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use compare::{Members, difference};
use items::{key, list, text};
use on_purpose::{expected, take_near_moments, without_origins, without_subjects};
use replay::replay;
use serde_json::Value;

/// The fixtures, by name.
fn moments() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/functions");
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let moment = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            (name, moment)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_old_version_left_is_read_and_gives_the_same_answers_reports_and_items() {
    let mut differences = Vec::new();
    for (name, moment) in moments() {
        let (written, mut now) = (expected(&name, &moment["after"]), replay(&moment).await);
        without_origins(&mut now);
        without_subjects(&mut now["published"]);
        for part in written.as_object().unwrap().keys() {
            let difference = if part == "ledger" {
                ledger_difference(list(&written[part]), list(&now[part]))
            } else {
                difference(&written[part], &now[part], Members::Same)
            };
            differences.extend(difference.map(|it| format!("{name}: {part}{it}")));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Items may gain attributes, and there may be items of a new kind; what there was is there, with the same values.
fn ledger_difference(written: &[Value], now: &[Value]) -> Option<String> {
    let now: BTreeMap<_, &Value> = now.iter().map(|item| (key(item), item)).collect();
    written.iter().find_map(|item| {
        let (pk, sk) = key(item);
        if let Some(tag_key) = sk.strip_prefix("claim#tag#") {
            let memory = now.get(&(pk.clone(), "memory".to_owned()));
            let tag = memory.and_then(|it| it["Tags"]["M"].get(tag_key));
            if let Some(tag) =
                tag.or_else(|| (!now.contains_key(&key(item))).then_some(&Value::Null))
            {
                return claim_difference(item, &tag["M"])
                    .map(|difference| format!(" claim of {pk:?}, {tag_key:?}: {difference}"));
            }
        }
        let mut item = (*item).clone();
        // A claim that was given back expired in 1970, and DynamoDB never deleted it. The notes of a day are kept for some
        // days, no longer for more than a year.
        let is_of_a_day = matches!(pk.as_str(), "told" | "told#dry-run");
        if item["ExpiresAt"]["N"] == "86400" || is_of_a_day {
            item["ExpiresAt"] = now
                .get(&key(&item))
                .map_or(Value::Null, |it| it["ExpiresAt"].clone());
        }
        match now.get(&key(&item)) {
            Some(new) => {
                take_near_moments(&mut item, new);
                difference(&item, new, Members::MayCome)
                    .map(|difference| format!(" item {pk:?}, {sk:?}: {difference}"))
            }
            None => Some(format!(" item {pk:?}, {sk:?} is gone")),
        }
    })
}

/// The claim of a tag was an item; it is a part of what is remembered of the instance now.
fn claim_difference(written: &Value, tag: &Value) -> Option<String> {
    let mut written = written.clone();
    take_near_moments(&mut written, tag);
    let mut parts = ["RunId", "ClaimedUntil"].into_iter();
    let part = parts.find(|part| written[*part] != tag[*part])?;
    let (written, now) = (&written[part], &tag[part]);
    Some(format!("{part} was {written} and is {now}"))
}

/// The fixtures hold what they are for: else a replay would show little.
#[test]
fn the_fixtures_hold_every_kind_of_item() {
    let mut kinds = BTreeSet::new();
    for moment in moments().into_values() {
        for part in ["before", "after"] {
            for item in moment[part]["ledger"].as_array().into_iter().flatten() {
                kinds.extend(kinds_of(item));
            }
        }
    }
    let expected = [
        "budget",
        "claim#end",
        "claim#tag",
        "open",
        "protected",
        "stopped",
        "told",
        "told#dry-run",
        "stop begun",
        "stop done",
        "stop refused",
        "stop spared",
        "tag begun",
        "tag done",
        "tag failed",
        "terminate begun",
        "terminate done",
        "terminate failed",
        "terminate refused",
    ];
    let missing: Vec<&str> = expected
        .into_iter()
        .filter(|kind| !kinds.contains(*kind))
        .collect();
    assert!(missing.is_empty(), "{missing:?} of {kinds:?}");
}

fn kinds_of(item: &Value) -> Vec<String> {
    let (pk, sk) = key(item);
    if let Some(acts) = item["Acts"]["L"].as_array() {
        let kind = |act: &Value| {
            let part = |name: &str| text(&act["M"][name]["S"]).to_owned();
            format!("{} {}", part("Remedy"), part("State"))
        };
        return acts.iter().map(kind).collect();
    }
    // A claim of a tag ends with the tag's key.
    let of_instance = sk
        .strip_prefix("claim#tag#")
        .map_or(sk.as_str(), |_| "claim#tag");
    vec![if pk.starts_with("i-") {
        of_instance.to_owned()
    } else {
        pk
    }]
}

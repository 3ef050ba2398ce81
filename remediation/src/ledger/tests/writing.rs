//! Beginning and completing acts, while others write the same items.

use chrono::Duration;
use tagwarden_core::DefectName;

use super::*;
use crate::ledger::memory::{tag_batches, take_out};
use crate::plan::{Cause, Memory, Outcome, Remedy, Step, StepFailure};

fn act(id: &str, cause: Cause, remedy: Remedy) -> Act {
    let step = Step {
        instance_id: id.to_owned(),
        cause,
        remedy,
    };
    Act::of(step, &BTreeMap::new()).unwrap()
}

fn termination(id: &str) -> Act {
    act(id, Cause::Untagged, Remedy::Terminate)
}

fn tag(id: &str, key: &str) -> Act {
    let cause = Cause::Tag {
        rule_id: 1,
        tag_key: key.to_owned(),
        defect: DefectName::Missing,
    };
    let remedy = Remedy::Tag {
        value: "v".to_owned(),
        unknown: None,
        origin: None,
    };
    act(id, cause, remedy)
}

fn writer<'l>(ledger: &'l Ledger, account: &Account, number: u32) -> Writer<'l> {
    let lease = account.now() + Duration::minutes(15);
    Writer::new(ledger, run(number), "schedule".to_owned(), lease, true)
}

fn ids(acts: &[Act]) -> Vec<&str> {
    acts.iter().map(Act::instance_id).collect()
}

/// What is remembered of an instance: these tags are claimed until then by this run.
fn remembered(tags: &[(&str, u32, i64)]) -> Value {
    let tags = tags.iter().map(|(key, run_number, until)| {
        let claim = json!({"RunId": run(*run_number), "ClaimedUntil": until});
        ((*key).to_owned(), claim)
    });
    let tags: serde_json::Map<String, Value> = tags.collect();
    json!({"Pk": ID, "Sk": "memory", "Revision": 3, "Tags": tags})
}

#[tokio::test(start_paused = true)]
async fn begins_what_no_other_run_has_claimed() {
    let (account, ledger) = ledger();
    let none = BTreeMap::new();
    let acts = |ids: [&str; 2]| ids.map(termination).to_vec();
    let mut first = writer(&ledger, &account, 1);
    let (begun, rest) = first.begin_shutdowns(acts(["i-a", "i-b"]), 10, &none).await;
    assert_eq!((begun.batches.len(), rest.len()), (1, 0));
    let mut second = writer(&ledger, &account, 2);
    let (begun, _) = second
        .begin_shutdowns(acts(["i-b", "i-c"]), 10, &none)
        .await;
    assert_eq!(ids(&begun.contended), ["i-b"]);
    assert_eq!(ids(&begun.batches[0].acts), ["i-c"]);
    assert!(begun.failed.is_empty() && begun.over_budget.is_empty());
    // Three of the hour's four are taken.
    let (begun, _) = second.begin_shutdowns(acts(["i-d", "i-e"]), 4, &none).await;
    assert_eq!(ids(&begun.batches[0].acts), ["i-d"]);
    assert_eq!(ids(&begun.over_budget), ["i-e"]);
    assert_eq!(begun.batches[0].number, 2);
}

/// Another run takes its part of the budget between the look and the write.
#[tokio::test(start_paused = true)]
async fn tries_again_with_what_others_leave_of_the_budget() {
    let (account, ledger) = ledger();
    account.on_next_call("TransactWriteItems", |account| {
        let until = account.now().timestamp_millis() + 60_000;
        let hold = json!({"RunId": run(9), "Batch": 1, "Acts": 3, "Until": until});
        let budget = json!({"Pk": "budget", "Sk": "hour", "Revision": 7, "Holds": [hold]});
        account.put_item(TABLE, budget);
    });
    let mut writer = writer(&ledger, &account, 1);
    let acts = ["i-a", "i-b"].map(termination).to_vec();
    let (begun, _) = writer.begin_shutdowns(acts, 4, &BTreeMap::new()).await;
    assert_eq!(ids(&begun.batches[0].acts), ["i-a"]);
    assert_eq!(ids(&begun.over_budget), ["i-b"]);
    assert_eq!(item(&account, "budget", "hour").unwrap()["Revision"], 8);
}

/// Another run writes what is remembered of the instance between the look and the write.
#[tokio::test(start_paused = true)]
async fn adds_to_what_another_run_has_remembered_meanwhile() {
    let (account, ledger) = ledger();
    account.on_next_call("TransactWriteItems", |account| {
        let mut memory = remembered(&[("Team", 9, 0)]);
        memory["LaunchedBy"] = json!("ann");
        account.put_item(TABLE, memory);
    });
    let mut writer = writer(&ledger, &account, 1);
    let begun = writer.begin_tags(&[tag(ID, "Owner")], account.now()).await;
    assert_eq!(begun.batches.len(), 1);
    let memory = item(&account, ID, "memory").unwrap();
    assert_eq!(
        (&memory["LaunchedBy"], &memory["Revision"]),
        (&json!("ann"), &json!(4))
    );
    let tags = memory["Tags"].as_object().unwrap();
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["Owner", "Team"]);
}

/// It may have been written down all the same, so its number is not used again.
#[tokio::test(start_paused = true)]
async fn a_batch_that_failed_uses_its_number_up() {
    let (account, ledger) = ledger();
    account.fail(Fault::new(
        "TransactWriteItems",
        "AccessDeniedException",
        "no",
    ));
    let mut writer = writer(&ledger, &account, 1);
    assert!(!writer.has_begun());
    let begun = writer.begin_tags(&[tag(ID, "Owner")], account.now()).await;
    assert_eq!((begun.failed.len(), begun.batches.len()), (1, 0));
    assert!(writer.has_begun());
    let begun = writer.begin_tags(&[tag(ID, "Owner")], account.now()).await;
    assert_eq!(begun.batches[0].number, 2);
    // The next run is to look what became of the first.
    writer.end(true).await;
    assert!(item(&account, "open", run(1).as_str()).is_some());
}

/// What was not done gives back its claim and its part of the budget, and is forgotten.
#[tokio::test(start_paused = true)]
async fn completing_gives_back_what_was_not_done() {
    let (account, ledger) = ledger();
    let mut writer = writer(&ledger, &account, 1);
    let acts = ["i-a", "i-b"].map(termination).to_vec();
    let (mut begun, _) = writer.begin_shutdowns(acts, 10, &BTreeMap::new()).await;
    let tags = [tag(ID, "Owner"), tag(ID, "Team")];
    begun
        .batches
        .extend(writer.begin_tags(&tags, account.now()).await.batches);
    let failed = Outcome::Failed(StepFailure::without_code("no"));
    for batch in &mut begun.batches {
        batch.acts[0].settle(&failed);
        batch.acts[1].settle(&Outcome::Done);
    }
    account.advance(Duration::seconds(10));
    writer.complete(&begun.batches).await;
    let claimed = |id: &str| item(&account, id, "claim#end").unwrap()["ClaimedUntil"].clone();
    assert_eq!(claimed("i-a"), 0);
    let until = account.now() + Duration::hours(1);
    assert_eq!(claimed("i-b"), until.timestamp_millis());
    let holds = &item(&account, "budget", "hour").unwrap()["Holds"];
    assert_eq!(
        (holds.as_array().unwrap().len(), &holds[0]["Acts"]),
        (1, &json!(1))
    );
    let tags = &item(&account, ID, "memory").unwrap()["Tags"];
    assert_eq!(tags["Owner"]["WrittenAt"], Value::Null);
    assert_eq!(tags["Owner"]["ClaimedUntil"], 0);
    assert_eq!(tags["Team"]["WrittenAt"].as_array().unwrap().len(), 1);
    let until = account.now() + AFTER_TAG;
    assert_eq!(tags["Team"]["ClaimedUntil"], until.timestamp_millis());
    writer.end(true).await;
    assert!(item(&account, "open", run(1).as_str()).is_none());
}

/// During an upgrade a function of an older version may be at work, whose claims are items of their own.
#[tokio::test(start_paused = true)]
async fn keeps_to_the_claims_of_older_versions() {
    let (account, ledger) = ledger();
    let read_at = account.now();
    let millis = read_at.timestamp_millis();
    for (until, is_claimed) in [(millis - 1, false), (millis, true), (millis + 1, true)] {
        account.put_item(
            TABLE,
            json!({"Pk": ID, "Sk": "claim#tag#Owner", "RunId": run(8), "ClaimedUntil": until}),
        );
        let acts = [tag(ID, "Owner")];
        let claimed = ledger.claimed_by_older_version(&acts, read_at).await;
        assert_eq!(claimed.unwrap().len(), usize::from(is_claimed));
    }
}

/// Whoever claimed a tag last, in whichever way.
#[tokio::test(start_paused = true)]
async fn the_later_of_two_claims_counts() {
    let (account, ledger) = ledger();
    account.put_item(
        TABLE,
        json!({"Pk": ID, "Sk": "claim#tag#Owner", "RunId": run(8), "ClaimedUntil": 50}),
    );
    let (mut owner, mut end) = (tag(ID, "Owner"), termination(ID));
    for (until, last) in [(49, 8), (51, 7)] {
        account.put_item(TABLE, remembered(&[("Owner", 7, until)]));
        let claimed = ledger.claimed_by(&[&mut owner, &mut end]).await.unwrap();
        let name = ClaimName::of(&owner);
        assert_eq!(claimed, BTreeMap::from([(name, run(last))]), "{until}");
    }
}

/// An undo claims the whole resource, a write its tag only.
#[test]
fn leaves_to_others_what_they_have_claimed() {
    let at: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
    let stored = remembered(&[("Team", 9, at.timestamp_millis())]);
    let memory: Memory = serde_json::from_value(stored).unwrap();
    let memories = BTreeMap::from([(ID.to_owned(), memory)]);
    let rules = BTreeMap::new();
    let untag = |key: &str| Act {
        remedy: RemedyName::Untag,
        ..tag(ID, key)
    };
    for (act, is_contended) in [
        (tag(ID, "Owner"), false),
        (tag(ID, "Team"), true),
        (untag("Owner"), true),
        (untag("Team"), true),
        (tag("i-other", "Team"), false),
    ] {
        let mut acts = vec![act.clone()];
        let barred = take_out(&mut acts, &memories, &rules, at, at);
        assert_eq!(barred.contended.len(), usize::from(is_contended), "{act:?}");
        assert_eq!(acts.len(), usize::from(!is_contended));
        let later = at + Duration::milliseconds(1);
        let mut acts = vec![act];
        let barred = take_out(&mut acts, &memories, &rules, later, later);
        assert_eq!((barred.contended.len(), acts.len()), (0, 1));
    }
}

/// A DynamoDB item has at most 400 KB, and a transaction at most 100 writes.
#[test]
fn batches_of_tags_are_small_enough() {
    let heavy = |number: usize, bytes: usize| {
        let mut act = tag(&format!("i-{number:04}"), "Owner");
        act.tags_before.insert("note".to_owned(), "x".repeat(bytes));
        act
    };
    let sizes = |bytes: usize| -> Vec<usize> {
        let acts: Vec<Act> = (0..200).map(|number| heavy(number, bytes)).collect();
        tag_batches(&acts).iter().map(Vec::len).collect()
    };
    assert_eq!(sizes(0), [98, 98, 4]);
    assert_eq!(sizes(50_000), vec![4; 50]);
    assert_eq!(sizes(300_000), vec![1; 200]);
    // All tags of an instance are in one batch.
    let acts: Vec<Act> = (0..120)
        .map(|number| {
            tag(
                &format!("i-{:04}", number % 60),
                &format!("K{}", number / 60),
            )
        })
        .collect();
    let batches = tag_batches(&acts);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [120]);
    assert_eq!(batches[0][0].instance_id(), batches[0][1].instance_id());
}

/// The estimate never falls short of what is stored, and is not far above it.
#[test]
fn an_acts_size_is_about_what_it_is_stored_in() {
    for (tags, key, value) in [(0, 0, 0), (50, 120, 0), (50, 1, 250), (50, 128, 256)] {
        let mut act = tag(ID, "Owner");
        for number in 0..tags {
            let name = format!("{number:0>key$}");
            act.tags_before.insert(name, "v".repeat(value));
        }
        act.why = Some("w".repeat(200));
        let stored = serde_json::to_string(&act).unwrap().len();
        let size = act.size();
        assert!(
            size >= stored && size < stored * 3 / 2 + 600,
            "{stored} {size}"
        );
    }
}

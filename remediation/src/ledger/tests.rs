//! The ledger's items, against a DynamoDB that several functions use at a time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Fault};

use super::*;
use crate::plan::{Countdown, CountdownChange, CountdownName, CountdownReason, Reason, Refusal};
use crate::settings::Mode;

mod writing;

const TABLE: &str = "ledger";
const ID: &str = "i-0000000000000000a";

fn ledger() -> (Account, Ledger) {
    let account = Account::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
    account.create_table_with_keys(TABLE, "Pk", "Sk");
    let config = account.sdk_config();
    let clock = Clock::of(&config);
    let ledger = Ledger::new(Client::new(&config), clock, TABLE.to_owned());
    (account, ledger)
}

fn run(number: u32) -> RunId {
    format!("20261123T120000Z-{number:08}").parse().unwrap()
}

fn item(account: &Account, pk: &str, sk: &str) -> Option<Value> {
    let mut items = account.items(TABLE).into_iter();
    items.find(|item| item["Pk"] == pk && item["Sk"] == sk)
}

/// Marks `run` as open: held by `by` for so many milliseconds from now.
fn open(account: &Account, run: &RunId, by: &RunId, millis: i64) {
    let until = account.now().timestamp_millis() + millis;
    let mark = json!({
        "Pk": "open", "Sk": run, "RunId": run, "HeldBy": by, "HeldUntil": until,
    });
    account.put_item(TABLE, mark);
}

fn name(id: &str, shutdown: tagwarden_core::Shutdown) -> CountdownName {
    CountdownName {
        instance_id: id.to_owned(),
        shutdown,
        reason: CountdownReason::Untagged,
    }
}

fn terminate(id: &str) -> CountdownName {
    name(id, tagwarden_core::Shutdown::Terminate)
}

fn change(read: Option<Countdown>, now: DateTime<Utc>) -> CountdownChange {
    CountdownChange {
        read,
        new: Countdown::starting(now),
        has_begun: true,
        next: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_at_work_until_its_time_is_up_and_taken_over_after() {
    let (account, ledger) = ledger();
    open(&account, &run(1), &run(1), -1);
    open(&account, &run(2), &run(2), 0);
    open(&account, &run(3), &run(3), 60_000);
    // Another run has taken this one over.
    open(&account, &run(4), &run(9), 60_000);
    let at_work = ledger.at_work().await.unwrap();
    assert_eq!(at_work, BTreeSet::from([run(2), run(3)]));

    let lease = account.now() + TimeDelta::minutes(15);
    let taken = ledger.take_over(&run(5), lease).await.unwrap();
    let taken: Vec<RunId> = taken.into_iter().map(|it| it.run_id).collect();
    assert_eq!(taken, [run(1)]);
    let mark = item(&account, "open", run(1).as_str()).unwrap();
    assert_eq!(mark["HeldBy"], json!(run(5)));
    assert_eq!(mark["HeldUntil"], lease.timestamp_millis());
    assert_eq!(ledger.at_work().await.unwrap(), at_work);
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_a_run_over_one_gets_it() {
    let (account, ledger) = ledger();
    open(&account, &run(1), &run(1), -1);
    account.on_next_call("PutItem", |account| open(account, &run(1), &run(2), 60_000));
    let lease = account.now() + TimeDelta::minutes(15);
    assert_eq!(ledger.take_over(&run(3), lease).await.unwrap(), []);
    let mark = item(&account, "open", run(1).as_str()).unwrap();
    assert_eq!(mark["HeldBy"], json!(run(2)));

    // A DynamoDB that does not answer is something else.
    open(&account, &run(1), &run(1), -1);
    account.fail(Fault::new("PutItem", "AccessDeniedException", "no"));
    assert!(ledger.take_over(&run(3), lease).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn only_the_run_that_holds_a_mark_ends_it_or_gives_it_back() {
    let (account, ledger) = ledger();
    open(&account, &run(1), &run(2), 60_000);
    for is_over in [true, false] {
        ledger.let_go(&run(1), &run(1), is_over).await;
        let mark = item(&account, "open", run(1).as_str()).unwrap();
        assert_eq!(mark["HeldBy"], json!(run(2)));
    }
    ledger.let_go(&run(1), &run(2), false).await;
    let mark = item(&account, "open", run(1).as_str()).unwrap();
    assert_eq!(mark["HeldUntil"], 0);
    let lease = account.now() + TimeDelta::minutes(15);
    assert_eq!(ledger.take_over(&run(3), lease).await.unwrap().len(), 1);
    ledger.let_go(&run(1), &run(3), true).await;
    assert_eq!(account.items(TABLE), [] as [Value; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_run_asks_for_what_the_budget_held_back() {
    let (account, ledger) = ledger();
    let due_at = account.now() + TimeDelta::minutes(20);
    assert!(ledger.claim_budget_message(due_at).await.unwrap());
    assert!(!ledger.claim_budget_message(due_at).await.unwrap());
    account.advance(TimeDelta::minutes(20));
    assert!(!ledger.claim_budget_message(due_at).await.unwrap());
    account.advance(TimeDelta::milliseconds(1));
    let next = account.now() + TimeDelta::minutes(20);
    assert!(ledger.claim_budget_message(next).await.unwrap());

    account.fail(Fault::new("PutItem", "AccessDeniedException", "no"));
    assert!(ledger.claim_budget_message(next).await.is_err());
}

/// What another run has changed stays as it is, wherever it stands, and keeps nothing else from being written.
#[tokio::test(start_paused = true)]
async fn writes_the_countdowns_that_are_still_as_they_were_read() {
    for changed in 0..4_usize {
        let (account, ledger) = ledger();
        let ids = ["i-0a", "i-0b", "i-0c", "i-0d"];
        let theirs = Countdown::starting(account.now() - TimeDelta::hours(1));
        let first = BTreeMap::from([(terminate(ids[changed]), change(None, theirs.since))]);
        ledger.write_countdowns(&first).await.unwrap();

        let now = account.now();
        let changes = ids.map(|id| (terminate(id), change(None, now)));
        let changes = BTreeMap::from(changes);
        let written = ledger.write_countdowns(&changes).await.unwrap();
        let expected = ids.iter().filter(|id| **id != ids[changed]);
        let expected: Vec<CountdownName> = expected.map(|id| terminate(id)).collect();
        assert_eq!(written, expected);
        let running = ledger.standing().await.unwrap().countdowns;
        for id in ids {
            let since = running[id][&terminate(id)].since;
            let is_theirs = id == ids[changed];
            assert_eq!(since, if is_theirs { theirs.since } else { now }, "{id}");
        }
        // Read as they are, all of them are written.
        let changes = ids.map(|id| {
            let read = running[id][&terminate(id)];
            (terminate(id), change(Some(read), now))
        });
        let written = ledger.write_countdowns(&BTreeMap::from(changes)).await;
        assert_eq!(written.unwrap().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn tries_again_while_others_write_the_same_items() {
    let (account, ledger) = ledger();
    let changes = BTreeMap::from([(terminate(ID), change(None, account.now()))]);
    let busy = || {
        Fault::new(
            "TransactWriteItems",
            "TransactionInProgressException",
            "busy",
        )
    };
    account.fail(busy().times(20));
    let before = account.now();
    let written = ledger.write_countdowns(&changes).await.unwrap();
    assert_eq!(written, [terminate(ID)]);
    // It waits between two attempts.
    assert!(account.now() > before);

    account.fail(busy().always());
    assert!(ledger.write_countdowns(&changes).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn deletes_a_countdown_only_if_it_is_the_one_that_was_read() {
    let (account, ledger) = ledger();
    let theirs = change(None, account.now());
    let changes = BTreeMap::from([(terminate(ID), theirs)]);
    ledger.write_countdowns(&changes).await.unwrap();
    let older = Countdown::starting(account.now() - TimeDelta::hours(1));
    ledger
        .delete_countdown(&terminate(ID), &older)
        .await
        .unwrap();
    assert_eq!(ledger.standing().await.unwrap().countdowns.len(), 1);
    for _ in 0..2 {
        ledger
            .delete_countdown(&terminate(ID), &theirs.new)
            .await
            .unwrap();
        assert!(ledger.standing().await.unwrap().countdowns.is_empty());
    }
    account.fail(Fault::new("DeleteItem", "AccessDeniedException", "no"));
    let denied = ledger.delete_countdown(&terminate(ID), &older).await;
    assert!(denied.is_err());
}

/// What older versions noted of a stopped instance becomes a countdown, once.
#[tokio::test(start_paused = true)]
async fn adopts_what_older_versions_noted_of_stopped_instances() {
    let (account, ledger) = ledger();
    let since = account.now() - TimeDelta::days(3);
    account.put_item(
        TABLE,
        json!({"Pk": ID, "Sk": "stopped", "Since": since, "RemindedAt": since}),
    );
    let ids = [ID.to_owned(), "i-other".to_owned()];
    for writes in [false, true] {
        let adopted = ledger.adopt_stopped(&ids, writes).await.unwrap();
        assert_eq!(adopted.len(), 1);
        let countdown = adopted[ID][&CountdownName::of_stopped(ID)];
        assert_eq!(
            (countdown.since, countdown.reminded_at),
            (since, Some(since))
        );
        assert_eq!(item(&account, ID, "stopped").is_none(), writes);
        let running = ledger.standing().await.unwrap().countdowns;
        assert_eq!(running.contains_key(ID), writes);
    }
    assert!(ledger.adopt_stopped(&ids, true).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn remembers_for_eight_days_what_ec2_refused_and_why() {
    let (account, ledger) = ledger();
    let reasons = [
        (RemedyName::Stop, Reason::Protected),
        (
            RemedyName::Terminate,
            Reason::RefusedByEc2 {
                code: "UnsupportedOperation".to_owned(),
                why: "ec2:TerminateInstances: UnsupportedOperation: no".to_owned(),
            },
        ),
    ];
    let at = account.now();
    let refused = reasons.map(|(remedy, reason)| ((ID.to_owned(), remedy), Refusal { reason, at }));
    let refused = Refusals::from(refused);
    ledger.remember_refusals(&refused).await.unwrap();
    account.advance(TimeDelta::days(8) - TimeDelta::seconds(1));
    assert_eq!(ledger.refusals().await.unwrap(), refused);
    account.advance(TimeDelta::seconds(1));
    assert_eq!(ledger.refusals().await.unwrap(), Refusals::new());
    ledger.remember_refusals(&Refusals::new()).await.unwrap();
}

/// A DynamoDB item holds 400 KB. What is more goes into further items, and what is there already leaves less room.
#[tokio::test(start_paused = true)]
async fn notes_what_was_reported_in_as_many_items_as_it_takes() {
    let (account, ledger) = ledger();
    let names = |from: usize, to: usize| -> BTreeSet<String> {
        (from..to).map(|it| format!("{it:0>97}")).collect()
    };
    let mode = Mode::Enforce;
    let none = ledger.reported(mode).await.unwrap();
    assert_eq!(none, DayNotes::default());
    // 100 bytes each: 2,500 fill an item.
    ledger
        .remember_reported(mode, &none, names(0, 2_499))
        .await
        .unwrap();
    assert_eq!(account.items(TABLE).len(), 1);
    let notes = ledger.reported(mode).await.unwrap();
    assert_eq!(notes.names.len(), 2_499);
    ledger
        .remember_reported(mode, &notes, names(3_000, 6_000))
        .await
        .unwrap();
    let sizes: Vec<usize> = account
        .items(TABLE)
        .iter()
        .map(|item| item["Entries"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [2_500, 2_500, 499]);
    assert_eq!(ledger.reported(mode).await.unwrap().names.len(), 5_499);
    let dry_run = ledger.reported(Mode::DryRun).await.unwrap();
    assert_eq!(dry_run, DayNotes::default());
    // They are of use on this day only.
    account.advance(TimeDelta::days(1));
    assert_eq!(ledger.reported(mode).await.unwrap(), DayNotes::default());
}

#[tokio::test(start_paused = true)]
async fn remembers_a_launcher_and_an_exemption_beside_each_other() {
    let (account, ledger) = ledger();
    let ann = BTreeMap::from([(ID.to_owned(), "ann".to_owned())]);
    ledger.remember_launchers(&ann).await.unwrap();
    let ids = BTreeSet::from([ID.to_owned()]);
    let since = account.now();
    ledger
        .remember_unreadable_exemptions(&ids, since)
        .await
        .unwrap();
    let writes = account.count("TransactWriteItems");
    assert_eq!(writes, 2);
    // What is remembered already is not written.
    ledger.remember_launchers(&ann).await.unwrap();
    let later = since + TimeDelta::days(1);
    ledger
        .remember_unreadable_exemptions(&ids, later)
        .await
        .unwrap();
    assert_eq!(account.count("TransactWriteItems"), writes);
    let memory = ledger.memories(&ids).await.unwrap().remove(ID).unwrap();
    assert_eq!(memory.launcher(), Some("ann"));
    assert_eq!(memory.unreadable_exemption_since(), Some(since));
}

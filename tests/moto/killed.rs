//! The remediation's process is killed (SIGKILL) while it works on moto. Later runs must complete what it began.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde_json::Value;
use tagwarden_aws::Clock;
use tagwarden_remediation::ledger::{Batch, Ledger};
use tagwarden_sandbox::Bootstrap;

use crate::MOTO;
use crate::aftermath::{Reported, done_once, reported_in};
use crate::moto_account::{Account, launch};
use crate::moto_stack::{LEDGER, remediation_binary};

type Item = HashMap<String, AttributeValue>;

#[tokio::test]
async fn completes_all_work_despite_repeated_kills() {
    let account = Account::in_region(&MOTO, "ap-south-1");
    account.create_tables().await;
    let vpc = account.create_vpc().await;
    let ana = account.ec2_of_ana();
    let mut work = BTreeSet::new();
    for (tags, deeds) in [
        (
            &[("Name", "web")][..],
            &["ProjectCode", "CreatedBy", "Expires"][..],
        ),
        (
            &[("CreatedBy", "eve"), ("ProjectCode", "")],
            &["ProjectCode", "Expires"],
        ),
        (
            &[("CreatedBy", "eve"), ("Expires", "2031-01-01")],
            &["ProjectCode"],
        ),
        (&[], &["terminate"]),
        (&[], &["terminate"]),
    ] {
        let id = launch(&ana, &vpc.subnet, tags).await;
        work.extend(deeds.iter().map(|what| (id.clone(), (*what).to_owned())));
    }
    let (topic, reports) = account.create_topic().await;
    let function = Bootstrap::new(remediation_binary())
        .env("AWS_ENDPOINT_URL", MOTO.endpoint())
        .env("AWS_REGION", account.region.as_ref())
        .env("TAGWARDEN_MODE", "enforce")
        .env("TAGWARDEN_VPC_IDS", &vpc.id)
        .env("TAGWARDEN_TOPIC_ARN", topic)
        .env("TAGWARDEN_LEDGER_TABLE", LEDGER)
        .env("TAGWARDEN_GRACE_MINUTES", "0");
    // The event names no account, because the function takes the account from its ARN, which is the sandbox's.
    let sweep = serde_json::json!({"detail-type": "Scheduled Event", "detail": {}});

    // The first kill waits until acts are begun. The later kills come at random.
    let mut kills = Vec::new();
    for nth in 0..4 {
        let time = Duration::from_millis(random(if nth == 0 { 60 } else { 1_500 }));
        let kill = async {
            if nth == 0 {
                // Without a pause: the function is not to be done before the kill.
                while open_runs(&account).await == 0 {}
            }
            tokio::time::sleep(time).await;
        };
        let is_killed = tokio::select! {
            answer = function.invoke(&sweep) => answer.unwrap().is_err(),
            () = kill => true,
        };
        kills.push((time, is_killed));
        let ledger = all_quiet(&account).await;
        expire_claims(&account, ledger).await;
    }
    let how = format!("killed after {kills:?}");
    assert!(kills.iter().any(|(_, is_killed)| *is_killed), "{how}");
    let answer = function.invoke(&sweep).await.unwrap();
    assert!(answer.is_ok(), "{how}: {answer:?}");

    let done = done_once(batches(&account).await, &work, &how);
    let mut reported = Reported::new();
    for report in account.receive(&reports.queue).await {
        let report: Value = serde_json::from_str(&report).unwrap();
        reported.extend(reported_in(&report));
    }
    assert_eq!(reported, done, "{how}: what was reported");
    assert_eq!(open_runs(&account).await, 0, "{how}");
    for (id, what) in &work {
        match what.as_str() {
            "terminate" => assert_eq!(account.state(id).await, "terminated", "{how}"),
            key => assert_ne!(account.tags(id).await[key], "", "{how}"),
        }
    }
}

/// The ledger's items, once the last requests of a killed process have come to an end: nothing changes for a second.
async fn all_quiet(account: &Account<'_>) -> Vec<Item> {
    let mut last = None;
    loop {
        let items = ledger_items(account).await;
        if last.as_ref() == Some(&items) {
            return items;
        }
        last = Some(items);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Expires the holds and claims of every run so far. Other runs respect them until they expire, and the functions use
/// the real clock, so the test would have to wait.
async fn expire_claims(account: &Account<'_>, items: Vec<Item>) {
    let dynamodb = aws_sdk_dynamodb::Client::new(account.sdk_config());
    for mut item in items {
        for name in ["HeldUntil", "ClaimedUntil"] {
            if let Some(until) = item.get_mut(name) {
                *until = AttributeValue::N("1".to_owned());
            }
        }
        if let Some(AttributeValue::M(tags)) = item.get_mut("Tags") {
            for tag in tags.values_mut() {
                if let AttributeValue::M(tag) = tag {
                    let over = AttributeValue::N("1".to_owned());
                    tag.insert("ClaimedUntil".to_owned(), over);
                }
            }
        }
        let put = dynamodb.put_item().table_name(LEDGER);
        put.set_item(Some(item)).send().await.unwrap();
    }
}

async fn ledger_items(account: &Account<'_>) -> Vec<Item> {
    let dynamodb = aws_sdk_dynamodb::Client::new(account.sdk_config());
    let items = dynamodb.scan().table_name(LEDGER).consistent_read(true);
    items.send().await.unwrap().items.unwrap()
}

/// Every batch in the ledger, of yesterday and today.
async fn batches(account: &Account<'_>) -> Vec<Batch> {
    let client = aws_sdk_dynamodb::Client::new(account.sdk_config());
    let clock = Clock::of(account.sdk_config());
    let ledger = Ledger::new(client, clock.clone(), LEDGER.to_owned());
    let today = clock.now().date_naive();
    let mut batches = ledger.batches_of(today.pred_opt().unwrap()).await.unwrap();
    batches.extend(ledger.batches_of(today).await.unwrap());
    batches
}

async fn open_runs(account: &Account<'_>) -> i32 {
    let open = aws_sdk_dynamodb::Client::new(account.sdk_config())
        .query()
        .table_name(LEDGER)
        .select(Select::Count)
        .consistent_read(true)
        .key_condition_expression("Pk = :open")
        .expression_attribute_values(":open", AttributeValue::S("open".to_owned()));
    open.send().await.unwrap().count
}

/// A random number below `bound`.
fn random(bound: u64) -> u64 {
    RandomState::new().hash_one(bound) % bound
}

//! `Query`, `Scan` and `BatchGetItem`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde_json::json;
use tagwarden_sandbox::Account;

use super::{Attributes, LEDGER, account_with_ledger, attributes, key, used, value};
use crate::refusal;

/// Two partitions with the same sort keys, put in no order.
fn account_with_runs() -> (Account, Client) {
    let (account, dynamodb) = account_with_ledger();
    for sk in ["run#2", "tag#1", "run#1", "run#3", "act#1"] {
        account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": sk}));
        account.put_item(LEDGER, json!({"Pk": "i-2", "Sk": sk}));
    }
    (account, dynamodb)
}

fn query(dynamodb: &Client, condition: &str) -> QueryFluentBuilder {
    let values = attributes(&json!({
        ":pk": "i-1", ":run": "run#", ":two": "run#2", ":three": "run#3", ":one": 1,
    }));
    let call = dynamodb.query().table_name(LEDGER).consistent_read(true);
    let call = call.key_condition_expression(condition);
    call.set_expression_attribute_values(used(condition, &values))
}

fn sort_keys(items: &[Attributes]) -> Vec<String> {
    let items = items.iter();
    items
        .map(|item| item["Sk"].as_s().unwrap().clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn queries_no_more_items_than_the_limit() {
    let (account, dynamodb) = account_with_runs();
    let limited = |limit| query(&dynamodb, "Pk = :pk").limit(limit).send();
    let answer = limited(2).await.unwrap();
    assert_eq!(sort_keys(answer.items()), ["act#1", "run#1"]);
    assert_eq!(
        answer.last_evaluated_key().unwrap()["Sk"].as_s().unwrap(),
        "run#1"
    );
    assert_eq!(limited(9).await.unwrap().items().len(), 5);
    account.query_page_items(1);
    assert_eq!(limited(3).await.unwrap().items().len(), 1);
    assert!(limited(0).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn queries_a_part_of_a_partition_in_order() {
    let (_account, dynamodb) = account_with_runs();
    for (condition, expected) in [
        (
            "Pk = :pk",
            &["act#1", "run#1", "run#2", "run#3", "tag#1"][..],
        ),
        ("Pk = :pk AND Sk = :two", &["run#2"]),
        (
            "Pk = :pk AND begins_with(Sk, :run)",
            &["run#1", "run#2", "run#3"],
        ),
        ("Pk = :pk AND Sk < :two", &["act#1", "run#1"]),
        ("Pk = :pk AND Sk <= :two", &["act#1", "run#1", "run#2"]),
        ("Pk = :pk AND Sk > :two", &["run#3", "tag#1"]),
        ("Pk = :pk AND Sk >= :three", &["run#3", "tag#1"]),
        ("Pk = :pk AND Sk BETWEEN :run AND :two", &["run#1", "run#2"]),
        ("Pk = :run", &[]),
    ] {
        let answer = query(&dynamodb, condition).send().await.unwrap();
        assert_eq!(sort_keys(answer.items()), expected, "{condition}");
        assert_eq!(answer.last_evaluated_key(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_queries_that_dynamodb_refuses() {
    let (_account, dynamodb) = account_with_runs();
    let expected = "One or more parameter values were invalid: Condition parameter type does not match schema type";
    for (condition, expected) in [
        ("Sk = :run", "Query condition missed key schema element: Pk"),
        (
            "Pk = :pk AND HeldBy = :run",
            "Query key condition not supported",
        ),
        ("Pk = :one", expected),
    ] {
        let refused = refusal(query(&dynamodb, condition).send().await);
        assert_eq!(
            refused,
            ("ValidationException".to_owned(), expected.to_owned())
        );
    }
    let unused = query(&dynamodb, "Pk = :pk").expression_attribute_values(":x", value(&json!(1)));
    let message = refusal(unused.send().await).1;
    assert!(
        message.ends_with("unused in expressions: keys: {:x}"),
        "{message}"
    );
    for start in [
        key("i-2", "run#1"),
        key("i-1", "act#1"),
        attributes(&json!({"Pk": "i-1"})),
    ] {
        let call = query(&dynamodb, "Pk = :pk AND begins_with(Sk, :run)");
        let (code, message) = refusal(call.set_exclusive_start_key(Some(start)).send().await);
        assert_eq!(code, "ValidationException");
        assert!(
            message.starts_with("The provided starting key is"),
            "{message}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pages_hold_every_item_once() {
    let (account, dynamodb) = account_with_runs();
    let query_pages = || async {
        let mut pages = query(&dynamodb, "Pk = :pk").into_paginator().send();
        let mut sizes = Vec::new();
        while let Some(page) = pages.next().await {
            sizes.push(page.unwrap().items().len());
        }
        sizes
    };
    assert_eq!(query_pages().await, [5]);
    account.query_page_items(2);
    assert_eq!(query_pages().await, [2, 2, 1]);
    account.query_page_items(5);
    assert_eq!(query_pages().await, [5]);

    let scan_pages = || async {
        let mut pages = dynamodb.scan().table_name(LEDGER).into_paginator().send();
        let (mut sizes, mut found) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            sizes.push(page.items().len());
            found.extend(page.items.unwrap_or_default());
        }
        found.sort_by_key(|item| format!("{:?}{:?}", item["Pk"], item["Sk"]));
        found.dedup();
        (sizes, found.len())
    };
    assert_eq!(scan_pages().await, (vec![10], 10));
    account.scan_page_items(4);
    assert_eq!(scan_pages().await, (vec![4, 4, 2], 10));
    account.scan_with_empty_page();
    assert_eq!(scan_pages().await, (vec![0, 4, 4, 2], 10));
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_one_megabyte() {
    let (account, dynamodb) = account_with_ledger();
    for sk in ["0", "1", "2", "3"] {
        let text = "x".repeat(400_000);
        account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": sk, "Text": text}));
    }
    let answer = query(&dynamodb, "Pk = :pk").send().await.unwrap();
    assert_eq!(
        (answer.count(), answer.last_evaluated_key()),
        (3, Some(&key("i-1", "2")))
    );
    let answer = dynamodb.scan().table_name(LEDGER).send().await.unwrap();
    assert_eq!(answer.count(), 3);
}

fn keys(keys: impl IntoIterator<Item = Attributes>) -> KeysAndAttributes {
    let keys = KeysAndAttributes::builder().set_keys(Some(keys.into_iter().collect()));
    keys.consistent_read(true).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_batch_reads_the_items_that_exist() {
    let (account, dynamodb) = account_with_runs();
    let get = |wanted: KeysAndAttributes| dynamodb.batch_get_item().request_items(LEDGER, wanted);
    let wanted = keys(["run#3", "gone", "run#1", "act#1"].map(|sk| key("i-1", sk)));
    let answer = get(wanted.clone()).send().await.unwrap();
    let found = &answer.responses().unwrap()[LEDGER];
    assert_eq!(sort_keys(found), ["act#1", "run#1", "run#3"]);
    assert_eq!(answer.unprocessed_keys(), Some(&HashMap::new()));

    // What is left unprocessed can be requested again as it is.
    account.leave_unprocessed_once(3);
    let answer = get(wanted).send().await.unwrap();
    assert_eq!(sort_keys(&answer.responses().unwrap()[LEDGER]), ["run#3"]);
    let unprocessed = answer.unprocessed_keys.unwrap();
    assert_eq!(unprocessed[LEDGER].keys().len(), 3);
    let call = dynamodb
        .batch_get_item()
        .set_request_items(Some(unprocessed));
    let answer = call.send().await.unwrap();
    assert_eq!(
        sort_keys(&answer.responses().unwrap()[LEDGER]),
        ["act#1", "run#1"]
    );
    assert_eq!(answer.unprocessed_keys(), Some(&HashMap::new()));

    // A batch never returns more than 16 MB.
    for sk in 0..50 {
        let item = json!({"Pk": "large", "Sk": sk.to_string(), "Text": "x".repeat(380_000)});
        account.put_item(LEDGER, item);
    }
    let wanted = keys((0..50).map(|sk| key("large", &sk.to_string())));
    let answer = get(wanted).send().await.unwrap();
    let unprocessed = &answer.unprocessed_keys().unwrap()[LEDGER];
    assert_eq!(answer.responses().unwrap()[LEDGER].len(), 44);
    assert_eq!(
        (unprocessed.keys().len(), unprocessed.consistent_read()),
        (6, Some(true))
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_batches_that_dynamodb_refuses() {
    let (_account, dynamodb) = account_with_runs();
    let get = |table: &str, wanted| {
        dynamodb
            .batch_get_item()
            .request_items(table, wanted)
            .send()
    };
    let numbered = |n: i32| keys((0..n).map(|sk| key("i-1", &sk.to_string())));
    for (wanted, expected) in [
        (
            keys([key("i-1", "1"), key("i-1", "1")]),
            "Provided list of item keys contains duplicates",
        ),
        (
            keys([attributes(&json!({"Pk": "i-1"}))]),
            "The provided key element does not match the schema",
        ),
        (
            numbered(101),
            "Too many items requested for the BatchGetItem call",
        ),
    ] {
        let refused = refusal(get(LEDGER, wanted).await);
        assert_eq!(
            refused,
            ("ValidationException".to_owned(), expected.to_owned())
        );
    }
    assert!(get(LEDGER, numbered(100)).await.is_ok());
    let refused = refusal(get("other", numbered(1)).await);
    assert_eq!(refused.0, "ResourceNotFoundException");
}

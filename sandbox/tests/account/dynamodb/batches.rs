//! `BatchWriteItem` and `BatchGetItem`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::batch_write_item::builders::BatchWriteItemFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};
use serde_json::json;
use tagwarden_sandbox::{Account, Fault};

use super::{Attributes, LEDGER, account_with_ledger, attributes, key};
use crate::refusal;

fn put(item: Attributes) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
    WriteRequest::builder().put_request(put).build()
}

fn delete(key: Attributes) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key)).build().unwrap();
    WriteRequest::builder().delete_request(delete).build()
}

fn write(dynamodb: &Client, requests: Vec<WriteRequest>) -> BatchWriteItemFluentBuilder {
    dynamodb.batch_write_item().request_items(LEDGER, requests)
}

fn keys(keys: impl IntoIterator<Item = Attributes>) -> KeysAndAttributes {
    let keys = keys.into_iter().collect();
    KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .build()
        .unwrap()
}

fn sort_keys(account: &Account) -> Vec<i64> {
    let items = account.items(LEDGER);
    items
        .iter()
        .map(|item| item["Sk"].as_i64().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_puts_and_deletes_in_several_tables() {
    let (account, dynamodb) = account_with_ledger();
    account.create_table_with_key("other", "Id");
    account.put_item("other", json!({"Id": 1}));
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": 1, "Old": true}));
    let answer = write(
        &dynamodb,
        vec![
            put(key("i-1", 1)),
            put(key("i-1", 2)),
            delete(key("i-1", 3)),
        ],
    )
    .request_items("other", vec![delete(attributes(&json!({"Id": 1})))])
    .send()
    .await
    .unwrap();
    assert_eq!(answer.unprocessed_items(), Some(&HashMap::new()));
    assert_eq!(
        account.items(LEDGER),
        [json!({"Pk": "i-1", "Sk": 1}), json!({"Pk": "i-1", "Sk": 2})]
    );
    assert!(account.items("other").is_empty());
    let call = account.calls().pop().unwrap();
    assert_eq!(call.resources, [LEDGER, "other"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_unprocessed_can_be_sent_again() {
    let (account, dynamodb) = account_with_ledger();
    let all: Vec<_> = (0..5).map(|sk| put(key("i-1", sk))).collect();
    account.leave_unprocessed_once(2);
    let answer = write(&dynamodb, all.clone()).send().await.unwrap();
    let unprocessed = answer.unprocessed_items.unwrap();
    assert_eq!(unprocessed[LEDGER], all[3..]);
    assert_eq!(sort_keys(&account), [0, 1, 2]);
    let again = dynamodb
        .batch_write_item()
        .set_request_items(Some(unprocessed))
        .send()
        .await
        .unwrap();
    assert_eq!(again.unprocessed_items(), Some(&HashMap::new()));
    assert_eq!(sort_keys(&account), [0, 1, 2, 3, 4]);

    account.leave_unprocessed_once(2);
    let wanted = keys((0..5).map(|sk| key("i-1", sk)));
    let read = dynamodb
        .batch_get_item()
        .request_items(LEDGER, wanted)
        .send()
        .await
        .unwrap();
    assert_eq!(read.responses().unwrap()[LEDGER].len(), 3);
    let unread = read.unprocessed_keys.unwrap();
    assert_eq!(unread[LEDGER].keys(), [key("i-1", 3), key("i-1", 4)]);
    let again = dynamodb
        .batch_get_item()
        .set_request_items(Some(unread))
        .send()
        .await
        .unwrap();
    assert_eq!(again.responses().unwrap()[LEDGER].len(), 2);
    assert_eq!(again.unprocessed_keys(), Some(&HashMap::new()));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_nothing_can_be_done_is_refused_and_tried_again() {
    let (account, dynamodb) = account_with_ledger();
    account.leave_unprocessed_once(1);
    write(&dynamodb, vec![put(key("i-1", 1))])
        .send()
        .await
        .unwrap();
    let outcomes: Vec<_> = account
        .calls()
        .into_iter()
        .map(|call| call.outcome)
        .collect();
    let refused = "ProvisionedThroughputExceededException".to_owned();
    assert_eq!(outcomes, [Err(refused), Ok(())]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_one_wrong_write_writes_nothing() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-0", "Sk": 0}));
    let right = || put(key("i-1", 1));
    let duplicates = "Provided list of item keys contains duplicates";
    let large = attributes(&json!({"Pk": "i-2", "Sk": 2, "Text": "x".repeat(400 * 1024)}));
    let neither = WriteRequest::builder().build();
    let cases = [
        (vec![right(), put(key("i-1", 1))], duplicates),
        (vec![right(), delete(key("i-1", 1))], duplicates),
        (
            vec![right(), put(attributes(&json!({"Pk": "i-1"})))],
            "Missing the key Sk in the item",
        ),
        (
            vec![right(), put(attributes(&json!({"Pk": "i-1", "Sk": "1"})))],
            "Type mismatch for key Sk",
        ),
        (
            vec![right(), delete(attributes(&json!({"Pk": "i-1"})))],
            "does not match the schema",
        ),
        (
            vec![right(), put(large)],
            "Item size has exceeded the maximum allowed size",
        ),
        (vec![right(), neither], "must contain exactly one"),
        (vec![], "Member must have length greater than or equal to 1"),
        (
            (0..26).map(|sk| put(key("i-1", sk))).collect(),
            "Too many items requested for the BatchWriteItem call",
        ),
    ];
    for (requests, expected) in cases {
        let (code, message) = refusal(write(&dynamodb, requests).send().await);
        assert_eq!(code, "ValidationException");
        assert!(message.contains(expected), "{message}");
    }
    let no_table = write(&dynamodb, vec![right()]).request_items("other", vec![right()]);
    assert_eq!(
        refusal(no_table.send().await).0,
        "ResourceNotFoundException"
    );
    let nothing = dynamodb
        .batch_write_item()
        .set_request_items(Some(HashMap::new()));
    assert_eq!(refusal(nothing.send().await).0, "ValidationException");
    assert_eq!(sort_keys(&account), [0]);
    write(&dynamodb, (0..25).map(|sk| put(key("i-1", sk))).collect())
        .send()
        .await
        .unwrap();
    assert_eq!(account.items(LEDGER).len(), 26);
}

#[tokio::test(start_paused = true)]
async fn a_batch_reads_what_is_there_in_no_order_of_its_own() {
    let (account, dynamodb) = account_with_ledger();
    account.create_table_with_key("other", "Id");
    account.put_item("other", json!({"Id": 1}));
    for sk in [3, 1, 2] {
        account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": sk}));
    }
    let answer = dynamodb
        .batch_get_item()
        .request_items(LEDGER, keys([3, 4, 1].map(|sk| key("i-1", sk))))
        .request_items("other", keys([attributes(&json!({"Id": 2}))]))
        .send()
        .await
        .unwrap();
    let responses = answer.responses().unwrap();
    assert_eq!(responses[LEDGER], [key("i-1", 1), key("i-1", 3)]);
    assert!(responses["other"].is_empty());
}

#[tokio::test(start_paused = true)]
async fn wrong_batches_of_keys_are_refused() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": 1}));
    let get = |wanted: KeysAndAttributes| {
        dynamodb
            .batch_get_item()
            .request_items(LEDGER, wanted)
            .send()
    };
    for (wanted, expected) in [
        (
            keys([key("i-1", 1), key("i-1", 1)]),
            "Provided list of item keys contains duplicates",
        ),
        (
            keys([attributes(&json!({"Pk": "i-1"}))]),
            "does not match the schema",
        ),
        (
            keys([]),
            "Member must have length greater than or equal to 1",
        ),
        (
            keys((0..101).map(|sk| key("i-1", sk))),
            "Too many items requested for the BatchGetItem call",
        ),
    ] {
        let (code, message) = refusal(get(wanted).await);
        assert_eq!(code, "ValidationException");
        assert!(message.contains(expected), "{message}");
    }
    assert!(get(keys((0..100).map(|sk| key("i-1", sk)))).await.is_ok());
    let projection = KeysAndAttributes::builder()
        .keys(key("i-1", 1))
        .projection_expression("Pk");
    assert_eq!(
        refusal(get(projection.build().unwrap()).await).0,
        "SandboxUnsupported"
    );
    let no_table = dynamodb
        .batch_get_item()
        .request_items("other", keys([key("i-1", 1)]))
        .send();
    assert_eq!(refusal(no_table.await).0, "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn an_answer_holds_16_megabytes_at_most() {
    let (account, dynamodb) = account_with_ledger();
    for sk in 0..50 {
        account.put_item(
            LEDGER,
            json!({"Pk": "i-1", "Sk": sk, "Text": "x".repeat(380_000)}),
        );
    }
    let wanted = KeysAndAttributes::builder().consistent_read(true);
    let wanted = wanted
        .set_keys(Some((0..50).map(|sk| key("i-1", sk)).collect()))
        .build()
        .unwrap();
    let answer = dynamodb
        .batch_get_item()
        .request_items(LEDGER, wanted)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.responses().unwrap()[LEDGER].len(), 44);
    let unread = &answer.unprocessed_keys().unwrap()[LEDGER];
    assert_eq!(
        (unread.keys().len(), unread.consistent_read()),
        (6, Some(true))
    );
}

#[tokio::test(start_paused = true)]
async fn faults_strike_by_the_table() {
    let (account, dynamodb) = account_with_ledger();
    let fault = Fault::new("BatchWriteItem", "AccessDeniedException", "no");
    account.fail(fault.when(|request| request.mentions(LEDGER)));
    let refused = refusal(write(&dynamodb, vec![put(key("i-1", 1))]).send().await);
    assert_eq!(refused.0, "AccessDeniedException");
}

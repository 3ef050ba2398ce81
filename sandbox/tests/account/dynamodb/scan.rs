//! Scan.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tagwarden_sandbox::Account;

use crate::refusal;

const TABLE: &str = "acme_cloud_policy_tagging_def";

fn account_with_table(items: u32) -> (Account, Client) {
    let account = Account::new();
    account.create_table(TABLE);
    for number in 1..=items {
        account.put_item(
            TABLE,
            json!({"RuleId": number, "TagKey": format!("Key{number}")}),
        );
    }
    let client = Client::new(&account.sdk_config());
    (account, client)
}

/// The `RuleId`s of every page.
async fn pages(dynamodb: &Client) -> Vec<Vec<String>> {
    let mut pages = dynamodb
        .scan()
        .table_name(TABLE)
        .consistent_read(true)
        .into_paginator()
        .send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        let items = page.items().iter();
        ids.push(
            items
                .map(|item| item["RuleId"].as_n().unwrap().clone())
                .collect(),
        );
    }
    ids
}

#[tokio::test(start_paused = true)]
async fn plain_json_becomes_attribute_values() {
    let (account, dynamodb) = account_with_table(0);
    account.put_item(
        TABLE,
        json!({"RuleId": 1, "TagKey": "Name", "Empty": "", "On": true, "None": null,
               "List": ["a", 1.5], "Map": {"b": "c"}}),
    );
    let answer = dynamodb.scan().table_name(TABLE).send().await.unwrap();
    assert_eq!((answer.count(), answer.scanned_count()), (1, 1));
    assert_eq!(answer.last_evaluated_key(), None);
    let item = &answer.items()[0];
    let string = |text: &str| AttributeValue::S(text.to_owned());
    let number = |text: &str| AttributeValue::N(text.to_owned());
    assert_eq!(item["RuleId"], number("1"));
    assert_eq!(item["TagKey"], string("Name"));
    assert_eq!(item["Empty"], string(""));
    assert_eq!(item["On"], AttributeValue::Bool(true));
    assert_eq!(item["None"], AttributeValue::Null(true));
    assert_eq!(
        item["List"],
        AttributeValue::L(vec![string("a"), number("1.5")])
    );
    let map = [("b".to_owned(), string("c"))].into_iter().collect();
    assert_eq!(item["Map"], AttributeValue::M(map));
}

#[tokio::test(start_paused = true)]
async fn raw_items_stay_as_they_are() {
    let (account, dynamodb) = account_with_table(0);
    account.put_raw_item(
        TABLE,
        json!({"RuleId": {"N": "1"}, "Set": {"SS": ["a", "b"]}}),
    );
    let answer = dynamodb.scan().table_name(TABLE).send().await.unwrap();
    let set = AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(answer.items()[0]["Set"], set);
}

#[tokio::test(start_paused = true)]
async fn an_item_takes_the_place_of_the_one_with_its_key() {
    let (account, dynamodb) = account_with_table(2);
    account.put_item(TABLE, json!({"RuleId": 2, "TagKey": "Other"}));
    let answer = dynamodb.scan().table_name(TABLE).send().await.unwrap();
    let keys: BTreeSet<_> = answer
        .items()
        .iter()
        .map(|item| item["TagKey"].as_s().unwrap())
        .collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["Key1", "Other"]);
    account.clear_table(TABLE);
    assert_eq!(pages(&dynamodb).await, [Vec::<String>::new()]);
}

#[tokio::test(start_paused = true)]
async fn pages_as_large_as_asked_for_and_every_item_once() {
    let (account, dynamodb) = account_with_table(7);
    assert_eq!(pages(&dynamodb).await.len(), 1);
    account.scan_page_items(3);
    let pages = pages(&dynamodb).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(pages.concat().into_iter().collect::<BTreeSet<_>>().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_page_may_be_empty_and_not_the_last() {
    let (account, dynamodb) = account_with_table(4);
    account.scan_page_items(3);
    account.scan_with_empty_page();
    let sizes: Vec<_> = pages(&dynamodb).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_one_megabyte() {
    let (account, dynamodb) = account_with_table(0);
    for number in 0..4 {
        account.put_item(
            TABLE,
            json!({"RuleId": number, "TagKey": "x".repeat(400_000)}),
        );
    }
    let sizes: Vec<_> = pages(&dynamodb).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_ends_with_the_last_item_still_says_there_may_be_more() {
    let (_account, dynamodb) = account_with_table(2);
    let page = dynamodb
        .scan()
        .table_name(TABLE)
        .limit(2)
        .send()
        .await
        .unwrap();
    let key = page.last_evaluated_key().cloned();
    assert!(key.is_some());
    let page = dynamodb
        .scan()
        .table_name(TABLE)
        .set_exclusive_start_key(key)
        .send()
        .await
        .unwrap();
    assert_eq!((page.count(), page.last_evaluated_key()), (0, None));
}

#[tokio::test(start_paused = true)]
async fn refuses_what_is_not_there_and_what_it_does_not_imitate() {
    let (account, dynamodb) = account_with_table(1);
    let (code, message) = refusal(dynamodb.scan().table_name("other").send().await);
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(message, "Requested resource not found");
    let arn = format!("arn:aws:dynamodb:us-east-1:111111111111:table/{TABLE}");
    assert!(dynamodb.scan().table_name(arn).send().await.is_ok());
    for unsupported in [
        dynamodb
            .scan()
            .table_name(TABLE)
            .total_segments(2)
            .segment(0),
        dynamodb
            .scan()
            .table_name(TABLE)
            .projection_expression("RuleId"),
        dynamodb.scan().table_name(TABLE).index_name("by-tag"),
    ] {
        assert_eq!(refusal(unsupported.send().await).0, "SandboxUnsupported");
    }
    let start = AttributeValue::S("1".to_owned());
    let wrong_start = dynamodb
        .scan()
        .table_name(TABLE)
        .exclusive_start_key("RuleId", start);
    let (code, message) = refusal(wrong_start.send().await);
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "The provided starting key is invalid: The provided key element does not match the schema"
    );
    let limit = refusal(dynamodb.scan().table_name(TABLE).limit(0).send().await);
    assert_eq!(limit.0, "ValidationException");
    account.delete_table(TABLE);
    let gone = dynamodb.scan().table_name(TABLE).send().await;
    assert_eq!(refusal(gone).0, "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_out_what_was_read() {
    let (account, dynamodb) = account_with_table(5);
    let scan = |filter: &str| {
        let call = dynamodb.scan().table_name(TABLE).filter_expression(filter);
        call.expression_attribute_values(":three", AttributeValue::N("3".to_owned()))
    };
    let answer = scan("RuleId >= :three AND begins_with(TagKey, :key)");
    let key = AttributeValue::S("Key".to_owned());
    let answer = answer
        .expression_attribute_values(":key", key)
        .send()
        .await
        .unwrap();
    assert_eq!((answer.count(), answer.scanned_count()), (3, 5));
    account.scan_page_items(2);
    let mut pages = scan("RuleId = :three").into_paginator().send();
    let mut counts = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        counts.push((page.count(), page.scanned_count()));
    }
    assert_eq!(counts.iter().map(|(count, _)| count).sum::<i32>(), 1);
    assert_eq!(
        counts
            .iter()
            .map(|(_, scanned)| *scanned)
            .collect::<Vec<_>>(),
        [2, 2, 1]
    );
    let (code, message) = refusal(scan("RuleId LIKE :three").send().await);
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        r#"Invalid FilterExpression: Syntax error; token: "LIKE", near: "RuleId LIKE :three""#
    );
}

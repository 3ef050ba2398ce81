//! The account's own methods on tables: expiry, invalid items, existing tables.

use serde_json::{Value, json};

use super::{LEDGER, account_with_ledger, attributes};
use crate::{minutes, noon, refusal};

#[tokio::test(start_paused = true)]
async fn expired_items_stay_until_the_account_deletes_them() {
    let (account, dynamodb) = account_with_ledger();
    account.set_time_to_live(LEDGER, "ExpiresAt");
    account.set_time_to_live("no such table", "ExpiresAt");
    let now = noon().timestamp();
    let years = |n: i64| n * 366 * 24 * 60 * 60;
    for (sk, expires) in [
        ("1", json!(now - 1)),
        ("2", json!(now + 60)),
        ("3", json!((now - 1).to_string())),
        ("4", json!(now - years(6))),
        ("5", Value::Null),
    ] {
        account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": sk, "ExpiresAt": expires}));
    }
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "6"}));
    let left = || {
        let items = account.items(LEDGER);
        items
            .iter()
            .map(|item| item["Sk"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        dynamodb
            .scan()
            .table_name(LEDGER)
            .send()
            .await
            .unwrap()
            .count(),
        6
    );
    account.expire_items();
    assert_eq!(left(), ["2", "3", "4", "5", "6"]);
    account.advance(minutes(1));
    account.expire_items();
    // Only a number is a time, and AWS leaves items alone that expired more than five years ago.
    assert_eq!(left(), ["3", "4", "5", "6"]);
}

#[tokio::test(start_paused = true)]
async fn creating_an_existing_table_changes_nothing() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1"}));
    account.create_table_with_keys(LEDGER, "Other", "Keys");
    account.create_table(LEDGER);
    assert_eq!(account.items(LEDGER).len(), 1);
    let call = dynamodb.put_item().table_name(LEDGER);
    let item = attributes(&json!({"Other": "x", "Keys": "y"}));
    assert!(
        refusal(call.set_item(Some(item)).send().await)
            .1
            .contains("Missing the key Pk")
    );
    account.delete_table(LEDGER);
    assert!(account.items(LEDGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn invalid_items_can_be_scanned_page_by_page() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1"}));
    account.put_item(LEDGER, json!({"Pk": 5, "Sk": 1}));
    account.put_item(LEDGER, json!({"Neither": "key"}));
    account.put_raw_item(
        LEDGER,
        json!({"Pk": {"S": "i-2"}, "Sk": {"S": "1"}, "Odd": {"Z": 1}}),
    );
    account.scan_page_items(1);
    let mut pages = dynamodb.scan().table_name(LEDGER).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page.unwrap().items.unwrap_or_default());
    }
    assert_eq!(found.len(), 4);
    let odd = found.iter().find_map(|item| item.get("Odd")).unwrap();
    assert!(odd.is_unknown(), "{odd:?}");
    let plain = account.items(LEDGER);
    assert!(
        plain.contains(&json!({"Pk": "i-2", "Sk": "1", "Odd": {"Z": 1}})),
        "{plain:?}"
    );
}

//! `PutItem`, `GetItem` and `DeleteItem`: items, keys, and their refusals.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{Attributes, LEDGER, account_with_ledger, attributes, key, string_set};
use crate::refusal;

async fn get(dynamodb: &Client, key: Attributes) -> Option<Attributes> {
    let call = dynamodb.get_item().table_name(LEDGER).set_key(Some(key));
    let answer = call.consistent_read(true).send().await.unwrap();
    answer.item().cloned()
}

async fn put(dynamodb: &Client, item: Attributes) -> Result<(), (String, String)> {
    let call = dynamodb.put_item().table_name(LEDGER).set_item(Some(item));
    let result = call.send().await;
    if result.is_ok() {
        Ok(())
    } else {
        Err(refusal(result))
    }
}

#[tokio::test(start_paused = true)]
async fn reads_an_item_as_it_was_put() {
    let (account, dynamodb) = account_with_ledger();
    let mut item = attributes(&json!({
        "Pk": "i-1", "Sk": "1", "Text": "Grüße", "Empty": "", "On": true, "Nothing": null,
        "List": [1, "a", []], "Map": {"a": {"b": 1.5}},
    }));
    item.insert("Bytes".to_owned(), AttributeValue::B(Blob::new([0, 255])));
    item.insert("Strings".to_owned(), string_set(&["a", "b"]));
    item.insert(
        "Numbers".to_owned(),
        AttributeValue::Ns(["-1", "2", "10"].map(str::to_owned).to_vec()),
    );
    put(&dynamodb, item.clone()).await.unwrap();
    assert_eq!(get(&dynamodb, key("i-1", "1")).await, Some(item));
    assert_eq!(get(&dynamodb, key("i-1", "2")).await, None);
    assert_eq!(get(&dynamodb, key("i-2", "1")).await, None);
    assert_eq!(
        account.items(LEDGER),
        [json!({
            "Pk": "i-1", "Sk": "1", "Text": "Grüße", "Empty": "", "On": true, "Nothing": null,
            "List": [1, "a", []], "Map": {"a": {"b": 1.5}},
            "Bytes": "AP8=", "Strings": ["a", "b"], "Numbers": [-1, 2, 10],
        })]
    );
}

#[tokio::test(start_paused = true)]
async fn puts_an_item_once() {
    let (account, dynamodb) = account_with_ledger();
    let put = |n: i64| {
        let item = attributes(&json!({"Pk": "i-1", "Sk": "1", "N": n}));
        let call = dynamodb.put_item().table_name(LEDGER).set_item(Some(item));
        call.condition_expression("attribute_not_exists(Pk)")
    };
    put(1).send().await.unwrap();
    let refused = put(2).send().await.unwrap_err().into_service_error();
    let PutItemError::ConditionalCheckFailedException(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.message(), Some("The conditional request failed"));
    assert_eq!(
        account.items(LEDGER),
        [json!({"Pk": "i-1", "Sk": "1", "N": 1})]
    );
    let outcome = account.calls().pop().unwrap().outcome;
    assert_eq!(outcome, Err("ConditionalCheckFailedException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn deletes_under_a_condition() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1", "Owner": "run-1"}));
    let delete = |owner: &str| {
        let call = dynamodb
            .delete_item()
            .table_name(LEDGER)
            .set_key(Some(key("i-1", "1")));
        let call = call
            .condition_expression("#o = :o")
            .expression_attribute_names("#o", "Owner");
        call.expression_attribute_values(":o", AttributeValue::S(owner.to_owned()))
            .send()
    };
    assert_eq!(
        refusal(delete("run-2").await).0,
        "ConditionalCheckFailedException"
    );
    assert_eq!(account.items(LEDGER).len(), 1);
    delete("run-1").await.unwrap();
    assert!(account.items(LEDGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_items_without_a_valid_key() {
    let (account, dynamodb) = account_with_ledger();
    let prefix = "One or more parameter values were invalid: ";
    for (item, expected) in [
        (json!({"Sk": "1"}), "Missing the key Pk in the item"),
        (json!({"Pk": "i-1"}), "Missing the key Sk in the item"),
        (
            json!({"Pk": 1, "Sk": "1"}),
            "Type mismatch for key Pk expected: S actual: N",
        ),
        (
            json!({"Pk": "a", "Sk": ["1"]}),
            "Type mismatch for key Sk expected: S actual: L",
        ),
        (
            json!({"Pk": "x".repeat(2049), "Sk": "1"}),
            "The size of key Pk has exceeded the maximum size limit of 2048 bytes",
        ),
        (
            json!({"Pk": "a", "Sk": "x".repeat(1025)}),
            "The size of key Sk has exceeded the maximum size limit of 1024 bytes",
        ),
    ] {
        let refused = put(&dynamodb, attributes(&item)).await.unwrap_err();
        let expected = format!("{prefix}{expected}");
        assert_eq!(refused, ("ValidationException".to_owned(), expected));
    }
    assert!(account.items(LEDGER).is_empty());
    put(&dynamodb, key(&"x".repeat(2048), &"x".repeat(1024)))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn refuses_keys_that_do_not_match_the_schema() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1"}));
    let schema = "The provided key element does not match the schema";
    let empty = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
                 contain an empty string value. Key: Pk";
    for (wrong, expected) in [
        (json!({"Pk": "i-1"}), schema),
        (json!({"Pk": "i-1", "Sk": "1", "N": 1}), schema),
        (json!({"Pk": "i-1", "Other": "1"}), schema),
        (json!({"Pk": "i-1", "Sk": 1}), schema),
        (json!({"Pk": "", "Sk": "1"}), empty),
    ] {
        let expected = ("ValidationException".to_owned(), expected.to_owned());
        let key = Some(attributes(&wrong));
        let get = dynamodb.get_item().table_name(LEDGER);
        let got = get.set_key(key.clone()).send().await;
        assert_eq!(refusal(got), expected, "{wrong}");
        let delete = dynamodb.delete_item().table_name(LEDGER);
        let deleted = delete.set_key(key.clone()).send().await;
        assert_eq!(refusal(deleted), expected, "{wrong}");
        let update = dynamodb.update_item().table_name(LEDGER).set_key(key);
        let updated = update.update_expression("REMOVE A").send().await;
        assert_eq!(refusal(updated), expected, "{wrong}");
    }
    assert_eq!(account.items(LEDGER).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refuses_items_over_400_kilobytes() {
    let (account, dynamodb) = account_with_ledger();
    // Names and values, all strings.
    let others = "Pki-1Sk1".len() + "Text".len();
    let item = |size: usize| {
        attributes(&json!({"Pk": "i-1", "Sk": "1", "Text": "x".repeat(size - others)}))
    };
    let (code, message) = put(&dynamodb, item(400 * 1024 + 1)).await.unwrap_err();
    assert_eq!(code, "ValidationException");
    assert_eq!(message, "Item size has exceeded the maximum allowed size");
    put(&dynamodb, item(400 * 1024)).await.unwrap();
    let update = dynamodb
        .update_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", "1")));
    let update = update.update_expression("SET A = :a");
    let update = update
        .expression_attribute_values(":a", AttributeValue::Null(true))
        .send()
        .await;
    assert_eq!(
        refusal(update).1,
        "Item size to update has exceeded the maximum allowed size"
    );
    assert_eq!(account.items(LEDGER)[0].get("A"), None);
}

#[tokio::test(start_paused = true)]
async fn refuses_values_that_dynamodb_refuses() {
    let (account, dynamodb) = account_with_ledger();
    for (wrong, expected) in [
        (
            AttributeValue::N("x".to_owned()),
            "The parameter cannot be converted to a numeric value: x",
        ),
        (string_set(&[]), "may not contain an empty set"),
        (string_set(&["a", "a"]), "contains duplicates"),
    ] {
        let mut item = key("i-1", "1");
        item.insert("Wrong".to_owned(), wrong);
        let (code, message) = put(&dynamodb, item).await.unwrap_err();
        assert_eq!(code, "ValidationException", "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert!(account.items(LEDGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_unused_and_empty_placeholders() {
    let (account, dynamodb) = account_with_ledger();
    let call = || {
        let call = dynamodb.put_item().table_name(LEDGER);
        call.set_item(Some(key("i-1", "1")))
    };
    let unused = "unused in expressions: keys: ";
    for (call, expected) in [
        (
            call().expression_attribute_values(":b", AttributeValue::Null(true)),
            format!("Value provided in ExpressionAttributeValues {unused}{{:b}}"),
        ),
        (
            call()
                .condition_expression("attribute_not_exists(A)")
                .expression_attribute_names("#a", "A"),
            format!("Value provided in ExpressionAttributeNames {unused}{{#a}}"),
        ),
        (
            call().set_expression_attribute_values(Some(Attributes::new())),
            "ExpressionAttributeValues must not be empty".to_owned(),
        ),
    ] {
        let refused = refusal(call.send().await);
        assert_eq!(refused, ("ValidationException".to_owned(), expected));
    }
    assert!(account.items(LEDGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_table_is_found_by_name_or_arn() {
    let (_account, dynamodb) = account_with_ledger();
    let put = |table: &str| {
        let call = dynamodb.put_item().table_name(table);
        call.set_item(Some(key("i-1", "1"))).send()
    };
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/ledger";
    put(arn).await.unwrap();
    assert_eq!(
        refusal(put("other").await),
        (
            "ResourceNotFoundException".to_owned(),
            "Requested resource not found".to_owned()
        )
    );
    let without_item = dynamodb.put_item().table_name(LEDGER).send().await;
    assert!(refusal(without_item).1.contains("Value null at 'Item'"));
}

/// Of simultaneous conditional writes, exactly one wins.
#[test]
fn writes_are_atomic_across_threads() {
    let (account, _) = account_with_ledger();
    let count = |outcomes: Vec<bool>| outcomes.into_iter().filter(|won| *won).count();
    let winners = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_i64)
            .map(|writer| {
                let account = account.clone();
                scope.spawn(move || {
                    let runtime = tagwarden_sandbox::paused_runtime().unwrap();
                    let dynamodb = Client::new(&account.sdk_config());
                    runtime.block_on(async {
                        for _ in 0..50 {
                            let add = dynamodb.update_item().table_name(LEDGER);
                            let add = add
                                .set_key(Some(key("count", "0")))
                                .update_expression("ADD N :one");
                            let one = AttributeValue::N("1".to_owned());
                            add.expression_attribute_values(":one", one)
                                .send()
                                .await
                                .unwrap();
                        }
                        let item = attributes(&json!({"Pk": "once", "Sk": "0", "By": writer}));
                        let once = dynamodb.put_item().table_name(LEDGER).set_item(Some(item));
                        let once = once.condition_expression("attribute_not_exists(Pk)");
                        once.send().await.is_ok()
                    })
                })
            })
            .collect();
        count(
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect(),
        )
    });
    assert_eq!(winners, 1);
    let items = account.items(LEDGER);
    let counted = items.iter().find(|item| item["Pk"] == "count").unwrap();
    assert_eq!(counted["N"], Value::from(400));
}

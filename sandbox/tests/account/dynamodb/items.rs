//! `PutItem`, `GetItem` and `DeleteItem`: items whole, keys, and what is refused of them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use serde_json::{Value, json};

use super::{
    Attributes, LEDGER, account_with_ledger, attributes, binary, key, number_set, string_set,
};
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
async fn an_item_comes_back_as_it_was_put() {
    let (account, dynamodb) = account_with_ledger();
    let mut item = attributes(&json!({
        "Pk": "i-1", "Sk": 1, "Text": "Grüße", "Empty": "", "On": true, "Nothing": null,
        "List": [1, "a", []], "Map": {"a": {"b": 1.5}},
    }));
    item.insert("Bytes".to_owned(), binary(&[0, 255]));
    item.insert("Strings".to_owned(), string_set(&["a", "b"]));
    item.insert("Numbers".to_owned(), number_set(&["-1", "2", "10"]));
    put(&dynamodb, item.clone()).await.unwrap();
    assert_eq!(get(&dynamodb, key("i-1", 1)).await, Some(item));
    assert_eq!(get(&dynamodb, key("i-1", 2)).await, None);
    assert_eq!(get(&dynamodb, key("i-2", 1)).await, None);
    assert_eq!(
        account.items(LEDGER),
        [json!({
            "Pk": "i-1", "Sk": 1, "Text": "Grüße", "Empty": "", "On": true, "Nothing": null,
            "List": [1, "a", []], "Map": {"a": {"b": 1.5}},
            "Bytes": "AP8=", "Strings": ["a", "b"], "Numbers": [-1, 2, 10],
        })]
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_is_one_key_however_it_is_written() {
    let (account, dynamodb) = account_with_ledger();
    for written in ["1", "1.0", "0.1e1", "+1"] {
        let mut item = attributes(&json!({"Pk": "i-1", "Written": written}));
        item.insert("Sk".to_owned(), AttributeValue::N(written.to_owned()));
        put(&dynamodb, item).await.unwrap();
    }
    assert_eq!(
        account.items(LEDGER),
        [json!({"Pk": "i-1", "Sk": 1, "Written": "+1"})]
    );
}

#[tokio::test(start_paused = true)]
async fn put_and_delete_tell_the_old_item_when_asked() {
    let (account, dynamodb) = account_with_ledger();
    let item = |n: i64| Some(attributes(&json!({"Pk": "i-1", "Sk": 1, "N": n})));
    let put = |n: i64| dynamodb.put_item().table_name(LEDGER).set_item(item(n));
    let old = put(1)
        .return_values(ReturnValue::AllOld)
        .send()
        .await
        .unwrap();
    assert_eq!(old.attributes, None);
    let old = put(2)
        .return_values(ReturnValue::AllOld)
        .send()
        .await
        .unwrap();
    assert_eq!(old.attributes, item(1));
    assert_eq!(put(3).send().await.unwrap().attributes, None);

    let delete = || {
        let call = dynamodb.delete_item().table_name(LEDGER);
        call.set_key(Some(key("i-1", 1)))
            .return_values(ReturnValue::AllOld)
            .send()
    };
    assert_eq!(delete().await.unwrap().attributes, item(3));
    assert!(account.items(LEDGER).is_empty());
    assert_eq!(delete().await.unwrap().attributes, None);
}

#[tokio::test(start_paused = true)]
async fn a_put_once_is_put_once() {
    let (account, dynamodb) = account_with_ledger();
    let put = |n: i64| {
        let item = attributes(&json!({"Pk": "i-1", "Sk": 1, "N": n}));
        let call = dynamodb.put_item().table_name(LEDGER).set_item(Some(item));
        call.condition_expression("attribute_not_exists(Pk)")
    };
    put(1).send().await.unwrap();
    let refused = put(2).send().await.unwrap_err().into_service_error();
    let PutItemError::ConditionalCheckFailedException(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.message(), Some("The conditional request failed"));
    assert_eq!(refused.item(), None);
    let tell = ReturnValuesOnConditionCheckFailure::AllOld;
    let refused = put(2)
        .return_values_on_condition_check_failure(tell)
        .send()
        .await;
    let refused = refused.unwrap_err().into_service_error();
    let PutItemError::ConditionalCheckFailedException(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        refused.item(),
        Some(&attributes(&json!({"Pk": "i-1", "Sk": 1, "N": 1})))
    );
    assert_eq!(
        account.items(LEDGER),
        [json!({"Pk": "i-1", "Sk": 1, "N": 1})]
    );
    let outcome = account.calls().pop().unwrap().outcome;
    assert_eq!(outcome, Err("ConditionalCheckFailedException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_delete_may_depend_on_a_condition() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": 1, "Owner": "run-1"}));
    let delete = |owner: &str| {
        let call = dynamodb
            .delete_item()
            .table_name(LEDGER)
            .set_key(Some(key("i-1", 1)));
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
async fn items_without_a_proper_key_are_refused() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": 1}));
    let before = account.items(LEDGER);
    for (item, expected) in [
        (json!({"Sk": 1}), "Missing the key Pk in the item"),
        (json!({"Pk": "i-1"}), "Missing the key Sk in the item"),
        (
            json!({"Pk": 1, "Sk": 1}),
            "Type mismatch for key Pk expected: S actual: N",
        ),
        (
            json!({"Pk": "a", "Sk": "1"}),
            "Type mismatch for key Sk expected: N actual: S",
        ),
        (
            json!({"Pk": ["a"], "Sk": 1}),
            "Type mismatch for key Pk expected: S actual: L",
        ),
        (
            json!({"Pk": "", "Sk": 1}),
            "cannot contain an empty string value. Key: Pk",
        ),
        (
            json!({"Pk": "x".repeat(2049), "Sk": 1}),
            "Size of hashkey has exceeded",
        ),
    ] {
        let (code, message) = put(&dynamodb, attributes(&item)).await.unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(message.contains(expected), "{message}");
    }
    put(&dynamodb, key(&"x".repeat(2048), 1)).await.unwrap();
    account.create_table_with_keys("strings", "Pk", "Sk");
    let put = |sk: &str| {
        let item = attributes(&json!({"Pk": "a", "Sk": sk}));
        dynamodb
            .put_item()
            .table_name("strings")
            .set_item(Some(item))
            .send()
    };
    assert!(refusal(put("").await).1.contains("Key: Sk"));
    assert!(
        refusal(put(&"x".repeat(1025)).await)
            .1
            .contains("size limit of 1024 bytes")
    );
    put(&"x".repeat(1024)).await.unwrap();
    assert_eq!(account.items(LEDGER).len(), before.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_the_whole_key_and_nothing_else() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": 1}));
    let schema = "The provided key element does not match the schema";
    let empty = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
                 contain an empty string value. Key: Pk";
    for (wrong, expected) in [
        (json!({"Pk": "i-1"}), schema),
        (json!({"Sk": 1}), schema),
        (json!({"Pk": "i-1", "Sk": 1, "N": 1}), schema),
        (json!({"Pk": "i-1", "Other": 1}), schema),
        (json!({"Pk": "i-1", "Sk": "1"}), schema),
        (json!({"Pk": 1, "Sk": 1}), schema),
        (json!({"Pk": null, "Sk": 1}), schema),
        (json!({"Pk": "", "Sk": 1}), empty),
    ] {
        let expected = ("ValidationException".to_owned(), expected.to_owned());
        let key = Some(attributes(&wrong));
        let got = dynamodb
            .get_item()
            .table_name(LEDGER)
            .set_key(key.clone())
            .send()
            .await;
        assert_eq!(refusal(got), expected, "{wrong}");
        let deleted = dynamodb
            .delete_item()
            .table_name(LEDGER)
            .set_key(key.clone())
            .send()
            .await;
        assert_eq!(refusal(deleted), expected, "{wrong}");
        let updated = dynamodb
            .update_item()
            .table_name(LEDGER)
            .set_key(key)
            .send()
            .await;
        assert_eq!(refusal(updated), expected, "{wrong}");
    }
    assert_eq!(account.items(LEDGER).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_item_is_of_400_kilobytes_at_most() {
    let (account, dynamodb) = account_with_ledger();
    // Pk and "i-1", Sk and a number of one digit, Text and its value.
    let others = "Pki-1Sk".len() + 2 + "Text".len();
    let item =
        |size: usize| attributes(&json!({"Pk": "i-1", "Sk": 1, "Text": "x".repeat(size - others)}));
    let (code, message) = put(&dynamodb, item(400 * 1024 + 1)).await.unwrap_err();
    assert_eq!(code, "ValidationException");
    assert_eq!(message, "Item size has exceeded the maximum allowed size");
    put(&dynamodb, item(400 * 1024)).await.unwrap();
    let update = dynamodb
        .update_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", 1)));
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
async fn values_that_cannot_be_are_refused() {
    let (account, dynamodb) = account_with_ledger();
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let nested = |levels: usize| {
        (0..levels).fold(AttributeValue::Null(true), |inner, _| {
            AttributeValue::L(vec![inner])
        })
    };
    for (wrong, expected) in [
        (
            number("x"),
            "The parameter cannot be converted to a numeric value: x",
        ),
        (number("1E126"), "Number overflow"),
        (number("1E-131"), "Number underflow"),
        (number(&"1".repeat(39)), "more than 38 significant digits"),
        (AttributeValue::Null(false), "must have the value of true"),
        (string_set(&[]), "may not contain an empty set"),
        (string_set(&["a", "a"]), "contains duplicates"),
        (number_set(&["1", "1.0"]), "contains duplicates"),
        (nested(33), "Nesting Levels have exceeded supported limits"),
    ] {
        let mut item = key("i-1", 1);
        item.insert("Wrong".to_owned(), wrong);
        let (code, message) = put(&dynamodb, item).await.unwrap_err();
        assert_eq!(code, "ValidationException", "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert!(account.items(LEDGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn placeholders_must_be_used_and_defined() {
    let (account, dynamodb) = account_with_ledger();
    let call = || {
        dynamodb
            .put_item()
            .table_name(LEDGER)
            .set_item(Some(key("i-1", 1)))
    };
    let one = || AttributeValue::N("1".to_owned());
    for (call, expected) in [
        (
            call()
                .condition_expression("A = :a")
                .expression_attribute_values(":a", one())
                .expression_attribute_values(":b", one()),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
        ),
        (
            call()
                .condition_expression("attribute_not_exists(A)")
                .expression_attribute_names("#a", "A"),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
        ),
        (
            call().expression_attribute_values(":a", one()),
            "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
        ),
        (
            call()
                .condition_expression("attribute_exists(A)")
                .set_expression_attribute_values(Some(Attributes::new())),
            "ExpressionAttributeValues must not be empty",
        ),
        (
            call().condition_expression("A = :a"),
            "Invalid ConditionExpression: An expression attribute value used in expression is not defined; \
             attribute value: :a",
        ),
        (
            call().condition_expression("attribute_exists(#a)"),
            "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; \
             attribute name: #a",
        ),
        (
            call()
                .condition_expression("A = :a")
                .expression_attribute_values("a", one()),
            "ExpressionAttributeValues contains invalid key: Syntax error; key: \"a\"",
        ),
        (
            call()
                .condition_expression("A = :a")
                .expression_attribute_values(":a", AttributeValue::N("x".to_owned())),
            "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric \
             value: x for key :a",
        ),
    ] {
        let expected = ("ValidationException".to_owned(), expected.to_owned());
        assert_eq!(refusal(call.send().await), expected);
    }
    assert!(account.items(LEDGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_what_is_not_there_and_what_it_does_not_imitate() {
    let (_account, dynamodb) = account_with_ledger();
    let put = || dynamodb.put_item().set_item(Some(key("i-1", 1)));
    let missing = put().table_name("other").send().await;
    assert_eq!(
        refusal(missing),
        (
            "ResourceNotFoundException".to_owned(),
            "Requested resource not found".to_owned()
        )
    );
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/ledger";
    put().table_name(arn).send().await.unwrap();

    let new = put()
        .table_name(LEDGER)
        .return_values(ReturnValue::AllNew)
        .send()
        .await;
    assert_eq!(refusal(new).1, "ReturnValues can only be ALL_OLD or NONE");
    let unknown = put()
        .table_name(LEDGER)
        .return_values(ReturnValue::from("SOME"))
        .send()
        .await;
    assert!(
        refusal(unknown)
            .1
            .contains("Value 'SOME' at 'returnValues'")
    );
    let without_item = dynamodb.put_item().table_name(LEDGER).send().await;
    assert!(refusal(without_item).1.contains("Value null at 'item'"));

    let capacity = ReturnConsumedCapacity::Total;
    let capacity = put()
        .table_name(LEDGER)
        .return_consumed_capacity(capacity)
        .send()
        .await;
    let get = dynamodb
        .get_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", 1)));
    let projection = get.projection_expression("Pk").send().await;
    let (code, message) = refusal(projection);
    assert_eq!(code, "SandboxUnsupported");
    assert!(
        message.contains("ProjectionExpression of GetItem"),
        "{message}"
    );
    assert_eq!(refusal(capacity).0, "SandboxUnsupported");
}

/// Whatever is asked at the same time, one write wins.
#[test]
fn writes_are_atomic_also_from_many_threads() {
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
                                .set_key(Some(key("count", 0)))
                                .update_expression("ADD N :one");
                            let one = AttributeValue::N("1".to_owned());
                            add.expression_attribute_values(":one", one)
                                .send()
                                .await
                                .unwrap();
                        }
                        let item = attributes(&json!({"Pk": "once", "Sk": 0, "By": writer}));
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

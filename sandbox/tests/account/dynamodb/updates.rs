//! `UpdateItem`: SET, REMOVE and ADD.

use serde_json::{Value, json};

use super::{LEDGER, account_with_ledger, attributes, key, string_set, used};
use crate::refusal;

/// The item after an update, or the refusal.
async fn updated(update: &str) -> Result<Value, String> {
    let (account, dynamodb) = account_with_ledger();
    account.put_raw_item(
        LEDGER,
        json!({
            "Pk": {"S": "i-1"}, "Sk": {"S": "1"}, "N": {"N": "10"}, "Words": {"S": "text"},
            "Strings": {"SS": ["a", "b"]},
        }),
    );
    let before = account.items(LEDGER);
    let mut values = attributes(&json!({":one": 1, ":x": "x", ":list": ["p"]}));
    values.insert(":strings".to_owned(), string_set(&["b", "c"]));
    let names = [("#n".to_owned(), "N".to_owned())].into();
    let call = dynamodb.update_item().table_name(LEDGER);
    let call = call
        .set_key(Some(key("i-1", "1")))
        .update_expression(update);
    let call = call.set_expression_attribute_values(used(update, &values));
    let call = call.set_expression_attribute_names(used(update, &names));
    let result = call.send().await;
    if result.is_ok() {
        return Ok(account.items(LEDGER).remove(0));
    }
    assert_eq!(account.items(LEDGER), before, "{update}");
    let (code, message) = refusal(result);
    assert_eq!(code, "ValidationException", "{update}: {message}");
    Err(message)
}

#[tokio::test(start_paused = true)]
async fn sets_removes_and_adds() {
    let original = updated("REMOVE Gone").await.unwrap();
    // Null stands for an attribute that the update removes.
    for (update, changes) in [
        ("SET A = :one", json!({"A": 1})),
        ("set #n = :x, B = :list", json!({"N": "x", "B": ["p"]})),
        ("REMOVE N, Words", json!({"N": null, "Words": null})),
        ("ADD N :one", json!({"N": 11})),
        ("ADD A :one", json!({"A": 1})),
        ("ADD Strings :strings", json!({"Strings": ["a", "b", "c"]})),
        (
            "SET A = :one REMOVE Words ADD N :one",
            json!({"A": 1, "Words": null, "N": 11}),
        ),
    ] {
        let mut expected = original.as_object().unwrap().clone();
        expected.extend(changes.as_object().unwrap().clone());
        expected.retain(|_, value| !value.is_null());
        assert_eq!(
            updated(update).await,
            Ok(Value::Object(expected)),
            "{update}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_updates_that_dynamodb_refuses() {
    let overlap = "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one \
                   of these paths; path one: [N], path two: [N]";
    let wrong_type = "An operand in the update expression has an incorrect data type";
    for (update, expected) in [
        (
            "",
            "Invalid UpdateExpression: The expression can not be empty;",
        ),
        (
            "SET Status = :one",
            "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: Status",
        ),
        (
            "SET A = :one SET B = :x",
            "Invalid UpdateExpression: The \"SET\" section can only be used once in an update expression;",
        ),
        ("SET N = :one, #n = :x", overlap),
        ("SET N = :one REMOVE N", overlap),
        (
            "ADD A :x",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: ADD, \
             operand type: S",
        ),
        (
            "SET Pk = :x",
            "One or more parameter values were invalid: Cannot update attribute Pk. This attribute is part of the key",
        ),
        ("ADD Words :one", wrong_type),
        ("ADD Strings :one", wrong_type),
    ] {
        assert_eq!(updated(update).await, Err(expected.to_owned()), "{update}");
    }
}

#[tokio::test(start_paused = true)]
async fn creates_a_missing_item() {
    let (account, dynamodb) = account_with_ledger();
    let call = dynamodb.update_item().table_name(LEDGER);
    let call = call
        .set_key(Some(key("i-1", "1")))
        .update_expression("ADD Entries :e");
    let call = call.expression_attribute_values(":e", string_set(&["a"]));
    call.send().await.unwrap();
    assert_eq!(
        account.items(LEDGER),
        [json!({"Pk": "i-1", "Sk": "1", "Entries": ["a"]})]
    );
}

//! `TransactWriteItems`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use serde_json::json;

use super::{Attributes, LEDGER, account_with_ledger, attributes, key};
use crate::{minutes, refusal};

fn put(item: Attributes, condition: Option<&str>) -> TransactWriteItem {
    let put = Put::builder().table_name(LEDGER).set_item(Some(item));
    let put = put
        .set_condition_expression(condition.map(str::to_owned))
        .build();
    TransactWriteItem::builder().put(put.unwrap()).build()
}

fn delete(key: Attributes, condition: Option<&str>) -> TransactWriteItem {
    let delete = Delete::builder().table_name(LEDGER).set_key(Some(key));
    let delete = delete
        .set_condition_expression(condition.map(str::to_owned))
        .build();
    TransactWriteItem::builder().delete(delete.unwrap()).build()
}

/// Adds one to `N`, under a condition if one is given.
fn add(key: Attributes, condition: Option<&str>) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(LEDGER)
        .set_key(Some(key))
        .update_expression("ADD N :one");
    let update = update.set_condition_expression(condition.map(str::to_owned));
    let update = update
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .build();
    TransactWriteItem::builder().update(update.unwrap()).build()
}

fn transact(dynamodb: &Client, items: Vec<TransactWriteItem>) -> TransactWriteItemsFluentBuilder {
    dynamodb
        .transact_write_items()
        .set_transact_items(Some(items))
}

/// The reasons why a transaction is cancelled.
async fn reasons(call: TransactWriteItemsFluentBuilder) -> Vec<CancellationReason> {
    let error = call.send().await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}");
    };
    cancelled.cancellation_reasons().to_vec()
}

fn codes(reasons: &[CancellationReason]) -> Vec<&str> {
    reasons
        .iter()
        .map(|reason| reason.code().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn checks_conditions_of_items_it_does_not_write() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "2"}));
    let check = |key: Attributes| {
        let check = ConditionCheck::builder().table_name(LEDGER);
        let check = check.condition_expression("attribute_exists(Pk)");
        let check = check.set_key(Some(key)).build().unwrap();
        TransactWriteItem::builder().condition_check(check).build()
    };
    let with = |checked: Attributes| {
        let write = put(key("i-1", "1"), None);
        transact(&dynamodb, vec![check(checked), write])
    };
    let refused = reasons(with(key("i-1", "3"))).await;
    assert_eq!(codes(&refused), ["ConditionalCheckFailed", "None"]);
    assert_eq!(account.items(LEDGER).len(), 1);
    with(key("i-1", "2")).send().await.unwrap();
    assert_eq!(account.items(LEDGER).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn commits_every_action() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "2", "N": 1}));
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "3"}));
    let items = vec![
        put(key("i-1", "1"), Some("attribute_not_exists(Pk)")),
        add(key("i-1", "2"), Some("N = :one")),
        delete(key("i-1", "3"), Some("attribute_exists(Pk)")),
        delete(key("i-1", "4"), Some("attribute_not_exists(Pk)")),
        add(key("i-1", "5"), None),
    ];
    transact(&dynamodb, items).send().await.unwrap();
    assert_eq!(
        account.items(LEDGER),
        [
            json!({"Pk": "i-1", "Sk": "1"}),
            json!({"Pk": "i-1", "Sk": "2", "N": 2}),
            json!({"Pk": "i-1", "Sk": "5", "N": 1}),
        ]
    );
    assert_eq!(account.calls().pop().unwrap().resources, [LEDGER; 5]);
}

#[tokio::test(start_paused = true)]
async fn commits_nothing_if_one_condition_fails() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1", "N": 7}));
    let before = account.items(LEDGER);
    let items = vec![
        put(key("i-1", "2"), None),
        add(key("i-1", "1"), Some("N < :one")),
        delete(key("i-1", "3"), Some("attribute_exists(Pk)")),
        delete(key("i-1", "4"), Some("attribute_not_exists(Pk)")),
        put(key("i-1", "5"), Some("attribute_exists(Pk)")),
    ];
    let call = transact(&dynamodb, items);
    let (code, message) = refusal(call.clone().send().await);
    assert_eq!(code, "TransactionCanceledException");
    assert_eq!(
        message,
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, \
         ConditionalCheckFailed, ConditionalCheckFailed, None, ConditionalCheckFailed]"
    );
    let reasons = reasons(call).await;
    let failed = "ConditionalCheckFailed";
    assert_eq!(codes(&reasons), ["None", failed, failed, "None", failed]);
    let messages: Vec<_> = reasons.iter().map(CancellationReason::message).collect();
    let failed = Some("The conditional request failed");
    assert_eq!(messages, [None, failed, failed, None, failed]);
    assert_eq!(account.items(LEDGER), before);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_action_cancels_the_transaction() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1", "N": "text"}));
    let wrong_type = reasons(transact(
        &dynamodb,
        vec![put(key("i-1", "2"), None), add(key("i-1", "1"), None)],
    ))
    .await;
    assert_eq!(codes(&wrong_type), ["None", "ValidationError"]);
    let message = "An operand in the update expression has an incorrect data type";
    assert_eq!(wrong_type[1].message(), Some(message));

    // DynamoDB names the first wrong key only, and evaluates no condition.
    let wrong = || put(attributes(&json!({"Pk": 1, "Sk": "1"})), None);
    let items = vec![
        put(key("i-1", "2"), Some("attribute_exists(Pk)")),
        wrong(),
        wrong(),
    ];
    let wrong_key = reasons(transact(&dynamodb, items)).await;
    assert_eq!(codes(&wrong_key), ["None", "ValidationError", "None"]);
    assert!(
        wrong_key[1]
            .message()
            .unwrap()
            .contains("Type mismatch for key Pk")
    );
    assert_eq!(account.items(LEDGER).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refuses_transactions_that_dynamodb_refuses() {
    let (account, dynamodb) = account_with_ledger();
    let large = |sk: i32| {
        attributes(&json!({"Pk": "i-1", "Sk": sk.to_string(), "Text": "x".repeat(390_000)}))
    };
    let conditional = |condition: &str| {
        vec![
            put(key("i-1", "1"), None),
            delete(key("i-1", "2"), Some(condition)),
        ]
    };
    let nothing = TransactWriteItem::builder().build();
    let once = "Transaction request cannot include multiple operations on one item";
    let cases = [
        (
            vec![put(key("i-1", "1"), None), delete(key("i-1", "1"), None)],
            once,
        ),
        (
            vec![
                add(key("i-1", "1"), None),
                delete(key("i-1", "1"), Some("attribute_exists(Pk)")),
            ],
            once,
        ),
        (conditional("attribute_exists(#x)"), "attribute name: #x"),
        (conditional("Pk = :x"), "attribute value: :x"),
        (vec![nothing], "TransactItems can only contain one of"),
        (
            vec![],
            "'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1 and",
        ),
        (
            (0..101)
                .map(|sk| put(key("i-1", &sk.to_string()), None))
                .collect(),
            "'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1 and less than or equal to 100",
        ),
        (
            (0..12).map(|sk| put(large(sk), None)).collect(),
            "size cannot exceed 4 MB",
        ),
        (
            vec![put(
                attributes(&json!({"Pk": "i-1", "Sk": "1", "Text": "x".repeat(410_000)})),
                None,
            )],
            "Item size has exceeded the maximum allowed size",
        ),
    ];
    for (items, expected) in cases {
        let (code, message) = refusal(transact(&dynamodb, items).send().await);
        assert_eq!(code, "ValidationException", "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let no_table = Put::builder()
        .table_name("other")
        .set_item(Some(key("i-1", "1")))
        .build()
        .unwrap();
    let no_table = TransactWriteItem::builder().put(no_table).build();
    let call = transact(&dynamodb, vec![put(key("i-1", "1"), None), no_table]);
    assert_eq!(refusal(call.send().await).0, "ResourceNotFoundException");
    assert!(account.items(LEDGER).is_empty());
    transact(
        &dynamodb,
        (0..100)
            .map(|sk| put(key("i-1", &sk.to_string()), None))
            .collect(),
    )
    .send()
    .await
    .unwrap();
    assert_eq!(account.items(LEDGER).len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_token_commits_a_transaction_once_in_ten_minutes() {
    let (account, dynamodb) = account_with_ledger();
    let counted = || account.items(LEDGER)[0]["N"].clone();
    let with_token = |items| transact(&dynamodb, items).client_request_token("run-1");
    for _ in 0..3 {
        with_token(vec![add(key("i-1", "1"), None)])
            .send()
            .await
            .unwrap();
    }
    assert_eq!(counted(), 1);
    let other = with_token(vec![add(key("i-1", "2"), None)]).send().await;
    assert_eq!(refusal(other).0, "IdempotentParameterMismatchException");
    transact(&dynamodb, vec![add(key("i-1", "1"), None)])
        .send()
        .await
        .unwrap();
    assert_eq!(counted(), 2);
    account.advance(minutes(11));
    with_token(vec![add(key("i-1", "1"), None)])
        .send()
        .await
        .unwrap();
    assert_eq!(counted(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_transaction_does_not_use_its_token() {
    let (account, dynamodb) = account_with_ledger();
    let call = || {
        let items = vec![
            put(key("i-1", "1"), None),
            delete(key("i-1", "2"), Some("attribute_exists(Pk)")),
        ];
        transact(&dynamodb, items).client_request_token("run-1")
    };
    assert_eq!(
        codes(&reasons(call()).await),
        ["None", "ConditionalCheckFailed"]
    );
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "2"}));
    call().send().await.unwrap();
    assert_eq!(account.items(LEDGER).len(), 1);
}

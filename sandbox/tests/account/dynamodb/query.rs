//! Query: key conditions, filters, order and pages.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde_json::json;
use tagwarden_sandbox::Account;

use super::{Attributes, LEDGER, account_with_ledger, attributes, binary, key, names, used};
use crate::refusal;

/// Sort keys whose order as numbers is not that as strings, put in no order.
const SORT_KEYS: [i64; 6] = [10, 2, -5, 100, 1, 30];

fn account_with_runs() -> (Account, Client) {
    let (account, dynamodb) = account_with_ledger();
    for sk in SORT_KEYS {
        account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": sk, "Even": sk % 2 == 0}));
        account.put_item(LEDGER, json!({"Pk": "i-2", "Sk": sk}));
    }
    (account, dynamodb)
}

fn all_values() -> Attributes {
    let mut values = attributes(&json!({
        ":pk": "i-1", ":zero": 0, ":one": 1, ":two": 2, ":ten": 10, ":text": "x", ":list": [],
        ":true": true, ":empty": "",
    }));
    values.insert(":bytes".to_owned(), binary(&[1]));
    values
}

fn query(dynamodb: &Client, condition: &str, filter: Option<&str>) -> QueryFluentBuilder {
    let both = format!("{condition} {}", filter.unwrap_or_default());
    let names = names(&[("#pk", "Pk"), ("#sk", "Sk"), ("#even", "Even")]);
    let call = dynamodb
        .query()
        .table_name(LEDGER)
        .key_condition_expression(condition);
    let call = call.set_filter_expression(filter.map(str::to_owned));
    let call = call.set_expression_attribute_names(used(&both, &names));
    call.set_expression_attribute_values(used(&both, &all_values()))
}

fn sort_keys(items: &[Attributes]) -> Vec<i64> {
    items
        .iter()
        .map(|item| item["Sk"].as_n().unwrap().parse().unwrap())
        .collect()
}

async fn found(dynamodb: &Client, condition: &str) -> Vec<i64> {
    let answer = query(dynamodb, condition, None).send().await.unwrap();
    assert!(
        answer
            .items()
            .iter()
            .all(|item| item["Pk"] == AttributeValue::S("i-1".to_owned()))
    );
    assert_eq!(answer.count(), i32::try_from(answer.items().len()).unwrap());
    sort_keys(answer.items())
}

#[tokio::test(start_paused = true)]
async fn key_conditions_choose_a_part_of_a_partition_in_order() {
    let (_account, dynamodb) = account_with_runs();
    for (condition, expected) in [
        ("Pk = :pk", &[-5, 1, 2, 10, 30, 100][..]),
        ("#pk = :pk AND #sk = :two", &[2]),
        ("Pk = :pk AND Sk < :ten", &[-5, 1, 2]),
        ("Pk = :pk AND Sk <= :ten", &[-5, 1, 2, 10]),
        ("Pk = :pk AND Sk > :two", &[10, 30, 100]),
        ("Pk = :pk AND Sk >= :two", &[2, 10, 30, 100]),
        ("Pk = :pk and Sk between :one and :ten", &[1, 2, 10]),
        (":two < Sk AND :pk = Pk", &[10, 30, 100]),
        ("(Sk = :ten) AND (Pk = :pk)", &[10]),
        ("((Sk = :ten) AND (Pk = :pk))", &[10]),
        ("Pk = :pk AND Sk = :zero", &[]),
    ] {
        assert_eq!(found(&dynamodb, condition).await, expected, "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn sort_keys_may_be_strings_or_binaries() {
    let account = Account::new();
    let dynamodb = Client::new(&account.sdk_config());
    account.create_table_with_keys("strings", "Pk", "Sk");
    account.create_table_with_keys("binaries", "Pk", "Sk");
    for number in 126..=129_u8 {
        let text = format!("run#{number}");
        account.put_item("strings", json!({"Pk": "p", "Sk": text, "N": number}));
        account.put_item(
            "strings",
            json!({"Pk": "p", "Sk": format!("tag#{number}"), "N": number}),
        );
        let mut item = attributes(&json!({"Pk": "p", "N": number}));
        item.insert("Sk".to_owned(), binary(&[1, number]));
        dynamodb
            .put_item()
            .table_name("binaries")
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let cases = [
        (
            "strings",
            "begins_with(Sk, :a)",
            text("run#"),
            &[126, 127, 128, 129][..],
        ),
        (
            "strings",
            "begins_with(Sk, :a)",
            text("run#12"),
            &[126, 127, 128, 129],
        ),
        ("strings", "begins_with(Sk, :a)", text("RUN"), &[]),
        ("strings", "Sk < :a", text("run#128"), &[126, 127]),
        (
            "binaries",
            "begins_with(Sk, :a)",
            binary(&[1]),
            &[126, 127, 128, 129],
        ),
        ("binaries", "Sk > :a", binary(&[1, 127]), &[128, 129]),
    ];
    for (table, condition, value, expected) in cases {
        let call = dynamodb.query().table_name(table);
        let call = call.key_condition_expression(format!("Pk = :p AND {condition}"));
        let call = call.expression_attribute_values(":p", text("p"));
        let answer = call
            .expression_attribute_values(":a", value)
            .send()
            .await
            .unwrap();
        let numbers = answer
            .items()
            .iter()
            .map(|item| item["N"].as_n().unwrap().parse().unwrap());
        assert_eq!(
            numbers.collect::<Vec<i64>>(),
            expected,
            "{table}: {condition}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_of_one_key_can_be_queried_too() {
    let account = Account::new();
    let dynamodb = Client::new(&account.sdk_config());
    account.create_table("policy");
    account.put_item("policy", json!({"RuleId": 1, "TagKey": "Name"}));
    let call = |condition: &str| {
        let call = dynamodb
            .query()
            .table_name("policy")
            .key_condition_expression(condition);
        call.expression_attribute_values(":id", AttributeValue::N("1".to_owned()))
    };
    assert_eq!(call("RuleId = :id").send().await.unwrap().count(), 1);
    let refused = refusal(call("RuleId = :id AND TagKey = :id").send().await);
    assert_eq!(refused.1, "Query key condition not supported");
}

#[tokio::test(start_paused = true)]
async fn the_order_can_be_reversed() {
    let (_account, dynamodb) = account_with_runs();
    let answer = query(&dynamodb, "Pk = :pk", None)
        .scan_index_forward(false)
        .limit(2)
        .send()
        .await
        .unwrap();
    assert_eq!(sort_keys(answer.items()), [100, 30]);
    let next = query(&dynamodb, "Pk = :pk", None).scan_index_forward(false);
    let next = next
        .set_exclusive_start_key(answer.last_evaluated_key)
        .send()
        .await
        .unwrap();
    assert_eq!(sort_keys(next.items()), [10, 2, 1, -5]);
    assert_eq!(next.last_evaluated_key(), None);
}

#[tokio::test(start_paused = true)]
async fn filters_leave_out_what_was_read() {
    let (_account, dynamodb) = account_with_runs();
    let answer = query(&dynamodb, "Pk = :pk", Some("#even = :true"))
        .send()
        .await
        .unwrap();
    assert_eq!(sort_keys(answer.items()), [2, 10, 30, 100]);
    assert_eq!((answer.count(), answer.scanned_count()), (4, 6));
    // Limit counts what is read: a page may be empty and not the last.
    let first = query(&dynamodb, "Pk = :pk", Some("Even = :true"))
        .limit(2)
        .send()
        .await
        .unwrap();
    assert_eq!((first.count(), first.scanned_count()), (0, 2));
    assert_eq!(first.last_evaluated_key(), Some(&key("i-1", 1)));
    for filter in ["Sk > :one", "Even = :true AND Pk <> :text"] {
        let (code, message) = refusal(query(&dynamodb, "Pk = :pk", Some(filter)).send().await);
        assert_eq!(code, "ValidationException");
        assert!(
            message.starts_with("Filter Expression can only contain non-primary key attributes: "),
            "{message}"
        );
    }
    let (_, message) = refusal(query(&dynamodb, "Pk = :pk", Some("Even")).send().await);
    assert!(
        message.starts_with("Invalid FilterExpression: Syntax error"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn pages_as_large_as_asked_for_and_every_item_once() {
    let (account, dynamodb) = account_with_runs();
    let pages = || async {
        let mut pages = query(&dynamodb, "Pk = :pk", None).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.push(sort_keys(page.unwrap().items()));
        }
        found
    };
    assert_eq!(pages().await, [vec![-5, 1, 2, 10, 30, 100]]);
    account.query_page_items(4);
    assert_eq!(pages().await, [vec![-5, 1, 2, 10], vec![30, 100]]);
    account.query_page_items(3);
    assert_eq!(pages().await, [[-5, 1, 2], [10, 30, 100]]);
    let limited = query(&dynamodb, "Pk = :pk", None).limit(6);
    account.query_page_items(100);
    let limited = limited.send().await.unwrap();
    assert_eq!(
        (limited.count(), limited.last_evaluated_key()),
        (6, Some(&key("i-1", 100)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_one_megabyte() {
    let (account, dynamodb) = account_with_ledger();
    for sk in 0..4 {
        account.put_item(
            LEDGER,
            json!({"Pk": "i-1", "Sk": sk, "Text": "x".repeat(400_000)}),
        );
    }
    let answer = query(&dynamodb, "Pk = :pk", None).send().await.unwrap();
    assert_eq!(
        (answer.count(), answer.last_evaluated_key()),
        (3, Some(&key("i-1", 2)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_goes_on_only_within_what_is_asked_for() {
    let (_account, dynamodb) = account_with_runs();
    for (start, expected) in [
        (
            key("i-2", 1),
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (
            key("i-1", 1),
            "The provided starting key does not match the range key predicate",
        ),
        (
            attributes(&json!({"Pk": "i-1"})),
            "The provided starting key is invalid",
        ),
        (
            attributes(&json!({"Pk": "i-1", "Sk": "1"})),
            "The provided starting key is invalid",
        ),
    ] {
        let call = query(&dynamodb, "Pk = :pk AND Sk > :ten", None);
        let refused = refusal(call.set_exclusive_start_key(Some(start)).send().await);
        assert_eq!(
            refused,
            ("ValidationException".to_owned(), expected.to_owned())
        );
    }
    // The key need not be there any more.
    let call = query(&dynamodb, "Pk = :pk AND Sk > :ten", None);
    let answer = call
        .set_exclusive_start_key(Some(key("i-1", 50)))
        .send()
        .await
        .unwrap();
    assert_eq!(sort_keys(answer.items()), [100]);
}

/// Each case is a key condition and its refusal, after `prefix`.
async fn check_refusals(prefix: &str, cases: &[(&str, &str)]) {
    let (_account, dynamodb) = account_with_runs();
    for (condition, expected) in cases {
        let expected = (
            "ValidationException".to_owned(),
            format!("{prefix}{expected}"),
        );
        let refused = refusal(query(&dynamodb, condition, None).send().await);
        assert_eq!(refused, expected, "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn key_conditions_that_are_no_conditions_are_refused() {
    check_refusals(
        "Invalid KeyConditionExpression: ",
        &[
            ("", "The expression can not be empty;"),
            ("Pk", r#"Syntax error; token: "<EOF>", near: "Pk""#),
            ("Pk = :pk AND dog(Sk, :ten)", "Invalid function name; function: dog"),
            (
                "Pk = :pk AND begins_with(Sk, :ten)",
                "Incorrect operand type for operator or function; operator or function: begins_with, operand \
                 type: N",
            ),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn key_conditions_must_be_of_the_key() {
    let one_each = "KeyConditionExpressions must only contain one condition per key";
    check_refusals(
        "",
        &[
            ("Pk < :pk", "Query key condition not supported"),
            ("Sk = :ten", "Query condition missed key schema element: Pk"),
            (
                "Pk = :pk AND Even = :true",
                "Query condition missed key schema element: Sk",
            ),
            (
                "Pk = :pk AND Sk = :ten AND Even = :true",
                "Conditions can be of length 1 or 2 only",
            ),
            ("Pk = :pk AND Pk = :pk", one_each),
            ("Pk = :pk AND Sk > :one AND Sk < :ten", one_each),
            (
                "Pk = :pk AND Sk.a = :ten",
                "KeyConditionExpressions cannot have conditions on nested attributes",
            ),
        ],
    )
    .await;
    check_refusals(
        "Invalid operator used in KeyConditionExpression: ",
        &[
            ("Pk = :pk OR Sk = :ten", "OR"),
            ("NOT Pk = :pk", "NOT"),
            ("Pk = :pk AND Sk <> :ten", "<>"),
            ("Pk = :pk AND Sk IN (:ten)", "IN"),
            ("Pk = :pk AND attribute_exists(Sk)", "attribute_exists"),
            ("Pk = :pk AND contains(Sk, :ten)", "contains"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn key_conditions_must_compare_with_a_value_of_the_keys_type() {
    let no_value = "each condition must compare an attribute of the key with a value";
    check_refusals(
        "Invalid condition in KeyConditionExpression: ",
        &[
            ("Pk = Sk", no_value),
            (":pk = :text", no_value),
            ("Pk = :pk AND size(Sk) > :one", no_value),
        ],
    )
    .await;
    let mismatch = "Condition parameter type does not match schema type";
    check_refusals(
        "One or more parameter values were invalid: ",
        &[
            ("Pk = :ten", mismatch),
            ("Pk = :list", mismatch),
            ("Pk = :pk AND Sk = :text", mismatch),
            ("Pk = :pk AND Sk = :bytes", mismatch),
        ],
    )
    .await;
    let empty =
        "The AttributeValue for a key attribute cannot contain an empty string value. Key: Pk";
    let prefix = "One or more parameter values are not valid. ";
    check_refusals(prefix, &[("Pk = :empty", empty)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_query_needs_its_condition_and_uses_its_values() {
    let (_account, dynamodb) = account_with_runs();
    let unused = query(&dynamodb, "Pk = :pk", None);
    let unused = unused
        .expression_attribute_values(":x", AttributeValue::Null(true))
        .send()
        .await;
    assert!(
        refusal(unused)
            .1
            .ends_with("unused in expressions: keys: {:x}")
    );
    let none = dynamodb.query().table_name(LEDGER).send().await;
    assert!(
        refusal(none)
            .1
            .starts_with("Either the KeyConditions or KeyConditionExpression")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_imitated_is_refused() {
    let (_account, dynamodb) = account_with_runs();
    let call = || query(&dynamodb, "Pk = :pk", None);
    for call in [
        call().index_name("by-owner"),
        call().select(Select::Count),
        call().projection_expression("Pk"),
    ] {
        assert_eq!(refusal(call.send().await).0, "SandboxUnsupported");
    }
    let limit = refusal(call().limit(0).send().await);
    assert_eq!(limit.0, "ValidationException");
    let missing = dynamodb
        .query()
        .table_name("other")
        .key_condition_expression("Pk = :pk");
    let missing = missing.expression_attribute_values(":pk", AttributeValue::S("x".to_owned()));
    assert_eq!(refusal(missing.send().await).0, "ResourceNotFoundException");
}

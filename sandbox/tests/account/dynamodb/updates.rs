//! `UpdateItem`: every clause, and every refusal of one.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde_json::{Value, json};
use tagwarden_sandbox::Account;

use super::{
    Attributes, LEDGER, account_with_ledger, attributes, key, names, number_set, string_set, used,
};
use crate::refusal;

/// The values the expressions below may use.
fn all_values() -> Attributes {
    let mut values = attributes(&json!({
        ":one": 1, ":two": 2, ":half": 0.5, ":huge": 1e100, ":x": "x", ":list": ["p", "q"], ":map": {"m": 1},
        ":null": null, ":true": true,
    }));
    values.insert(":strings".to_owned(), string_set(&["b", "c"]));
    values.insert(":numbers".to_owned(), number_set(&["2", "3"]));
    values.insert(":ab".to_owned(), string_set(&["a", "b"]));
    values
}

/// The item before each update.
fn item() -> Value {
    json!({
        "Pk": {"S": "i-1"}, "Sk": {"N": "1"}, "N": {"N": "10"}, "Words": {"S": "text"},
        "Things": {"L": [{"S": "0"}, {"S": "1"}, {"S": "2"}, {"S": "3"}]},
        "Mapped": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"N": "2"}}}, "d": {"L": [{"M": {"e": {"N": "3"}}}]}}},
        "Strings": {"SS": ["a", "b"]}, "Numbers": {"NS": ["1", "2"]},
    })
}

/// The item after the update in `account`, or the refusal.
async fn updated(account: &Account, dynamodb: &Client, update: &str) -> Result<Value, String> {
    account.clear_table(LEDGER);
    account.put_raw_item(LEDGER, item());
    let before = account.items(LEDGER);
    let call = dynamodb
        .update_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", 1)));
    let call = call.update_expression(update);
    let call = call.set_expression_attribute_values(used(update, &all_values()));
    let names = names(&[("#n", "N"), ("#status", "Status"), ("#dot", "a.b")]);
    let result = call
        .set_expression_attribute_names(used(update, &names))
        .send()
        .await;
    if result.is_ok() {
        return Ok(account.items(LEDGER).remove(0));
    }
    assert_eq!(account.items(LEDGER), before, "{update}");
    let (code, message) = refusal(result);
    assert_eq!(code, "ValidationException", "{update}: {message}");
    Err(message)
}

/// Each case is an update and the attributes it changes; "gone" stands for one that it removes.
async fn check_changes(cases: &[(&str, Value)]) {
    let (account, dynamodb) = account_with_ledger();
    let original = updated(&account, &dynamodb, "REMOVE Gone").await.unwrap();
    for (update, changes) in cases {
        let mut expected = original.as_object().unwrap().clone();
        for (name, change) in changes.as_object().unwrap() {
            if change == "gone" {
                expected.remove(name);
            } else {
                expected.insert(name.clone(), change.clone());
            }
        }
        let result = updated(&account, &dynamodb, update).await;
        assert_eq!(result, Ok(Value::Object(expected)), "{update}");
    }
}

#[tokio::test(start_paused = true)]
async fn set_takes_values_paths_sums_and_functions() {
    check_changes(&[
        ("SET A = :one", json!({"A": 1})),
        (
            "set A = :x, B = :list, C = :map",
            json!({"A": "x", "B": ["p", "q"], "C": {"m": 1}}),
        ),
        ("SET A = :null, B = :true", json!({"A": null, "B": true})),
        (
            "SET #status = :x, #dot = :one",
            json!({"Status": "x", "a.b": 1}),
        ),
        ("SET N = N + :one", json!({"N": 11})),
        ("SET #n = #n - :half", json!({"N": 9.5})),
        ("SET N = :two - N", json!({"N": -8})),
        ("SET A = N + N", json!({"A": 20})),
        ("SET A = (N + :one)", json!({"A": 11})),
        (
            "SET A = Words, Words = :x",
            json!({"A": "text", "Words": "x"}),
        ),
        ("SET A = if_not_exists(A, :one)", json!({"A": 1})),
        ("SET N = if_not_exists(N, :one)", json!({})),
        ("SET A = if_not_exists(A, :one) + :two", json!({"A": 3})),
        ("SET N = if_not_exists(N, :one) + :two", json!({"N": 12})),
        (
            "SET A = if_not_exists(A, if_not_exists(N, :one))",
            json!({"A": 10}),
        ),
        (
            "SET A = list_append(:list, :list)",
            json!({"A": ["p", "q", "p", "q"]}),
        ),
        (
            "SET Things = list_append(Things, :list)",
            json!({"Things": ["0", "1", "2", "3", "p", "q"]}),
        ),
        (
            "SET A = list_append(if_not_exists(A, :list), :list)",
            json!({"A": ["p", "q", "p", "q"]}),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn updates_reach_into_lists_and_maps() {
    check_changes(&[
        (
            "SET Things[1] = :x",
            json!({"Things": ["0", "x", "2", "3"]}),
        ),
        // What is beyond the end comes to the end, in the order of the indexes.
        (
            "SET Things[9] = :two, Things[7] = :one",
            json!({"Things": ["0", "1", "2", "3", 1, 2]}),
        ),
        // Indexes are those of the item as it was.
        (
            "REMOVE Things[1] SET Things[2] = :x",
            json!({"Things": ["0", "x", "3"]}),
        ),
        (
            "REMOVE Things[0], Things[2], Things[17]",
            json!({"Things": ["1", "3"]}),
        ),
        (
            "SET Things[9] = :x REMOVE Things[4]",
            json!({"Things": ["0", "1", "2", "3", "x"]}),
        ),
        (
            "SET Mapped.z = :one, Mapped.b.c = :x REMOVE Mapped.a",
            json!({"Mapped": {"b": {"c": "x"}, "d": [{"e": 3}], "z": 1}}),
        ),
        (
            "REMOVE Mapped.d[0].e SET Mapped.a = Mapped.d[0].e",
            json!({"Mapped": {"a": 3, "b": {"c": 2}, "d": [{}]}}),
        ),
        ("REMOVE Gone, Mapped.gone, Mapped.b.gone", json!({})),
        (
            "ADD Mapped.a :two, Mapped.y :one",
            json!({"Mapped": {"a": 3, "y": 1, "b": {"c": 2}, "d": [{"e": 3}]}}),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn remove_takes_away_add_adds_and_delete_takes_out_of_sets() {
    check_changes(&[
        ("REMOVE N, Words", json!({"N": "gone", "Words": "gone"})),
        ("REMOVE N SET A = N", json!({"N": "gone", "A": 10})),
        ("ADD N :one", json!({"N": 11})),
        ("ADD A :half", json!({"A": 0.5})),
        (
            "ADD Strings :strings, Numbers :numbers",
            json!({"Strings": ["a", "b", "c"], "Numbers": [1, 2, 3]}),
        ),
        ("ADD A :strings", json!({"A": ["b", "c"]})),
        (
            "DELETE Strings :strings, Numbers :numbers",
            json!({"Strings": ["a"], "Numbers": [1]}),
        ),
        ("DELETE Strings :ab", json!({"Strings": "gone"})),
        ("DELETE Gone :strings", json!({})),
        (
            "SET A = :one REMOVE Words ADD N :two DELETE Strings :strings",
            json!({"A": 1, "Words": "gone", "N": 12, "Strings": ["a"]}),
        ),
    ])
    .await;
}

/// Each case is an update and its refusal, which begins with `prefix`.
async fn check_refusals(prefix: &str, cases: &[(&str, &str)]) {
    let (account, dynamodb) = account_with_ledger();
    for (update, expected) in cases {
        let message = updated(&account, &dynamodb, update)
            .await
            .expect_err(update);
        assert_eq!(message, format!("{prefix}{expected}"), "{update}");
    }
}

#[tokio::test(start_paused = true)]
async fn updates_that_cannot_be_read_are_refused() {
    let prefix = "Invalid UpdateExpression: ";
    check_refusals(prefix, &[("", "The expression can not be empty;")]).await;
    let value =
        "An expression attribute value used in expression is not defined; attribute value: :gone";
    let name = "An expression attribute name used in the document path is not defined; attribute name: #gone";
    check_refusals(
        prefix,
        &[("SET A = :gone", value), ("SET #gone = :one", name)],
    )
    .await;
    let reserved = "Attribute name is a reserved keyword; reserved keyword: Status";
    check_refusals(prefix, &[("SET Status = :one", reserved)]).await;
    let set = "The \"SET\" section can only be used once in an update expression;";
    let remove = "The \"REMOVE\" section can only be used once in an update expression;";
    check_refusals(
        prefix,
        &[
            ("SET A = :one SET B = :two", set),
            ("REMOVE A SET B = :one remove C", remove),
        ],
    )
    .await;
    check_refusals(
        "Invalid UpdateExpression: Syntax error; token: ",
        &[
            ("HELLO A = :one", r#""HELLO", near: "HELLO A""#),
            ("SET", r#""<EOF>", near: "SET""#),
            ("SET A", r#""<EOF>", near: "A""#),
            ("SET A = 1", r#""1", near: "= 1""#),
            ("SET :one = :two", r#"":one", near: "SET :one =""#),
            ("SET A = :one,", r#""<EOF>", near: ",""#),
            ("SET A = (:one", r#""<EOF>", near: ":one""#),
            ("SET A = :one + :two + :one", r#""+", near: ":two + :one""#),
            (
                "SET A = if_not_exists(A, :one + :two)",
                r#""+", near: ":one + :two""#,
            ),
            ("SET A = :one, REMOVE B", r#""REMOVE", near: ", REMOVE B""#),
            ("ADD A N", r#""N", near: "A N""#),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn places_that_cannot_both_be_changed_are_refused() {
    let prefix = "Invalid UpdateExpression: Two document paths ";
    let must = "with each other; must remove or rewrite one of these paths; path one:";
    for (update, what, paths) in [
        ("SET A = :one, A = :two", "overlap", "[A], path two: [A]"),
        ("SET A = :one REMOVE A", "overlap", "[A], path two: [A]"),
        ("SET N = :one, #n = :two", "overlap", "[N], path two: [N]"),
        (
            "SET A.b = :one ADD A :two",
            "overlap",
            "[A, b], path two: [A]",
        ),
        (
            "SET A[1][2] = :one, A[1] = :two",
            "overlap",
            "[A, [1], [2]], path two: [A, [1]]",
        ),
        (
            "SET A.b = :one, A[1] = :two",
            "conflict",
            "[A, b], path two: [A, [1]]",
        ),
    ] {
        check_refusals(prefix, &[(update, &format!("{what} {must} {paths}"))]).await;
    }
    let key = "One or more parameter values were invalid: Cannot update attribute ";
    let part = |name: &str| format!("{name}. This attribute is part of the key");
    check_refusals(
        key,
        &[
            ("SET Pk = :x", &part("Pk")),
            ("SET A = :one REMOVE Sk", &part("Sk")),
            ("ADD Sk :one", &part("Sk")),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn wrong_functions_and_operands_are_refused() {
    check_refusals(
        "Invalid UpdateExpression: ",
        &[
            ("SET A = f123(A, :one)", "Invalid function name; function: f123"),
            ("SET A = size(Words)", "Invalid function name; function: size"),
            (
                "SET A = if_not_exists(A)",
                "Incorrect number of operands for operator or function; operator or function: if_not_exists, \
                 number of operands: 1",
            ),
            (
                "SET A = if_not_exists(:one, :two)",
                "Operator or function requires a document path; operator or function: if_not_exists",
            ),
            (
                "SET A = list_append(list_append(:list, :list), :list)",
                "The function is not allowed to be used this way in an expression; function: list_append",
            ),
        ],
    )
    .await;
    check_refusals(
        "Invalid UpdateExpression: Incorrect operand type for operator or function; operator",
        &[
            (
                "SET A = list_append(:list, :one)",
                " or function: list_append, operand type: N",
            ),
            ("SET A = :x + :one", " or function: +, operand type: S"),
            ("SET A = N - :list", " or function: -, operand type: L"),
            ("ADD A :x", ": ADD, operand type: STRING"),
            ("ADD A :list", ": ADD, operand type: LIST"),
            ("ADD A :map", ": ADD, operand type: MAP"),
            ("ADD A :true", ": ADD, operand type: BOOLEAN"),
            ("DELETE A :one", ": DELETE, operand type: NUMBER"),
            ("DELETE A :null", ": DELETE, operand type: NULL"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn updates_that_do_not_suit_the_item_are_refused() {
    let no_attribute =
        "The provided expression refers to an attribute that does not exist in the item";
    let wrong_type = "An operand in the update expression has an incorrect data type";
    let no_place = "The document path provided in the update expression is invalid for update";
    let too_exact = "Attempting to store more than 38 significant digits in a Number";
    check_refusals(
        "",
        &[
            ("SET A = B", no_attribute),
            ("SET A = B + :one", no_attribute),
            ("SET A = Mapped.gone", no_attribute),
            ("SET A = Words + :one", wrong_type),
            ("SET A = list_append(Words, :list)", wrong_type),
            ("ADD Words :one", wrong_type),
            ("ADD Strings :numbers", wrong_type),
            ("DELETE Words :strings", wrong_type),
            ("SET Gone.a = :one", no_place),
            ("SET Words.a = :one", no_place),
            ("SET Mapped[0] = :one", no_place),
            ("SET Things.a = :one", no_place),
            ("SET Mapped.gone.a = :one", no_place),
            ("REMOVE Gone.a", no_place),
            ("ADD Gone.a :one", no_place),
            ("SET A = N + :huge", too_exact),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_update_makes_the_item_that_is_not_there() {
    let (account, dynamodb) = account_with_ledger();
    let call = || {
        dynamodb
            .update_item()
            .table_name(LEDGER)
            .set_key(Some(key("i-1", 1)))
    };
    call().send().await.unwrap();
    assert_eq!(account.items(LEDGER), [json!({"Pk": "i-1", "Sk": 1})]);
    account.clear_table(LEDGER);
    let add = call().update_expression("ADD N :one SET A = if_not_exists(A, :zero) + :one");
    let add = add.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    let add = add.expression_attribute_values(":zero", AttributeValue::N("0".to_owned()));
    add.send().await.unwrap();
    assert_eq!(
        account.items(LEDGER),
        [json!({"Pk": "i-1", "Sk": 1, "N": 1, "A": 1})]
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_tells_the_item_when_asked() {
    let (_account, dynamodb) = account_with_ledger();
    let add = |returned: ReturnValue| {
        let call = dynamodb
            .update_item()
            .table_name(LEDGER)
            .set_key(Some(key("i-1", 1)));
        let call = call.update_expression("ADD N :one").return_values(returned);
        call.expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
    };
    let with = |n: i64| Some(attributes(&json!({"Pk": "i-1", "Sk": 1, "N": n})));
    assert_eq!(add(ReturnValue::AllOld).await.unwrap().attributes, None);
    assert_eq!(add(ReturnValue::AllNew).await.unwrap().attributes, with(2));
    assert_eq!(add(ReturnValue::AllOld).await.unwrap().attributes, with(2));
    assert_eq!(add(ReturnValue::None).await.unwrap().attributes, None);
    for unsupported in [ReturnValue::UpdatedOld, ReturnValue::UpdatedNew] {
        assert_eq!(refusal(add(unsupported).await).0, "SandboxUnsupported");
    }
    assert_eq!(add(ReturnValue::AllNew).await.unwrap().attributes, with(5));
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_never_overdrawn() {
    let (account, dynamodb) = account_with_ledger();
    let draw = |amount: i64| {
        let call = dynamodb
            .update_item()
            .table_name(LEDGER)
            .set_key(Some(key("budget", 12)));
        let call = call.update_expression("ADD Used :amount");
        let call = call.condition_expression("attribute_not_exists(Used) OR Used <= :most");
        let call =
            call.expression_attribute_values(":amount", AttributeValue::N(amount.to_string()));
        let call =
            call.expression_attribute_values(":most", AttributeValue::N((10 - amount).to_string()));
        call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    draw(7).await.unwrap();
    let refused = draw(4).await.unwrap_err().into_service_error();
    let UpdateItemError::ConditionalCheckFailedException(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        refused.item().unwrap()["Used"],
        AttributeValue::N("7".to_owned())
    );
    draw(3).await.unwrap();
    assert_eq!(refusal(draw(1).await).0, "ConditionalCheckFailedException");
    assert_eq!(account.items(LEDGER)[0]["Used"], 10);
}

#[tokio::test(start_paused = true)]
async fn legacy_parameters_are_refused() {
    let (_account, dynamodb) = account_with_ledger();
    let call = dynamodb
        .update_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", 1)));
    let update = aws_sdk_dynamodb::types::AttributeValueUpdate::builder().build();
    let (code, message) = refusal(call.attribute_updates("A", update).send().await);
    assert_eq!(code, "SandboxUnsupported");
    assert!(
        message.contains("AttributeUpdates of UpdateItem"),
        "{message}"
    );
}

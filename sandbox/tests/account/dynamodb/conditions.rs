//! The conditions that the sandbox knows, and the refusals that DynamoDB gives.

use aws_sdk_dynamodb::Client;
use serde_json::json;

use super::{LEDGER, account_with_ledger, attributes, string_set, used};
use crate::refusal;

/// Whether a condition holds for the item of [`client`], or the refusal.
async fn holds(dynamodb: &Client, condition: &str) -> Result<bool, String> {
    let mut values = attributes(&json!({
        ":nine": 9, ":nine0": 9.0, ":ten": 10, ":minus": -1, ":s9": "9", ":cat": "cat", ":ca": "ca",
        ":empty": "", ":dog": "dog", ":true": true, ":list": [1],
    }));
    values.insert(":set".to_owned(), string_set(&["b", "a"]));
    let names = [("#name".to_owned(), "Name".to_owned())].into();
    let item = attributes(&json!({"Pk": "i-1", "Sk": "1", "Put": true}));
    let result = dynamodb
        .put_item()
        .table_name(LEDGER)
        .set_item(Some(item))
        .condition_expression(condition)
        .set_expression_attribute_values(used(condition, &values))
        .set_expression_attribute_names(used(condition, &names))
        .send()
        .await;
    if result.is_ok() {
        return Ok(true);
    }
    match refusal(result) {
        (code, _) if code == "ConditionalCheckFailedException" => Ok(false),
        (code, message) if code == "ValidationException" => Err(message),
        other => panic!("{condition}: {other:?}"),
    }
}

/// A client for an account with one item, made anew for each condition because a condition that holds replaces it.
fn client() -> Client {
    let (account, dynamodb) = account_with_ledger();
    account.put_raw_item(
        LEDGER,
        json!({
            "Pk": {"S": "i-1"}, "Sk": {"S": "1"}, "Nine": {"N": "9"}, "Cat": {"S": "cat"}, "Yes": {"BOOL": true},
            "Strings": {"SS": ["a", "b"]}, "Things": {"L": [{"N": "1"}]}, "Name": {"S": "web"},
        }),
    );
    dynamodb
}

async fn check(cases: &[(&str, bool)]) {
    for (condition, expected) in cases {
        let result = holds(&client(), condition).await;
        assert_eq!(result, Ok(*expected), "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn compares_values_of_one_type() {
    check(&[
        ("Nine = :nine", true),
        ("Nine = :nine0", true),
        ("Nine = :ten", false),
        ("Nine = :s9", false),
        ("Nine <> :ten", true),
        ("Nine <> :nine0", false),
        ("Nine <> :s9", true),
        ("Nine < :ten", true),
        ("Nine < :nine", false),
        ("Nine < :s9", false),
        ("Nine <= :nine", true),
        ("Nine > :minus", true),
        ("Nine > :nine", false),
        ("Nine >= :ten", false),
        ("Cat < :dog", true),
        ("Cat BETWEEN :ca AND :dog", true),
        ("Nine between :minus and :nine AND Cat = :dog", false),
        ("begins_with(Cat, :ca)", true),
        ("begins_with(Cat, :dog)", false),
        ("begins_with(Nine, :s9)", false),
        ("Yes = :true", true),
        ("Strings = :set", true),
        ("Things = :list", true),
        ("Things < :nine", false),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_attribute_equals_nothing() {
    check(&[
        ("attribute_exists(Nine)", true),
        ("attribute_exists (Gone)", false),
        ("attribute_not_exists(Gone)", true),
        ("attribute_not_exists(Nine)", false),
        ("Gone = :nine", false),
        ("Gone <> :nine", true),
        ("Gone < :nine", false),
        ("begins_with(Gone, :empty)", false),
    ])
    .await;
    // A missing item has no attributes.
    for (condition, expected) in [
        ("attribute_exists(Pk)", false),
        ("attribute_not_exists(Pk)", true),
    ] {
        let (_account, dynamodb) = account_with_ledger();
        assert_eq!(holds(&dynamodb, condition).await, Ok(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn combines_conditions() {
    check(&[
        ("Nine = :nine AND Cat = :cat", true),
        ("Nine = :nine AND Cat = :dog", false),
        ("Nine = :ten OR Cat = :cat", true),
        ("Nine = :nine or Nine = :ten and Cat = :dog", true),
        ("(Nine = :nine OR Nine = :ten) AND Cat = :dog", false),
        (" \t(Nine\n=\r:nine) ", true),
        ("attribute_not_exists(Gone)OR(Gone=:nine)", true),
        ("attribute_not_exists(Pk) OR Nine < :ten", true),
        ("#name = :cat", false),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn refuses_conditions_that_dynamodb_refuses() {
    let operand = "Incorrect operand type for operator or function; operator or function: ";
    for (condition, expected) in [
        ("", "The expression can not be empty;".to_owned()),
        (
            "Name = :cat",
            "Attribute name is a reserved keyword; reserved keyword: Name".to_owned(),
        ),
        (
            "Nine = :gone",
            "An expression attribute value used in expression is not defined; attribute value: :gone"
                .to_owned(),
        ),
        (
            "#gone = :nine",
            "An expression attribute name used in the document path is not defined; attribute name: #gone"
                .to_owned(),
        ),
        ("Nine < :list", format!("{operand}<, operand type: L")),
        (
            "begins_with(Cat, :nine)",
            format!("{operand}begins_with, operand type: N"),
        ),
        (
            "Nine BETWEEN :ten AND :nine",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound".to_owned(),
        ),
        (
            &"attribute_exists(Pk) AND ".repeat(200),
            "Expression size has exceeded the maximum allowed size; expression size: 5000".to_owned(),
        ),
    ] {
        let message = holds(&client(), condition).await.expect_err(condition);
        assert_eq!(message, format!("Invalid ConditionExpression: {expected}"));
    }
}

//! The sandbox refuses loudly what it does not support: the error names it.

use aws_sdk_dynamodb::types::{
    AttributeValueUpdate, KeysAndAttributes, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure, Select,
};
use serde_json::json;

use super::{LEDGER, account_with_ledger, attributes, key, used};
use crate::refusal;

const CODE: &str = "SandboxUnsupported";

#[tokio::test(start_paused = true)]
async fn refuses_expressions_outside_its_grammar() {
    let (account, dynamodb) = account_with_ledger();
    account.put_item(LEDGER, json!({"Pk": "i-1", "Sk": "1", "N": 1}));
    let before = account.items(LEDGER);
    let values = attributes(&json!({":one": 1, ":pk": "i-1"}));
    let condition = |expression: &str| {
        let call = dynamodb.delete_item().table_name(LEDGER);
        let call = call
            .set_key(Some(key("i-1", "1")))
            .condition_expression(expression);
        call.set_expression_attribute_values(used(expression, &values))
    };
    for (expression, named) in [
        ("NOT N = :one", "NOT"),
        ("N IN (:one)", "IN"),
        ("size(N) = :one", "size"),
        ("contains(N, :one)", "contains"),
        ("attribute_type(N, :one)", "attribute_type"),
        ("N.a = :one", "."),
        ("N[0] = :one", "["),
        ("N = M", "M"),
        (":one = N", ":one"),
        ("N = :one)", ")"),
        ("N", "the end"),
        ("Größe = :one", "ö"),
    ] {
        let refused = refusal(condition(expression).send().await);
        let message = format!(
            "tagwarden's sandbox does not support {named} in the ConditionExpression \"{expression}\""
        );
        assert_eq!(refused, (CODE.to_owned(), message));
    }
    let deep = format!("{}N = :one{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(refusal(condition(&deep).send().await).0, CODE);

    for (expression, named) in [
        ("DELETE N :one", "DELETE"),
        ("SET N = N + :one", "N"),
        ("SET N = if_not_exists(N, :one)", "if_not_exists"),
        ("SET M = :one - :one", "-"),
        ("SET N.a = :one", "."),
        ("REMOVE N[0]", "["),
    ] {
        let call = dynamodb.update_item().table_name(LEDGER);
        let call = call
            .set_key(Some(key("i-1", "1")))
            .update_expression(expression);
        let call = call.set_expression_attribute_values(used(expression, &values));
        let message = format!(
            "tagwarden's sandbox does not support {named} in the UpdateExpression \"{expression}\""
        );
        assert_eq!(refusal(call.send().await), (CODE.to_owned(), message));
    }

    for expression in [
        "Pk < :pk",
        "Pk = :pk OR Sk = :pk",
        "Sk = :pk AND begins_with(Pk, :pk) AND Sk = :pk",
        "Pk = :pk AND attribute_exists(Sk)",
        "Pk = :pk AND Sk <> :pk",
    ] {
        let call = dynamodb
            .query()
            .table_name(LEDGER)
            .key_condition_expression(expression);
        let call = call.set_expression_attribute_values(used(expression, &values));
        let (code, message) = refusal(call.send().await);
        assert_eq!(code, CODE, "{expression}");
        assert!(message.contains("KeyConditionExpression"), "{message}");
    }
    assert_eq!(account.items(LEDGER), before);
}

#[allow(clippy::too_many_lines, reason = "one table")]
#[tokio::test(start_paused = true)]
async fn refuses_unknown_parameters_and_operations() {
    let (account, dynamodb) = account_with_ledger();
    let put = || {
        let call = dynamodb.put_item().table_name(LEDGER);
        call.set_item(Some(key("i-1", "1")))
    };
    let get = dynamodb
        .get_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", "1")));
    let update = dynamodb.update_item().table_name(LEDGER);
    let update = update.set_key(Some(key("i-1", "1")));
    let scan = || dynamodb.scan().table_name(LEDGER);
    let query = || {
        dynamodb
            .query()
            .table_name(LEDGER)
            .key_condition_expression("Pk = :pk")
    };
    let keys = KeysAndAttributes::builder().keys(key("i-1", "1"));
    let keys = keys.projection_expression("Pk").build().unwrap();
    let tell = ReturnValuesOnConditionCheckFailure::AllOld;
    for ((code, message), named) in [
        (
            refusal(put().return_values(ReturnValue::AllOld).send().await),
            "the parameter ReturnValues of PutItem",
        ),
        (
            refusal(
                put()
                    .return_values_on_condition_check_failure(tell)
                    .send()
                    .await,
            ),
            "the parameter ReturnValuesOnConditionCheckFailure of PutItem",
        ),
        (
            refusal(
                put()
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await,
            ),
            "the parameter ReturnConsumedCapacity of PutItem",
        ),
        (
            refusal(get.projection_expression("Pk").send().await),
            "the parameter ProjectionExpression of GetItem",
        ),
        (
            refusal(update.clone().send().await),
            "an update without an UpdateExpression",
        ),
        (
            refusal(
                update
                    .attribute_updates("A", AttributeValueUpdate::builder().build())
                    .send()
                    .await,
            ),
            "the parameter AttributeUpdates of UpdateItem",
        ),
        (
            refusal(scan().filter_expression("A = :a").send().await),
            "the parameter FilterExpression of Scan",
        ),
        (
            refusal(scan().limit(1).send().await),
            "the parameter Limit of Scan",
        ),
        (
            refusal(query().index_name("by-owner").send().await),
            "the parameter IndexName of Query",
        ),
        (
            refusal(query().select(Select::Count).send().await),
            "the parameter Select of Query",
        ),
        (
            refusal(query().scan_index_forward(false).send().await),
            "the parameter ScanIndexForward of Query",
        ),
        (
            refusal(
                dynamodb
                    .batch_get_item()
                    .request_items(LEDGER, keys)
                    .send()
                    .await,
            ),
            "the parameter ProjectionExpression of BatchGetItem",
        ),
    ] {
        assert_eq!(code, CODE);
        assert_eq!(
            message,
            format!("tagwarden's sandbox does not support {named}")
        );
    }
    let tables = refusal(dynamodb.list_tables().send().await);
    assert_eq!(tables.0, "UnknownOperationException");
    assert!(tables.1.contains("ListTables"), "{}", tables.1);
    assert!(account.items(LEDGER).is_empty());
}

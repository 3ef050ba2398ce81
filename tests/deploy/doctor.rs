//! `tagwarden doctor` looks at the real stack on moto, and its commands fix what it finds.

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::deployment::run_to_success;
use crate::stack::Stack;

/// A Region that no other test uses.
const REGION: &str = "ap-southeast-2";

/// The calls that moto does not know, and `kms:DescribeKey`, at which it fails if a template gave the key its policy.
const UNKNOWN_TO_MOTO: [&str; 5] = [
    "ce:ListCostAllocationTags",
    "config:DescribeConfigRuleEvaluationStatus",
    "config:DescribeRemediationExceptions",
    "iam:SimulatePrincipalPolicy",
    "kms:DescribeKey",
];

/// What is true on moto without a mistake: it has no recorder and no trail, tables were not asked to be protected, and moto
/// counts no subscription as confirmed. All else of the stack is sound.
const OF_A_BARE_ACCOUNT: [&str; 5] = [
    "ledger-unprotected",
    "policy-unprotected",
    "recorder-missing",
    "reports-unread",
    "trail-missing",
];

/// What [`break_it`] breaks.
const BROKEN: [&str; 5] = [
    "event-rule-off",
    "function-off",
    "mapping-off",
    "policy-held",
    "rule-not-allowed",
];

/// What no command here can fix, because moto lacks it.
const LEFT: [&str; 1] = ["reports-unread"];

#[tokio::test]
async fn its_commands_fix_what_it_finds() {
    let stack = Stack::deploy(REGION, &["Mode=enforce", "ProtectTables=false"]).await;
    break_it(&stack).await;
    let document = examine(&stack);
    let expected = [&OF_A_BARE_ACCOUNT[..], &BROKEN].concat();
    assert_eq!(checks(&document), named(&expected));
    let unseen = document["unseen"].as_array().unwrap().iter();
    let unseen: BTreeSet<&str> = unseen.filter_map(|it| it["call"].as_str()).collect();
    assert_eq!(unseen, UNKNOWN_TO_MOTO.into());

    let bucket = format!("records-{REGION}");
    run_to_success(
        stack
            .command("aws")
            .args(["s3", "mb", &format!("s3://{bucket}")]),
    );
    run_fixes(&stack, &document, &bucket);
    assert_eq!(checks(&examine(&stack)), named(&LEFT));
}

/// What people do to a deployment by mistake, or in need.
async fn break_it(stack: &Stack) {
    let (rule, remediation) = (
        &stack.resources["RuleFunction"],
        &stack.resources["RemediationFunction"],
    );
    let lambda = &stack.account.lambda;
    let off = lambda.put_function_concurrency().function_name(remediation);
    off.reserved_concurrent_executions(0).send().await.unwrap();
    let mapping = lambda.update_event_source_mapping().enabled(false);
    let mapping = mapping.uuid(&stack.resources["QueueToRemediation"]);
    mapping.send().await.unwrap();
    let policy = lambda
        .get_policy()
        .function_name(rule)
        .send()
        .await
        .unwrap();
    let policy: Value = serde_json::from_str(&policy.policy.unwrap()).unwrap();
    let permission = policy["Statement"][0]["Sid"].as_str().unwrap();
    let permission = lambda.remove_permission().statement_id(permission);
    permission.function_name(rule).send().await.unwrap();

    let events = aws_sdk_eventbridge::Client::new(stack.account.sdk_config());
    let sweep = events.disable_rule().name(&stack.resources["Sweep"]);
    sweep.send().await.unwrap();
    let dynamodb = aws_sdk_dynamodb::Client::new(stack.account.sdk_config());
    let table = &stack.resources["PolicyTable"];
    for (id, attribute, value) in [
        ("8", "PolicyFormat", AttributeValue::N("2".to_owned())),
        (
            "9",
            "Hold",
            AttributeValue::S("the network is being moved".to_owned()),
        ),
    ] {
        let put = dynamodb.put_item().table_name(table);
        let put = put.item("RuleId", AttributeValue::N(id.to_owned()));
        put.item(attribute, value).send().await.unwrap();
    }
}

fn examine(stack: &Stack) -> Value {
    let rule = Path::new(env!("CARGO_BIN_EXE_tagwarden-rule"));
    let mut doctor = stack.command(&rule.with_file_name("tagwarden").to_string_lossy());
    let output = doctor
        .args(["doctor", "--output", "json"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Runs each command as a shell runs it, but for those that need a person.
fn run_fixes(stack: &Stack, document: &Value, bucket: &str) {
    for found in found(document) {
        let check = found["check"].as_str().unwrap();
        if LEFT.contains(&check) {
            continue;
        }
        for fix in found["fixes"].as_array().unwrap() {
            let fix = fix.as_str().unwrap().replace("BUCKET", bucket);
            run_to_success(stack.command("bash").args(["-c", &fix]));
        }
    }
}

fn found(document: &Value) -> Vec<Value> {
    let of = |list: &str| document[list].as_array().unwrap().clone();
    of("faults").into_iter().chain(of("notes")).collect()
}

fn checks(document: &Value) -> BTreeSet<String> {
    let found = found(document).into_iter();
    found
        .map(|it| it["check"].as_str().unwrap().to_owned())
        .collect()
}

fn named(checks: &[&str]) -> BTreeSet<String> {
    checks.iter().map(|it| (*it).to_owned()).collect()
}

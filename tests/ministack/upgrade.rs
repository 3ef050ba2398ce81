//! The stack's life: an update from version 0.1.0, a creation that fails and is repeated, the end.
//!
//! ministack cannot show three things, which `tests/deploy/upgrade.rs` asserts on the template: it updates in place what AWS
//! replaces, it deletes protected tables, and it lets a stack create a table whose name exists already. A table that is
//! renamed, and then filled, is in `existing.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::deployment::{Deployment, run_to_success};
use crate::patience::eventually;
use crate::stack::{REGION, Stack, start, status};

/// The template of version 0.1.0.
const OLD: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/deploy/fixtures/tagwarden-0.1.0.yaml"
);

/// A moment that version 0.1.0 left behind: see `tests/golden/README.md`.
const MOMENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/golden/functions/sweep.json"
);

const POLICY_TABLE: &str = "acme_cloud_policy_tagging_def";

/// Puts the template into the bucket, beside the real one.
fn put_template(deployment: &Deployment, name: &str, text: &str) {
    let file = deployment.directory.join(name);
    fs::write(&file, text).unwrap();
    put(deployment, &file.display().to_string(), name);
}

fn put(deployment: &Deployment, file: &str, name: &str) {
    let mut copy = deployment.aws();
    copy.args(["s3", "cp", file]);
    run_to_success(copy.arg(format!("s3://zips-{REGION}/tagwarden/{name}")));
}

/// Puts 0.1.0's template and the zips for it into the bucket.
fn package_old(deployment: &Deployment) {
    let mut text = fs::read_to_string(OLD).unwrap();
    for zip in ["tagwarden-rule.zip", "tagwarden-remediation.zip"] {
        let local = deployment.directory.join("lambda").join(zip);
        put(deployment, &local.display().to_string(), zip);
        let code = format!("Code: {{ S3Bucket: zips-{REGION}, S3Key: tagwarden/{zip} }}");
        text = text.replace(&format!("Code: ../target/lambda/{zip}"), &code);
    }
    assert!(!text.contains("../target"), "{text}");
    put_template(deployment, "tagwarden-0.1.0.yaml", &text);
}

/// The items of a table, each as a text.
fn items(stack: &Stack, table: &str) -> BTreeSet<String> {
    let scan = stack.ask(&["dynamodb", "scan", "--table-name", table]);
    let items = scan["Items"].as_array().unwrap().iter();
    items.map(Value::to_string).collect()
}

/// What others hold on to, or would miss.
fn what_stays(stack: &Stack) -> Value {
    let table = |name: &str| {
        let table = stack.ask(&["dynamodb", "describe-table", "--table-name", name]);
        let table = &table["Table"];
        json!([
            table["TableArn"],
            table["TableId"],
            table["CreationDateTime"]
        ])
    };
    let named = [
        "LedgerTable",
        "Queue",
        "DeadLetters",
        "Topic",
        "TopicKey",
        "RuleFunction",
        "RemediationFunction",
        "RemediationDocument",
        "RemediationRole",
        "AutomationRole",
        "RemediationLogs",
        "Dashboard",
    ];
    let topic = &stack.resources["Topic"];
    json!({
        "tables": [table(&stack.resources["LedgerTable"]), table(POLICY_TABLE)],
        "names": named.map(|logical| &stack.resources[logical]),
        "subscriptions": stack.ask(&["sns", "list-subscriptions-by-topic", "--topic-arn", topic])["Subscriptions"],
        "policy": items(stack, POLICY_TABLE),
    })
}

/// The ledger's items as version 0.1.0 wrote them in a sweep: acts, claims, what was reported. Ten shutdowns were a minute ago.
fn written_by_0_1_0() -> Vec<Value> {
    let moment = fs::read_to_string(MOMENT).unwrap();
    let mut moment: Value = serde_json::from_str(&moment).unwrap();
    let mut items = moment["after"]["ledger"].take();
    let items = items.as_array_mut().unwrap();
    // DynamoDB deletes what has expired, and tests come later than November 2026.
    let now = chrono::Utc::now().timestamp();
    for item in items.iter_mut().filter(|it| it.get("ExpiresAt").is_some()) {
        item["ExpiresAt"]["N"] = json!((now + 86_400).to_string());
    }
    let budget = items
        .iter_mut()
        .find(|it| it["Pk"]["S"] == "budget")
        .unwrap();
    let holds = budget["Holds"]["L"].as_array_mut().unwrap();
    for (hold, acts) in holds.iter_mut().zip(["6", "4"]) {
        hold["M"]["Acts"]["N"] = json!(acts);
        hold["M"]["Until"]["N"] = json!(((now + 3_540) * 1_000).to_string());
    }
    assert_eq!(holds.len(), 2);
    items.clone()
}

/// A stack of 0.1.0 that has acts, claims, a policy of its own and has spent its budget of the hour becomes today's.
#[tokio::test]
async fn an_update_from_0_1_0_keeps_acts_policy_and_budget() {
    let enforcing = [("Mode", "enforce")];
    let mut stack =
        Stack::deploy_template("upgrade", "tagwarden-0.1.0.yaml", package_old, &enforcing).await;
    assert!(stack.resources.contains_key("PolicySeed"));
    let ledger = stack.resources["LedgerTable"].clone();
    let rule = [("TagKey", "Team"), ("Action", "Notify"), ("Required", "N")];
    let rule = rule.map(|(name, value)| (name.to_owned(), json!({ "S": value })));
    let mut rule = Value::from_iter(rule);
    rule["RuleId"] = json!({ "N": "9" });
    let written = written_by_0_1_0();
    let puts = |items: &[Value]| -> Vec<Value> {
        let put = |item| json!({ "PutRequest": { "Item": item } });
        items.iter().map(put).collect()
    };
    let puts = json!({ POLICY_TABLE: puts(&[rule]), &ledger: puts(&written) });
    let write = ["dynamodb", "batch-write-item", "--request-items"];
    run_to_success(stack.aws().args(write).arg(puts.to_string()));
    let (acts, kept) = (items(&stack, &ledger), what_stays(&stack));
    assert_eq!(acts.len(), written.len());
    assert_eq!(kept["policy"].as_array().unwrap().len(), 4);

    stack.update(&enforcing).await;

    assert_eq!(what_stays(&stack), kept);
    let today = items(&stack, &ledger);
    assert!(acts.is_subset(&today), "{:?}", acts.difference(&today));
    let seeds = ["PolicySeed", "SamplePolicy"].map(|id| stack.resources.contains_key(id));
    assert_eq!(seeds, [false, true]);
    // The new function sees what the old one spent: the eleventh of the hour is refused.
    stack.set_mapping(false).await;
    let last = stack.launch(&[]).await;
    let refused = stack
        .invoke_remediation(&json!({ "instanceIds": [last] }))
        .await;
    assert_eq!(
        (&refused["terminated"], &refused["refused"]),
        (&json!(0), &json!(1)),
        "{refused}"
    );
    let reported = async || stack.reports().await;
    let of_budget = |report: &Value| {
        let text = report.to_string();
        text.contains("the limit of 10 stops and terminations an hour is reached")
    };
    let reports = eventually(reported, |reports| reports.iter().any(of_budget)).await;
    // The first report of the newer version says what it does differently.
    assert!(reports[0]["changes"].is_array(), "{reports:?}");
    assert_eq!(stack.instance(&last).await.0, "running");
    stack.assert_nothing_was_denied();

    // Deleting the stack keeps the policy and the acts.
    let (acts, policy) = (items(&stack, &ledger), items(&stack, POLICY_TABLE));
    let delete = [
        "cloudformation",
        "delete-stack",
        "--stack-name",
        "tagwarden",
    ];
    run_to_success(stack.aws().args(delete));
    let functions = async || stack.ask(&["lambda", "list-functions"])["Functions"].clone();
    eventually(functions, |left| *left == json!([])).await;
    assert_eq!(items(&stack, &ledger), acts);
    assert_eq!(items(&stack, POLICY_TABLE), policy);
}

/// What fails after everything else was created.
const BROKEN: &str = "Resources:
  Broken:
    Type: Custom::Broken
    DependsOn: [SamplePolicy, LedgerTable, RemediationFunction, Sweep]
    Properties:
      ServiceToken: arn:aws:lambda:eu-west-1:000000000000:function:missing
";

/// A first deployment that fails leaves nothing that keeps the second from succeeding.
#[tokio::test]
async fn a_creation_that_failed_can_be_repeated() {
    let fail = |deployment: &Deployment| {
        let packaged = deployment.directory.join("lambda/tagwarden.packaged.yaml");
        let packaged = fs::read_to_string(packaged).unwrap();
        let broken = packaged.replacen("Resources:\n", BROKEN, 1);
        put_template(deployment, "broken.yaml", &broken);
        start(deployment, "create", "broken.yaml", &[]);
        while status(deployment).contains("IN_PROGRESS") {
            thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(status(deployment), "ROLLBACK_COMPLETE");
        let ask = |arguments: &[&str]| run_to_success(deployment.aws().args(arguments));
        let events = ask(&[
            "cloudformation",
            "describe-stack-events",
            "--stack-name",
            "tagwarden",
        ]);
        for created in ["PolicyTable", "LedgerTable"] {
            assert!(events.contains(created), "{events}");
        }
        let tables: Value = serde_json::from_str(&ask(&["dynamodb", "list-tables"])).unwrap();
        assert_eq!(tables["TableNames"], json!([]));
        ask(&[
            "cloudformation",
            "delete-stack",
            "--stack-name",
            "tagwarden",
        ]);
    };
    let stack = Stack::deploy_after("again", fail, &[]).await;
    assert_eq!(stack.resources["PolicyTable"], POLICY_TABLE);
    assert_eq!(items(&stack, POLICY_TABLE).len(), 3);
}

//! A stack in an account that has rules of its own for stacks: a name, a boundary, a path, a key, a topic and a policy
//! table that exist already. Most are given as references to SSM parameters, as one `StackSet` for many Regions needs them.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::deployment::{Deployment, run_to_success};
use crate::patience::eventually;
use crate::stack::{ACCOUNT, REGION, Stack};

const BOUNDARY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

const TABLE: &str = "acme_policy";

/// Makes what the stack finds: an empty policy table, and the rest under the names in SSM.
fn make_what_exists(deployment: &Deployment) {
    let ask = |arguments: &[&str]| {
        let mut command = deployment.aws();
        let printed = run_to_success(command.args(["--output", "json"]).args(arguments));
        serde_json::from_str::<Value>(&printed).unwrap_or_default()
    };
    create_table(&ask, TABLE);
    let key = ask(&["kms", "create-key"])["KeyMetadata"]["Arn"].clone();
    let topic = ask(&["sns", "create-topic", "--name", "central"])["TopicArn"].clone();
    let boundary = ask(&[
        "iam",
        "create-policy",
        "--policy-name",
        "boundary",
        "--policy-document",
        BOUNDARY,
    ]);
    for (name, value) in [
        ("/tagwarden/key", &key),
        ("/tagwarden/topic", &topic),
        ("/tagwarden/boundary", &boundary["Policy"]["Arn"]),
        ("/tagwarden/path", &json!("/tagwarden/")),
    ] {
        let put = ["ssm", "put-parameter", "--type", "String", "--name", name];
        ask(&[&put[..], &["--value", value.as_str().unwrap()]].concat());
    }
}

fn create_table(ask: &impl Fn(&[&str]) -> Value, name: &str) {
    ask(&[
        "dynamodb",
        "create-table",
        "--table-name",
        name,
        "--billing-mode",
        "PAY_PER_REQUEST",
        "--attribute-definitions",
        "AttributeName=RuleId,AttributeType=N",
        "--key-schema",
        "AttributeName=RuleId,KeyType=HASH",
    ]);
}

async fn rows(stack: &Stack, table: &str) -> i32 {
    let scan = aws_sdk_dynamodb::Client::new(&stack.config);
    let scan = scan.scan().table_name(table).send().await.unwrap();
    scan.count
}

#[tokio::test]
async fn takes_what_exists_by_name_or_by_reference() {
    let given = [
        ("Name", "acme-tags"),
        ("PermissionsBoundary", "{{resolve:ssm:/tagwarden/boundary}}"),
        ("RolePath", "{{resolve:ssm:/tagwarden/path}}"),
        ("KmsKeyArn", "{{resolve:ssm:/tagwarden/key:1}}"),
        ("ReportTopicArn", "{{resolve:ssm:/tagwarden/topic}}"),
        ("ReportTopicKeyArn", "{{resolve:ssm:/tagwarden/key:1}}"),
        ("CreateDashboard", "false"),
        ("CreatePolicyTable", "false"),
        ("PolicyTableName", TABLE),
    ];
    let mut stack = Stack::deploy_after("existing", make_what_exists, &given).await;
    for gone in [
        "Topic",
        "TopicPolicy",
        "TopicKey",
        "Dashboard",
        "PolicyTable",
    ] {
        assert_eq!(stack.resources.get(gone), None);
    }

    // Named by Name, and not by the stack.
    for (logical, name) in [
        ("RuleFunction", "acme-tags-rule"),
        ("RemediationFunction", "acme-tags-remediation"),
        ("SeedFunction", "acme-tags-seed"),
        ("RuleLogs", "/aws/lambda/acme-tags-rule"),
        ("RemediationDocument", "acme-tags-remediate-instance"),
    ] {
        assert_eq!(stack.resources[logical], name);
    }

    // What references stand for.
    // ministack's stacks give no role a boundary. The tests on moto have one.
    for role in ["RemediationRole", "AutomationRole"] {
        let role = stack.ask(&["iam", "get-role", "--role-name", &stack.resources[role]]);
        assert_eq!(role["Role"]["Path"], "/tagwarden/");
    }
    let key = stack.ask(&["ssm", "get-parameter", "--name", "/tagwarden/key"]);
    let key = &key["Parameter"]["Value"];
    let logs = stack.ask(&["logs", "describe-log-groups"]);
    for group in logs["logGroups"].as_array().unwrap() {
        assert_eq!(&group["kmsKeyId"], key, "{group}");
    }
    let policy = stack.ask(&[
        "iam",
        "get-role-policy",
        "--policy-name",
        "remediation",
        "--role-name",
        &stack.resources["RemediationRole"],
    ]);
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    let elsewhere = statements.iter();
    let elsewhere = elsewhere.filter(|it| it["Sid"] == "EncryptReportsElsewhere");
    let elsewhere: Vec<_> = elsewhere.collect();
    assert_eq!(&elsewhere[0]["Resource"], key);
    let through = &elsewhere[0]["Condition"]["StringLike"]["kms:ViaService"];
    assert_eq!(through, "sns.*.amazonaws.*");

    // The report goes to the topic that exists.
    let settings = stack.settings("RemediationFunction").await;
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:central");
    assert_eq!(settings["TAGWARDEN_TOPIC_ARN"], topic);
    stack.launch(&[("Name", "web")]).await;
    let sweep = json!({ "detail-type": "Scheduled Event" });
    assert_eq!(stack.invoke_remediation(&sweep).await["wouldTag"], 1);
    eventually(async || stack.reports().await, |it| !it.is_empty()).await;

    fills_each_empty_table_once(&mut stack, &given).await;
    stack.assert_nothing_was_denied();
}

/// The table that existed was empty. So is one that the stack creates, and one that it creates in the place of that. A
/// table with rows is left alone.
async fn fills_each_empty_table_once(stack: &mut Stack, given: &[(&str, &str)]) {
    assert_eq!(rows(stack, TABLE).await, 3);
    for table in ["first", "second"] {
        let mut parameters = given.to_vec();
        parameters.retain(|(name, _)| !["CreatePolicyTable", "PolicyTableName"].contains(name));
        parameters.push(("PolicyTableName", table));
        stack.update(&parameters).await;
        assert_eq!(stack.resources["PolicyTable"], table);
        assert_eq!(rows(stack, table).await, 3);
    }
    create_table(&|arguments| stack.ask(arguments), "with-a-row");
    let dynamodb = aws_sdk_dynamodb::Client::new(&stack.config);
    let put = dynamodb.put_item().table_name("with-a-row");
    let put = put.item("RuleId", AttributeValue::N("9".to_owned()));
    put.send().await.unwrap();
    let mut parameters = given.to_vec();
    parameters.retain(|(name, _)| *name != "PolicyTableName");
    parameters.push(("PolicyTableName", "with-a-row"));
    stack.update(&parameters).await;
    assert_eq!(rows(stack, "with-a-row").await, 1);
    // What the stack created and replaced is kept.
    assert_eq!(
        (rows(stack, "first").await, rows(stack, "second").await),
        (3, 3)
    );
}

//! The hook of CloudFormation finds in an event what the command finds in the template.

use lambda_runtime::{Context, LambdaEvent};
use proptest::prelude::*;
use serde_json::{Value, json};
use tagwarden_core::settings::{Environment, PolicySettings};
use tagwarden_rule::Rule;
use tagwarden_sandbox::{Account, paused_runtime};

use crate::scene::{POLICY, Scene};
use crate::support::stdout;

const TABLE: &str = "acme_cloud_policy_tagging_def";

/// The rules of [`POLICY`] as the table has them.
fn account() -> Account {
    let account = Account::new();
    account.create_table(TABLE);
    for row in [
        json!({"RuleId": -1, "PolicyFormat": 2}),
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
        json!({
            "RuleId": 4, "TagKey": "Env", "Action": "Update", "Required": "N", "Default": "Prod",
            "Allowed": ["Prod", "Stage", "team-*"],
        }),
    ] {
        account.put_item(TABLE, row);
    }
    assert_eq!(POLICY.matches("RuleId").count(), 4);
    account
}

/// What the hook finds: levels and messages.
fn of_hook(
    account: &Account,
    type_name: &str,
    properties: &Value,
    stack: &[(&str, &str)],
) -> Vec<(String, String)> {
    let event = json!({
        "awsAccountId": account.id(), "stackId": account.create_stack("web", stack),
        "hookTypeName": "Private::Tagwarden::Launch", "actionInvocationPoint": "CREATE_PRE_PROVISION",
        "requestData": {
            "targetName": type_name, "targetType": type_name, "targetLogicalId": "Web",
            "targetModel": {"resourceProperties": properties},
        },
    });
    let settings = PolicySettings::from_environment(&Environment::new(&|_| None)).unwrap();
    let rule = Rule::new(&account.sdk_config(), settings);
    let answer = rule.handle(LambdaEvent::new(event, Context::default()));
    let answer = paused_runtime().unwrap().block_on(answer).unwrap();
    let annotations = answer["annotations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found: Vec<(String, String)> = annotations
        .iter()
        .map(|annotation| {
            let level = match annotation["status"].as_str().unwrap() {
                "FAILED" => "error",
                "SKIPPED" => "warning",
                _ => "note",
            };
            let message = annotation["statusMessage"].as_str().unwrap();
            (
                level.to_owned(),
                message.trim_end_matches('.').to_lowercase(),
            )
        })
        .collect();
    let is_failed = found.iter().any(|(level, _)| level == "error");
    assert_eq!(answer["hookStatus"] == "FAILED", is_failed, "{answer}");
    found
}

/// What the command finds in a template with the same properties.
fn of_command(
    scene: &Scene,
    type_name: &str,
    properties: &Value,
    stack: &[(&str, &str)],
) -> Vec<(String, String)> {
    let template = json!({"Resources": {"Web": {"Type": type_name, "Properties": properties}}});
    scene.write("template.json", template.to_string());
    let mut arguments = vec![
        "template.json",
        "--policy",
        "policy.yaml",
        "--output",
        "json",
    ];
    let stack: Vec<String> = stack
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    for tag in &stack {
        arguments.extend(["--stack-tag", tag]);
    }
    let output = scene.run(&arguments);
    let document: Value = serde_json::from_str(stdout(&output)).unwrap();
    let findings = document["resources"][0]["findings"].as_array().unwrap();
    let findings = findings.iter().map(|finding| {
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        (
            text("level"),
            text("message").trim_end_matches('.').to_lowercase(),
        )
    });
    findings.collect()
}

fn tag() -> impl Strategy<Value = Value> {
    let keys = ["Owner", "owner", "Env", "ProjectCode", "CreatedBy", "Name"];
    let values = [
        json!("Prod"),
        json!("prod"),
        json!("team-a"),
        json!(""),
        json!(" "),
        json!("{{resolve:ssm:x}}"),
        json!({"Fn::GetAtt": ["A", "B"]}),
    ];
    let propagates = [json!(true), json!("true"), json!(false), Value::Null];
    let one = |from: Vec<Value>| proptest::sample::select(from);
    let tag = (
        proptest::sample::select(keys.to_vec()),
        one(values.to_vec()),
        one(propagates.to_vec()),
    );
    tag.prop_map(|(key, value, propagates)| json!({"Key": key, "Value": value, "PropagateAtLaunch": propagates}))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_hook_and_the_command_find_the_same(
        tags in proptest::collection::vec(tag(), 0..5),
        is_group in any::<bool>(),
        has_template in any::<bool>(),
        stack in proptest::sample::subsequence(vec![("Owner", "ann"), ("Env", "prod"), ("CreatedBy", "ann")], 0..=3),
    ) {
        let scene = Scene::new("hook");
        let account = account();
        let type_name = if is_group { "AWS::AutoScaling::AutoScalingGroup" } else { "AWS::EC2::Instance" };
        let mut properties = json!({"Tags": tags});
        if has_template {
            properties["LaunchTemplate"] = json!({"LaunchTemplateId": "lt-1", "Version": "1"});
        }
        let hook = of_hook(&account, type_name, &properties, &stack);
        let command = of_command(&scene, type_name, &properties, &stack);
        prop_assert_eq!(hook, command);
    }
}

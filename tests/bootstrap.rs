//! `tagwarden-rule` as Lambda runs it: a process that talks to the Runtime API and has only its own environment.

use serde_json::json;
use tagwarden_sandbox::lambda::Bootstrap;
use tagwarden_sandbox::{Account, Launch, Loopback};

const RULE: &str = "tagwarden";

fn account() -> Account {
    let account = Account::new();
    account.create_config_rule(RULE);
    account.create_table("acme_cloud_policy_tagging_def");
    account.put_item(
        "acme_cloud_policy_tagging_def",
        json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
    );
    account
}

fn function(loopback: &Loopback) -> Bootstrap {
    Bootstrap::new(env!("CARGO_BIN_EXE_tagwarden-rule"))
        .name("tagwarden-rule")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", loopback.url())
}

#[tokio::test]
async fn answers_events_and_errors_in_order() {
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    let owned = account.launch(Launch::new().tag("Owner", "ann"));
    let untagged = account.launch(Launch::new());
    let events = [
        account.scheduled_event(RULE),
        json!({"invokingEvent": "{"}),
        account.change_event(RULE, &untagged),
    ];
    let answers = function(&loopback).invoke_all(&events).await.unwrap();

    let all = json!({
        "evaluated": 2, "compliant": 1, "nonCompliant": 1, "notApplicable": 0, "version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(answers[0].as_ref().unwrap(), &all);
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(error.error_type, "InvalidEvent");
    assert!(error.message.contains("resultToken"), "{error:?}");
    assert_eq!(answers[2].as_ref().unwrap()["nonCompliant"], 1);
    let compliance = account.compliance(RULE);
    assert_eq!(compliance[&owned].compliance_type, "COMPLIANT");
    assert_eq!(compliance[&untagged].compliance_type, "NON_COMPLIANT");
}

#[tokio::test]
async fn fails_to_start_on_an_unreadable_setting() {
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    let function = function(&loopback).env("TAGWARDEN_VPC_IDS", "my-vpc");
    let error = function
        .invoke(&account.scheduled_event(RULE))
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.message.contains("TAGWARDEN_VPC_IDS"), "{error:?}");
    assert!(error.message.contains("my-vpc"), "{error:?}");
    assert_eq!(account.calls(), []);
}

/// The hook's function answers where the rule's does not start: CloudFormation waits for it.
#[tokio::test]
async fn starts_as_the_hook_in_spite_of_an_unreadable_setting() {
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    let event = json!({
        "hookTypeName": "Private::Tagwarden::Launch", "awsAccountId": "111111111111", "clientRequestToken": "token",
        "stackId": account.create_stack("web", &[]), "actionInvocationPoint": "CREATE_PRE_PROVISION",
        "requestData": {
            "targetName": "AWS::EC2::Instance", "targetType": "AWS::EC2::Instance", "targetLogicalId": "Web",
            "targetModel": {"resourceProperties": {"InstanceType": "t3.micro"}},
        },
    });
    let hook = || function(&loopback).env("_HANDLER", "hook");

    let answer = hook().invoke(&event).await.unwrap().unwrap();
    assert_eq!(answer["hookStatus"], "FAILED", "{answer}");
    assert_eq!(answer.get("version"), None, "CloudFormation reads it");
    assert_eq!(
        answer["message"],
        "Web does not keep the tag policy: error: missing tag Owner (rule 1)."
    );

    for (name, value) in [
        ("TAGWARDEN_VPC_IDS", "my-vpc"),
        ("AWS_LAMBDA_LOG_LEVEL", "loud"),
        ("AWS_USE_FIPS_ENDPOINT", "perhaps"),
    ] {
        let answer = hook()
            .env(name, value)
            .invoke(&event)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer["hookStatus"], "SUCCESS", "{answer}");
        assert_eq!(answer["clientRequestToken"], "token");
        let message = answer["message"].as_str().unwrap();
        let start = format!("Nothing was judged: the environment variable {name} is \"{value}\"");
        assert!(message.starts_with(&start), "{message}");
    }
}

//! `tagwarden-remediation` as Lambda runs it: a process that talks to the Runtime API and has only its own environment.

use serde_json::json;
use tagwarden_sandbox::lambda::Bootstrap;
use tagwarden_sandbox::{Account, Identity, Launch, Loopback};

fn account() -> Account {
    let account = Account::new();
    account.create_table("acme_cloud_policy_tagging_def");
    account.put_item(
        "acme_cloud_policy_tagging_def",
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
    );
    account.create_table_with_keys("ledger", "Pk", "Sk");
    account
}

fn function(loopback: &Loopback) -> Bootstrap {
    Bootstrap::new(env!("CARGO_BIN_EXE_tagwarden-remediation"))
        .name("tagwarden-remediation")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", loopback.url())
}

fn launch(account: &Account, tags: &[(&str, &str)]) -> String {
    let launch = Launch::new()
        .ago(chrono::TimeDelta::hours(1))
        .launched_by(Identity::iam_user("ann"));
    let with_tag = |launch: Launch, (key, value): &(&str, &str)| launch.tag(*key, *value);
    account.launch(tags.iter().fold(launch, with_tag))
}

#[tokio::test]
async fn answers_events_and_errors_in_order() {
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    let topic = account.create_topic("reports");
    let id = launch(&account, &[("Name", "web")]);
    let untagged = launch(&account, &[]);

    let enforcing = function(&loopback)
        .env("TAGWARDEN_MODE", "enforce")
        .env("TAGWARDEN_GRACE_MINUTES", "0")
        .env("TAGWARDEN_LEDGER_TABLE", "ledger")
        .env("TAGWARDEN_GRACE_MINUTES", "0")
        .env("TAGWARDEN_TOPIC_ARN", topic);
    let events = [
        json!({"hello": "world"}),
        json!({"instanceIds": [id]}),
        json!({"detail-type": "Scheduled Event", "account": account.id(), "detail": {}}),
    ];
    let answers = enforcing.invoke_all(&events).await.unwrap();

    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.error_type, "InvalidEvent");
    assert!(error.message.contains("hello"), "{error:?}");
    assert_eq!(answers[1].as_ref().unwrap()["tagged"], 1);
    assert_eq!(answers[2].as_ref().unwrap()["terminated"], 1);
    assert_eq!(
        account.instance(&id).unwrap().tags["ProjectCode"],
        "Proj007"
    );
    assert_eq!(
        account.instance(&untagged).unwrap().state.as_str(),
        "shutting-down"
    );
    assert_eq!(account.published().len(), 2);
}

#[tokio::test]
async fn defaults_to_dry_run() {
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    let id = launch(&account, &[("Name", "web")]);
    let answer = function(&loopback)
        .invoke(&json!({"instanceIds": [id]}))
        .await
        .unwrap();
    let answer = answer.unwrap();
    assert_eq!(answer["mode"], "dry-run");
    assert_eq!(answer["wouldTag"], 1);
    assert_eq!(account.count("CreateTags"), 0);
}

#[tokio::test]
async fn fails_to_start_on_an_unreadable_setting() {
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    let function = function(&loopback).env("TAGWARDEN_GRACE_MINUTES", "soon");
    let error = function
        .invoke(&json!({"instanceIds": ["i-0a1b2c3d"]}))
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        error.message.contains("TAGWARDEN_GRACE_MINUTES"),
        "{error:?}"
    );
    assert!(error.message.contains("soon"), "{error:?}");
    assert_eq!(account.calls(), []);
}

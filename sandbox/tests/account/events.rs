//! The events with which Config invokes a rule's function.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Launch};

use crate::{minutes, noon};

const RULE: &str = "tagging";

fn invoking(event: &Value) -> Value {
    serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap()
}

#[test]
fn builds_the_envelope_of_a_scheduled_event() {
    let account = Account::starting_at(noon());
    account.create_config_rule_with(RULE, json!({"vpcIds": "vpc-1"}));
    let event = account.scheduled_event(RULE);
    assert_eq!(event["version"], "1.0");
    assert_eq!(event["accountId"], account.id());
    assert_eq!(event["configRuleName"], RULE);
    assert_eq!(event["eventLeftScope"], false);
    assert_eq!(event["ruleParameters"], r#"{"vpcIds":"vpc-1"}"#);
    let id = event["configRuleId"].as_str().unwrap();
    assert!(id.starts_with("config-rule-"), "{id}");
    let arn = format!("arn:aws:config:us-east-1:111111111111:config-rule/{id}");
    assert_eq!(event["configRuleArn"], arn);
    assert!(event["executionRoleArn"].is_string());
    assert_eq!(
        invoking(&event),
        json!({
            "awsAccountId": "111111111111",
            "notificationCreationTime": "2026-01-01T12:00:00.000Z",
            "messageType": "ScheduledNotification",
            "recordVersion": "1.0",
        })
    );
    assert_ne!(
        event["resultToken"],
        account.scheduled_event(RULE)["resultToken"]
    );
}

#[test]
fn carries_the_whole_configuration_item_in_a_change_event() {
    let account = Account::starting_at(noon());
    let id = account.launch(
        Launch::new()
            .vpc("vpc-1")
            .tag("Name", "web")
            .ago(minutes(10)),
    );
    let event = account.change_event(RULE, &id);
    assert_eq!(event["ruleParameters"], "{}");
    let invoking = invoking(&event);
    assert_eq!(
        invoking["messageType"],
        "ConfigurationItemChangeNotification"
    );
    assert_eq!(invoking["configurationItemDiff"]["changeType"], "CREATE");
    let item = &invoking["configurationItem"];
    assert_eq!(item["configurationItemStatus"], "ResourceDiscovered");
    assert_eq!(
        item["configurationItemCaptureTime"],
        "2026-01-01T12:00:00.000Z"
    );
    assert_eq!(item["resourceType"], "AWS::EC2::Instance");
    assert_eq!(item["resourceId"], id);
    assert_eq!(
        item["ARN"],
        format!("arn:aws:ec2:us-east-1:111111111111:instance/{id}")
    );
    assert_eq!(item["awsAccountId"], "111111111111");
    assert_eq!(item["tags"], json!({"Name": "web"}));
    let configuration = &item["configuration"];
    assert_eq!(
        configuration["tags"],
        json!([{"key": "Name", "value": "web"}])
    );
    assert_eq!(configuration["vpcId"], "vpc-1");
    assert_eq!(configuration["state"]["name"], "running");
    assert_eq!(configuration["launchTime"], "2026-01-01T11:50:00.000Z");
    assert_eq!(
        configuration["networkInterfaces"][0]["attachment"]["attachTime"],
        "2026-01-01T11:50:00.000Z"
    );

    account.set_tag(&id, "Name", "db");
    let invoking = self::invoking(&account.change_event(RULE, &id));
    assert_eq!(invoking["configurationItemDiff"]["changeType"], "UPDATE");
    assert_eq!(
        invoking["configurationItem"]["configurationItemStatus"],
        "OK"
    );
    assert_eq!(
        invoking["configurationItem"],
        account.configuration_item(&id)
    );
}

#[test]
fn carries_only_a_summary_in_an_oversized_event() {
    let account = Account::starting_at(noon());
    let id = account.launch(Launch::new());
    account.record_configuration(&id);
    account.advance(minutes(1));
    let invoking = invoking(&account.oversized_event(RULE, &id));
    assert_eq!(
        invoking["messageType"],
        "OversizedConfigurationItemChangeNotification"
    );
    assert_eq!(invoking.get("configurationItem"), None);
    let summary = invoking["configurationItemSummary"].as_object().unwrap();
    assert_eq!(summary["changeType"], "UPDATE");
    assert_eq!(summary["configurationItemStatus"], "OK");
    assert_eq!(
        summary["configurationItemCaptureTime"],
        "2026-01-01T12:01:00.000Z"
    );
    assert_eq!(summary["resourceId"], id);
    assert!(!summary.contains_key("configuration") && !summary.contains_key("tags"));
    assert!(invoking["s3DeliverySummary"]["s3BucketLocation"].is_string());
}

#[test]
fn reports_a_terminating_instance_as_deleted() {
    let account = Account::starting_at(noon());
    let id = account.launch(Launch::new().tag("Name", "web"));
    let deleted = invoking(&account.deleted_event(RULE, &id));
    account.terminate(&id);
    let ended = invoking(&account.change_event(RULE, &id));
    account.forget(&id);
    let gone = invoking(&account.change_event(RULE, &id));
    for event in [deleted, ended, gone] {
        assert_eq!(event["configurationItemDiff"]["changeType"], "DELETE");
        let item = &event["configurationItem"];
        assert_eq!(item["configurationItemStatus"], "ResourceDeleted");
        assert_eq!(item["resourceId"], id);
        assert_eq!(item["configuration"], Value::Null);
        assert_eq!(item["tags"], json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn stamps_events_with_the_accounts_time() {
    let account = Account::starting_at(noon());
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    account.advance(TimeDelta::days(1));
    let event = invoking(&account.scheduled_event(RULE));
    assert_eq!(
        event["notificationCreationTime"],
        "2026-01-02T12:01:00.000Z"
    );
}

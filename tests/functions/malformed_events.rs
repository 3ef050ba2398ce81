//! A malformed event is answered with an error that names the cause, and changes nothing.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{RULE, World, compliance_change, sqs_batch};

#[rstest]
#[case::not_an_object(json!([1, 2]), "InvalidEvent", "not an AWS Config rule event")]
#[case::null(Value::Null, "InvalidEvent", "not an AWS Config rule event")]
#[case::empty(json!({}), "InvalidEvent", "it has no invokingEvent")]
#[case::blank(json!({"invokingEvent": " ", "resultToken": "t"}), "InvalidEvent", "it has no invokingEvent")]
#[case::wrong_type(json!({"invokingEvent": {"messageType": "ScheduledNotification"}}), "InvalidEvent", "expected a string")]
#[tokio::test(start_paused = true)]
async fn rule_rejects_a_malformed_envelope(
    #[case] event: Value,
    #[case] kind: &str,
    #[case] cause: &str,
) {
    let world = World::new();
    world.instance(&[]);
    let (found, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(found, kind);
    assert!(message.contains(cause), "{message}");
    assert_eq!(world.account.calls(), []);
}

#[rstest]
#[case("invokingEvent", json!("{not json"), "InvalidEvent", "invokingEvent cannot be read: key must be a string")]
#[case("invokingEvent", json!("{}"), "InvalidEvent", "missing field `messageType`")]
#[case("invokingEvent", json!(r#"{"messageType": "SomethingNew"}"#), "InvalidEvent", "SomethingNew")]
#[case("invokingEvent", json!(r#"{"messageType": "ConfigurationSnapshotDeliveryCompleted"}"#), "InvalidEvent", "ConfigurationSnapshotDeliveryCompleted")]
#[case("invokingEvent", json!(r#"{"messageType": "ConfigurationItemChangeNotification"}"#), "InvalidEvent", "missing field `configurationItem`")]
#[case("invokingEvent", json!(r#"{"messageType": "ConfigurationItemChangeNotification", "configurationItem": {}}"#), "InvalidEvent", "missing field")]
#[case("invokingEvent", json!(r#"{"messageType": "ConfigurationItemChangeNotification", "configurationItem": null}"#), "InvalidEvent", "invokingEvent")]
#[case("invokingEvent", json!(r#"{"messageType": "OversizedConfigurationItemChangeNotification"}"#), "InvalidEvent", "configurationItemSummary")]
#[case("invokingEvent", json!(r#"{"messageType": "ScheduledNotification"}"#), "InvalidEvent", "notificationCreationTime")]
#[case("invokingEvent", json!(r#"{"messageType": "ScheduledNotification", "notificationCreationTime": "yesterday"}"#), "InvalidEvent", "invokingEvent")]
#[case("resultToken", Value::Null, "InvalidEvent", "it has no resultToken")]
#[case("ruleParameters", json!("{"), "InvalidRuleParameters", "rule parameters")]
#[case("ruleParameters", json!(r#"{"vpcIDs": "vpc-1"}"#), "InvalidRuleParameters", "vpcIDs")]
#[case("ruleParameters", json!(r#"{"vpcIds": "subnet-1"}"#), "InvalidRuleParameters", "subnet-1")]
#[tokio::test(start_paused = true)]
async fn rule_rejects_malformed_members(
    #[case] member: &str,
    #[case] value: Value,
    #[case] kind: &str,
    #[case] cause: &str,
) {
    let world = World::new();
    world.instance(&[]);
    let mut event = world.account.scheduled_event(RULE);
    event[member] = value;
    let (found, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(found, kind);
    assert!(message.contains(cause), "{message}");
    assert_eq!(world.account.calls(), []);
}

#[rstest]
#[case(json!("text"), "it is not a JSON object")]
#[case(json!({}), "it has no members")]
#[case(json!({"hello": 1, "world": 2}), "its members are hello, world")]
#[case(json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1}), "its members are a, b, c, d, e, f, g, h;")]
#[case(json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1, "i": 1}), "its members are a, b, c, d, e, f, g, h, …;")]
#[case(json!({"detail-type": "EC2 Instance State-change Notification", "detail": {}}), "EC2 Instance State-change Notification")]
#[case(json!({"detail-type": 7}), "EventBridge event")]
#[case(json!({"detail-type": "Config Rules Compliance Change", "detail": {}}), "missing field `resourceId`")]
#[case(json!({"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "CreateTags"}}), "CreateTags")]
#[case(json!({"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "RunInstances"}}), "responseElements")]
#[case(json!({"instanceIds": []}), "it is empty")]
#[case(json!({"instanceIds": "i-0a1b2c3d"}), "list of instanceIds")]
#[case(json!({"instanceIds": ["i-0a1b2c3d", "eni-1"]}), r#""eni-1" is not an instance id"#)]
#[case(json!({"instanceIds": ["i-0a1b2c3d'; DROP"]}), "is not an instance id")]
#[case(json!({"messageType": "Unheard"}), "Unheard")]
#[case(json!({"messageType": "ConfigurationItemChangeNotification"}), "no configuration item")]
#[case(json!({"Records": []}), "0 records")]
#[case(json!({"Records": 5}), "SNS event")]
#[tokio::test(start_paused = true)]
async fn remediation_rejects_malformed_events(#[case] event: Value, #[case] cause: &str) {
    let world = World::new().enforcing();
    world.instance(&[]);
    let (kind, message) = world.remediate(event).await.unwrap_err();
    assert_eq!(kind, "InvalidEvent");
    assert!(message.contains(cause), "{message}");
    assert_eq!(world.account.calls(), []);
}

/// A topic carries what others send as well, so that nothing in it is an error.
#[tokio::test(start_paused = true)]
async fn unwraps_only_so_many_envelopes() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let mut event = compliance_change(&id);
    for _ in 0..6 {
        event = json!({"Type": "Notification", "Message": event.to_string()});
    }
    assert_eq!(world.remediate(event).await.unwrap()["instances"], 0);
    assert_eq!(world.account.calls(), []);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}|i-0a1b2c3d|NON_COMPLIANT|RunInstances|aws:sqs|Scheduled Event"
            .prop_map(Value::from),
    ];
    let names = "Records|body|eventSource|messageId|Sns|Message|Type|detail-type|detail|instanceIds|messageType|\
                 configurationItem|resourceId|resourceType|eventName|responseElements|instancesSet|items|instanceId|\
                 invokingEvent|resultToken|ruleParameters|[a-z]{1,5}";
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names, inner.clone(), 0..5).prop_map(Value::from_iter),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Arbitrary JSON yields an answer or an error, never a panic.
    #[test]
    fn never_panics_on_arbitrary_json(event in any_json()) {
        let runtime = tagwarden_sandbox::paused_runtime().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let _ = world.evaluate(event.clone()).await;
            let _ = world.remediate(event.clone()).await;
            let _ = world.remediate(sqs_batch(&[("1", event.to_string())])).await;
        });
    }
}

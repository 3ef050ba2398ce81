//! Every shape of event that the remediation accepts.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{World, compliance_change, scheduled_event, sqs_batch};

const WITHOUT_PROJECT: [(&str, &str); 2] = [("CreatedBy", "bob"), ("Expires", "x")];

fn through_sns(message: &Value) -> Value {
    json!({"Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn:aws:sns:us-east-1:111111111111:config:1",
        "Sns": {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111111111111:config",
                "Subject": null, "Message": message.to_string(), "Timestamp": "2026-11-23T12:00:00.000Z"},
    }]})
}

fn sns_envelope(message: &Value) -> Value {
    json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111111111111:config",
           "Message": message.to_string(), "Timestamp": "2026-11-23T12:00:00.000Z"})
}

fn item_notification(id: &str) -> Value {
    json!({"messageType": "ConfigurationItemChangeNotification", "configurationItem": {
        "resourceType": "AWS::EC2::Instance", "resourceId": id, "awsAccountId": "111111111111", "tags": {}}})
}

/// What Config sends when it could not put a large item into its bucket.
fn failed_delivery(id: &str) -> Value {
    json!({"messageType": "OversizedConfigurationItemChangeDeliveryFailed", "recordVersion": "1.0",
        "notificationCreationTime": "2026-11-23T10:00:01.000Z",
        "s3DeliverySummary": {"s3BucketLocation": null, "errorCode": "NoSuchBucket", "errorMessage": "Failed to deliver"},
        "configurationItemSummary": {"changeType": "UPDATE", "configurationItemStatus": "OK",
            "configurationItemCaptureTime": "2026-11-23T10:00:00.000Z", "awsAccountId": "111111111111",
            "resourceType": "AWS::EC2::Instance", "resourceId": id, "awsRegion": "us-east-1"}})
}

/// What Config sends of an item that is too large for a message.
fn oversized(id: &str) -> Value {
    let mut notification = failed_delivery(id);
    notification["messageType"] = json!("OversizedConfigurationItemChangeNotification");
    notification["s3DeliverySummary"] =
        json!({"s3BucketLocation": "bucket/key", "errorCode": null, "errorMessage": null});
    notification
}

fn event(kind: &str, id: &str) -> Value {
    let change = compliance_change(id);
    match kind {
        "compliance change" => change,
        "scheduled" => scheduled_event(),
        "ids" => json!({"instanceIds": [id]}),
        "compliance change through SNS" => through_sns(&change["detail"]),
        "item through SNS" => through_sns(&item_notification(id)),
        "oversized item through SNS" => through_sns(&oversized(id)),
        "failed delivery through SNS" => through_sns(&failed_delivery(id)),
        "failed delivery in SQS" => {
            sqs_batch(&[("1", sns_envelope(&failed_delivery(id)).to_string())])
        }
        "SNS in SQS" => sqs_batch(&[("1", sns_envelope(&change["detail"]).to_string())]),
        "raw SNS in SQS" => sqs_batch(&[("1", change["detail"].to_string())]),
        "event in SQS" => sqs_batch(&[("1", change.to_string())]),
        "ids in SQS" => sqs_batch(&[("1", json!({"instanceIds": [id]}).to_string())]),
        other => panic!("{other}"),
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn acts_the_same_on_each_trigger(
    #[values(
        "compliance change",
        "scheduled",
        "ids",
        "compliance change through SNS",
        "item through SNS",
        "oversized item through SNS",
        "failed delivery through SNS",
        "failed delivery in SQS",
        "SNS in SQS",
        "raw SNS in SQS",
        "event in SQS",
        "ids in SQS"
    )]
    kind: &str,
) {
    let world = World::new().enforcing();
    let id = world.instance(&WITHOUT_PROJECT);
    world.remediate(event(kind, &id)).await.unwrap();
    assert_eq!(world.tag(&id, "ProjectCode").unwrap(), "Proj007");
    assert_eq!(world.account.count("CreateTags"), 1);
}

#[tokio::test(start_paused = true)]
async fn works_where_nothing_says_when_the_function_ends() {
    let world = World::new().enforcing();
    let id = world.instance(&WITHOUT_PROJECT);
    let mut event = world.lambda_event(scheduled_event());
    event.context.deadline = 0;
    world.remediation().handle(event).await.unwrap();
    assert_eq!(world.tag(&id, "ProjectCode").unwrap(), "Proj007");
}

/// The launch event names the launcher, and CloudTrail's event history does not show the launch yet.
#[tokio::test(start_paused = true)]
async fn tags_a_launch_from_its_own_event() {
    let world = World::new().enforcing();
    let id = world.instance(&[("ProjectCode", "P1"), ("Expires", "x")]);
    let event = world.account.run_instances_event(&id).unwrap();
    let answer = world.remediate(event).await.unwrap();
    assert_eq!(answer["tagged"], 1);
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
    assert_eq!(world.account.count("LookupEvents"), 0);
}

#[rstest]
#[case::failed_launch(json!({"errorCode": "Client.InsufficientInstanceCapacity", "responseElements": null}))]
#[case::dry_run(json!({"errorCode": "Client.DryRunOperation", "responseElements": null}))]
#[tokio::test(start_paused = true)]
async fn ignores_failed_and_dry_run_launches(#[case] members: Value) {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let mut event = world.account.run_instances_event(&id).unwrap();
    let detail = event["detail"].as_object_mut().unwrap();
    detail.extend(members.as_object().unwrap().clone());
    assert_eq!(world.remediate(event).await.unwrap()["instances"], 0);
    assert_eq!(world.account.calls(), []);
}

#[rstest]
#[case::compliant(|event: &mut Value| event["detail"]["newEvaluationResult"]["complianceType"] = json!("COMPLIANT"))]
#[case::not_applicable(|event: &mut Value| event["detail"]["newEvaluationResult"]["complianceType"] = json!("NOT_APPLICABLE"))]
#[case::gone(|event: &mut Value| event["detail"]["newEvaluationResult"] = Value::Null)]
#[case::other_resource(|event: &mut Value| event["detail"]["resourceType"] = json!("AWS::EC2::NetworkInterface"))]
#[tokio::test(start_paused = true)]
async fn ignores_changes_that_need_no_remedy(#[case] change: fn(&mut Value)) {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let mut event = compliance_change(&id);
    change(&mut event);
    assert_eq!(world.remediate(event).await.unwrap()["instances"], 0);
    // Only the ledger is asked whether a countdown is over.
    assert!(
        world
            .account
            .calls()
            .iter()
            .all(|call| call.operation == "Query")
    );
}

/// An event says which instance to read, never what to do to it.
#[tokio::test(start_paused = true)]
async fn leaves_an_instance_alone_that_was_fixed_since_the_event() {
    let world = World::new().enforcing();
    let tags = [
        ("ProjectCode", "P1"),
        ("CreatedBy", "bob"),
        ("Expires", "x"),
    ];
    let id = world.instance(&tags);
    let answer = world.remediate(compliance_change(&id)).await.unwrap();
    assert_eq!(
        (&answer["instances"], &answer["tagged"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(world.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn skips_unknown_instances() {
    let world = World::new().enforcing();
    let id = world.instance(&WITHOUT_PROJECT);
    let unknown = "i-0ffffffffffffffff".to_owned();
    let answer = world.remediate_ids(&[&unknown, &id]).await;
    assert_eq!(
        (&answer["instances"], &answer["tagged"]),
        (&json!(1), &json!(1))
    );
}

/// A delivery channel also sends what is about no resource.
#[rstest]
#[tokio::test(start_paused = true)]
async fn ignores_config_notifications_about_no_resource(
    #[values(
        "ConfigRulesEvaluationStarted",
        "ConfigurationHistoryDeliveryCompleted",
        "ConfigurationSnapshotDeliveryStarted",
        "ConfigurationSnapshotDeliveryCompleted",
        "ConfigurationSnapshotDeliveryFailed"
    )]
    kind: &str,
) {
    let world = World::new().enforcing();
    world.instance(&[]);
    let event = json!({"messageType": kind, "recordVersion": "1.0"});
    assert_eq!(world.remediate(event).await.unwrap()["instances"], 0);
    assert_eq!(world.account.calls(), []);
}

//! Delivery from the queue to the function in batches, and the return of failed messages.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::stack::{ACCOUNT, REGION, Stack};

/// The template's `maxReceiveCount`.
const DELIVERIES: usize = 5;

#[tokio::test]
async fn handles_a_batch_in_one_run_and_dead_letters_failures() {
    let stack = Stack::deploy("delivery", &[("Mode", "enforce")]).await;
    let (queue, dead) = (&stack.resources["Queue"], &stack.resources["DeadLetters"]);
    // With the template's visibility timeout five deliveries take three hours.
    let shorter = stack.sqs.set_queue_attributes().queue_url(queue);
    let shorter = shorter.attributes(QueueAttributeName::VisibilityTimeout, "3");
    shorter.send().await.unwrap();
    // A warm function answers within this shorter timeout.
    let sweep = json!({ "detail-type": "Scheduled Event" });
    assert_eq!(stack.invoke_remediation(&sweep).await["instances"], 0);

    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(stack.launch(&[("Name", "web")]).await);
    }
    instances.sort();
    let unreadable = r#"{"hello": "world"}"#;
    stack.set_mapping(false).await;
    for instance in &instances {
        send(&stack, queue, &non_compliant(instance).to_string()).await;
    }
    send(&stack, queue, unreadable).await;
    eventually(async || stack.messages(queue).await, |it| *it == (4, 0)).await;
    stack.set_mapping(true).await;

    // The batch was one run with one report, and one of its four messages returned to the queue.
    let report = eventually(async || stack.reports().await, |it| !it.is_empty()).await;
    assert_eq!(report[0]["instanceIds"], json!(instances));
    assert_eq!(report[0]["summary"]["tagged"], 3);
    let (_, tags) = stack.instance(&instances[0]).await;
    // The emulator's CloudTrail knows no launch, and a real one may show it 15 minutes late.
    let keys = ["Expires", "Name", "ProjectCode"];
    assert_eq!(tags.keys().collect::<Vec<_>>(), keys);
    let processed = |messages: usize| {
        let said = format!("processed {messages} SQS messages");
        let log = stack.log();
        let lines = log.lines().filter(|line| line.contains(&said));
        lines.filter(|it| it.contains("(1 partial fail")).count()
    };
    eventually(async || processed(3), |count| *count == 1).await;

    // Only this message is redelivered, as often as the template allows.
    eventually(async || stack.messages(dead).await, |it| *it == (1, 0)).await;
    assert_eq!(stack.peek(dead).await, [unreadable]);
    assert_eq!(stack.messages(queue).await, (0, 0));
    assert_eq!(processed(0), DELIVERIES - 1);
    assert_eq!(stack.reports().await.len(), 1);
    stack.assert_nothing_was_denied();
}

async fn send(stack: &Stack, queue: &str, body: &str) {
    let send = stack.sqs.send_message().queue_url(queue);
    send.message_body(body).send().await.unwrap();
}

/// The event that EventBridge sends when an instance becomes `NON_COMPLIANT`.
fn non_compliant(instance: &str) -> Value {
    json!({
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": "Config Rules Compliance Change",
        "source": "aws.config",
        "account": ACCOUNT,
        "time": "2026-11-23T12:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "resourceId": instance,
            "resourceType": "AWS::EC2::Instance",
            "awsRegion": REGION,
            "awsAccountId": ACCOUNT,
            "configRuleName": "tagwarden",
            "messageType": "ComplianceChangeNotification",
            "newEvaluationResult": { "complianceType": "NON_COMPLIANT" },
        },
    })
}

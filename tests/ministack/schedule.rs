//! The schedule starts a sweep.

use aws_sdk_eventbridge::types::Target;
use chrono::DateTime;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::stack::{ACCOUNT, REGION, Stack, create_queue};

/// Tests the template's `rate(6 hours)`. Only EventBridge's clock is changed: see `server.py`.
#[tokio::test]
async fn sweeps_every_six_hours() {
    let stack = Stack::deploy("schedule", &[("Mode", "enforce")]).await;
    let queue = &stack.resources["Queue"];
    let bare = stack.launch(&[("Name", "web")]).await;
    let untagged = stack.launch(&[]).await;
    stack.set_mapping(false).await;

    // The witness is due earlier than the stack's schedule and comes after it in EventBridge's list. Once the witness
    // has fired, EventBridge has found the stack's schedule not due.
    let witness = schedule(&stack, "rate(5 hours)").await;
    stack.let_hours_pass(5);
    eventually(async || stack.messages(&witness).await, |it| it.0 == 1).await;
    assert_eq!(stack.messages(queue).await, (0, 0));

    stack.let_hours_pass(1);
    eventually(async || stack.messages(queue).await, |it| it.0 == 1).await;
    assert_is_scheduled_event(&stack, &stack.peek(queue).await[0]);

    stack.set_mapping(true).await;
    let gone = async || stack.instance(&untagged).await.0;
    eventually(gone, |state| state == "terminated").await;
    assert_eq!(stack.instance(&bare).await.1["ProjectCode"], "Proj007");
    let report = eventually(async || stack.reports().await, |it| !it.is_empty()).await;
    assert_eq!(report.len(), 1, "{report:?}");
    let summary = &report[0]["summary"];
    assert_eq!(
        (&summary["tagged"], &summary["terminated"]),
        (&json!(1), &json!(1))
    );
    eventually(async || stack.messages(queue).await, |it| *it == (0, 0)).await;
    stack.assert_nothing_was_denied();
}

/// Asserts that the queue got the whole event, because the rule's target has no input of its own. See
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>.
fn assert_is_scheduled_event(stack: &Stack, message: &str) {
    let mut event: Value = serde_json::from_str(message).unwrap();
    let made_up = ["id", "time"].map(|member| event[member].take());
    assert!(made_up[0].is_string(), "{message}");
    DateTime::parse_from_rfc3339(made_up[1].as_str().unwrap()).unwrap();
    let rule = &stack.resources["Sweep"];
    let expected = json!({
        "version": "0",
        "id": null,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": null,
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    });
    assert_eq!(event, expected);
}

/// Creates a schedule whose target is a queue. Returns the queue's URL.
async fn schedule(stack: &Stack, expression: &str) -> String {
    let (url, arn) = create_queue(&stack.sqs, "witness", "events.amazonaws.com").await;
    let events = aws_sdk_eventbridge::Client::new(&stack.config);
    let rule = events.put_rule().name("witness");
    rule.schedule_expression(expression).send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    let targets = events.put_targets().rule("witness").targets(target);
    targets.send().await.unwrap();
    url
}

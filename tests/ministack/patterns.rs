//! The events that the stack's event rules match. Only AWS may send events of `aws.config` and `aws.ec2`, so the test
//! asks EventBridge whether each pattern would match.

use serde_json::{Value, json};

use crate::stack::{ACCOUNT, REGION, Stack};

#[tokio::test]
async fn event_rules_match_only_what_concerns_the_remediation() {
    let stack = Stack::deploy("patterns", &[]).await;
    let change = |rule: &str, resource_type: &str, verdict: &str| {
        let detail = json!({
            "configRuleName": rule,
            "messageType": "ComplianceChangeNotification",
            "newEvaluationResult": { "complianceType": verdict },
            "resourceType": resource_type,
        });
        event("aws.config", "Config Rules Compliance Change", &detail)
    };
    let instance = "AWS::EC2::Instance";
    let changes = [
        (change("tagwarden", instance, "NON_COMPLIANT"), true),
        (
            change(
                "tagwarden-conformance-pack-x1y2z3",
                instance,
                "NON_COMPLIANT",
            ),
            true,
        ),
        // What an organization makes of a rule, and an organization's pack of a pack's.
        (
            change(
                "OrgConfigRule-tagwarden-a1b2c3d4",
                instance,
                "NON_COMPLIANT",
            ),
            true,
        ),
        // Rules of other stacks.
        (
            change("tagwarden-sandbox", instance, "NON_COMPLIANT"),
            false,
        ),
        (
            change(
                "tagwarden-sandbox-conformance-pack-x1y2z3",
                instance,
                "NON_COMPLIANT",
            ),
            false,
        ),
        (
            change(
                "OrgConfigRule-tagwarden2-a1b2c3d4",
                instance,
                "NON_COMPLIANT",
            ),
            false,
        ),
        // What has been put right ends its countdown.
        (change("tagwarden", instance, "COMPLIANT"), true),
        (
            change("tagwarden", "AWS::EC2::Volume", "NON_COMPLIANT"),
            false,
        ),
        (change("required-tags", instance, "NON_COMPLIANT"), false),
    ];
    let call = |name: &str, error: Option<&str>| {
        let mut detail = json!({ "eventSource": "ec2.amazonaws.com", "eventName": name });
        if let Some(error) = error {
            detail["errorCode"] = json!(error);
        }
        event("aws.ec2", "AWS API Call via CloudTrail", &detail)
    };
    let calls = [
        (call("RunInstances", None), true),
        (call("RunInstances", Some("Client.DryRunOperation")), false),
        (call("StartInstances", None), false),
    ];
    for (rule, events) in [("ComplianceChanges", &changes[..]), ("Launches", &calls)] {
        let pattern = pattern_of(&stack, rule).await;
        for (event, wanted) in events {
            assert_eq!(matches(&stack, &pattern, event).await, *wanted, "{event}");
        }
    }
}

fn event(source: &str, detail_type: &str, detail: &Value) -> Value {
    json!({
        "id": "12345678-1234-1234-1234-123456789012",
        "account": ACCOUNT,
        "source": source,
        "time": "2026-11-23T12:00:00Z",
        "region": REGION,
        "resources": [],
        "detail-type": detail_type,
        "detail": detail,
    })
}

async fn pattern_of(stack: &Stack, rule: &str) -> String {
    let events = aws_sdk_eventbridge::Client::new(&stack.config);
    let describe = events.describe_rule().name(&stack.resources[rule]);
    describe.send().await.unwrap().event_pattern.unwrap()
}

async fn matches(stack: &Stack, pattern: &str, event: &Value) -> bool {
    let events = aws_sdk_eventbridge::Client::new(&stack.config);
    let test = events.test_event_pattern().event_pattern(pattern);
    test.event(event.to_string()).send().await.unwrap().result
}

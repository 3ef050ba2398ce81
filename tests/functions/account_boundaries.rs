//! Both functions refuse events of another account.

use serde_json::{Value, json};

use crate::support::{RULE, World, compliance_change, scheduled_event};

fn from_another_account(event: &Value) -> Value {
    let text = event.to_string().replace("111111111111", "222222222222");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_refuses_events_of_another_account() {
    let world = World::new();
    let id = world.instance(&[]);
    for event in [
        world.account.scheduled_event(RULE),
        world.account.change_event(RULE, &id),
    ] {
        let (kind, message) = world
            .evaluate(from_another_account(&event))
            .await
            .unwrap_err();
        assert_eq!(kind, "ForeignAccount");
        assert!(
            message.contains("222222222222") && message.contains("111111111111"),
            "{message}"
        );
    }
    assert_eq!(world.account.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn remediation_refuses_events_of_another_account() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let launch = world.account.run_instances_event(&id).unwrap();
    let mut only_in_detail = compliance_change(&id);
    only_in_detail["detail"]["awsAccountId"] = json!("222222222222");
    for event in [
        from_another_account(&scheduled_event()),
        from_another_account(&compliance_change(&id)),
        from_another_account(&launch),
        only_in_detail,
    ] {
        let (kind, message) = world.remediate(event).await.unwrap_err();
        assert_eq!(kind, "ForeignAccount");
        assert!(message.contains("222222222222"), "{message}");
    }
    assert_eq!(world.account.calls(), []);
}

/// Lambda emulators do not always give a function a real ARN, so it cannot tell which account it runs in.
#[tokio::test(start_paused = true)]
async fn accepts_events_when_its_own_account_is_unknown() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let mut event = world.lambda_event(compliance_change(&id));
    event.context.invoked_function_arn = "function".to_owned();
    let answer = world.remediation().handle(event).await.unwrap();
    assert_eq!(answer["tagged"], 1);
}

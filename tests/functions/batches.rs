//! SQS batches: one run handles all messages, and the answer names exactly the failed ones.

use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::support::{TABLE, World, compliance_change, scheduled_event, sqs_batch};

const MOSTLY: [(&str, &str); 2] = [("CreatedBy", "bob"), ("Expires", "x")];

fn failures(ids: &[&str]) -> Value {
    let failures: Vec<Value> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({ "batchItemFailures": failures })
}

#[tokio::test(start_paused = true)]
async fn handles_a_batch_in_one_run_with_one_report() {
    let world = World::new().enforcing();
    let ids = [0; 5].map(|_| world.instance(&MOSTLY));
    let messages: Vec<(&str, String)> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .zip(&ids)
        .map(|(message, id)| (message, compliance_change(id).to_string()))
        .collect();
    assert_eq!(
        world.remediate(sqs_batch(&messages)).await,
        Ok(failures(&[]))
    );
    for id in &ids {
        assert_eq!(world.tag(id, "ProjectCode").unwrap(), "Proj007");
    }
    assert_eq!(world.account.count("CreateTags"), 1);
    assert_eq!(world.reports().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn returns_only_messages_that_may_succeed_later() {
    let world = World::new().enforcing();
    let (fine, denied) = (world.instance(&MOSTLY), world.instance(&MOSTLY[..1]));
    let throttled = world.instance(&[("CreatedBy", "eve"), ("ProjectCode", "P")]);
    world.account.deny("CreateTags", &denied);
    let unlucky = throttled.clone();
    let limit = Fault::new(
        "CreateTags",
        "RequestLimitExceeded",
        "Request limit exceeded.",
    );
    world.account.fail(
        limit
            .status(503)
            .when(move |request| request.mentions(&unlucky))
            .always(),
    );
    let foreign = compliance_change(&fine)
        .to_string()
        .replace("111111111111", "222222222222");
    let compliant = compliance_change(&denied)
        .to_string()
        .replace("NON_COMPLIANT", "COMPLIANT");
    let batch = sqs_batch(&[
        ("fine", compliance_change(&fine).to_string()),
        ("denied", compliance_change(&denied).to_string()),
        ("not json", "{".to_owned()),
        ("empty", String::new()),
        ("unknown", r#"{"hello": "world"}"#.to_owned()),
        ("foreign", foreign),
        ("compliant", compliant),
        (
            "permanent",
            json!({"instanceIds": [fine, denied]}).to_string(),
        ),
        ("throttled", compliance_change(&throttled).to_string()),
        (
            "both",
            json!({"instanceIds": [throttled, denied]}).to_string(),
        ),
    ]);
    let mut answer = world.remediate(batch).await.unwrap();
    let failed = answer["batchItemFailures"].as_array_mut().unwrap();
    failed.sort_by_key(ToString::to_string);
    assert_eq!(
        answer,
        failures(&[
            "both",
            "empty",
            "foreign",
            "not json",
            "throttled",
            "unknown"
        ])
    );
    assert_eq!(world.tag(&fine, "ProjectCode").unwrap(), "Proj007");
}

/// A sweep with a hopeless instance runs once, not five times with a dead letter at the end.
#[tokio::test(start_paused = true)]
async fn returns_a_sweep_only_for_what_may_succeed_later() {
    let world = World::new().enforcing();
    let hopeless = world.instance(&MOSTLY);
    world.account.deny("CreateTags", &hopeless);
    let sweep = sqs_batch(&[("sweep", scheduled_event().to_string())]);
    assert_eq!(world.remediate(sweep.clone()).await, Ok(failures(&[])));
    assert!(world.lines()[0].contains("UnauthorizedOperation"));

    let internal = Fault::new(
        "CreateTags",
        "InternalError",
        "An internal error has occurred.",
    );
    world.account.allow("CreateTags", &hopeless);
    world.account.fail(internal.status(500).times(5));
    assert_eq!(
        world.remediate(sweep.clone()).await,
        Ok(failures(&["sweep"]))
    );
    world.account.advance(chrono::TimeDelta::hours(1));
    assert_eq!(world.remediate(sweep).await, Ok(failures(&[])));
    assert_eq!(world.tag(&hopeless, "ProjectCode").unwrap(), "Proj007");
}

#[tokio::test(start_paused = true)]
async fn reads_each_instance_once_when_a_batch_contains_a_sweep() {
    let world = World::new().enforcing();
    let ids = [0; 3].map(|_| world.instance(&MOSTLY));
    let batch = sqs_batch(&[
        ("sweep", scheduled_event().to_string()),
        ("one", compliance_change(&ids[0]).to_string()),
    ]);
    assert_eq!(world.remediate(batch).await, Ok(failures(&[])));
    for id in &ids {
        assert_eq!(world.tag(id, "ProjectCode").unwrap(), "Proj007");
    }
    assert_eq!(world.account.count("CreateTags"), 1);
}

#[tokio::test(start_paused = true)]
async fn fails_the_whole_batch_on_an_invalid_policy_table() {
    let world = World::new().enforcing();
    let id = world.instance(&MOSTLY);
    world.account.clear_table(TABLE);
    let batch = sqs_batch(&[("a", compliance_change(&id).to_string())]);
    let (kind, message) = world.remediate(batch).await.unwrap_err();
    assert_eq!(kind, "InvalidPolicyTable");
    assert!(message.contains("the table has no rules"), "{message}");
    assert_eq!(world.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn looks_at_nothing_for_a_batch_without_work() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let compliant = compliance_change(&id)
        .to_string()
        .replace("NON_COMPLIANT", "COMPLIANT");
    let batch = sqs_batch(&[("a", compliant)]);
    assert_eq!(world.remediate(batch).await, Ok(failures(&[])));
    // Only the ledger is asked whether a countdown is over.
    assert_eq!(world.account.calls().len(), world.account.count("Query"));
}

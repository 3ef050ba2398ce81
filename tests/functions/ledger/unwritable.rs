//! An unavailable ledger: what cannot be recorded is not done, and the report says so.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::Value;
use tagwarden_remediation::ledger::ActState;
use tagwarden_sandbox::{Fault, Request};

use super::{acts, world_of_work};
use crate::aftermath::assert_done_once;
use crate::support::{LEDGER, World, old, scheduled_event};

/// Makes DynamoDB refuse this operation on the ledger from now on.
fn refuse(world: &World, operation: &str, code: &str) {
    let fault = Fault::new(operation, code, "as the test wants it").always();
    world
        .account
        .fail(fault.when(|request| request.mentions(LEDGER)));
}

/// Makes DynamoDB refuse to read this partition of the ledger from now on.
fn refuse_query(world: &World, partition: &'static str, code: &str) {
    let fault = Fault::new("Query", code, "as the test wants it").always();
    let is_it = move |request: &Request| {
        let values = &request.parameters["ExpressionAttributeValues"];
        request.mentions(LEDGER) && values[":pk"]["S"] == partition
    };
    world.account.fail(fault.when(is_it));
}

const CODES: [&str; 3] = [
    "AccessDeniedException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
];

#[tokio::test(start_paused = true)]
async fn does_nothing_that_it_cannot_write_ahead() {
    for code in CODES {
        let (world, work) = world_of_work();
        refuse(&world, "TransactWriteItems", code);
        let answer = world.sweep().await;
        assert_eq!(world.writes(), 0, "{code}");
        let counts = ["tagged", "stopped", "terminated", "failed"].map(|count| &answer[count]);
        assert_eq!(counts, [0, 0, 0, 5], "{code}");
        let lines = world.lines();
        assert_eq!(lines.len(), work.len(), "{lines:?}");
        for line in lines {
            let names_the_call = line.contains("Tagging failed: dynamodb:PutItem")
                || line.contains("Failed: dynamodb:PutItem");
            assert!(names_the_call, "{line}");
        }
    }
}

/// The ledger's records decide which shutdowns are allowed. If they cannot be read, the run does nothing and fails.
#[rstest]
#[case::since_when_it_is_stopped("stop", "BatchGetItem")]
#[tokio::test(start_paused = true)]
async fn fails_the_run_when_shutdown_records_are_unreadable(
    #[case] untagged: &str,
    #[case] operation: &str,
) {
    for code in CODES {
        let world = World::new()
            .enforcing()
            .set("TAGWARDEN_UNTAGGED", untagged)
            .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "14");
        world.instance(&[]);
        world.instance(&[("Name", "web")]);
        world.account.launch(old(&[]).stopped());
        refuse(&world, operation, code);
        let (kind, message) = world.remediate(scheduled_event()).await.unwrap_err();
        assert_eq!((kind.as_str(), world.writes()), ("AwsError", 0));
        let expected = format!("nothing was done: dynamodb:{operation}: {code}");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn shuts_nothing_down_when_the_budget_is_unreadable() {
    for code in CODES {
        let world = World::new().enforcing();
        let untagged = world.instance(&[]);
        world.instance(&[("Name", "web")]);
        refuse(&world, "GetItem", code);
        let answer = world.sweep().await;
        let counts = ["tagged", "terminated", "failed"].map(|count| &answer[count]);
        assert_eq!(counts, [1, 0, 1], "{code}");
        assert_eq!(world.account.count("TerminateInstances"), 0);
        assert_eq!(world.state(&untagged), "running");
    }
}

/// Without these records a line may be reported twice or a refused call tried again, which is harmless.
#[rstest]
#[case::open_runs("")]
#[case::notes("PutItem")]
#[case::the_mark("DeleteItem")]
#[case::what_was_told("UpdateItem")]
#[tokio::test(start_paused = true)]
async fn completes_the_run_without_optional_records(#[case] operation: &str) {
    for code in CODES {
        let (world, work) = world_of_work();
        let protected = world.account.launch(old(&[]).protected());
        if operation.is_empty() {
            refuse_query(&world, "open", code);
        } else {
            refuse(&world, operation, code);
        }
        let answer = world.sweep().await;
        let counts = ["tagged", "stopped", "terminated", "refused"].map(|count| &answer[count]);
        assert_eq!(counts, [2, 2, 1, 1], "{operation} {code}");
        assert_eq!(acts(&world, ActState::Done).len(), work.len());
        assert_eq!(world.lines().len(), work.len() + 1);
        assert_eq!(world.state(&protected), "running");
    }
}

/// Without the countdowns no run knows whether another one has seen the same. All else goes on.
#[tokio::test(start_paused = true)]
async fn shuts_nothing_down_when_the_countdowns_are_unreadable() {
    for code in CODES {
        let world = World::new()
            .enforcing()
            .set("TAGWARDEN_GRACE_MINUTES", "15");
        let untagged = world.instance(&[]);
        world.instance(&[("Name", "web")]);
        world.sweep().await;
        world.account.advance(TimeDelta::minutes(15));
        world.instance(&[("Name", "db")]);
        refuse_query(&world, "countdown", code);
        let answer = world.sweep().await;
        let counts = ["tagged", "terminated", "failed"].map(|count| &answer[count]);
        assert_eq!(counts, [1, 0, 1], "{code}");
        assert_eq!(world.state(&untagged), "running");
    }
}

/// A run without shutdowns needs no `GetItem`, so tags are written anyway.
#[tokio::test(start_paused = true)]
async fn writes_tags_when_shutdown_records_are_unreadable() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web")]);
    refuse(&world, "GetItem", "AccessDeniedException");
    assert_eq!(world.sweep().await["tagged"], 1);
    assert!(world.tag(&id, "ProjectCode").is_some());
}

/// The ledger fails after the acts were begun. The next run finds them done and completes them.
#[tokio::test(start_paused = true)]
async fn next_run_completes_acts_that_could_not_be_completed() {
    let (world, work) = world_of_work();
    let refused = Fault::new("TransactWriteItems", "AccessDeniedException", "not now");
    let completes = |request: &Request| !request.parameters.to_string().contains(r#""begun""#);
    // One fault for the tags and one for the shutdowns.
    world.account.fail(refused.times(2).when(completes));
    world.sweep().await;
    assert_eq!(acts(&world, ActState::Begun).len(), work.len());
    let open = |item: &Value| item["Pk"] == "open";
    assert!(world.account.items(LEDGER).iter().any(open));

    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    let done = acts(&world, ActState::Done);
    assert_eq!(done.len(), work.len());
    assert!(!world.account.items(LEDGER).iter().any(open));
    assert_done_once(&world.account, LEDGER, &work, "after the outage");
}

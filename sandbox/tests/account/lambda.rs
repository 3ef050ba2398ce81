//! Functions as processes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tagwarden_sandbox::{Bootstrap, InvocationError};

fn function(mode: &str) -> Bootstrap {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/account/bootstrap.sh");
    Bootstrap::new(path).env("MODE", mode)
}

async fn failure(function: &Bootstrap) -> InvocationError {
    function.invoke(&json!({})).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn delivers_an_event_and_returns_the_answer() {
    let function = function("echo").name("tagging");
    let event = json!({"instanceIds": ["i-1"]});
    let answer = function.invoke(&event).await.unwrap().unwrap();
    assert_eq!(answer["event"], event);
    assert_eq!(
        answer["arn"],
        "arn:aws:lambda:us-east-1:111111111111:function:tagging"
    );
    assert_eq!(answer["arn"], function.arn());
    let seconds = answer["seconds"].as_i64().unwrap();
    assert!((55..=60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn reuses_one_process_for_successive_events() {
    let events = [json!(1), json!(2), json!(3)];
    let answers = function("echo").invoke_all(&events).await.unwrap();
    let answers: Vec<Value> = answers.into_iter().map(Result::unwrap).collect();
    let echoed: Vec<_> = answers
        .iter()
        .map(|answer| answer["event"].clone())
        .collect();
    assert_eq!(echoed, events);
    assert!(
        answers
            .iter()
            .all(|answer| answer["pid"] == answers[0]["pid"])
    );
}

#[tokio::test]
async fn returns_the_functions_own_error() {
    let error = failure(&function("error")).await;
    assert_eq!(error.error_type, "Policy");
    assert_eq!(error.message, "no such table");
    assert_eq!(error.to_string(), "Policy: no such table");
}

#[tokio::test]
async fn reports_why_a_function_cannot_start() {
    let error = failure(&function("init-error")).await;
    assert_eq!(error.error_type, "Init");
    assert_eq!(error.message, "TAGWARDEN_MODE is odd");

    let error = failure(&function("exit")).await;
    assert_eq!(error.error_type, "Runtime.ExitError");
    for part in ["exit status: 3", "to standard output", "to standard error"] {
        assert!(error.message.contains(part), "{error}");
    }
}

#[tokio::test]
async fn restarts_a_function_that_exited_for_the_next_event() {
    let answers = function("die")
        .invoke_all(&[json!(1), json!(2)])
        .await
        .unwrap();
    assert_eq!(answers.len(), 2);
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert!(error.message.contains("about to die"), "{error}");
    }
}

#[tokio::test]
async fn kills_a_function_that_times_out() {
    let started = Instant::now();
    let error = failure(&function("hang").timeout(Duration::from_millis(300))).await;
    assert_eq!(error.error_type, "Sandbox.Timedout");
    assert!(
        error.message.contains("Task timed out after 0.30 seconds"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn hides_the_parents_environment_from_a_function() {
    let answer = function("environment")
        .env("EXTRA", "1")
        .invoke(&json!({}))
        .await
        .unwrap();
    let answer = answer.unwrap();
    let names: Vec<&str> = answer.as_str().unwrap().split_whitespace().collect();
    for expected in [
        "PATH",
        "EXTRA",
        "MODE",
        "AWS_REGION",
        "AWS_LAMBDA_RUNTIME_API",
    ] {
        assert!(names.contains(&expected), "{names:?}");
    }
    for foreign in ["HOME", "CARGO_MANIFEST_DIR", "CARGO"] {
        assert!(!names.contains(&foreign), "{names:?}");
    }
}

#[tokio::test]
async fn fails_to_start_a_file_that_is_not_executable() {
    let missing = Bootstrap::new("/nonexistent/bootstrap");
    let error = missing.invoke(&json!({})).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

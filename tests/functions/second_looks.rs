//! Looks that fail or come too late, and runs that are ended before their time.

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_remediation::progress::{Monitor, Phase};
use tagwarden_sandbox::Fault;

use crate::support::{World, scheduled_event};

/// One report has the entry of each instance once.
fn only_line(world: &World, id: &str) -> String {
    let lines = world.lines();
    let mut of_one = lines.iter().filter(|line| line.contains(id));
    let line = of_one.next().cloned().unwrap_or_default();
    assert_eq!(of_one.next(), None);
    line
}

/// No missing tag is believed that a second source does not confirm.
#[tokio::test(start_paused = true)]
async fn nothing_is_shut_down_for_a_missing_tag_that_nobody_confirms() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let denied = || Fault::new("DescribeTags", "UnauthorizedOperation", "no").status(403);
    world.account.fail(denied().always());
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["deferred"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(world.state(&id), "running");
    let line = only_line(&world, &id);
    let why =
        "DescribeTags did not confirm that the tag is missing: ec2:DescribeTags: Unauthorized";
    assert!(line.contains(why), "{line}");
}

/// The first attempt may have been carried out, which the second look finds out before anything else.
#[tokio::test(start_paused = true)]
async fn a_look_that_fails_after_a_call_is_not_the_news_of_its_instances() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let lost = Fault::new("TerminateInstances", "InternalError", "no").status(500);
    world.account.fail(lost);
    world.account.on_next_call("TerminateInstances", |account| {
        let denied = Fault::new("Scan", "AccessDeniedException", "no");
        account.fail(denied.always());
        let denied = Fault::new("Query", "AccessDeniedException", "no");
        account.fail(denied.when(|it| it.mentions("acme_cloud")).always());
    });
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["failed"]),
        (&json!(0), &json!(1))
    );
    let line = only_line(&world, &id);
    assert!(line.contains("InternalError"), "{line}");
}

/// What the last attempt says counts, unless it says nothing about an earlier one that had no answer.
#[tokio::test(start_paused = true)]
async fn a_refusal_after_an_attempt_without_an_answer_is_a_refusal() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let lost = Fault::new("TerminateInstances", "InternalError", "no").status(500);
    world.account.fail(lost);
    let message = format!("The instance '{id}' does not take that");
    let refused = Fault::new("TerminateInstances", "UnsupportedOperation", message);
    world.account.fail(refused);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["refused"], &answer["failed"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test(start_paused = true)]
async fn throttling_after_an_attempt_without_an_answer_leaves_it_unclear() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let lost = Fault::new("TerminateInstances", "InternalError", "no").status(500);
    world.account.fail(lost);
    let throttled = Fault::new("TerminateInstances", "RequestLimitExceeded", "slow down");
    world.account.fail(throttled.status(503).always());
    let answer = world.sweep().await;
    assert_eq!(answer["failed"], 1);
    let line = only_line(&world, &id);
    assert!(line.contains("InternalError"), "{line}");
}

/// Of two stopped instances one is to be announced, and one waits for its day. Only the first needs readers.
#[tokio::test(start_paused = true)]
async fn only_what_must_be_announced_now_is_refused_where_nobody_reads() {
    let rows = [json!({"RuleId": 1, "TagKey": "Name", "Action": "Notify", "Required": "N"})];
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_TERMINATE_AFTER_DAYS", "3");
    let second = world.instance(&[]);
    world.sweep().await;
    world.account.advance(TimeDelta::hours(2));
    let first = world.instance(&[]);
    world.sweep().await;
    // The second was stopped first, and is announced first.
    world.account.advance(TimeDelta::hours(46));
    world.sweep().await;
    world.account.advance(TimeDelta::hours(2));
    world.set_subscriptions(0);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["refused"], &answer["deferred"]),
        (&json!(1), &json!(1))
    );
    let line = only_line(&world, &first);
    assert!(line.contains("nobody would read it"), "{line}");
    // What was announced stays so.
    let waits = world.lines().into_iter().any(|line| line.contains(&second));
    assert!(!waits, "{:?}", world.lines());
}

/// Control-C, or a function that is told to end: what was not begun is named as such.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_ended_early_says_what_it_left() {
    let world = World::new().enforcing();
    let tagged = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let untagged = world.instance(&[]);
    let monitor = Monitor::default();
    let remediation = world.remediation().monitored(&monitor);
    let cancelled = monitor.clone();
    world
        .account
        .on_next_call("CreateTags", move |_| cancelled.cancel());
    let event = world.lambda_event(scheduled_event());
    let answer = remediation.handle(event).await.unwrap();
    assert_eq!(
        (&answer["tagged"], &answer["deferred"]),
        (&json!(1), &json!(1))
    );
    assert!(world.tag(&tagged, "ProjectCode").is_some());
    assert_eq!(world.state(&untagged), "running");
    let line = only_line(&world, &untagged);
    assert!(
        line.contains("the run was ended before it came to it"),
        "{line}"
    );
    assert!(monitor.is_cancelled());
    assert_eq!(monitor.progress().phase, Phase::Reporting);
}

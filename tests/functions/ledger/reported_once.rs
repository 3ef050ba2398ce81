//! What stays the same is reported once a day.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::support::{LEDGER, World, old, scheduled_event};

/// The number of reports, and the lines of the last one.
fn reported(world: &World) -> (usize, Vec<String>) {
    (world.reports().len(), world.lines())
}

#[tokio::test(start_paused = true)]
async fn reports_deferred_refused_and_failed_steps_once_a_day() {
    let rows = [
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "P1"}),
        json!({"RuleId": 2, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"}),
    ];
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_GRACE_MINUTES", "2880");
    let project = [("ProjectCode", "P1")];
    let counted = world.instance(&project);
    let owned = world
        .account
        .launch(old(&project).auto_scaling_group("web"));
    let failing = world.instance(&[("Owner", "ops")]);
    let denied = Fault::new("CreateTags", "UnauthorizedOperation", "not yours").status(403);
    world.account.fail(denied.always());

    world.sweep().await;
    let (reports, lines) = reported(&world);
    assert_eq!((reports, lines.len()), (1, 3), "{lines:?}");
    for (line, (id, what)) in lines.iter().zip([
        (
            &failing,
            "Tagging failed: ec2:CreateTags: UnauthorizedOperation",
        ),
        (&owned, "Refused: it belongs to the Auto Scaling group web"),
        (
            &counted,
            "Left for later: first seen so at 2026-11-23 12:00 UTC",
        ),
    ]) {
        assert!(line.contains(id.as_str()) && line.contains(what), "{line}");
    }

    // Unchanged lines are counted, not repeated.
    world.account.advance(TimeDelta::hours(1));
    let answer = world.sweep().await;
    let counts = ["deferred", "refused", "failed"].map(|count| &answer[count]);
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(reported(&world).0, 1);

    // A new line on the same day is reported alone.
    let new = world.account.launch(old(&project).auto_scaling_group("db"));
    world.sweep().await;
    let (reports, lines) = reported(&world);
    assert_eq!((reports, lines.len()), (2, 1), "{lines:?}");
    assert!(lines[0].contains(&new), "{lines:?}");
    let report = world.reports().pop().unwrap();
    let not_repeated = "3 lines reported earlier today are not repeated.";
    assert!(report.contains(not_repeated), "{report}");

    // The next day begins at midnight UTC, and repeats everything.
    world
        .account
        .advance(TimeDelta::hours(10) + TimeDelta::minutes(59));
    world.sweep().await;
    assert_eq!(reported(&world).0, 2);
    world.account.advance(TimeDelta::minutes(1));
    world.sweep().await;
    let (reports, lines) = reported(&world);
    assert_eq!((reports, lines.len()), (3, 4), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn reports_every_act_that_was_done() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "eve"), ("Expires", "x")]);
    for reports in 1..=3 {
        world.sweep().await;
        assert_eq!(reported(&world).0, reports);
        world.account.remove_tag(&id, "ProjectCode");
        world.account.advance(TimeDelta::minutes(2));
    }
}

#[tokio::test(start_paused = true)]
async fn repeats_the_lines_of_a_dry_run_once_enforcing() {
    let dry = World::new().enforcing().set("TAGWARDEN_MODE", "dry-run");
    let asg = old(&[("Name", "web")]).auto_scaling_group("web");
    let rule = json!({"RuleId": 9, "TagKey": "Owner", "Action": "Stop", "Required": "Y"});
    dry.account.put_item(crate::support::TABLE, rule);
    dry.account.launch(asg);
    dry.sweep().await;
    dry.sweep().await;
    assert_eq!(reported(&dry).0, 1);
    let enforcing = dry.set("TAGWARDEN_MODE", "enforce");
    enforcing.sweep().await;
    let (reports, lines) = reported(&enforcing);
    assert_eq!(reports, 2);
    let refused = |line: &String| line.contains("Refused: it belongs to");
    assert!(lines.iter().any(refused), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn next_run_reports_what_could_not_be_published() {
    let world = World::new().enforcing();
    let tagged = world.instance(&[("CreatedBy", "eve"), ("Expires", "x")]);
    let protected = world.account.launch(old(&[]).protected());
    let denied = Fault::new("Publish", "AuthorizationError", "not yours").status(403);
    world.account.fail(denied);
    let (kind, _) = world
        .remediate(crate::support::scheduled_event())
        .await
        .unwrap_err();
    assert_eq!(
        (kind.as_str(), reported(&world).0),
        ("ReportNotPublished", 0)
    );

    // The next run may report it at once, because the failed run has ended.
    world.sweep().await;
    let (reports, lines) = reported(&world);
    assert_eq!((reports, lines.len()), (1, 2), "{lines:?}");
    let line = format!("-- Instance {tagged} missing tag ProjectCode. New tag created. By run ");
    assert!(lines[0].contains(&protected), "{lines:?}");
    assert!(lines[1].starts_with(&line), "{lines:?}");
    world.sweep().await;
    assert_eq!(reported(&world).0, 1);
}

#[tokio::test(start_paused = true)]
async fn tries_a_protected_instance_once_a_day() {
    let world = World::new().enforcing();
    world.account.launch(old(&[]).protected());
    // It is reported once for each day of the calendar, and tried a day after it was refused.
    for (tries, reports, hours) in [(1, 1, 1), (1, 1, 10), (1, 1, 12), (1, 2, 1), (2, 2, 1)] {
        let answer = world.sweep().await;
        assert_eq!(
            (&answer["refused"], &answer["terminated"]),
            (&1.into(), &0.into())
        );
        assert_eq!(world.account.count("TerminateInstances"), tries);
        assert_eq!(reported(&world).0, reports);
        world.account.advance(TimeDelta::hours(hours));
    }
}

/// The names of 15,000 entries do not fit into one item of 400 KB.
#[tokio::test(start_paused = true)]
async fn reports_what_15_000_instances_lack_once() {
    let rule = json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "P1"});
    let world = World::with_table(&[rule])
        .enforcing()
        .set("TAGWARDEN_MODE", "dry-run");
    let _ = world.account.launch_many(old(&[("Name", "web")]), 15_000);
    assert_eq!(world.sweep().await["wouldTag"], 15_000);
    let reports = world.reports().len();
    world.sweep().await;
    assert_eq!(world.reports().len(), reports);

    // The notes of a day are of no use after it.
    world.account.advance(TimeDelta::days(4));
    world.account.expire_items();
    let mut items = world.account.items(LEDGER);
    items.retain(|item| item["Pk"] != "told#changes");
    assert_eq!(items, [] as [Value; 0]);
}

/// A message whose run fails is delivered five times, and there are four sweeps a day.
#[tokio::test(start_paused = true)]
async fn reports_an_invalid_policy_once_a_day() {
    let row = json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Updat", "Required": "Y"});
    let world = World::with_table(&[row]).enforcing();
    for _ in 0..5 {
        world.remediate(scheduled_event()).await.unwrap_err();
    }
    assert_eq!(world.reports().len(), 1);
    world.account.advance(TimeDelta::days(1));
    world.remediate(scheduled_event()).await.unwrap_err();
    assert_eq!(world.reports().len(), 2);
}

//! Safeguards: what tagwarden never does, whatever the policy says.

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_sandbox::{Fault, Launch};

use crate::support::{TABLE, World, customers_rules, old, scheduled_event};

const UNTAGGED: &str = "Reason: No tags found.";

#[tokio::test(start_paused = true)]
async fn defers_termination_until_the_grace_period_is_over() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_GRACE_MINUTES", "15");
    let id = world.account.launch(old(&[]).ago(TimeDelta::minutes(5)));
    let answer = world.sweep().await;
    assert_eq!(world.writes(), 0);
    assert_eq!(
        (&answer["deferred"], &answer["terminated"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        world.lines(),
        [format!(
            "-- {id} is to be terminated. {UNTAGGED} Left for later: first seen so at 2026-11-23 12:00 UTC; if it still is, it is done after 2026-11-23 12:15 UTC."
        )]
    );

    world.account.advance(TimeDelta::minutes(15));
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&id), "shutting-down");
}

#[tokio::test(start_paused = true)]
async fn defers_undefined_until_the_grace_period_is_over() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_GRACE_MINUTES", "15");
    let tags = [("ProjectCode", "P1"), ("Expires", "2027-01-01")];
    let young = old(&tags).ago(TimeDelta::minutes(3));
    let not_yet_in_cloudtrail = world.account.launch(young);
    assert_eq!(world.sweep().await["deferred"], 1);
    assert_eq!(world.tag(&not_yet_in_cloudtrail, "CreatedBy"), None);

    world.account.advance(TimeDelta::minutes(30));
    world.sweep().await;
    assert_eq!(
        world.tag(&not_yet_in_cloudtrail, "CreatedBy").unwrap(),
        "ann"
    );
}

#[tokio::test(start_paused = true)]
async fn counts_age_from_the_first_launch() {
    let world = World::new().enforcing();
    let id = world.account.launch(
        old(&[])
            .ago(TimeDelta::days(30))
            .started_again_ago(TimeDelta::minutes(1)),
    );
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&id), "shutting-down");
}

#[tokio::test(start_paused = true)]
async fn protected_instance_does_not_spoil_the_call_for_others() {
    let world = World::new().enforcing();
    let protected = world
        .account
        .launch(old(&[]).protected().ago(TimeDelta::days(9)));
    let same_zone = world.instance(&[]);
    let other_zone = world
        .account
        .launch(old(&[]).availability_zone("us-east-1b"));
    let answer = world.sweep().await;
    assert_eq!(world.state(&protected), "running");
    assert_eq!(world.state(&same_zone), "shutting-down");
    assert_eq!(world.state(&other_zone), "shutting-down");
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&json!(2), &json!(1))
    );
    assert!(world.lines().contains(&format!(
        "-- {protected} has not been terminated. {UNTAGGED} Refused: the instance is protected against it."
    )));
}

#[tokio::test(start_paused = true)]
async fn dry_run_reports_what_protection_would_refuse() {
    for untagged in ["terminate", "stop"] {
        let world = World::new()
            .set("TAGWARDEN_UNTAGGED", untagged)
            .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1");
        let launch = |hours, protected: bool| {
            let launch = old(&[]).ago(TimeDelta::hours(hours));
            world.account.launch(match (protected, untagged) {
                (false, _) => launch,
                (true, "stop") => launch.stop_protected(),
                (true, _) => launch.protected(),
            })
        };
        let protected = launch(9, true);
        let _ = launch(5, false);
        let _ = launch(4, false);
        let answer = world.sweep().await;
        let count = if untagged == "stop" {
            "wouldStop"
        } else {
            "wouldTerminate"
        };
        assert_eq!((&answer[count], &answer["refused"]), (&json!(1), &json!(2)));
        let lines = world.lines();
        // The line before it is for the instance over the budget.
        assert!(
            lines[1].contains(&protected)
                && lines[1].ends_with("the instance is protected against it."),
            "{lines:?}"
        );
        assert_eq!(world.writes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn dry_run_reports_without_permission_to_read_protection() {
    let world = World::new();
    let _ = world.instance(&[]);
    let denied = Fault::new("DescribeInstanceAttribute", "UnauthorizedOperation", "no");
    world.account.fail(denied.status(403).always());
    assert_eq!(world.sweep().await["wouldTerminate"], 1);
}

#[tokio::test(start_paused = true)]
async fn protected_instances_use_no_budget() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "2");
    for _ in 0..5 {
        let _ = world
            .account
            .launch(old(&[]).protected().ago(TimeDelta::days(9)));
    }
    let ids = [0; 3].map(|_| world.instance(&[]));
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&json!(2), &json!(6))
    );
    let ended = ids.iter().filter(|id| world.state(id) != "running").count();
    assert_eq!(ended, 2);
}

#[tokio::test(start_paused = true)]
async fn vanished_instance_does_not_spoil_the_call_for_others() {
    let world = World::new().enforcing();
    let ids = [0; 3].map(|_| world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]));
    let vanishing = ids[1].clone();
    world
        .account
        .on_next_call("CreateTags", move |account| account.forget(&vanishing));
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["refused"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(answer["failed"], 0);
    assert_eq!(world.tag(&ids[0], "ProjectCode").unwrap(), "Proj007");
    assert_eq!(world.tag(&ids[2], "ProjectCode").unwrap(), "Proj007");
    assert_eq!(world.account.count("CreateTags"), 2);
}

#[tokio::test(start_paused = true)]
async fn terminates_the_others_when_one_instance_vanishes() {
    let world = World::new().enforcing();
    let ids = [0; 3].map(|_| world.instance(&[]));
    let vanishing = ids[0].clone();
    world
        .account
        .on_next_call("TerminateInstances", move |account| {
            account.forget(&vanishing);
        });
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&json!(2), &json!(1))
    );
}

/// EC2 does not always name the instance that made a call fail. Halving the call finds it.
#[tokio::test(start_paused = true)]
async fn bisects_a_call_whose_error_names_no_instance() {
    let world = World::new().enforcing();
    let ids: Vec<String> = (0..32)
        .map(|_| world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]))
        .collect();
    let full = ids[20].clone();
    world.account.fail(
        Fault::new(
            "CreateTags",
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        )
        .when(move |request| request.mentions(&full))
        .always(),
    );
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(31), &json!(1))
    );
    assert!(world.account.count("CreateTags") <= 1 + 2 * 5);
    assert!(
        world
            .lines()
            .iter()
            .any(|line| line.contains(&ids[20]) && line.contains("TagLimitExceeded"))
    );
}

#[tokio::test(start_paused = true)]
async fn does_not_bisect_an_error_about_the_whole_call() {
    let world = World::new().enforcing();
    for _ in 0..8 {
        world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    }
    world.account.fail(
        Fault::new(
            "CreateTags",
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        )
        .status(403)
        .always(),
    );
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(0), &json!(8))
    );
    assert_eq!(world.account.count("CreateTags"), 1);
    assert!(world.lines()[0].contains("Tagging failed: ec2:CreateTags: UnauthorizedOperation"));
}

#[tokio::test(start_paused = true)]
async fn reports_auto_scaling_instances_with_their_group() {
    let rows = [json!({"RuleId": 1, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"})];
    let world = World::with_table(&rows).enforcing();
    let id = world.account.launch(old(&[]).auto_scaling_group("web-asg"));
    let answer = world.sweep().await;
    assert_eq!(world.writes(), 0);
    assert_eq!(answer["refused"], 1);
    assert_eq!(
        world.lines(),
        [format!(
            "-- {id} has not been terminated. Reason: Missing tag Owner (rule 1). Refused: it belongs to the Auto Scaling group web-asg, which would replace it: tag the group."
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn keeps_the_budget_within_a_run() {
    for enforced in [true, false] {
        let mut world = World::new().set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "3");
        if enforced {
            world = world.enforcing();
        }
        let ids: Vec<String> = (0..8)
            .map(|hours| {
                world
                    .account
                    .launch(old(&[]).ago(TimeDelta::hours(hours + 1)))
            })
            .collect();
        let answer = world.sweep().await;
        let (terminated, would_terminate) = if enforced { (3, 0) } else { (0, 3) };
        assert_eq!(answer["terminated"], terminated);
        assert_eq!(answer["wouldTerminate"], would_terminate);
        assert_eq!(answer["refused"], 5);
        for (age, id) in ids.iter().enumerate() {
            // The instances that ran longest go first.
            let ended = enforced && age >= 5;
            assert_eq!(world.state(id) != "running", ended);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn terminates_nothing_without_a_ledger() {
    let world = World::new().set("TAGWARDEN_MODE", "enforce");
    let untagged = world.instance(&[]);
    let answer = world.sweep().await;
    assert_eq!(world.state(&untagged), "running");
    assert_eq!(answer["refused"], 1);
    assert!(world.lines()[0].contains("TAGWARDEN_LEDGER_TABLE"));
}

#[tokio::test(start_paused = true)]
async fn spares_an_instance_tagged_during_the_run() {
    // The tag appears at each DescribeInstances of the run in turn, always before the call that would terminate.
    for nth in 1..=2 {
        let world = World::new().enforcing();
        let id = world.instance(&[]);
        let tagged = id.clone();
        let mut calls = 0;
        world.account.on_call("DescribeInstances", move |account| {
            calls += 1;
            if calls == nth + 1 {
                account.set_tag(&tagged, "Owner", "ann");
            }
        });
        let answer = world.sweep().await;
        assert_eq!(answer["terminated"], 0);
        assert_eq!(world.state(&id), "running");
        assert_eq!(world.account.count("TerminateInstances"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn aborts_the_run_when_the_policy_changes() {
    let world = World::new().enforcing();
    let untagged = world.instance(&[]);
    let no_project = world.instance(&[("CreatedBy", "bob")]);
    world.account.on_next_call("DescribeInstances", |account| {
        let mut rule = customers_rules().remove(0);
        rule["Default"] = json!("Proj008");
        account.put_item(TABLE, rule);
    });
    let (kind, message) = world.remediate(scheduled_event()).await.unwrap_err();
    assert_eq!(kind, "PolicyChanged");
    assert!(message.contains("nothing was done"), "{message}");
    assert_eq!(world.writes(), 0);
    assert_eq!(world.state(&untagged), "running");

    world.sweep().await;
    assert_eq!(world.tag(&no_project, "ProjectCode").unwrap(), "Proj008");
}

#[tokio::test(start_paused = true)]
async fn terminates_nothing_when_the_policy_becomes_invalid() {
    let world = World::new().enforcing();
    let untagged = world.instance(&[]);
    let mut scans = 0;
    world.account.on_call("Scan", move |account| {
        scans += 1;
        if scans == 3 {
            account.clear_table(TABLE);
        }
    });
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["failed"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(world.state(&untagged), "running");
}

#[tokio::test(start_paused = true)]
async fn stops_untagged_instances_when_configured() {
    let world = World::new().enforcing().set("TAGWARDEN_UNTAGGED", "stop");
    let running = world.instance(&[]);
    let stopped = world.account.launch(old(&[]).stopped());
    let protected = world.account.launch(old(&[]).stop_protected());
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["stopped"], &answer["refused"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.state(&running), "stopping");
    assert_eq!(world.state(&stopped), "stopped");
    assert_eq!(world.state(&protected), "running");
    assert!(
        world
            .lines()
            .contains(&format!("-- {running} has been stopped. {UNTAGGED}"))
    );
}

#[tokio::test(start_paused = true)]
async fn only_reports_untagged_instances_when_configured() {
    let world = World::new().enforcing().set("TAGWARDEN_UNTAGGED", "notify");
    let id = world.instance(&[]);
    let answer = world.sweep().await;
    assert_eq!((&answer["notified"], world.writes()), (&json!(1), 0));
    assert_eq!(
        world.lines(),
        [format!("-- Instance {id} no tags found. Reported only.")]
    );
}

#[tokio::test(start_paused = true)]
async fn leaves_gone_and_out_of_scope_instances_alone() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_VPC_IDS", "vpc-0fedcba9876543210");
    let gone = world
        .account
        .launch(Launch::new().vpc("vpc-0fedcba9876543210"));
    world.account.terminate(&gone);
    let elsewhere = world.instance(&[]);
    let answer = world.remediate_ids(&[&gone, &elsewhere]).await;
    assert_eq!(answer["instances"], 0);
    assert_eq!(world.sweep().await["instances"], 0);
    assert_eq!(world.writes(), 0);
    assert_eq!(world.account.count("Publish"), 0);
}

#[tokio::test(start_paused = true)]
async fn denied_look_up_fails_one_tag_and_writes_the_others() {
    let world = World::new().enforcing();
    let ids = [0; 2].map(|_| world.instance(&[("Name", "web")]));
    world.account.fail(
        Fault::new(
            "LookupEvents",
            "AccessDeniedException",
            "not authorized to perform: cloudtrail:LookupEvents",
        )
        .always(),
    );
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(2), &json!(2))
    );
    for id in &ids {
        assert_eq!(world.tag(id, "ProjectCode").unwrap(), "Proj007");
        assert_eq!(world.tag(id, "CreatedBy"), None);
    }
    assert_eq!(world.account.count("LookupEvents"), 1);
    assert!(
        world
            .lines()
            .iter()
            .any(|line| line.contains("missing tag CreatedBy") && line.contains("AccessDenied"))
    );
}

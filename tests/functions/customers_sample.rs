//! The customer's policy table, scheduled event and report lines.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::Identity;

use crate::support::{World, compliance_change, old};

#[tokio::test(start_paused = true)]
async fn fills_missing_tags_and_terminates_untagged_instances() {
    let world = World::new().enforcing();
    let no_project = world.instance(&[("CreatedBy", "bob"), ("Expires", "2027-01-01")]);
    let no_creator = world.instance(&[("ProjectCode", "P1"), ("Expires", "2027-01-01")]);
    let no_expiry = world.instance(&[("ProjectCode", "P1"), ("CreatedBy", "bob")]);
    let untagged = world.instance(&[]);

    let answer = world.sweep().await;

    assert_eq!(world.tag(&no_project, "ProjectCode").unwrap(), "Proj007");
    assert_eq!(world.tag(&no_project, "CreatedBy").unwrap(), "bob");
    assert_eq!(world.tag(&no_creator, "CreatedBy").unwrap(), "ann");
    assert_eq!(world.tag(&no_creator, "ProjectCode").unwrap(), "P1");
    assert_eq!(world.tag(&no_expiry, "Expires").unwrap(), "2026-11-23");
    assert_eq!(world.state(&untagged), "shutting-down");
    assert_eq!(
        answer,
        json!({
            "mode": "enforce", "instances": 4, "tagged": 3, "stopped": 0, "terminated": 1, "notified": 0,
            "deferred": 0, "refused": 0, "failed": 0, "wouldTag": 0, "wouldStop": 0, "wouldTerminate": 0,
        })
    );
    let published = &world.account.published()[0];
    assert_eq!(
        published.subject.as_deref(),
        Some("ACME Cloud Tagging Policy Report")
    );
    let text = &world.reports()[0];
    let run_id = &report_as_json(&world)["runId"].as_str().unwrap().to_owned();
    let expected = format!(
        "The following tagging policy violations occurred:

Stopped or terminated: 1 instance
-- {untagged} has been terminated. Reason: No tags found.
   Owner: ann.
   https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId={untagged}

Tagged: 3 instances
-- Instance {no_project} missing tag ProjectCode. New tag created.
-- Instance {no_creator} missing tag CreatedBy. New tag created.
-- Instance {no_expiry} missing tag Expires. New tag created.

4 instances looked at: 3 tagged, 1 terminated.
This run in the ledger, with the tags before:
   tagwarden history --run {run_id} --ledger-table ledger --region us-east-1
"
    );
    assert_eq!(text, &expected);
}

#[tokio::test(start_paused = true)]
async fn dry_run_only_reports() {
    let world = World::new();
    let no_project = world.instance(&[("CreatedBy", "bob"), ("Expires", "2027-01-01")]);
    let untagged = world.instance(&[]);

    let answer = world.sweep().await;

    assert_eq!(world.writes(), 0);
    assert_eq!(world.state(&untagged), "running");
    assert_eq!(answer["mode"], "dry-run");
    assert_eq!(
        (&answer["tagged"], &answer["terminated"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        (&answer["wouldTag"], &answer["wouldTerminate"]),
        (&json!(1), &json!(1))
    );
    let mut lines = world.lines();
    lines.sort_by_key(|line| line.contains("terminated"));
    assert_eq!(
        lines,
        [
            format!("-- Instance {no_project} missing tag ProjectCode. New tag would be created."),
            format!("-- {untagged} would be terminated. Reason: No tags found."),
        ]
    );
    assert!(world.reports()[0].contains("This was a dry run: nothing was changed."));
}

#[tokio::test(start_paused = true)]
async fn publishes_the_same_report_as_json() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "")]);
    world.sweep().await;

    let published = &world.account.published()[0];
    assert_eq!(published.message_structure.as_deref(), Some("json"));
    let body: Value = serde_json::from_str(&published.message).unwrap();
    let link = format!(
        "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId={id}"
    );
    for protocol in ["sqs", "lambda", "http", "https"] {
        let report: Value = serde_json::from_str(body[protocol].as_str().unwrap()).unwrap();
        assert_eq!(report["version"], 1);
        assert_eq!(report["mode"], "enforce");
        assert_eq!(report["summary"]["tagged"], 1);
        assert_eq!(report["instanceIds"], json!([id]));
        assert_eq!(
            report["entries"],
            json!([
                {
                    "instanceId": id, "finding": "missing", "ruleId": 1, "tagKey": "ProjectCode", "remedy": "tag",
                    "tagValue": "Proj007", "valueOrigin": "default", "outcome": "done", "owner": "bob", "launcher": "bob",
                    "account": "111111111111", "region": "us-east-1", "consoleLink": link,
                },
                {
                    "instanceId": id, "finding": "empty", "ruleId": 3, "tagKey": "Expires", "remedy": "tag",
                    "tagValue": "2026-11-23", "valueOrigin": "function", "outcome": "done", "owner": "bob",
                    "launcher": "bob", "account": "111111111111", "region": "us-east-1", "consoleLink": link,
                },
            ])
        );
    }
    assert!(world.lines()[1].ends_with("empty tag Expires. Value set."));
}

/// The first report in the form that programs receive.
fn report_as_json(world: &World) -> Value {
    let body: Value = serde_json::from_str(&world.account.published()[0].message).unwrap();
    serde_json::from_str(body["lambda"].as_str().unwrap()).unwrap()
}

/// The report of one policy can trigger the next.
#[tokio::test(start_paused = true)]
async fn accepts_a_report_as_a_trigger() {
    let world = World::new();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "2027-01-01")]);
    world.sweep().await;
    let report = report_as_json(&world);
    let answer = world.enforcing().named("next");
    let answer = (answer.remediate(report).await.unwrap(), answer);
    assert_eq!(answer.0["tagged"], 1);
    assert_eq!(answer.1.tag(&id, "ProjectCode").unwrap(), "Proj007");
}

#[tokio::test(start_paused = true)]
async fn sweep_fills_an_optional_tag_of_a_compliant_instance() {
    let world = World::new().enforcing();
    let id = world.instance(&[("ProjectCode", "P1"), ("CreatedBy", "bob")]);
    world.evaluate_all().await;
    assert_eq!(world.verdict(&id).as_deref(), Some("COMPLIANT"));
    assert_eq!(
        world.annotation(&id).as_deref(),
        Some("optional: missing tag Expires (rule 3)")
    );

    world.sweep().await;
    assert_eq!(world.tag(&id, "Expires").unwrap(), "2026-11-23");
}

#[tokio::test(start_paused = true)]
async fn repeated_run_changes_and_reports_nothing() {
    let world = World::new().enforcing();
    let ids = [
        world.instance(&[("Name", "web")]),
        world.instance(&[("ProjectCode", ""), ("Expires", "")]),
        world.instance(&[]),
    ];
    world.sweep().await;
    assert_eq!(world.reports().len(), 1);
    world.account.forget_calls();

    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["terminated"]),
        (&json!(0), &json!(0))
    );
    let answer = world.remediate_ids(&ids.iter().collect::<Vec<_>>()).await;
    assert_eq!(answer["tagged"], 0);
    assert_eq!(world.writes(), 0);
    assert_eq!(world.account.count("Publish"), 0);
    assert_eq!(world.account.count("LookupEvents"), 0);
}

#[tokio::test(start_paused = true)]
async fn never_overwrites_a_value_that_somebody_set() {
    let world = World::new().enforcing();
    let set = [
        ("ProjectCode", "mine"),
        ("CreatedBy", "-"),
        ("Expires", "never"),
    ];
    let id = world.instance(&set);
    world.sweep().await;
    world.remediate(compliance_change(&id)).await.unwrap();
    assert_eq!(world.writes(), 0);
    for (key, value) in set {
        assert_eq!(world.tag(&id, key).unwrap(), value);
    }
}

/// A look-up takes time, and a person can set the tag meanwhile.
#[tokio::test(start_paused = true)]
async fn does_not_overwrite_a_value_set_during_the_run() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Expires", "2027-01-01")]);
    let tagged = id.clone();
    world.account.on_next_call("LookupEvents", move |account| {
        account.set_tag(&tagged, "ProjectCode", "mine");
        account.set_tag(&tagged, "CreatedBy", "me");
    });
    let answer = world.sweep().await;
    assert_eq!(world.tag(&id, "ProjectCode").unwrap(), "mine");
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "me");
    assert_eq!(answer["tagged"], 0);
}

#[tokio::test(start_paused = true)]
async fn names_launchers_as_people_know_them() {
    let world = World::new().enforcing();
    let tags = [("ProjectCode", "P1"), ("Expires", "2027-01-01")];
    let by = |identity| world.account.launch(old(&tags).launched_by(identity));
    let cases = [
        (by(Identity::iam_user("ann")), "ann"),
        (
            by(Identity::assumed_role(
                "AWSReservedSSO_Admin_1",
                "ann@example.com",
            )),
            "ann@example.com",
        ),
        (
            by(Identity::assumed_role("Builder", "i-0a1b2c3d4e5f60718")),
            "Builder/i-0a1b2c3d4e5f60718",
        ),
        (by(Identity::root()), "root"),
        (by(Identity::auto_scaling()), "autoscaling.amazonaws.com"),
        (
            world.account.launch(old(&tags).without_trail()),
            "Undefined",
        ),
        // CloudTrail's event history ends after 90 days.
        (
            world.account.launch(old(&tags).ago(TimeDelta::days(91))),
            "Undefined",
        ),
        // The instance was started again, so its LaunchTime is later than its launch.
        (
            world.account.launch(
                old(&tags)
                    .ago(TimeDelta::days(30))
                    .started_again_ago(TimeDelta::minutes(1)),
            ),
            "ann",
        ),
    ];
    world.sweep().await;
    for (id, name) in cases {
        assert_eq!(world.tag(&id, "CreatedBy").as_deref(), Some(name));
    }
}

#[tokio::test(start_paused = true)]
async fn shows_near_misses_on_the_dashboard() {
    let world = World::new();
    let id = world.instance(&[("projectcode", "P1"), ("CreatedBy", ""), ("Expires", "x")]);
    world.evaluate_all().await;
    assert_eq!(
        world.annotation(&id).as_deref(),
        Some("missing tag ProjectCode (rule 1; found projectcode); empty tag CreatedBy (rule 2)")
    );
}

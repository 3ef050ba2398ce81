//! Conditions of rules: the same result by a configuration item, by Config's history and by DescribeInstances; what the
//! remediation does about it.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{RULE, VPC, World, old};

/// A table of format 2 with rules for the key Owner: (id, action, When).
fn rules(rules: &[(i64, &str, Option<&str>)]) -> Vec<Value> {
    let mut rows = vec![json!({"RuleId": -1, "PolicyFormat": 2})];
    for (id, action, when) in rules {
        let mut row = json!({"RuleId": id, "TagKey": "Owner", "Action": action, "Required": "Y"});
        if let Some(when) = when {
            row.as_object_mut()
                .unwrap()
                .insert("When".to_owned(), json!(when));
        }
        rows.push(row);
    }
    rows
}

/// A condition on each filter, and what it decides of one and the same instance without the tag Owner.
#[rstest]
#[case("instance-type = p5*", "NON_COMPLIANT")]
#[case("instance-type = t3*", "NOT_APPLICABLE")]
#[case("instance-type != t3*", "NON_COMPLIANT")]
#[case("vpc-id = vpc-0123456789abcdef0", "NON_COMPLIANT")]
#[case("vpc-id != vpc-0123456789abcdef0", "NOT_APPLICABLE")]
#[case("subnet-id = subnet-*", "NON_COMPLIANT")]
#[case("!subnet-id", "NOT_APPLICABLE")]
#[case("image-id = ami-*", "NON_COMPLIANT")]
#[case("availability-zone = us-east-1b", "NON_COMPLIANT")]
#[case("availability-zone = us-east-1a", "NOT_APPLICABLE")]
#[case("region = us-east-1", "NON_COMPLIANT")]
#[case("region = eu-*", "NOT_APPLICABLE")]
#[case("instance-lifecycle = spot", "NON_COMPLIANT")]
#[case("!instance-lifecycle", "NOT_APPLICABLE")]
#[case("!key-name", "NON_COMPLIANT")]
#[case("key-name", "NOT_APPLICABLE")]
#[case("iam-instance-profile.arn = *ci", "NOT_APPLICABLE")]
#[case("!iam-instance-profile.arn", "NON_COMPLIANT")]
#[case("owner-id = 111111111111", "NON_COMPLIANT")]
#[case("owner-id = 222222222222", "NOT_APPLICABLE")]
#[case("tag:Env = prod, stage", "NON_COMPLIANT")]
#[case("tag:Env = dev", "NOT_APPLICABLE")]
#[case("tag:Env = Prod", "COMPLIANT")]
#[case("tag:env = prod", "COMPLIANT")]
#[case("tag:Env; region = us-*; instance-type = p5.*", "NON_COMPLIANT")]
#[case("tag:Env; region = eu-*; instance-type = p5.*", "NOT_APPLICABLE")]
#[tokio::test(start_paused = true)]
async fn every_reader_gives_a_condition_the_same_answer(
    #[case] when: &str,
    #[case] expected: &str,
) {
    let world = World::with_table(&rules(&[(10, "Notify", Some(when))]));
    let launch = old(&[("Env", "prod")])
        .instance_type("p5.48xlarge")
        .availability_zone("us-east-1b")
        .spot();
    let id = world.account.launch(launch);
    let by_item = world.account.change_event(RULE, &id);
    let by_history = world.account.oversized_event(RULE, &id);
    let by_description = world.account.scheduled_event(RULE);
    for (reader, event) in [
        ("item", by_item),
        ("history", by_history),
        ("description", by_description),
    ] {
        let counts = world.evaluate(event).await.unwrap();
        let member = match expected {
            "COMPLIANT" => "compliant",
            "NON_COMPLIANT" => "nonCompliant",
            _ => "notApplicable",
        };
        assert_eq!(counts[member], 1, "{reader}: {counts}");
    }
    let notified = world.sweep().await["notified"].clone();
    assert_eq!(notified, i32::from(expected == "NON_COMPLIANT"));
}

/// The whole remedy is that of the first rule whose conditions hold.
#[rstest]
#[case::reported(&[("Env", "prod")], "running")]
#[case::stopped(&[("Env", "stage")], "stopping")]
#[case::terminated(&[("Env", "dev")], "shutting-down")]
#[case::no_condition_holds(&[("Name", "web")], "shutting-down")]
#[case::nearly_protected(&[("Env", "PROD")], "running")]
#[case::nearly_the_key(&[("env", "prod")], "running")]
#[case::in_order(&[("Env", "dev"), ("Owner", "ann")], "running")]
#[tokio::test(start_paused = true)]
async fn the_first_rule_whose_conditions_hold_decides(
    #[case] tags: &[(&str, &str)],
    #[case] state: &str,
) {
    let world = World::with_table(&rules(&[
        (10, "Notify", Some("tag:Env = prod")),
        (20, "Stop", Some("tag:Env = stage")),
        (30, "Terminate", None),
    ]));
    let world = world.enforcing();
    let id = world.instance(tags);
    world.sweep().await;
    assert_eq!(world.state(&id), state);
}

/// An untagged instance is left alone where no rule is for it, whatever `TAGWARDEN_UNTAGGED` says.
#[rstest]
#[case::elsewhere("vpc-id = vpc-0000000000000000f", "running")]
#[case::here("vpc-id = vpc-0123456789abcdef0", "shutting-down")]
#[case::by_a_tag("tag:Env = prod", "shutting-down")]
#[case::another_account("owner-id = 222222222222; tag:Env", "running")]
#[tokio::test(start_paused = true)]
async fn an_untagged_instance_needs_a_rule(#[case] when: &str, #[case] state: &str) {
    let world = World::with_table(&rules(&[(10, "Notify", Some(when))])).enforcing();
    let id = world.instance(&[]);
    world.sweep().await;
    assert_eq!(world.state(&id), state, "{VPC}");
}

/// DescribeInstances leaves out the tag that keeps the instance from the terminating rule.
#[tokio::test(start_paused = true)]
async fn a_tag_that_is_left_out_makes_no_rule_apply() {
    let world = World::with_table(&rules(&[
        (10, "Notify", Some("tag:Env = prod")),
        (20, "Terminate", None),
    ]));
    let world = world.enforcing();
    let id = world.instance(&[("Env", "prod"), ("Owner", "")]);
    world.account.omit_tags(&id);
    world.sweep().await;
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
}

/// A condition that comes to hold for an earlier rule ends the countdown of a later one.
#[tokio::test(start_paused = true)]
async fn another_rule_that_comes_to_apply_ends_the_countdown() {
    let world = World::with_table(&rules(&[
        (10, "Notify", Some("tag:Env = prod")),
        (20, "Terminate", None),
    ]));
    let world = world.enforcing().set("TAGWARDEN_GRACE_MINUTES", "60");
    let id = world.instance(&[("Env", "dev")]);
    world.sweep().await;
    world.account.advance(TimeDelta::minutes(30));
    world.account.set_tag(&id, "Env", "prod");
    world.sweep().await;
    world.account.set_tag(&id, "Env", "dev");
    world.account.advance(TimeDelta::minutes(45));
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
    world.account.advance(TimeDelta::minutes(61));
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

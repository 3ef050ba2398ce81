//! What the ledger remembers of an instance: the claims of its tags, and that it was tagged.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{LEDGER, TABLE, World, compliance_change, customers_rules, old};

/// What is remembered of the instance.
pub fn memory(world: &World, id: &str) -> Value {
    let items = world.account.items(LEDGER);
    let mut of_one = items
        .into_iter()
        .filter(|item| item["Pk"] == id && item["Sk"] == "memory");
    of_one.next().unwrap_or(Value::Null)
}

#[tokio::test(start_paused = true)]
async fn remembers_the_tags_that_it_wrote() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web"), ("ProjectCode", "P")]);
    world.sweep().await;
    let memory = memory(&world, &id);
    let tags = memory["Tags"].as_object().unwrap();
    let keys: Vec<&String> = tags.keys().collect();
    assert_eq!(keys, ["CreatedBy", "Expires"]);
    assert_eq!(tags["CreatedBy"]["Value"], "ann");
    assert_eq!(tags["CreatedBy"]["Rule"], "UserLookup");
    assert_eq!(tags["Expires"]["Value"], "2026-11-23");
    assert_eq!(tags["Expires"]["Rule"], "Function:today()");
    let written_at = &tags["Expires"]["WrittenAt"];
    assert_eq!(written_at.as_array().unwrap().len(), 1, "{memory}");
    let kept = (world.account.now() + TimeDelta::days(400)).timestamp();
    assert_eq!(memory["ExpiresAt"], kept);
}

/// One item an instance, however many tags it gets.
#[tokio::test(start_paused = true)]
async fn begins_all_tags_of_98_instances_in_one_transaction() {
    let world = World::new().enforcing();
    let _ = world.account.launch_many(old(&[("Name", "web")]), 98);
    assert_eq!(world.sweep().await["tagged"], 98);
    // One begins them. They are completed by one that writes the batch only, because not all memories fit beside it.
    assert_eq!(world.account.count("TransactWriteItems"), 2);
}

#[tokio::test(start_paused = true)]
async fn forgets_a_write_that_ec2_refused() {
    let world = World::with_table(&customers_rules()[..1]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    let denied = tagwarden_sandbox::Fault::new("CreateTags", "UnauthorizedOperation", "no");
    world.account.fail(denied);
    assert_eq!(world.sweep().await["failed"], 1);
    let tag = &memory(&world, &id)["Tags"]["ProjectCode"];
    assert_eq!(tag["WrittenAt"], Value::Null, "{tag}");
    assert_eq!(tag["ClaimedUntil"], 0, "{tag}");
}

/// `terraform apply` of a module without tags takes all of them away.
#[tokio::test(start_paused = true)]
async fn writes_the_tags_of_an_instance_that_lost_them_all_again() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web")]);
    assert_eq!(world.sweep().await["tagged"], 1);
    let tags: Vec<String> = world.tags(&id).into_keys().collect();
    for _ in 0..2 {
        for key in &tags {
            world.account.remove_tag(&id, key);
        }
        world.account.advance(TimeDelta::hours(6));
        let answer = world.sweep().await;
        assert_eq!(
            (&answer["tagged"], &answer["terminated"]),
            (&json!(1), &json!(0))
        );
    }
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
    assert_eq!(world.tag(&id, "ProjectCode").unwrap(), "Proj007");
}

#[tokio::test(start_paused = true)]
async fn terminates_an_untagged_instance_that_it_never_tagged() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let other = world.instance(&[("Name", "web")]);
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
    assert_eq!(world.state(&other), "running");
}

#[tokio::test(start_paused = true)]
async fn remembers_who_launched_an_instance_also_in_a_dry_run() {
    let world = World::new().enforcing().set("TAGWARDEN_MODE", "dry-run");
    let id = world
        .account
        .launch(old(&[("Name", "web")]).ago(TimeDelta::seconds(30)));
    let event = world.account.run_instances_event(&id).unwrap();
    world.remediate(event).await.unwrap();
    assert_eq!(memory(&world, &id)["LaunchedBy"], "ann");
}

/// The date stays, and the launcher's name does, also when CloudTrail has forgotten the launch.
#[tokio::test(start_paused = true)]
async fn restores_a_name_and_a_date_with_the_same_value() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    world.account.advance(TimeDelta::days(120));
    for key in ["CreatedBy", "Expires"] {
        world.account.remove_tag(&id, key);
    }
    let look_ups = world.account.count("LookupEvents");
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
    assert_eq!(world.tag(&id, "Expires").unwrap(), "2026-11-23");
    assert_eq!(world.account.count("LookupEvents"), look_ups);
}

/// What another action wrote is not restored, and neither is a default.
#[tokio::test(start_paused = true)]
async fn works_out_anew_what_the_policy_says_differently_now() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    world.account.advance(TimeDelta::days(3));
    for key in ["ProjectCode", "Expires"] {
        world.account.remove_tag(&id, key);
    }
    let update = |rule: u32, key: &str, value: &str| json!({"RuleId": rule, "TagKey": key, "Action": "Update", "Required": "Y", "Default": value});
    world
        .account
        .put_item(TABLE, update(1, "ProjectCode", "Proj100"));
    world.account.put_item(TABLE, update(3, "Expires", "never"));
    world.sweep().await;
    assert_eq!(world.tag(&id, "ProjectCode").unwrap(), "Proj100");
    assert_eq!(world.tag(&id, "Expires").unwrap(), "never");
}

/// A launch that an event announced needs no CloudTrail, also after its 90 days.
#[tokio::test(start_paused = true)]
async fn names_the_launcher_that_an_event_named_long_ago() {
    let world = World::new().enforcing();
    let complete = old(&[("ProjectCode", "P"), ("CreatedBy", "x"), ("Expires", "x")]);
    let id = world.account.launch(complete.ago(TimeDelta::seconds(30)));
    let event = world.account.run_instances_event(&id).unwrap();
    world.remediate(event).await.unwrap();
    world.account.advance(TimeDelta::days(200));
    world.account.remove_tag(&id, "CreatedBy");
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
    assert_eq!(world.account.count("LookupEvents"), 0);
}

/// Restored three times within a week; then left alone for 30 days.
#[tokio::test(start_paused = true)]
async fn gives_up_what_somebody_keeps_removing() {
    let world = World::with_table(&customers_rules()[2..]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    for _ in 0..3 {
        world.account.remove_tag(&id, "Expires");
        world.account.advance(TimeDelta::hours(6));
        world.sweep().await;
        assert_eq!(world.tag(&id, "Expires").unwrap(), "2026-11-23");
    }
    world.account.remove_tag(&id, "Expires");
    let removal = json!({
        "eventName": "DeleteTags", "eventSource": "ec2.amazonaws.com",
        "eventTime": "2026-11-24T06:00:00Z",
        "userIdentity": {"type": "IAMUser", "userName": "terraform"},
        "requestParameters": {
            "resourcesSet": {"items": [{"resourceId": id}]},
            "tagSet": {"items": [{"key": "Expires"}]},
        },
    });
    world.account.record_trail_event(removal, &[&id]);
    world.account.advance(TimeDelta::hours(6));
    let look_ups = world.account.count("LookupEvents");
    let answer = world.sweep().await;
    assert_eq!(world.account.count("LookupEvents"), look_ups + 1);
    assert_eq!(
        (&answer["tagged"], &answer["refused"]),
        (&json!(0), &json!(1))
    );
    let lines = world.lines();
    let why = "it was restored three times within a week, and removed each time, last by terraform; it is not written again";
    assert!(lines[0].contains(why), "{lines:?}");
    world.account.advance(TimeDelta::days(29));
    assert_eq!(world.sweep().await["tagged"], 0);
    world.account.advance(TimeDelta::days(2));
    assert_eq!(world.sweep().await["tagged"], 1);
    assert_eq!(world.tag(&id, "Expires").unwrap(), "2026-11-23");
}

/// A world whose `ProjectCode` was removed until tagwarden gave up.
async fn given_up() -> (World, String) {
    let world = World::with_table(&customers_rules()[..1]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    for _ in 0..5 {
        world.sweep().await;
        world.account.remove_tag(&id, "ProjectCode");
        world.account.advance(TimeDelta::hours(6));
    }
    assert_eq!(world.sweep().await["refused"], 1);
    (world, id)
}

/// A person sets the tag, and somebody removes it again within the 30 days.
#[tokio::test(start_paused = true)]
async fn restores_what_was_given_up_once_a_person_has_set_it() {
    let is_mark = |item: &&serde_json::Value| {
        item["Sk"]
            .as_str()
            .is_some_and(|sk| sk.contains("#paused#"))
    };
    for is_seen_by_a_sweep in [true, false] {
        let (world, id) = given_up().await;
        assert_eq!(
            world.account.items(LEDGER).iter().filter(is_mark).count(),
            1
        );
        // White space is no value.
        world.account.set_tag(&id, "ProjectCode", "");
        world.account.advance(TimeDelta::hours(6));
        assert_eq!(world.sweep().await["refused"], 1);
        world.account.set_tag(&id, "ProjectCode", "Proj042");
        world.account.advance(TimeDelta::hours(1));
        if is_seen_by_a_sweep {
            world.sweep().await;
        } else {
            let mut event = compliance_change(&id);
            event["detail"]["newEvaluationResult"]["complianceType"] = json!("COMPLIANT");
            world.remediate(event).await.unwrap();
        }
        assert_eq!(
            world.account.items(LEDGER).iter().filter(is_mark).count(),
            0
        );
        world.account.remove_tag(&id, "ProjectCode");
        world.account.advance(TimeDelta::hours(6));
        assert_eq!(world.sweep().await["tagged"], 1);
        // It counts from there.
        for _ in 0..2 {
            world.account.remove_tag(&id, "ProjectCode");
            world.account.advance(TimeDelta::hours(6));
            assert_eq!(world.sweep().await["tagged"], 1);
        }
        world.account.remove_tag(&id, "ProjectCode");
        world.account.advance(TimeDelta::hours(6));
        assert_eq!(world.sweep().await["refused"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn writes_again_what_was_given_up_once_the_rule_changes() {
    let (world, _) = given_up().await;
    let rule = json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj008"});
    world.account.put_item(TABLE, rule);
    assert_eq!(world.sweep().await["tagged"], 1);
}

/// CloudTrail may show a launch 15 minutes late, however short the grace period is.
#[tokio::test(start_paused = true)]
async fn waits_for_cloudtrail_and_looks_an_undefined_up_again() {
    let world = World::with_table(&customers_rules()[1..2])
        .enforcing()
        .set("TAGWARDEN_GRACE_MINUTES", "0");
    world.account.trail_lag(TimeDelta::hours(2));
    let id = world
        .account
        .launch(old(&[("Name", "web")]).ago(TimeDelta::minutes(5)));
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy"), None);
    world.account.advance(TimeDelta::minutes(11));
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "Undefined");
    world.account.advance(TimeDelta::hours(3));
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
    // What a person writes is never overwritten.
    world.account.set_tag(&id, "CreatedBy", "Undefined");
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "Undefined");
}

/// The value that undo took back is looked up anew, not remembered.
#[tokio::test(start_paused = true)]
async fn restores_nothing_that_undo_took_back() {
    let world = World::with_table(&customers_rules()[2..]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    world.account.advance(TimeDelta::days(2));
    world.undo_all().await;
    assert_eq!(world.tag(&id, "Expires"), None);
    assert!(memory(&world, &id)["Tags"]["Expires"]["UndoneAt"].is_number());
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(world.tag(&id, "Expires").unwrap(), "2026-11-25");
}

#[tokio::test(start_paused = true)]
async fn counts_removals_from_the_last_undo() {
    let world = World::with_table(&customers_rules()[2..]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    for _ in 0..2 {
        world.account.remove_tag(&id, "Expires");
        world.account.advance(TimeDelta::hours(6));
        world.sweep().await;
    }
    world.account.advance(TimeDelta::minutes(30));
    world.undo_all().await;
    assert_eq!(world.tag(&id, "Expires"), None);
    world.account.advance(TimeDelta::hours(6));
    world.sweep().await;
    let day = world.account.now().format("%Y-%m-%d").to_string();
    assert_eq!(world.tag(&id, "Expires").unwrap(), day);
    for _ in 0..3 {
        world.account.remove_tag(&id, "Expires");
        world.account.advance(TimeDelta::hours(6));
        assert_eq!(world.sweep().await["tagged"], 1);
        assert_eq!(world.tag(&id, "Expires").unwrap(), day);
    }
    world.account.remove_tag(&id, "Expires");
    world.account.advance(TimeDelta::hours(6));
    assert_eq!(world.sweep().await["refused"], 1);
    // A person sets it; nobody overwrites that, then or later.
    world.account.set_tag(&id, "Expires", "2030-01-01");
    for _ in 0..125 {
        world.account.advance(TimeDelta::hours(6));
        assert_eq!(world.sweep().await["tagged"], 0);
    }
    assert_eq!(world.tag(&id, "Expires").unwrap(), "2030-01-01");
}

//! Who launched an instance: the value written, the number of CloudTrail calls, and what is deferred.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use tagwarden_sandbox::{Fault, Identity, Launch};

use crate::support::{World, old, scheduled_event};

/// All tags but the launcher's.
const REST: [(&str, &str); 2] = [("ProjectCode", "P"), ("Expires", "x")];

fn look_ups(world: &World) -> usize {
    world.account.count("LookupEvents")
}

fn no_look_up_was_throttled(world: &World) -> bool {
    let calls = world.account.calls();
    let mut look_ups = calls.iter().filter(|call| call.operation == "LookupEvents");
    look_ups.all(|call| call.outcome.is_ok())
}

/// Launches `count` instances, each in a call of its own by a different user, one minute apart.
fn launch_as_different_users(world: &World, count: i64) {
    for number in 0..count {
        let launch = old(&REST)
            .ago(TimeDelta::minutes(60 + number))
            .launched_by(Identity::iam_user(format!("user{number}")));
        let _ = world.account.launch(launch);
    }
}

/// A `userIdentity` as CloudTrail records it, and the name tagwarden writes: a row of the table in docs/attribution.md.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    who: String,
    user_identity: Value,
    value: String,
}

fn cases() -> Vec<Case> {
    let cases = include_str!("../../remediation/src/identity/cases.json");
    serde_json::from_str(cases).unwrap()
}

fn launched_by(world: &World, case: &Case) -> String {
    let identity = Identity::raw(case.user_identity.clone());
    world.account.launch(old(&REST).launched_by(identity))
}

#[tokio::test(start_paused = true)]
async fn names_every_kind_of_identity_from_the_event_history() {
    let world = World::new().enforcing();
    let launched: Vec<(Case, String)> = cases()
        .into_iter()
        .map(|case| {
            let id = launched_by(&world, &case);
            (case, id)
        })
        .collect();
    world.sweep().await;
    for (case, id) in launched {
        let written = world.tag(&id, "CreatedBy");
        assert_eq!(written.as_deref(), Some(&*case.value), "{}", case.who);
    }
    assert_eq!(look_ups(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn names_every_kind_of_identity_from_the_launch_event() {
    for case in cases() {
        let world = World::new().enforcing();
        let id = launched_by(&world, &case);
        let event = world.account.run_instances_event(&id).unwrap();
        world.remediate(event).await.unwrap();
        let written = world.tag(&id, "CreatedBy");
        assert_eq!(written.as_deref(), Some(&*case.value), "{}", case.who);
        assert_eq!(look_ups(&world), 0);
    }
}

/// Service Catalog launches with the product's role. Its tag, which nobody else can write, names the person.
#[tokio::test(start_paused = true)]
async fn names_the_person_who_launched_through_service_catalog() {
    let launch_role = cases()
        .into_iter()
        .find(|case| case.value == "LinuxLaunchRole/servicecatalog")
        .unwrap();
    let principal = "arn:aws:sts::111111111111:assumed-role/EndUsers/ann@example.com";
    let tagged = old(&REST).tag("aws:servicecatalog:provisioningPrincipalArn", principal);
    for at_launch in [true, false] {
        let world = World::new().enforcing();
        let identity = Identity::raw(launch_role.user_identity.clone());
        let id = world.account.launch(tagged.clone().launched_by(identity));
        if at_launch {
            let event = world.account.run_instances_event(&id).unwrap();
            world.remediate(event).await.unwrap();
        } else {
            world.sweep().await;
        }
        assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann@example.com");
        assert_eq!(look_ups(&world), 0);
    }
}

/// The event names every instance of the launch, so one call tags them all before CloudTrail shows it.
#[tokio::test(start_paused = true)]
async fn tags_all_instances_of_a_launch_in_one_call() {
    let world = World::new().enforcing();
    let ids = world
        .account
        .launch_many(old(&REST).ago(TimeDelta::seconds(5)), 40);
    let event = world.account.run_instances_event(&ids[0]).unwrap();
    assert_eq!(world.remediate(event).await.unwrap()["tagged"], 40);
    assert_eq!(
        (look_ups(&world), world.account.count("CreateTags")),
        (0, 1)
    );
}

/// CloudTrail omits the instances from a record that is too large, but the event history still lists them.
#[tokio::test(start_paused = true)]
async fn sweep_tags_a_launch_whose_event_omits_its_instances() {
    let world = World::new().enforcing();
    let id = world.instance(&REST);
    let mut event = world.account.run_instances_event(&id).unwrap();
    let omitted =
        json!({"omitted": true, "originalSize": 120_000, "reason": "responseElements too large"});
    event["detail"]["responseElements"] = omitted;
    assert_eq!(world.remediate(event).await.unwrap()["instances"], 0);
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
}

/// 1,000 instances, 200 of them without a launcher, by 200 launches.
#[tokio::test(start_paused = true)]
async fn looks_up_two_hundred_launches_in_five_calls() {
    let world = World::new().enforcing();
    let whole = [("ProjectCode", "P"), ("Expires", "x"), ("CreatedBy", "bob")];
    let _ = world
        .account
        .launch_many(old(&whole).ago(TimeDelta::minutes(160)), 800);
    launch_as_different_users(&world, 200);
    world.account.keep_quotas();
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["instances"], &answer["tagged"]),
        (&json!(1_000), &json!(200))
    );
    // Four pages hold 200 of the 201 launches. The last one is looked up by its instance id.
    assert_eq!(look_ups(&world), 5);
    assert!(no_look_up_was_throttled(&world));
    for instance in world.account.instances() {
        assert_ne!(instance.tags["CreatedBy"], "Undefined");
    }
}

#[tokio::test(start_paused = true)]
async fn looks_up_three_of_a_hundred_thousand_launches_in_three_calls() {
    let world = World::new().enforcing();
    for number in 0..100_000 {
        let record = json!({"eventName": "RunInstances", "userIdentity": {"type": "Root"}});
        let other = format!("i-f{number:016x}");
        world.account.record_trail_event(record, &[&other]);
    }
    world.account.advance(TimeDelta::hours(2));
    world.account.keep_quotas();
    let ids = [0; 3].map(|_| world.account.launch(old(&REST).ago(TimeDelta::hours(2))));
    let ids: Vec<&String> = ids.iter().collect();
    assert_eq!(world.remediate_ids(&ids).await["tagged"], 3);
    assert_eq!(look_ups(&world), 3);
    assert!(no_look_up_was_throttled(&world));
    assert_eq!(world.tag(ids[0], "CreatedBy").unwrap(), "ann");
}

/// Launches are dense and sparse in turn, so the look-ups need many calls.
#[tokio::test(start_paused = true)]
async fn limits_look_ups_to_two_a_second() {
    let world = World::new().enforcing();
    for number in 0..20 {
        let launcher = Identity::iam_user(format!("user{number}"));
        let launch = old(&REST).ago(TimeDelta::days(1 + 2 * number));
        let _ = world.account.launch(launch.launched_by(launcher));
        for _ in 0..60 {
            let launch = Launch::new().ago(TimeDelta::days(2 + 2 * number));
            let _ = world.account.launch(launch.tag("CreatedBy", "bob"));
        }
    }
    world.account.keep_quotas();
    let began = world.account.now();
    let answer = world.sweep().await;
    let took = world.account.now() - began;
    assert_eq!(answer["failed"], 0);
    let calls = i32::try_from(look_ups(&world)).unwrap();
    assert_eq!(calls, 20);
    assert!(no_look_up_was_throttled(&world));
    assert!(took >= TimeDelta::milliseconds(500) * (calls - 1), "{took}");
    assert!(took < TimeDelta::seconds(15), "{took}");
}

/// Lambda stops a function at its deadline, whether or not it has published its report. Look-ups therefore stop earlier
/// and the next run resumes them, in a dry run too.
#[tokio::test(start_paused = true)]
async fn stops_look_ups_before_the_deadline_and_resumes_in_the_next_run() {
    for (mode, count) in [("enforce", "tagged"), ("dry-run", "wouldTag")] {
        let world = World::new().enforcing().set("TAGWARDEN_MODE", mode);
        // Each page finds at most one launch.
        for number in 0..40 {
            let launch = old(&REST).ago(TimeDelta::days(2 * number + 1));
            let _ = world.account.launch(launch);
            let others = Launch::new().ago(TimeDelta::days(2 * number + 2));
            for _ in 0..50 {
                world.account.launch(others.clone().tag("CreatedBy", "bob"));
            }
        }
        let remediation = world.remediation();
        let mut done = 0;
        let mut runs = 0;
        let all = 40;
        while done < all {
            runs += 1;
            assert!(runs < 10, "the runs make no progress");
            let ids: Vec<String> = world
                .account
                .instances()
                .into_iter()
                .filter(|instance| instance.tags.contains_key("Expires"))
                .map(|instance| instance.id)
                .collect();
            let mut event = world.lambda_event(json!({ "instanceIds": ids }));
            let deadline = world.account.now() + TimeDelta::seconds(15);
            event.context.deadline = deadline.timestamp_millis().unsigned_abs();
            let answer = remediation.handle(event).await.unwrap();
            assert!(world.account.now() < deadline);
            let now_done = answer[count].as_u64().unwrap();
            done = if mode == "enforce" {
                done + now_done
            } else {
                now_done
            };
            assert_eq!(answer["deferred"].as_u64(), Some(all - done));
        }
        assert!(runs > 1, "one run had time for all look-ups");
        assert_eq!(look_ups(&world), 40, "{mode}: a look-up was repeated");
    }
}

/// Each launcher needs a call of its own to be written, and EC2 takes ten a second. So the time for that is left.
#[tokio::test(start_paused = true)]
async fn looks_up_only_as_many_launchers_as_there_is_time_to_write() {
    let world = World::new().enforcing();
    launch_as_different_users(&world, 300);
    world.account.keep_quotas();
    let mut event = world.lambda_event(scheduled_event());
    let deadline = world.account.now() + TimeDelta::seconds(30);
    event.context.deadline = deadline.timestamp_millis().unsigned_abs();
    let answer = world.remediation().handle(event).await.unwrap();
    assert!(world.account.now() < deadline);
    // Four pages of 50. To write 200 launchers takes the 20 seconds that are left after the reserve.
    assert_eq!(look_ups(&world), 4);
    assert_eq!(
        (&answer["tagged"], &answer["deferred"]),
        (&json!(200), &json!(100))
    );
}

/// A function with a timeout of a few seconds must still make progress.
#[tokio::test(start_paused = true)]
async fn looks_up_a_launcher_with_three_seconds_left() {
    let world = World::new().enforcing();
    let id = world.instance(&REST);
    let mut event = world.lambda_event(scheduled_event());
    let deadline = world.account.now() + TimeDelta::seconds(3);
    event.context.deadline = deadline.timestamp_millis().unsigned_abs();
    world.remediation().handle(event).await.unwrap();
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
}

/// Other callers may use up the account's two requests a second.
#[tokio::test(start_paused = true)]
async fn retries_throttled_look_ups() {
    let world = World::new().enforcing();
    let id = world.instance(&REST);
    let throttled = || Fault::new("LookupEvents", "ThrottlingException", "Rate exceeded");
    world.account.fail(throttled().times(7));
    assert_eq!(world.sweep().await["tagged"], 1);
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
}

/// It waits longer each time, and never past the time that the rest of the run needs.
#[tokio::test(start_paused = true)]
async fn throttled_look_ups_end_in_time() {
    // Pauses of 2, 4, 8 seconds, …; the SDK makes each try three times.
    for (seconds, pauses, tries) in [(60, 30, 5), (900, 62, 6)] {
        let world = World::new().enforcing();
        world.instance(&REST);
        let throttled = Fault::new("LookupEvents", "ThrottlingException", "Rate exceeded");
        world.account.fail(throttled.always());
        let mut event = world.lambda_event(scheduled_event());
        let began = world.account.now();
        let deadline = began + TimeDelta::seconds(seconds);
        event.context.deadline = deadline.timestamp_millis().unsigned_abs();
        world.remediation().handle(event).await.unwrap();
        let took = (world.account.now() - began).num_seconds();
        assert!(took >= pauses && took < seconds, "{took}");
        assert_eq!(look_ups(&world), 3 * tries);
    }
}

#[tokio::test(start_paused = true)]
async fn defers_the_tag_when_look_ups_stay_throttled() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Expires", "x")]);
    let throttled = Fault::new("LookupEvents", "ThrottlingException", "Rate exceeded");
    world.account.fail(throttled.always());
    let began = world.account.now();
    let answer = world.sweep().await;
    assert!(world.account.now() - began < TimeDelta::minutes(3));
    assert_eq!(
        (&answer["tagged"], &answer["deferred"], &answer["failed"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(world.tag(&id, "CreatedBy"), None);
    assert!(world.lines().contains(&format!(
        "-- Instance {id} missing tag CreatedBy. Left for later: there was no time left to ask CloudTrail who launched it."
    )));
}

#[tokio::test(start_paused = true)]
async fn defers_the_tag_until_cloudtrail_shows_the_launch() {
    let world = World::new().enforcing();
    world.account.trail_lag(TimeDelta::minutes(12));
    let id = world.account.launch(old(&REST).ago(TimeDelta::minutes(3)));
    assert_eq!(world.sweep().await["deferred"], 1);
    assert_eq!(
        world.lines(),
        [format!(
            "-- Instance {id} missing tag CreatedBy. Left for later: CloudTrail does not show its launch of 3 minutes ago yet, and has until 15 minutes after it."
        )]
    );
    world.account.advance(TimeDelta::minutes(10));
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "ann");
}

/// A launch older than CloudTrail's event history is never looked up.
#[tokio::test(start_paused = true)]
async fn reports_why_a_launcher_is_undefined() {
    let world = World::new().enforcing();
    let ancient = world.account.launch(old(&REST).ago(TimeDelta::days(91)));
    world.sweep().await;
    assert_eq!(look_ups(&world), 0);
    assert_eq!(
        world.lines(),
        [format!(
            "-- Instance {ancient} missing tag CreatedBy. New tag created. Undefined: it was launched more than 90 days ago, further back than CloudTrail's event history."
        )]
    );
    let unnamed = world.account.launch(old(&REST).without_trail());
    world.sweep().await;
    assert_eq!(
        world.lines(),
        [format!(
            "-- Instance {unnamed} missing tag CreatedBy. New tag created. Undefined: CloudTrail does not show who launched it."
        )]
    );
    for id in [ancient, unnamed] {
        assert_eq!(world.tag(&id, "CreatedBy").unwrap(), "Undefined");
    }
}

/// A failed launch or a dry run launched nothing, whatever instances its record names.
#[tokio::test(start_paused = true)]
async fn ignores_failed_launches_and_dry_runs() {
    for code in [
        "Client.DryRunOperation",
        "Server.InsufficientInstanceCapacity",
    ] {
        let world = World::new().enforcing();
        let ids = [0; 5].map(|_| {
            world
                .account
                .launch(old(&REST).without_trail().ago(TimeDelta::zero()))
        });
        let record = json!({
            "eventName": "RunInstances", "errorCode": code,
            "userIdentity": Identity::iam_user("eve").user_identity(world.account.now()),
        });
        let named: Vec<&str> = ids.iter().map(String::as_str).collect();
        world.account.record_trail_event(record, &named);
        world.account.advance(TimeDelta::hours(1));
        world.sweep().await;
        for id in &ids {
            assert_eq!(world.tag(id, "CreatedBy").unwrap(), "Undefined");
        }
    }
}

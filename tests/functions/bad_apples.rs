//! One instance or key that EC2 refuses does not keep the others from their turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_sandbox::{Fault, Launch};

use crate::support::{LEDGER, World, customers_rules, old, scheduled_event};

/// Untagged, launched so many days ago.
fn aged(days: i64) -> Launch {
    old(&[]).ago(TimeDelta::days(days))
}

fn with_state(world: &World, ids: &[String], state: &str) -> usize {
    ids.iter().filter(|id| world.state(id) == state).count()
}

/// The oldest of 12 is denied: 9 of the first 10 are terminated, and 2 more get its place.
#[tokio::test(start_paused = true)]
async fn denied_instance_leaves_its_place_to_others() {
    let world = World::new().enforcing();
    let denied = world.account.launch(aged(99));
    world.account.deny("TerminateInstances", &denied);
    let nine: Vec<String> = (1..10)
        .map(|day| world.account.launch(aged(90 - day)))
        .collect();
    let two: Vec<String> = (1..3)
        .map(|day| world.account.launch(aged(9 - day)))
        .collect();
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"], &answer["failed"]),
        (&json!(10), &json!(2), &json!(0))
    );
    assert_eq!(with_state(&world, &nine, "shutting-down"), 9);
    assert_eq!(with_state(&world, &two, "shutting-down"), 1);
    assert_eq!(world.state(&denied), "running");
    let line = world.lines();
    let line = line.iter().find(|line| line.contains(&denied)).unwrap();
    assert!(
        line.contains("Refused: ec2:TerminateInstances: UnauthorizedOperation"),
        "{line}"
    );

    // It is not tried first again, nor at all that day.
    let calls = world.account.count("TerminateInstances");
    world.account.advance(TimeDelta::minutes(61));
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.account.count("TerminateInstances"), calls + 1);
}

/// Ten that cannot be stopped are older than five that can.
#[tokio::test(start_paused = true)]
async fn instance_store_roots_leave_their_place_to_others() {
    let world = World::new().enforcing().set("TAGWARDEN_UNTAGGED", "stop");
    let launch = |day: i64| world.account.launch(aged(900 - day).instance_store_root());
    let stuck: Vec<String> = (0..10).map(launch).collect();
    let fine: Vec<String> = (0..5)
        .map(|day| world.account.launch(aged(9 - day)))
        .collect();
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["stopped"], &answer["refused"]),
        (&json!(5), &json!(10))
    );
    assert_eq!(with_state(&world, &stuck, "running"), 10);
    assert_eq!(with_state(&world, &fine, "stopping"), 5);
    let is_told =
        |line: &&String| line.contains("Refused: ec2:StopInstances: UnsupportedOperation");
    assert_eq!(world.lines().iter().filter(is_told).count(), 10);

    // A day later they are tried once more, after the others.
    let calls = world.account.count("StopInstances");
    assert_eq!(world.sweep().await["refused"], 10);
    assert_eq!(world.account.count("StopInstances"), calls);
    world.account.advance(TimeDelta::hours(25));
    assert_eq!(world.sweep().await["refused"], 10);
    assert!(world.account.count("StopInstances") > calls);
}

#[tokio::test(start_paused = true)]
async fn state_that_forbids_a_stop_is_refused_and_remembered() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_UNTAGGED", "stop")
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1");
    let stuck = world.account.launch(aged(9));
    let fine = world.account.launch(aged(3));
    let id = stuck.clone();
    let message =
        format!("This instance '{stuck}' is not in a state from which it can be stopped.");
    let fault = Fault::new("StopInstances", "IncorrectInstanceState", message);
    let fault = fault.when(move |request| request.mentions(&id)).always();
    world.account.fail(fault);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["stopped"], &answer["refused"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (world.state(&stuck), world.state(&fine)),
        ("running", "stopping")
    );
}

/// More are protected than a run tries. The next run knows of them, and the others get their turn.
#[tokio::test(start_paused = true)]
async fn protected_instances_starve_nobody_however_many() {
    let world = World::new().enforcing();
    // So many compliant ones that the sweep does not suspect the policy.
    let tags = [("ProjectCode", "P"), ("CreatedBy", "bob"), ("Expires", "x")];
    let _ = world.account.launch_many(old(&tags), 40);
    for day in 0..250 {
        let _ = world.account.launch(aged(900 - day).protected());
    }
    let fine: Vec<String> = (0..3)
        .map(|day| world.account.launch(aged(9 - day)))
        .collect();
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["refused"]),
        (&json!(0), &json!(100))
    );
    assert_eq!(answer["deferred"], 153);
    let is_left = |line: &String| line.contains("EC2 refused too many others");
    assert!(world.lines().iter().any(is_left));
    for _ in 0..2 {
        world.account.advance(TimeDelta::hours(6));
        world.sweep().await;
    }
    assert_eq!(with_state(&world, &fine, "shutting-down"), 3);

    // Days later they are tried again a few at a time, after all others.
    world.account.advance(TimeDelta::hours(25));
    let late = world.account.launch(aged(1));
    let calls = world.account.count("TerminateInstances");
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&late), "shutting-down");
    assert!(world.account.count("TerminateInstances") - calls < 50);
}

#[tokio::test(start_paused = true)]
async fn denied_instance_does_not_keep_tags_from_the_others() {
    let world = World::new().enforcing();
    let ids: Vec<String> = (0..20)
        .map(|_| world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]))
        .collect();
    world.account.deny("CreateTags", &ids[7]);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(19), &json!(1))
    );
    assert_eq!(world.account.count("CreateTags"), 2);
    assert_eq!(world.tag(&ids[7], "ProjectCode"), None);
}

/// The message about a denied key names an instance, and not the key.
#[tokio::test(start_paused = true)]
async fn denied_key_does_not_keep_the_others_from_being_written() {
    let world = World::new().enforcing();
    let ids = [0; 3].map(|_| world.instance(&[("Name", "web")]));
    world.account.deny_tag_key("CreatedBy");
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(3), &json!(3))
    );
    for id in &ids {
        assert_eq!(world.tag(id, "ProjectCode").unwrap(), "Proj007");
        assert!(world.tag(id, "Expires").is_some());
        assert_eq!(world.tag(id, "CreatedBy"), None);
    }
    let lines = world.lines();
    let is_denied = |line: &&String| {
        line.contains("missing tag CreatedBy. Tagging failed: ec2:CreateTags: Unauth")
    };
    assert_eq!(lines.iter().filter(is_denied).count(), 3, "{lines:?}");
}

/// A set of tags for each of 200 people: the denied key is found out with a few of them.
#[tokio::test(start_paused = true)]
async fn denied_key_is_not_probed_for_each_set_of_tags() {
    let world = World::new().enforcing();
    let ids: Vec<String> = (0..200)
        .map(|number| {
            let user = tagwarden_sandbox::Identity::iam_user(format!("user-{number}"));
            world
                .account
                .launch(old(&[("Expires", "x")]).launched_by(user))
        })
        .collect();
    world.account.deny_tag_key("CreatedBy");
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(200), &json!(200))
    );
    assert!(ids.iter().all(|id| world.tag(id, "ProjectCode").is_some()));
    let calls = world.account.count("CreateTags");
    assert!(calls <= 200 + 40, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn invalid_value_does_not_keep_other_keys_from_being_written() {
    let world = World::new().enforcing();
    let ids = [0; 3].map(|_| world.instance(&[("CreatedBy", "bob")]));
    let message = "The tag policy does not allow the specified value for the following tag key: 'ProjectCode'.";
    let fault = Fault::new("CreateTags", "TagPolicyViolation", message);
    let names =
        |request: &tagwarden_sandbox::Request| request.parameters.to_string().contains("Proj007");
    world.account.fail(fault.when(names).always());
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(3), &json!(3))
    );
    assert!(ids.iter().all(|id| world.tag(id, "Expires").is_some()));
    assert_eq!(world.account.count("CreateTags"), 3);
}

#[tokio::test(start_paused = true)]
async fn writes_as_many_tags_as_fit_in_the_order_of_the_rules() {
    let world = World::new().enforcing();
    let tagged = |tags: usize| {
        (0..tags).fold(old(&[]), |launch, number| {
            launch.tag(format!("k{number}"), "v")
        })
    };
    let full = world.account.launch(tagged(50));
    let nearly = world.account.launch(tagged(48));
    let roomy = world.account.launch(tagged(10));
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["failed"]),
        (&json!(2), &json!(2))
    );
    let keys = ["ProjectCode", "CreatedBy", "Expires"];
    let written = |id: &str| keys.map(|key| world.tag(id, key).is_some());
    assert_eq!(written(&full), [false; 3]);
    assert_eq!(written(&nearly), [true, true, false]);
    assert_eq!(written(&roomy), [true; 3]);
}

#[tokio::test(start_paused = true)]
async fn run_that_tags_an_instance_does_not_shut_it_down() {
    let mut rules = customers_rules();
    rules.push(json!({"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y"}));
    let world = World::with_table(&rules).enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let failing = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    world.account.deny("CreateTags", &failing);
    let answer = world.sweep().await;
    let counts = ["tagged", "deferred", "failed", "stopped"].map(|count| &answer[count]);
    assert_eq!(counts, [1, 1, 1, 1]);
    // A tag write that failed does not hold a shutdown up.
    assert_eq!(
        (world.state(&id), world.state(&failing)),
        ("running", "stopping")
    );
    let line = format!(
        "-- {id} is to be stopped. Reason: Missing tag Owner (rule 4). Left for later: this run wrote a tag"
    );
    assert!(
        world.lines().iter().any(|it| it.starts_with(&line)),
        "{:?}",
        world.lines()
    );
    assert_eq!(world.sweep().await["stopped"], 1);
    assert_eq!(world.state(&id), "stopping");
}

/// Somebody sets the tag between two attempts of a call that EC2 throttles.
#[tokio::test(start_paused = true)]
async fn looks_again_between_two_attempts() {
    for (remedy, operation) in [
        ("terminate", "TerminateInstances"),
        ("stop", "StopInstances"),
    ] {
        let world = World::new().enforcing().set("TAGWARDEN_UNTAGGED", remedy);
        let (saved, other) = (world.instance(&[]), world.instance(&[]));
        let throttled = Fault::new(operation, "RequestLimitExceeded", "Request limit exceeded.");
        world.account.fail(throttled.status(503));
        let id = saved.clone();
        world.account.on_next_call(operation, move |account| {
            account.set_tag(&id, "Owner", "ann");
        });
        world.sweep().await;
        assert_eq!(world.state(&saved), "running");
        assert_ne!(world.state(&other), "running");
        assert_eq!(world.account.count(operation), 2);
    }
}

/// The answer to the first attempt is lost after EC2 has carried it out.
#[tokio::test(start_paused = true)]
async fn reports_as_done_what_an_attempt_without_an_answer_did() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let internal = Fault::new(
        "TerminateInstances",
        "InternalError",
        "An internal error has occurred.",
    );
    world.account.fail(internal.status(500));
    let terminated = id.clone();
    world
        .account
        .on_next_call("TerminateInstances", move |account| {
            account.terminate(&terminated);
        });
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["failed"]),
        (&json!(1), &json!(0))
    );
}

/// EC2 terminates the instances of another zone although it refuses the call, and then cannot say so: the next run
/// reports them.
#[tokio::test(start_paused = true)]
async fn reports_later_what_a_refused_call_did_in_another_zone() {
    let world = World::new().enforcing();
    let protected = world.account.launch(aged(9).protected());
    let other = world
        .account
        .launch(aged(8).availability_zone("us-east-1b"));
    let looks = AtomicUsize::new(0);
    world
        .account
        .on_next_call("TerminateInstances", move |account| {
            let fault = Fault::new("DescribeInstances", "RequestLimitExceeded", "No.");
            // The first look after the call finds the instance gone. The next asks whether that was the call.
            let fault = fault
                .status(503)
                .times(3)
                .when(move |_| looks.fetch_add(1, Ordering::Relaxed) > 0);
            account.fail(fault);
        });
    world.sweep().await;
    assert_eq!(world.state(&other), "shutting-down");
    assert_eq!(world.state(&protected), "running");
    let is_reported = |world: &World| {
        let published = world.account.published().into_iter();
        let lines = format!("{other} has been terminated");
        published.filter(|it| it.message.contains(&lines)).count()
    };
    world.account.advance(TimeDelta::minutes(20));
    world.sweep().await;
    assert_eq!(is_reported(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_that_stays_throttled_costs_no_budget_and_comes_again() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1");
    let id = world.instance(&[]);
    let throttled = Fault::new(
        "TerminateInstances",
        "RequestLimitExceeded",
        "Request limit exceeded.",
    );
    world.account.fail(throttled.status(503).times(5));
    let batch = crate::support::sqs_batch(&[("sweep", scheduled_event().to_string())]);
    let answer = world.remediate(batch.clone()).await.unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "sweep");
    assert_eq!(world.state(&id), "running");
    world.remediate(batch).await.unwrap();
    assert_eq!(world.state(&id), "shutting-down");
}

/// In a batch with stops and terminations, somebody tags an instance after the stops.
#[tokio::test(start_paused = true)]
async fn looks_again_between_stops_and_terminations() {
    let rules = [json!({"RuleId": 1, "TagKey": "Owner", "Action": "Stop", "Required": "Y"})];
    let world = World::with_table(&rules).enforcing();
    let stopped = world.instance(&[("Name", "web")]);
    let saved = world.instance(&[]);
    let id = saved.clone();
    world.account.on_next_call("StopInstances", move |account| {
        account.set_tag(&id, "Owner", "ann");
    });
    world.sweep().await;
    assert_eq!(
        (world.state(&stopped), world.state(&saved)),
        ("stopping", "running")
    );
    assert_eq!(world.account.count("TerminateInstances"), 0);
}

/// Each launcher needs a call of its own, so the last of them comes long after the instances were read.
#[tokio::test(start_paused = true)]
async fn tags_are_looked_at_again_before_a_late_call() {
    let world = World::new().enforcing();
    let ids: Vec<String> = (0..300)
        .map(|number| {
            let user = tagwarden_sandbox::Identity::iam_user(format!("user-{number:03}"));
            world
                .account
                .launch(old(&[("Expires", "x")]).launched_by(user))
        })
        .collect();
    world.account.keep_quotas();
    let others = ids.clone();
    let mut calls = 0;
    world.account.on_call("CreateTags", move |account| {
        calls += 1;
        if calls == 100 {
            for id in &others {
                if account
                    .instance(id)
                    .is_some_and(|it| !it.tags.contains_key("ProjectCode"))
                {
                    account.set_tag(id, "ProjectCode", "Shop");
                    account.set_tag(id, "CreatedBy", "");
                }
            }
        }
    });
    world.sweep().await;
    let shop = ids
        .iter()
        .filter(|id| world.tag(id, "ProjectCode").as_deref() == Some("Shop"));
    // At EC2's 10 calls a second, a look of 5 seconds' age serves 50 calls.
    let shop = shop.count();
    assert!(shop >= 120, "{shop}");
    assert!(world.account.count("DescribeInstances") <= 30);

    // The ledger says what the last look showed.
    let items = world.account.items(LEDGER);
    let acts = items
        .iter()
        .filter_map(|item| item["Acts"].as_array())
        .flatten();
    let acts = acts.filter(|act| act["TagKey"] == "CreatedBy" && act["State"] == "done");
    for act in acts {
        assert!(act["TagsBefore"].as_object().is_some());
    }
}

/// A rule's shutdown notes the tags that the last look showed.
#[tokio::test(start_paused = true)]
async fn ledger_holds_the_tags_of_the_last_look() {
    let rules = [json!({"RuleId": 1, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"})];
    let world = World::with_table(&rules).enforcing();
    let id = world.instance(&[("Name", "web")]);
    let tagged = id.clone();
    world
        .account
        .on_next_call("TransactWriteItems", move |account| {
            account.set_tag(&tagged, "Name", "db");
        });
    assert_eq!(world.sweep().await["terminated"], 1);
    let items = world.account.items(LEDGER);
    let mut acts = items
        .iter()
        .filter_map(|item| item["Acts"].as_array())
        .flatten();
    assert_eq!(acts.next().unwrap()["TagsBefore"], json!({"Name": "db"}));
}

/// Many instances without room are found by halving. What there is no time for waits.
#[tokio::test(start_paused = true)]
async fn setting_aside_ends_in_time() {
    let world = World::new().enforcing();
    let tagged = |tags: usize| {
        let tags = (0..tags).map(|number| (format!("k{number}"), "v"));
        tags.fold(old(&[]), |launch, (key, value)| launch.tag(key, value))
    };
    let _ = world.account.launch_many(tagged(50), 150);
    world.account.keep_quotas();
    let mut event = world.lambda_event(scheduled_event());
    let deadline = world.account.now() + TimeDelta::seconds(20);
    event.context.deadline = deadline.timestamp_millis().unsigned_abs();
    let answer = world.remediation().handle(event).await.unwrap();
    assert!(world.account.now() < deadline);
    assert!(answer["deferred"].as_u64().unwrap() > 0, "{answer}");
}

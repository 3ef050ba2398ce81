//! The number of calls for a fleet. `cargo bench --bench sweep` measures the same fleets and larger ones.

#[path = "../../benches/sweep/bound.rs"]
pub(crate) mod bound;
#[path = "../../benches/sweep/fleet.rs"]
pub(crate) mod fleet;
#[path = "../../benches/sweep/simulate.rs"]
pub(crate) mod simulate;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_aws::Ec2;
use tagwarden_sandbox::{Account, Identity, Publication};

use crate::support::{LEDGER, World, delivered, old, scheduled_event, sqs_batch};
use fleet::{Fleet, MATTERS, Matter};

fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in world.account.calls() {
        *calls.entry(call.operation).or_default() += 1;
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn evaluates_a_thousand_instances_with_one_describe_and_ten_puts() {
    let world = World::new();
    let _ = world.account.launch_many(old(&[("Name", "web")]), 1_000);
    assert_eq!(world.evaluate_all().await["nonCompliant"], 1_000);
    let calls = calls(&world);
    assert_eq!(calls["DescribeInstances"], 1);
    assert_eq!(calls["PutEvaluations"], 10);
    assert_eq!(world.account.compliance("tagwarden").len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn sweep_writes_each_distinct_tag_set_in_one_call() {
    let world = World::new().enforcing();
    let lacking = |tags: &[(&str, &str)], count| world.account.launch_many(old(tags), count);
    lacking(
        &[("ProjectCode", "P"), ("CreatedBy", "bob"), ("Expires", "x")],
        400,
    );
    let project = lacking(&[("CreatedBy", "bob"), ("Expires", "x")], 300);
    let expires = lacking(&[("ProjectCode", "P"), ("CreatedBy", "bob")], 200);
    let both = lacking(&[("CreatedBy", "bob")], 100);
    world.account.keep_quotas();

    let answer = world.sweep().await;
    assert_eq!(
        (answer["instances"].as_u64(), answer["tagged"].as_u64()),
        (Some(1_000), Some(600))
    );
    let calls = calls(&world);
    assert_eq!(calls["CreateTags"], 3);
    // Reading 600 instances again costs fewer calls as one page of all instances.
    assert_eq!(calls["DescribeInstances"], 2);
    assert_eq!(calls.get("LookupEvents"), None);
    assert!(
        world
            .account
            .calls()
            .iter()
            .all(|call| call.outcome.is_ok())
    );
    for id in project.iter().chain(&both) {
        assert_eq!(world.tag(id, "ProjectCode").unwrap(), "Proj007");
    }
    for id in expires.iter().chain(&both) {
        assert_eq!(world.tag(id, "Expires").unwrap(), "2026-11-23");
    }
}

#[tokio::test(start_paused = true)]
async fn splits_tag_writes_above_the_limit_of_a_call() {
    let world = World::new().enforcing();
    let _ = world
        .account
        .launch_many(old(&[("CreatedBy", "bob"), ("Expires", "x")]), 2_500);
    assert_eq!(world.sweep().await["tagged"], 2_500);
    assert_eq!(calls(&world)["CreateTags"], 3);
}

/// The first sweep of a large fleet is one mail, and programs get every entry.
#[tokio::test(start_paused = true)]
async fn reports_ten_thousand_instances_in_one_mail() {
    let world = World::new().enforcing().set("TAGWARDEN_UNTAGGED", "notify");
    let _ = world
        .account
        .launch_many(old(&[("Expires", "x"), ("CreatedBy", "bob")]), 9_700);
    let complete = old(&[("Expires", "x"), ("CreatedBy", "bob"), ("ProjectCode", "P")]);
    let untagged = world.account.launch_many(old(&[]), 150);
    let _ = world.account.launch_many(complete, 150);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["notified"]),
        (&json!(9_700), &json!(150))
    );

    let [text] = world.reports().try_into().unwrap();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    for id in &untagged {
        assert!(text.contains(id.as_str()), "{id} needs a person");
    }
    assert!(text.contains("\nTagged: 10 of 9700 instances\n"), "{text}");
    assert!(
        text.contains("9690 more lines are not in this text."),
        "{text}"
    );

    let documents = world.documents();
    let parts = documents.len();
    assert!((2..40).contains(&parts), "{parts}");
    let mut ids = BTreeMap::new();
    for (number, document) in (1..).zip(&documents) {
        assert_eq!(
            (&document["part"], &document["parts"]),
            (&json!(number), &json!(parts))
        );
        for entry in document["entries"].as_array().unwrap() {
            *ids.entry(entry["instanceId"].to_string()).or_insert(0) += 1;
        }
    }
    assert_eq!(ids.len(), 9_850);
    assert!(ids.values().all(|entries| *entries == 1));
    // Only the first part has something for people.
    let published = world.account.published();
    let is_for_people = |it: &&Publication| delivered(it, "email").lines().count() > 1;
    assert_eq!(published.iter().filter(is_for_people).count(), 1);
}

/// Each launcher needs a CreateTags call of its own, and EC2 allows 10 a second after the first hundred. One function
/// has no time for that. It requeues the rest, and later functions complete it.
#[tokio::test(start_paused = true)]
async fn requeues_what_there_is_no_time_for() {
    let world = World::new().enforcing();
    let queue = world.account.create_queue("tagwarden");
    let world = world.set("TAGWARDEN_QUEUE_URL", &queue);
    let ids: Vec<String> = (0..500)
        .map(|number| {
            let user = Identity::iam_user(format!("user-{number}"));
            world
                .account
                .launch(old(&[("ProjectCode", "P"), ("Expires", "x")]).launched_by(user))
        })
        .collect();
    world.account.keep_quotas();

    // One warm function handles all events, as on Lambda, and remembers how much of EC2's quotas it has used.
    let warm = world.remediation();
    let mut payload = scheduled_event();
    let mut functions = 0;
    loop {
        functions += 1;
        let mut event = world.lambda_event(payload);
        let deadline = world.account.now() + TimeDelta::seconds(20);
        event.context.deadline = deadline.timestamp_millis().unsigned_abs();
        let _ = warm.handle(event).await.unwrap();
        assert!(world.account.now() < deadline);
        let Some(next) = world.account.next_message_at(&queue) else {
            break;
        };
        world.account.advance(next - world.account.now());
        let messages = world.account.take_messages(&queue);
        let messages: Vec<(&str, String)> = messages.into_iter().map(|it| ("m", it)).collect();
        payload = sqs_batch(&messages);
    }
    assert!((2..10).contains(&functions), "{functions}");
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(
            world.tag(id, "CreatedBy").unwrap(),
            format!("user-{number}")
        );
    }
}

fn fleet(size: usize) -> Fleet {
    let start = "2026-11-23T12:00:00Z".parse().unwrap();
    Fleet::launch(Account::starting_at(start), size)
}

#[test]
fn fleet_has_482_instances_with_a_defect_in_a_thousand() {
    let all: usize = MATTERS.iter().map(|(_, count)| count).sum();
    assert_eq!(all, 1_000);
    for size in [1_000, 10_000] {
        let fleet = fleet(size);
        assert_eq!(fleet.account.instances().len(), size);
        let needy = fleet.count(|matter| matter != Matter::Nothing);
        assert_eq!(needy, size * 482 / 1_000);
    }
}

#[tokio::test(start_paused = true)]
async fn sweeps_a_thousand_instances_in_forty_nine_calls_and_six_seconds() {
    let fleet = fleet(1_000);
    let cost = simulate::sweep(&fleet).await;
    // Three calls read what is remembered of instances that lack a name or a date, three ask DescribeTags. One instance is
    // protected. Before the call without it, the policy, the instances and their tags are read again.
    assert!(bound::total(&cost.calls) <= 49, "{:?}", cost.calls);
    assert_eq!(cost.throttled(), 0);
    assert_eq!(
        cost.refused.into_keys().collect::<Vec<_>>(),
        ["OperationNotPermitted"]
    );
    assert!(cost.time < TimeDelta::seconds(6), "{}", cost.time);
    assert_eq!(cost.answer["tagged"], 468);
    assert_eq!(cost.answer["terminated"], 5);
    assert_eq!(cost.answer["failed"], 0);
}

/// Allowed values, conditions and end dates are judged without a call. Only `From` asks anything.
#[tokio::test(start_paused = true)]
async fn values_conditions_and_end_dates_cost_a_sweep_no_call() {
    let before = simulate::sweep(&fleet(1_000)).await;
    let newer = fleet(1_000);
    let mut rows = newer.account.items(fleet::TABLE);
    for row in &mut rows {
        let members = json!({"Allowed": "*", "When": "region = us-*; !tag:Nobody"});
        let members = members.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(members);
    }
    rows.push(json!({"RuleId": -1, "PolicyFormat": 2}));
    rows.push(json!({
        "RuleId": 90, "TagKey": "Ends", "Action": "Notify", "Required": "N", "WhenExpired": "Stop", "Allowed": "never",
    }));
    for row in rows {
        newer.account.put_item(fleet::TABLE, row);
    }
    let after = simulate::sweep(&newer).await;
    // One more line of the report for each instance without an end date may take more messages.
    let calls = |cost: &simulate::Cost| {
        let mut calls = cost.calls.clone();
        calls.retain(|call, _| call != "Publish");
        calls
    };
    assert_eq!(calls(&after), calls(&before));
    assert_eq!(after.answer["tagged"], before.answer["tagged"]);
}

#[tokio::test(start_paused = true)]
async fn sweeps_ten_thousand_instances_within_a_fifth_of_the_fewest_calls() {
    let fleet = fleet(10_000);
    let cost = simulate::sweep(&fleet).await;
    let fewest = bound::of_sweep(&fleet, cost.report);
    let (made, fewest) = (bound::total(&cost.calls), bound::total(&fewest));
    assert!(made * 10 <= fewest * 12, "{:?}: {fewest}", cost.calls);
    assert_eq!(cost.throttled(), 0);
    assert_eq!(cost.answer["tagged"], 4_680);
    assert_eq!(cost.answer["failed"], 0);
}

#[tokio::test(start_paused = true)]
async fn rule_makes_the_fewest_calls_for_a_thousand_instances() {
    let fleet = fleet(1_000);
    for results in [0, 1_000] {
        let cost = simulate::rule(&fleet).await;
        assert_eq!(cost.calls, bound::of_rule(&fleet, results));
        assert_eq!(cost.refused, BTreeMap::new());
        assert_eq!(cost.answer["nonCompliant"], 412);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_makes_the_fewest_calls_for_ten_thousand_instances() {
    let fleet = fleet(10_000);
    for results in [0, 10_000] {
        let cost = simulate::rule(&fleet).await;
        assert_eq!(cost.calls, bound::of_rule(&fleet, results));
        assert_eq!(cost.refused, BTreeMap::new());
        assert_eq!(cost.answer["nonCompliant"], 4_120);
    }
}

/// A DynamoDB item holds up to 400 KB, and an act records all tags of its instance. A larger batch is begun in parts.
#[tokio::test(start_paused = true)]
async fn splits_a_batch_above_the_item_limit_of_the_ledger() {
    let rows = [json!({"RuleId": 1, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"})];
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "100");
    let long = (0..50).fold(old(&[]), |launch, number| {
        launch.tag(format!("Tag{number:0>120}"), "é".repeat(256))
    });
    let _ = world.account.launch_many(long, 40);
    // What every instance lacks needs two sweeps.
    world.sweep().await;
    world.account.advance(TimeDelta::hours(1));
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["terminated"], &answer["failed"]),
        (&json!(40), &json!(0))
    );
    let items = world.account.items(LEDGER);
    let batches = items.iter().filter_map(|item| item["Acts"].as_array());
    let batches: Vec<usize> = batches.map(Vec::len).collect();
    assert!(batches.len() > 1, "{batches:?}");
    assert_eq!(batches.iter().sum::<usize>(), 40);
}

/// EC2 allows 100 CreateTags calls at once and 10 a second. Requests can arrive together, so tagwarden sends 90 at
/// once.
#[tokio::test(start_paused = true)]
async fn keeps_a_second_of_the_create_tags_quota_in_reserve() {
    let account = Account::new();
    let ec2 = Ec2::new(&account.sdk_config());
    let start = account.now();
    for _ in 0..90 {
        ec2.to_create_tags().await;
    }
    assert_eq!(account.now(), start);
    ec2.to_create_tags().await;
    let waited = (account.now() - start).num_milliseconds();
    assert!((100..=101).contains(&waited), "{waited} ms");
}

//! The items of the ledger, field by field.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_remediation::ledger::{ActState, RemedyName};

use super::{acts, batches};
use crate::support::{LEDGER, World, customers_rules, scheduled_event, sqs_batch};

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = tags
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()));
    owned.collect()
}

/// The JSON of the last report.
fn report(world: &World) -> Value {
    let message = world.account.published().pop().unwrap().message;
    let body: Value = serde_json::from_str(&message).unwrap();
    serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn records_a_written_tag() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web"), ("CreatedBy", ""), ("Expires", "x")]);
    world.sweep().await;
    let acts = acts(&world, ActState::Done);
    let [project, creator] = acts.as_slice() else {
        panic!("{acts:?}");
    };
    for act in [project, creator] {
        assert_eq!(
            (act.instance_id(), act.remedy),
            (id.as_str(), RemedyName::Tag)
        );
        assert_eq!(act.why, None);
    }
    assert_eq!(project.rule_id(), Some(1));
    assert_eq!(project.tag_key(), Some("ProjectCode"));
    assert_eq!(project.tag_value(), Some("Proj007"));
    assert_eq!(project.tags_before, tags(&[]));
    assert_eq!(creator.rule_id(), Some(2));
    assert_eq!(creator.tag_value(), Some("ann"));
    assert_eq!(creator.tags_before, tags(&[("CreatedBy", "")]));
}

#[tokio::test(start_paused = true)]
async fn records_a_termination_with_all_tags() {
    let rows = [json!({"RuleId": 7, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"})];
    let world = World::with_table(&rows).enforcing();
    let id = world.instance(&[("Name", "web"), ("Team", "")]);
    world.sweep().await;
    let acts = acts(&world, ActState::Done);
    assert_eq!(acts.len(), 1);
    assert_eq!(
        (acts[0].instance_id(), acts[0].remedy),
        (id.as_str(), RemedyName::Terminate)
    );
    assert_eq!(
        (acts[0].rule_id(), acts[0].tag_key()),
        (Some(7), Some("Owner"))
    );
    assert_eq!(acts[0].tags_before, tags(&[("Name", "web"), ("Team", "")]));
}

#[tokio::test(start_paused = true)]
async fn records_the_run_and_its_trigger() {
    let world = World::new().enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.remediate_ids(&[&id]).await;
    let first = batches(&world).remove(0);
    assert_eq!(first.trigger, "request");
    assert_eq!(first.number, 1);
    assert_eq!(report(&world)["runId"], first.run_id.as_str());
    assert_eq!(first.run_id.day(), world.account.now().date_naive());

    world.account.advance(TimeDelta::days(1));
    world.instance(&[("Name", "db")]);
    let messages = [
        ("m1", json!({"instanceIds": [id]}).to_string()),
        ("m2", scheduled_event().to_string()),
    ];
    world.remediate(sqs_batch(&messages)).await.unwrap();
    let second = batches(&world)
        .into_iter()
        .find(|batch| batch.run_id != first.run_id);
    let second = second.unwrap();
    assert_eq!(second.trigger, "request+schedule");
    assert_eq!(second.run_id.day(), world.account.now().date_naive());
    assert_eq!(report(&world)["runId"], second.run_id.as_str());
}

#[tokio::test(start_paused = true)]
async fn keeps_acts_for_400_days_and_claims_for_a_day() {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    world.instance(&[("Name", "web")]);
    world.sweep().await;
    let is_act = |item: &Value| item.get("Acts").is_some();
    let kept = (world.account.now() + TimeDelta::days(400)).timestamp();
    let items = world.account.items(LEDGER);
    let acts: Vec<&Value> = items.iter().filter(|item| is_act(item)).collect();
    assert_eq!(acts.len(), 2);
    assert!(
        acts.iter().all(|item| item["ExpiresAt"] == kept),
        "{acts:?}"
    );

    world.account.advance(TimeDelta::hours(26));
    world.account.expire_items();
    let items = world.account.items(LEDGER);
    assert_eq!(items.iter().filter(|item| is_act(item)).count(), 2);
    assert!(
        !items.iter().any(|item| item["Pk"] == id.as_str()),
        "{items:?}"
    );

    world.account.advance(TimeDelta::days(400));
    world.account.expire_items();
    assert!(!world.account.items(LEDGER).iter().any(is_act));
}

#[tokio::test(start_paused = true)]
async fn records_what_ec2_refused_and_why() {
    let world = World::new().enforcing();
    let protected = world.account.launch(crate::support::old(&[]).protected());
    world.sweep().await;
    let refused = acts(&world, ActState::Refused);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].instance_id(), protected);
    assert!(refused[0].why.as_deref().unwrap().contains("protected"));
}

#[tokio::test(start_paused = true)]
async fn records_what_was_spared_because_it_changed() {
    let world = World::with_table(&customers_rules()[..1]).enforcing();
    let id = world.instance(&[]);
    let tagged = id.clone();
    // The tag appears after the act was begun and before the call.
    let mut transactions = 0;
    world.account.on_call("TransactWriteItems", move |account| {
        transactions += 1;
        if transactions == 1 {
            account.set_tag(&tagged, "Name", "web");
        }
    });
    world.sweep().await;
    let spared = acts(&world, ActState::Spared);
    assert_eq!(spared.len(), 1);
    assert_eq!(
        (spared[0].instance_id(), world.state(&id)),
        (id.as_str(), "running")
    );
    assert!(spared[0].why.as_deref().unwrap().contains("has changed"));
    // Its part of the budget and its claim are returned.
    world.account.remove_tag(&id, "Name");
    let world = world.set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1");
    assert_eq!(world.sweep().await["terminated"], 1);
}

#[tokio::test(start_paused = true)]
async fn dry_run_records_no_act() {
    let world = World::new().enforcing().set("TAGWARDEN_MODE", "dry-run");
    world.instance(&[]);
    world.instance(&[("Name", "web")]);
    world.sweep().await;
    assert_eq!(batches(&world), []);
    assert_eq!(world.account.count("TransactWriteItems"), 0);
}

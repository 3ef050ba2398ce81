//! Reads volumes: page by page, by their ids, and with the VPCs of their instances; and no more once they are not covered.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_aws::volumes::{self, VolumePages};
use tagwarden_aws::{Ec2, resources};
use tagwarden_core::{Kind, Policy, Resource, Scope, State};
use tagwarden_sandbox::{Account, Launch, NewVolume};

use crate::support::World;

async fn all(account: &Account) -> Vec<Resource> {
    let ec2 = Ec2::new(&account.sdk_config());
    let mut pages = VolumePages::living(&ec2);
    let mut read = Vec::new();
    while let Some(page) = pages.next().await {
        read.extend(page.unwrap());
    }
    read
}

#[tokio::test(start_paused = true)]
async fn reads_all_volumes_by_pages_of_a_thousand() {
    let account = Account::new();
    for _ in 0..2_001 {
        account.create_volume(NewVolume::new());
    }
    let instance = account.launch(Launch::new().volume(NewVolume::new().tag("Name", "root")));
    account.create_volume(NewVolume::new().state("deleting"));
    let read = all(&account).await;
    assert_eq!(read.len(), 2_002);
    assert_eq!(account.count("DescribeVolumes"), 3);
    let root = read.last().unwrap();
    assert_eq!((root.kind, root.state), (Kind::Volume, State::InUse));
    assert_eq!(root.attached_to, [instance]);
    assert_eq!(root.vpc_id, None);
    assert_eq!(
        root.launched_at,
        Some(account.now()).filter(|_| root.started_at.is_none())
    );
    assert_eq!(root.tags["Name"], "root");
    assert_eq!(read[0].state, State::Available);
}

/// One id of a volume that is gone must not hide the others: `InvalidVolume.NotFound` fails a whole call.
#[tokio::test(start_paused = true)]
async fn reads_by_id_what_is_there() {
    let account = Account::new();
    let mut ids: Vec<String> = (0..401)
        .map(|_| account.create_volume(NewVolume::new()))
        .collect();
    account.delete_volume(&ids[7]);
    ids.push("vol-0123456789abcdef0".to_owned());
    let ec2 = Ec2::new(&account.sdk_config());
    let read = volumes::describe(&ec2, &ids).await.unwrap();
    assert_eq!(read.len(), 400);
    assert_eq!(account.count("DescribeVolumes"), 3);
    assert!(volumes::describe(&ec2, &[]).await.unwrap().is_empty());
    assert_eq!(account.count("DescribeVolumes"), 3);
}

#[tokio::test(start_paused = true)]
async fn keeps_the_quota_of_describe_volumes() {
    let account = Account::new();
    account.keep_quotas();
    let ec2 = Ec2::new(&account.sdk_config());
    let start = account.now();
    let id = [account.create_volume(NewVolume::new())];
    for _ in 0..200 {
        volumes::describe(&ec2, &id).await.unwrap();
    }
    let refused = |call: &tagwarden_sandbox::Call| call.outcome.is_err();
    assert!(!account.calls().iter().any(refused));
    // 80 at once, and 20 a second.
    assert!(account.now() - start >= TimeDelta::seconds(5));
}

/// A volume counts by its instance: a shared one by any that is in scope, and a detached one is in no VPC.
#[tokio::test(start_paused = true)]
async fn a_volume_is_in_the_vpc_of_its_instance() {
    let account = Account::new();
    let (inside, outside) = ("vpc-0a1b2c3d", "vpc-4e5f6071");
    let attached = || NewVolume::new();
    let first = account.launch(Launch::new().vpc(outside).volume(attached()));
    let second = account.launch(Launch::new().vpc(inside).volume(attached()));
    let shared = account.create_volume(NewVolume::new().multi_attach());
    assert!(account.attach_volume(&shared, &first) && account.attach_volume(&shared, &second));
    let detached = account.create_volume(NewVolume::new());
    let ec2 = Ec2::new(&account.sdk_config());

    let scope = Scope::from_list(inside).unwrap();
    let mut read = all(&account).await;
    volumes::place(&ec2, &scope, &mut read).await.unwrap();
    let vpcs: BTreeMap<&str, Option<&str>> = read
        .iter()
        .map(|it| (it.id.as_str(), it.vpc_id.as_deref()))
        .collect();
    assert_eq!(vpcs["vol-00000000000000001"], Some(outside));
    assert_eq!(vpcs["vol-00000000000000002"], Some(inside));
    assert_eq!(vpcs[&*shared], Some(inside));
    assert_eq!(vpcs[&*detached], None);
    let in_scope = read.iter().filter(|it| scope.covers(it)).count();
    assert_eq!(in_scope, 2);
    assert_eq!(account.count("DescribeInstances"), 1);

    // The scope of every VPC needs none of it, unless a rule asks.
    let row = json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
    let policy = Policy::from_rows([row.as_object().unwrap().clone()]).unwrap();
    let everywhere = Scope::default();
    resources::place(&ec2, &policy, &everywhere, &mut read)
        .await
        .unwrap();
    assert_eq!(account.count("DescribeInstances"), 1);
}

/// Whoever takes volumes out of the stack's resource types has them off the dashboard with the next evaluation.
#[tokio::test(start_paused = true)]
async fn what_is_no_longer_covered_leaves_the_dashboard() {
    let rows = [
        json!({
            "RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "ResourceTypes": "instance, volume",
        }),
        json!({"RuleId": 99, "PolicyFormat": 2}),
    ];
    let covering = World::with_table(&rows).set("TAGWARDEN_RESOURCE_TYPES", "instance,volume");
    let volume = covering.account.create_volume(NewVolume::new());
    let instance = covering.instance(&[("Name", "web")]);
    covering.evaluate_all().await;
    let verdict = covering.verdict(&volume);
    assert_eq!(verdict.as_deref(), Some("NON_COMPLIANT"));

    let without = covering.set("TAGWARDEN_RESOURCE_TYPES", "instance");
    without.account.forget_calls();
    without.evaluate_all().await;
    assert_eq!(without.verdict(&volume), None);
    assert_eq!(without.account.count("DescribeVolumes"), 0);
    let verdict = without.verdict(&instance);
    assert_eq!(verdict.as_deref(), Some("NON_COMPLIANT"));
}

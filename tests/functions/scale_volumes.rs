//! The number of calls for a fleet with volumes: two for each instance, one in forty without its project.

use serde_json::json;
use tagwarden_sandbox::{Account, NewVolume};

use crate::scale::bound::{self, Calls};
use crate::scale::fleet::{self, Fleet, Matter};
use crate::scale::simulate;

/// The most volumes of a page of DescribeVolumes.
const PAGE: usize = 1_000;
/// The most ids of a filter.
const FILTER_VALUES: usize = 200;

/// A fleet with two volumes for each instance.
fn with_volumes(size: usize) -> Fleet {
    let start = "2026-11-23T12:00:00Z".parse().unwrap();
    let fleet = Fleet::launch(Account::starting_at(start), size);
    let account = &fleet.account;
    let instances = account.instances();
    for number in 0..2 * size {
        let mut volume = NewVolume::new().tag("Name", "data");
        if number % 40 != 0 {
            volume = volume.tag("ProjectCode", "Proj042");
        }
        let id = account.create_volume(volume);
        assert!(account.attach_volume(&id, &instances[number / 2].id));
    }
    fleet
}

/// The policy has a rule for volumes, and the functions cover them.
fn covering_volumes(size: usize) -> Fleet {
    let mut fleet = with_volumes(size);
    for row in [
        json!({
            "RuleId": 4, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "From": "instance",
            "ResourceTypes": "volume",
        }),
        json!({"RuleId": 99, "PolicyFormat": 2}),
    ] {
        fleet.account.put_item(fleet::TABLE, row);
    }
    let covered = ("TAGWARDEN_RESOURCE_TYPES", "instance,volume");
    let covered = (covered.0.to_owned(), covered.1.to_owned());
    fleet.variables.push(covered);
    fleet
}

/// What of the volumes a sweep finds, counted from the account before it.
struct Found {
    volumes: usize,
    /// Without a project.
    faulty: usize,
    /// Of these, whose instance has one.
    copied: usize,
    /// The instances of the faulty volumes.
    hosts: usize,
}

fn found(fleet: &Fleet) -> Found {
    let volumes = fleet.account.volumes();
    let faulty = volumes.iter();
    let faulty = faulty.filter(|it| !it.tags.contains_key("ProjectCode"));
    let mut hosts: Vec<&str> = faulty
        .clone()
        .map(|it| it.attachments[0].instance_id.as_str())
        .collect();
    let has_project = |id: &&&str| {
        let instance = fleet.account.instance(id).unwrap();
        instance
            .tags
            .get("ProjectCode")
            .is_some_and(|it| !it.is_empty())
    };
    let copied = hosts.iter().filter(has_project).count();
    let faulty = hosts.len();
    hosts.dedup();
    Found {
        volumes: volumes.len(),
        faulty,
        copied,
        hosts: hosts.len(),
    }
}

/// The fewest calls that volumes add to a sweep.
///
/// - `DescribeVolumes`: every page; again those with a finding, by page or by 200 ids.
/// - `DescribeInstances`: the instances that values are taken from, by 200 ids.
/// - `DescribeTags`: a second source for those that seem to have no value.
/// - `CreateTags`: they all have the same project, by 1,000 volumes.
/// - `TransactWriteItems`: one begins 98, `BatchGetItem`: what is remembered of 100.
fn of_volumes(found: &Found) -> usize {
    let pages = found.volumes.div_ceil(PAGE);
    pages
        + pages.min(found.faulty.div_ceil(FILTER_VALUES))
        + found.hosts.div_ceil(FILTER_VALUES)
        + usize::from(found.copied < found.faulty)
        + found.copied.div_ceil(1_000)
        + found.copied.div_ceil(98)
        + found.faulty.div_ceil(100)
}

fn without_reports(calls: &Calls) -> Calls {
    let mut calls = calls.clone();
    calls.remove("Publish");
    calls
}

#[tokio::test(start_paused = true)]
async fn sweeps_ten_thousand_instances_with_twenty_thousand_volumes_near_the_fewest_calls() {
    let fleet = covering_volumes(10_000);
    let found = found(&fleet);
    assert_eq!((found.volumes, found.faulty), (20_000, 500));
    let cost = simulate::sweep(&fleet).await;
    let fewest = bound::total(&bound::of_sweep(&fleet, cost.report)) + of_volumes(&found);
    let made = bound::total(&cost.calls);
    assert!(
        made * 10 <= fewest * 12,
        "{made} of {fewest}: {:?}",
        cost.calls
    );
    assert_eq!(cost.throttled(), 0);
    assert_eq!(cost.answer["failed"], 0);
    assert_eq!(cost.calls["DescribeVolumes"], 20 + 3);
    assert_eq!(cost.answer["tagged"], 4_680 + found.copied);

    let volumes = fleet.account.volumes();
    let copied = volumes
        .iter()
        .filter(|it| it.tags.contains_key("ProjectCode"));
    assert_eq!(copied.count(), 20_000 - found.faulty + found.copied);
}

#[tokio::test(start_paused = true)]
async fn rule_makes_the_fewest_calls_for_twenty_thousand_volumes() {
    let fleet = covering_volumes(10_000);
    for results in [0, 10_000] {
        let cost = simulate::rule(&fleet).await;
        let mut fewest = bound::of_rule(&fleet, results);
        fewest.insert("DescribeVolumes".to_owned(), 20);
        // With results, only those that are not compliant are sent again.
        let shown = if results == 0 { 0 } else { 30_000 };
        let news = if results == 0 {
            30_000
        } else {
            fleet.count(|matter: Matter| !matter.is_compliant()) + 500
        };
        fewest.insert("PutEvaluations".to_owned(), news.div_ceil(100));
        let pages = usize::max(shown / 100, 1);
        fewest.insert("GetComplianceDetailsByConfigRule".to_owned(), pages);
        assert_eq!(cost.calls, fewest);
        assert_eq!(cost.throttled(), 0);
        assert_eq!(cost.answer["nonCompliant"], 4_120 + 500);
    }
}

/// Whoever does not cover volumes pays nothing for them, whatever there is in the account.
#[tokio::test(start_paused = true)]
async fn instances_alone_cost_what_they_did() {
    let start = "2026-11-23T12:00:00Z".parse().unwrap();
    let before = Fleet::launch(Account::starting_at(start), 1_000);
    let with = with_volumes(1_000);
    let swept = simulate::sweep(&with).await;
    assert_eq!(swept.calls, simulate::sweep(&before).await.calls);
    assert_eq!(swept.calls.get("DescribeVolumes"), None);
    let evaluated = simulate::rule(&with).await;
    assert_eq!(evaluated.calls, simulate::rule(&before).await.calls);
    assert!(
        with.account
            .volumes()
            .iter()
            .all(|it| it.tags.contains_key("Name"))
    );

    // Nor does a policy without a rule for volumes, where the functions cover them.
    let mut covered = with_volumes(1_000);
    let variable = ("TAGWARDEN_RESOURCE_TYPES", "instance,volume");
    let variable = (variable.0.to_owned(), variable.1.to_owned());
    covered.variables.push(variable);
    let cost = simulate::sweep(&covered).await;
    assert_eq!(without_reports(&cost.calls), without_reports(&swept.calls));
}

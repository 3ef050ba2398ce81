//! The fewest calls, by operation, of any program that keeps tagwarden's promises.
//!
//! They are counted from the fleet as launched, not from what the functions do. The promises: the policy and the
//! instances are read again before any change, and once more before any shutdown; no missing tag is believed unless
//! DescribeTags agrees; an earlier run must have seen the same before any shutdown; every act is in the ledger before it
//! is done and completed after; at most ten shutdowns an hour; everything is reported once.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{Fleet, Matter};

/// Calls, by operation.
pub type Calls = BTreeMap<String, usize>;

/// The most instances of a page of DescribeInstances, and of a call that writes tags.
const PAGE: usize = 1_000;
/// The most values of one filter of DescribeInstances.
const FILTER_VALUES: usize = 200;
/// The most events of a page of LookupEvents.
const EVENTS: usize = 50;
/// The most evaluations of a call, and the most results of a page.
const EVALUATIONS: usize = 100;
/// The most writes of a DynamoDB transaction.
const WRITES: usize = 100;
/// The most instances whose tags one transaction begins: it writes what is remembered of each, the acts, and the run's mark.
const BEGUN: usize = WRITES - 2;
/// The most items of a `BatchGetItem`.
const REMEMBERED: usize = 100;
/// The largest SNS message.
const MESSAGE: usize = 256 * 1024;

/// The fewest calls of the rule's scheduled evaluation if Config already has `results` results: none, or all of them
/// and unchanged.
///
/// It reads the policy, Config's results and every instance, and sends a result for each instance, or for each that is
/// not compliant.
pub fn of_rule(fleet: &Fleet, results: usize) -> Calls {
    let size = fleet.count(|_| true);
    let news = fleet.count(|matter| results == 0 || !matter.is_compliant());
    calls(&[
        ("Scan", 1),
        (
            "GetComplianceDetailsByConfigRule",
            results.div_ceil(EVALUATIONS).max(1),
        ),
        ("DescribeInstances", size.div_ceil(PAGE)),
        ("PutEvaluations", news.div_ceil(EVALUATIONS)),
    ])
}

/// The fewest calls of an enforcing sweep whose report is `report` bytes of SNS messages.
///
/// - `Scan`: the policy, three times.
/// - `DescribeInstances`: every page; again the instances with a finding, by page or by 200 ids; once more those to
///   shut down.
/// - `LookupEvents`: the launches of the instances without a creator or without tags, by 50, as if there were no other launches.
/// - `CreateTags`: each distinct set of tags, by 1,000 instances.
/// - `TerminateInstances`: one call, as if no instance were protected.
/// - `TransactWriteItems`: one begins the tags of 98 instances, one completes 100 such batches; the same for shutdowns.
/// - `BatchGetItem`: what is remembered of those that are untagged or lack a name or a date, by 100.
/// - `DescribeTags`: a second source for those to shut down, before their countdowns and before the act.
/// - `GetItem`: the budget before and after, what was reported of an upgrade. `Query`: the countdowns, what EC2 refused
///   lately, and abandoned runs. `UpdateItem`: what was reported. `DeleteItem`: the run's mark.
/// - `Publish`: one call for 256 KiB.
pub fn of_sweep(fleet: &Fleet, report: usize) -> Calls {
    let pages = fleet.count(|_| true).div_ceil(PAGE);
    let faulty = fleet.count(|matter| matter != Matter::Nothing);
    let batches = fleet.count(Matter::is_tagged_by_sweep).div_ceil(BEGUN);
    let remembered = fleet.count(Matter::is_remembered);
    let look_ups = fleet.launches.iter().filter(|it| {
        let is_named = it.matter.lacks_creator() && it.matter.is_tagged_by_sweep();
        is_named || it.matter.is_untagged()
    });
    calls(&[
        ("Scan", 3),
        (
            "DescribeInstances",
            pages + pages.min(faulty.div_ceil(FILTER_VALUES)) + 1,
        ),
        ("LookupEvents", look_ups.count().div_ceil(EVENTS)),
        ("CreateTags", create_tags(fleet)),
        ("TerminateInstances", 1),
        ("TransactWriteItems", batches + batches.div_ceil(WRITES) + 2),
        ("BatchGetItem", remembered.div_ceil(REMEMBERED)),
        ("DescribeTags", 2),
        ("GetItem", 3),
        ("Query", 3),
        ("UpdateItem", 1),
        ("DeleteItem", 1),
        ("Publish", report.div_ceil(MESSAGE)),
    ])
}

/// The calls that write tags. Creators' names need one call for each name.
fn create_tags(fleet: &Fleet) -> usize {
    let one_set = |is: &dyn Fn(Matter) -> bool| fleet.count(is).div_ceil(PAGE);
    let project = one_set(&|it| matches!(it, Matter::NoProject | Matter::EmptyProject));
    let expiry = one_set(&|it| matches!(it, Matter::NoExpiry | Matter::EmptyExpiry));
    let users: BTreeSet<usize> = fleet.launches.iter().map(|it| it.user).collect();
    let named = |wanted: Matter| -> usize {
        let of = |user: usize| {
            let launches = fleet.launches.iter();
            let launches = launches.filter(|it| it.matter == wanted && it.user == user);
            let count: usize = launches.map(|it| it.count).sum();
            count.div_ceil(PAGE)
        };
        users.iter().map(|user| of(*user)).sum()
    };
    project + expiry + named(Matter::NoCreator) + named(Matter::NeitherProjectNorCreator)
}

/// The sum of all calls.
pub fn total(calls: &Calls) -> usize {
    calls.values().sum()
}

fn calls(calls: &[(&str, usize)]) -> Calls {
    let calls = calls.iter();
    calls
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

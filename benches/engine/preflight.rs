//! Judging what is about to be created: 5,000 planned resources, as `tagwarden preflight` and the hook judge them.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tagwarden_core::Scope;
use tagwarden_core::preflight::{PlannedLaunch, PlannedTags, PreflightRules};

use super::fleet::{instances, now, policy};

const RESOURCES: usize = 5_000;

/// Half of them lack a tag.
#[divan::bench(args = [1, 10, 50])]
fn judge(bencher: Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    let launches = instances(RESOURCES, rules, |number| number % 2 == 0);
    let launches: Vec<PlannedLaunch> = launches
        .into_iter()
        .map(|instance| {
            let mut tags = PlannedTags::default();
            for (key, value) in &instance.tags {
                tags.set(key, value);
            }
            PlannedLaunch {
                address: instance.id,
                tags,
                ..PlannedLaunch::default()
            }
        })
        .collect();
    let scope = Scope::default();
    let rules = PreflightRules {
        policy: &policy,
        scope: &scope,
        at: now(),
    };
    bencher
        .counter(ItemsCount::new(launches.len()))
        .bench_local(|| {
            for launch in &launches {
                black_box(rules.judge(black_box(launch)));
            }
        });
}

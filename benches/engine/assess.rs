//! Assessing: the decision that both functions and the command make about every instance.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tagwarden_core::{Instance, Scope, assess};

use super::fleet::{instances, now, policy};

/// The number of different instances, more than the processor's nearest caches hold.
const INSTANCES: usize = 1_000;

const RULES: [usize; 3] = [1, 10, 50];

#[divan::bench(args = RULES)]
fn compliant(bencher: Bencher<'_, '_>, rules: usize) {
    assess_all(bencher, rules, &instances(INSTANCES, rules, |_| false));
}

#[divan::bench(args = RULES)]
fn one_tag_missing(bencher: Bencher<'_, '_>, rules: usize) {
    assess_all(bencher, rules, &instances(INSTANCES, rules, |_| true));
}

#[divan::bench(args = RULES)]
fn all_tags_missing(bencher: Bencher<'_, '_>, rules: usize) {
    // These instances have only a Name.
    assess_all(bencher, rules, &instances(INSTANCES, 1, |_| true));
}

fn assess_all(bencher: Bencher<'_, '_>, rules: usize, instances: &[Instance]) {
    let policy = policy(rules);
    let scope = Scope::default();
    let now = now();
    bencher
        .counter(ItemsCount::new(instances.len()))
        .bench_local(|| {
            for instance in instances {
                black_box(assess(&policy, &scope, black_box(instance), now));
            }
        });
}

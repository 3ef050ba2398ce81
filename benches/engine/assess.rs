//! Assessing: the decision that both functions and the command make about every instance.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tagwarden_core::{Policy, Resource, Scope, assess};

use super::fleet::{instances, now, policy, policy_with_options};

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

/// With five allowed values and one condition for each rule.
#[divan::bench(args = RULES)]
fn compliant_with_values_and_conditions(bencher: Bencher<'_, '_>, rules: usize) {
    let policy = policy_with_options(rules);
    assess_by(bencher, &policy, &instances(INSTANCES, rules, |_| false));
}

fn assess_all(bencher: Bencher<'_, '_>, rules: usize, instances: &[Resource]) {
    assess_by(bencher, &policy(rules), instances);
}

fn assess_by(bencher: Bencher<'_, '_>, policy: &Policy, instances: &[Resource]) {
    let scope = Scope::default();
    let now = now();
    bencher
        .counter(ItemsCount::new(instances.len()))
        .bench_local(|| {
            for instance in instances {
                black_box(assess(policy, &scope, black_box(instance), now));
            }
        });
}

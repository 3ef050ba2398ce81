//! Planning: from the instances to the steps.

use divan::Bencher;
use divan::counter::ItemsCount;
use tagwarden_core::settings::Environment;
use tagwarden_remediation::Settings;
use tagwarden_remediation::plan::{PlanContext, plan};

use super::fleet::{instances, now, policy};

const INSTANCES: usize = 100_000;

/// Of every 1,000 instances, 482 lack a tag.
#[divan::bench(args = [3, 10], sample_count = 20)]
fn a_hundred_thousand_instances(bencher: Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    let instances = instances(INSTANCES, rules, |number| number % 1_000 < 482);
    let settings = Settings::from_environment(&Environment::new(&|name| {
        let enforcing = [
            ("TAGWARDEN_MODE", "enforce"),
            ("TAGWARDEN_LEDGER_TABLE", "ledger"),
        ];
        let variable = enforcing.into_iter().find(|(known, _)| *known == name);
        variable.map(|(_, value)| value.to_owned())
    }));
    let settings = settings.unwrap();
    let context = PlanContext::default();
    bencher
        .counter(ItemsCount::new(INSTANCES))
        .bench_local(|| plan(&policy, &settings, &instances, &context, now()));
}

//! The gate: `plan --against … --fail-on destructive` fails for whatever some future sweep shuts down that none would
//! have.

mod future;
mod worlds;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tagwarden_core::Resource;
use tagwarden_core::policy::PolicyExamples;
use tagwarden_remediation::launcher::{RecordedEvent, RecordedLaunches, RecordedResource};
use tagwarden_remediation::on_demand::preview_of;
use tagwarden_remediation::plan::Prospect;

use super::FailOn;
use crate::focus::EVERYTHING;
use crate::forecast::Forecast;
use crate::forecast::compare::{Comparison, Harm, InstanceChange};
use crate::forecast::inputs::{Inputs, PolicyPlan};
use future::Future;
use worlds::{Launched, Side, fleet, now, sides};

fn inputs(before: &Side, after: &Side, fleet: &[Launched]) -> Inputs {
    let mut launches = RecordedLaunches::default();
    for Launched {
        instance, story, ..
    } in fleet
    {
        if story.is_recorded {
            launches.add(&RecordedEvent {
                event_name: Some("RunInstances".to_owned()),
                username: story.name(),
                resources: vec![RecordedResource {
                    resource_name: Some(instance.id.clone()),
                }],
                cloud_trail_event: None,
            });
        }
    }
    let instances: Vec<Resource> = fleet.iter().map(|it| it.instance.clone()).collect();
    let examples = PolicyExamples::of([&before.policy, &after.policy]);
    let side = |side: &Side| {
        let preview = preview_of(
            &side.policy,
            &side.settings,
            &instances,
            &launches,
            &EVERYTHING,
            &examples,
            now(),
        );
        PolicyPlan {
            name: String::new(),
            policy: side.policy.clone(),
            settings: side.settings.clone(),
            report: preview.report,
            prospects: preview.prospects,
        }
    };
    let (policy, against) = (side(after), Some(side(before)));
    Inputs {
        from: String::new(),
        at: now(),
        policy,
        against,
        notes: Vec::new(),
        instances,
        access: None,
        is_recorded: false,
    }
}

fn compare(inputs: &Inputs) -> Comparison<'_> {
    let before = inputs.against.as_ref().unwrap();
    Comparison::new(
        Forecast::new(inputs, before),
        Forecast::new(inputs, &inputs.policy),
    )
}

/// The cases of a plain run, which are always the same. A larger `PROPTEST_CASES` asks for that many others.
fn config() -> ProptestConfig {
    const CASES: u32 = 250;
    let asked = ProptestConfig::default();
    let rng_seed = if asked.cases > CASES {
        asked.rng_seed
    } else {
        RngSeed::Fixed(15)
    };
    ProptestConfig {
        failure_persistence: None,
        rng_seed,
        cases: asked.cases.max(CASES),
        ..asked
    }
}

proptest! {
    #![proptest_config(config())]

    /// Sweeps under either policy go on until nothing is waited for any more. Whatever is shut down under the new one
    /// and not under the old one, or terminated and not only stopped, makes the gate fail.
    #[test]
    fn fails_for_whatever_only_the_new_policy_shuts_down(
        (before, after) in sides(),
        fleet in fleet(),
    ) {
        let old = Future::of(&before.policy, &before.settings, &fleet);
        let new = Future::of(&after.policy, &after.settings, &fleet);
        let worse: BTreeSet<&String> = new.down.difference(&old.down)
            .chain(new.terminated.difference(&old.terminated))
            .collect();
        let inputs = inputs(&before, &after, &fleet);
        let comparison = compare(&inputs);
        let is_failed = FailOn::Destructive.is_new_in(&comparison);
        prop_assert!(worse.is_empty() || is_failed, "{worse:?}");
        // Each of them is named.
        let harmed: BTreeSet<&String> = comparison.changes()
            .filter(|change| change.harm().is_some())
            .map(|change| &change.after.instance.id)
            .collect();
        prop_assert!(worse.is_subset(&harmed), "{worse:?} of {harmed:?}");
        // The plan without a comparison counts them as well, but for what something must happen to first, and for those
        // of which it says that it does not know enough.
        let is_counted = FailOn::Destructive.is_in(&comparison.after.counts());
        let awaits = |id: &String| {
            let forecast = comparison.after.instances.get(id.as_str());
            let worlds = forecast.iter().flat_map(|it| it.prospects.worlds.values());
            let waits = |it: &Prospect| it.after.is_some();
            let is_partial = forecast.is_some_and(|it| !it.instance.details.is_whole);
            is_partial || worlds.clone().any(waits) || worlds.clone().any(Prospect::is_clear)
        };
        let is_clear = new.down.iter().all(awaits);
        prop_assert!(is_clear || is_counted, "{:?}", new.down);
        // And nothing else is called new, where all that matters is known and comes while the sweeps go on.
        for change in comparison.changes() {
            let id = &change.after.instance.id;
            let Some((harm, old_prospect, prospect)) = change.worst() else {
                continue;
            };
            if !is_known(change) || [old_prospect, prospect].iter().any(|it| is_late(*it)) {
                continue;
            }
            match harm {
                Harm::New => {
                    prop_assert!(new.down.contains(id) && !old.down.contains(id), "{id}");
                }
                Harm::Terminated => {
                    let is_terminated = new.terminated.contains(id);
                    prop_assert!(is_terminated && !old.terminated.contains(id), "{id}");
                }
                Harm::Sooner | Harm::LessNotice => {}
            }
        }
    }

    /// A policy that replaces itself changes nothing, whatever is not known.
    #[test]
    fn finds_nothing_in_a_policy_that_replaces_itself((side, _) in sides(), fleet in fleet()) {
        let inputs = inputs(&side, &side, &fleet);
        let comparison = compare(&inputs);
        prop_assert!(comparison.changes().next().is_none());
        prop_assert!(!FailOn::Destructive.is_new_in(&comparison));
    }
}

fn is_known(change: InstanceChange<'_, '_>) -> bool {
    let sides = [change.before, change.after];
    sides
        .iter()
        .all(|it| it.prospects.least == it.prospects.most)
}

/// Whether an end date lies beyond the last sweep.
fn is_late(prospect: Prospect) -> bool {
    let times = [prospect.down, prospect.terminated];
    times
        .into_iter()
        .flatten()
        .any(|it| it > TimeDelta::days(30))
}

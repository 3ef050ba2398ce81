//! The gate: `plan --against … --fail-on destructive` fails for whatever some future sweep shuts down that none would
//! have.

mod future;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use tagwarden_core::settings::Environment;
use tagwarden_core::{Exemption, Instance, Policy, State};
use tagwarden_remediation::Settings;
use tagwarden_remediation::launcher::{RecordedEvent, RecordedLaunches, RecordedResource};
use tagwarden_remediation::on_demand::preview;

use super::FailOn;
use crate::forecast::Forecast;
use crate::forecast::compare::{Comparison, Harm, InstanceChange};
use crate::forecast::inputs::{Inputs, PolicyPlan};
use future::{Future, LauncherStory};

/// The keys of tags and rules: keys that differ in case, tags of managers, and what looks like an exemption.
const KEYS: [&str; 6] = [
    "Owner",
    "owner",
    "ProjectCode",
    "acme:scaler",
    "exempt-until",
    "karpenter.sh/nodepool",
];

/// Tags that no rule writes.
const PEOPLES_KEYS: [&str; 3] = [
    "Name",
    "tagwarden:exempt-until",
    "aws:autoscaling:groupName",
];

const VALUES: [&str; 6] = ["", " ", "x", "2026-12-05 audit", "2020-01-01 audit", "soon"];

/// One side of a comparison.
#[derive(Clone, Debug)]
struct Side {
    policy: Policy,
    settings: Settings,
}

/// An instance, and what CloudTrail will say of it.
#[derive(Clone, Debug)]
struct Launched {
    instance: Instance,
    story: LauncherStory,
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn rule(key: &'static str) -> impl Strategy<Value = Value> {
    let action = prop_oneof![
        2 => Just("Update"),
        1 => Just("UserLookup"),
        1 => Just("Function"),
        1 => Just("Notify"),
        3 => Just("Stop"),
        4 => Just("Terminate"),
    ];
    let required = prop_oneof![4 => Just("Y"), 1 => Just("N")];
    let value = prop::sample::select(VALUES.to_vec());
    (action, required, value).prop_map(move |(action, required, value)| {
        let value = match action {
            "Function" => "today()",
            _ if value.trim().is_empty() => "nobody",
            _ => value,
        };
        json!({"TagKey": key, "Action": action, "Required": required, "Default": value})
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let keys = prop::sample::subsequence(KEYS.to_vec(), 1..=4);
    let rules = keys.prop_flat_map(|keys| keys.into_iter().map(rule).collect::<Vec<_>>());
    let hold = prop::bool::weighted(0.05);
    (rules, hold).prop_map(|(mut rows, is_held)| {
        if is_held {
            rows.push(json!({"Hold": "a move"}));
        }
        let rows = rows.into_iter().zip(1..).map(|(mut row, id)| {
            row["RuleId"] = json!(id);
            row.as_object().unwrap().clone()
        });
        Policy::from_rows(rows).unwrap()
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let one_of = |values: &[&'static str]| prop::sample::select(values.to_vec());
    let all = (
        one_of(&["terminate", "stop", "notify"]),
        one_of(&["no", "stop", "stop-and-terminate", "stop-and-terminate"]),
        one_of(&["0", "15", "120", "2880"]),
        one_of(&["0", "0", "24", "72"]),
        one_of(&["0", "1", "2", "10"]),
        one_of(&["0", "0", "1", "3"]),
        one_of(&["", "acme:scaler", "own*"]),
        one_of(&["", "", "", "vpc-1"]),
    );
    all.prop_map(
        |(untagged, rules, grace, notice, budget, days, managers, vpcs)| {
            let variable = |name: &str| {
                let value = match name {
                    "TAGWARDEN_UNTAGGED" => untagged,
                    "TAGWARDEN_RULES_MAY_DESTROY" => rules,
                    "TAGWARDEN_GRACE_MINUTES" => grace,
                    "TAGWARDEN_NOTICE_HOURS" => notice,
                    "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR" => budget,
                    "TAGWARDEN_TERMINATE_AFTER_DAYS" => days,
                    "TAGWARDEN_MANAGER_TAGS" => managers,
                    "TAGWARDEN_VPC_IDS" => vpcs,
                    "TAGWARDEN_LEDGER_TABLE" => "ledger",
                    "TAGWARDEN_TOPIC_ARN" => "arn:aws:sns:eu-west-1:111122223333:reports",
                    _ => return None,
                };
                Some(value.to_owned()).filter(|value| !value.is_empty())
            };
            Settings::from_environment(&Environment::new(&variable)).unwrap()
        },
    )
}

fn launched() -> impl Strategy<Value = Launched> {
    let keys = KEYS.iter().chain(&PEOPLES_KEYS).copied();
    let keys: Vec<&'static str> = keys.collect();
    let tags = prop::collection::btree_map(
        prop::sample::select(keys),
        prop::sample::select(VALUES.to_vec()),
        0..4,
    );
    let minutes_old = prop::sample::select(vec![
        None,
        Some(3),
        Some(60),
        Some(14_400),
        Some(14_400),
        Some(288_000),
    ]);
    let state = prop_oneof![5 => Just(State::Running), 1 => Just(State::Stopped)];
    let vpc = prop::sample::select(vec!["vpc-1", "vpc-1", "vpc-2"]);
    let story = (any::<bool>(), any::<bool>(), 0..4_usize);
    (tags, minutes_old, state, vpc, story).prop_map(|(tags, minutes_old, state, vpc, story)| {
        let launched_at = minutes_old.map(|minutes| now() - TimeDelta::minutes(minutes));
        let (is_recorded, has_name, shown_after) = story;
        Launched {
            instance: Instance {
                id: String::new(),
                vpc_id: Some(vpc.to_owned()),
                state,
                launched_at,
                started_at: launched_at,
                spot_request_id: None,
                operator: None,
                details: tagwarden_core::InstanceDetails::default(),
                tags: tags
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            },
            story: LauncherStory {
                is_recorded,
                has_name,
                shown_after,
            },
        }
    })
}

/// Small fleets, and now and then one that is large enough for a sweep to be suspicious.
fn fleet() -> impl Strategy<Value = Vec<Launched>> {
    let small = prop::collection::vec(launched(), 1..5);
    let large = launched().prop_map(|one| vec![one; 21]);
    let fleet = prop_oneof![12 => small, 1 => large];
    fleet.prop_map(|mut fleet| {
        for (number, one) in fleet.iter_mut().enumerate() {
            one.instance.id = format!("i-{number:017x}");
        }
        fleet
    })
}

/// Two policies, often with the same settings, as `--against` has them where nothing else is said.
fn sides() -> impl Strategy<Value = (Side, Side)> {
    let settings = prop_oneof![
        3 => settings().prop_map(|settings| (settings.clone(), settings)),
        1 => (settings(), settings()),
    ];
    (policy(), policy(), settings).prop_map(|(before, after, (old, new))| {
        let side = |policy, settings| Side { policy, settings };
        (side(before, old), side(after, new))
    })
}

fn inputs(before: &Side, after: &Side, fleet: &[Launched]) -> Inputs {
    let mut launches = RecordedLaunches::default();
    for Launched { instance, story } in fleet {
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
    let instances: Vec<Instance> = fleet.iter().map(|it| it.instance.clone()).collect();
    let side = |side: &Side| {
        let preview = preview(&side.policy, &side.settings, &instances, &launches, now());
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

proptest! {
    // PROPTEST_CASES asks for more of them.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1_000)))]

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
        // The plan without a comparison counts them as well.
        let is_counted = FailOn::Destructive.is_in(&comparison.after.counts());
        let exempt = fleet.iter().filter(|it| {
            let exemption = Exemption::of(&it.instance, now());
            matches!(exemption, Some(Exemption::Holds { .. }))
        });
        let exempt: BTreeSet<&String> = exempt.map(|it| &it.instance.id).collect();
        let is_clear = new.down.iter().all(|id| exempt.contains(id));
        prop_assert!(is_clear || is_counted, "{:?}", new.down);
        // And nothing else is called new, where all that matters is known.
        for change in comparison.changes().filter(|it| is_known(*it)) {
            let id = &change.after.instance.id;
            match change.harm() {
                Some(Harm::New) => {
                    prop_assert!(new.down.contains(id) && !old.down.contains(id), "{id}");
                }
                Some(Harm::Terminated) => {
                    let is_terminated = new.terminated.contains(id);
                    prop_assert!(is_terminated && !old.terminated.contains(id), "{id}");
                }
                Some(Harm::Sooner | Harm::LessNotice) | None => {}
            }
        }
    }
}

fn is_known(change: InstanceChange<'_, '_>) -> bool {
    let sides = [change.before, change.after];
    sides
        .iter()
        .all(|it| it.prospects.least == it.prospects.most)
}

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::json;
use tagwarden_core::policy::Row;
use tagwarden_core::settings::Environment;
use tagwarden_core::{Instance, InstanceDetails, Policy, State};

use super::*;
use crate::plan::{PlanContext, plan};
use crate::settings::{Mode, RulesMayDestroy, Settings};

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn policy() -> Policy {
    let rows: Vec<Row> = serde_json::from_value(json!([
        {"RuleId": 1, "TagKey": "Project", "Action": "Update", "Required": "Y", "Default": "P"},
        {"RuleId": 2, "TagKey": "Expires", "Action": "Function", "Required": "Y", "Default": "now()"},
        {"RuleId": 3, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"},
        {"RuleId": 4, "TagKey": "Team", "Action": "Stop", "Required": "Y"},
        {"RuleId": 5, "TagKey": "Note", "Action": "Notify", "Required": "Y"},
    ]))
    .unwrap();
    Policy::from_rows(rows).unwrap()
}

fn settings(grace: i64) -> Settings {
    let settings = Settings::from_environment(&Environment::new(&|_| None)).unwrap();
    Settings {
        mode: Mode::Enforce,
        ledger_table: Some("ledger".to_owned()),
        rules_may_destroy: RulesMayDestroy::StopAndTerminate,
        grace: TimeDelta::minutes(grace),
        ..settings
    }
}

fn instance(number: usize, tags: &[&str]) -> Instance {
    Instance {
        id: format!("i-{number:017x}"),
        vpc_id: None,
        state: State::Running,
        launched_at: Some(now() - TimeDelta::days(1)),
        started_at: None,
        spot_request_id: None,
        operator: None,
        details: InstanceDetails::default(),
        tags: tags
            .iter()
            .map(|key| ((*key).to_owned(), "x".to_owned()))
            .collect(),
    }
}

fn plan_of(
    instances: &[Instance],
    grace: i64,
    mandate: Option<Mandate>,
    at: DateTime<Utc>,
) -> Plan {
    let context = PlanContext {
        mandate,
        ..PlanContext::default()
    };
    plan(&policy(), &settings(grace), instances, &context, at)
}

/// What `plan` would do, as a person who is shown it agrees to it.
fn agreed(plan: &Plan) -> Agreed {
    let tags = plan.tags.iter().map(|act| {
        let name = (
            act.instance_id().to_owned(),
            act.tag_key().unwrap().to_owned(),
        );
        (name, act.tag_value().unwrap().to_owned())
    });
    let shutdowns = plan.shutdowns.values();
    Agreed {
        tags: tags.collect(),
        shutdowns: shutdowns
            .filter_map(|act| CountdownName::of(&act.step))
            .collect(),
        countdowns: plan.countdowns.keys().cloned().collect(),
        refused: BTreeMap::new(),
    }
}

fn left_out(plan: &Plan) -> usize {
    let settled = plan.settled.iter();
    settled
        .filter(|(_, outcome)| *outcome == not_agreed())
        .count()
}

fn fleet() -> impl Strategy<Value = Vec<Instance>> {
    let keys = ["Project", "Expires", "Owner", "Team", "Note"];
    let tags = prop::sample::subsequence(keys.to_vec(), 0..=5);
    prop::collection::vec(tags, 1..5).prop_map(|fleet| {
        let fleet = fleet.iter().enumerate();
        fleet.map(|(number, tags)| instance(number, tags)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever becomes of the fleet between the look and the run, the run does nothing that was not shown, and what is
    /// left out of it is named.
    #[test]
    fn a_run_does_no_more_than_was_shown(
        (shown, live, grace) in (fleet(), fleet(), prop::sample::select(vec![0, 15])),
    ) {
        let agreed = agreed(&plan_of(&shown, grace, None, now()));
        let later = now() + TimeDelta::minutes(5);
        let free = plan_of(&live, grace, None, later);
        let mandate = Mandate { focus: Focus::default(), agreed: Some(agreed.clone()) };
        let bound = plan_of(&live, grace, Some(mandate), later);
        for act in &bound.tags {
            let name = (act.instance_id().to_owned(), act.tag_key().unwrap().to_owned());
            prop_assert_eq!(agreed.tags.get(&name).map(String::as_str), act.tag_value());
        }
        for act in bound.shutdowns.values() {
            prop_assert!(agreed.shutdowns.contains(&CountdownName::of(&act.step).unwrap()));
        }
        for name in bound.countdowns.keys() {
            prop_assert!(agreed.countdowns.contains(name), "{name:?}");
        }
        let count = |plan: &Plan| plan.tags.len() + plan.shutdowns.len() + plan.countdowns.len();
        prop_assert_eq!(count(&free), count(&bound) + left_out(&bound));
        prop_assert_eq!(&free.reported, &bound.reported);
        // Nothing that was shown and still holds is left out.
        if shown == live {
            prop_assert_eq!(left_out(&bound), 0);
        }
    }
}

#[test]
fn the_same_plan_is_done_in_full() {
    let fleet = [instance(1, &["Project", "Owner", "Note"]), instance(2, &[])];
    for grace in [0, 15] {
        let shown = plan_of(&fleet, grace, None, now());
        let mandate = Mandate {
            agreed: Some(agreed(&shown)),
            ..Mandate::default()
        };
        let bound = plan_of(&fleet, grace, Some(mandate), now());
        assert_eq!(bound, shown);
        assert_eq!(bound.tags.len(), 1);
    }
}

#[test]
fn a_focus_leaves_the_rest_out_without_a_word() {
    let fleet = [
        instance(1, &["Name"]),
        instance(2, &["Name"]),
        instance(3, &[]),
    ];
    let with = |focus: Focus| {
        let mandate = Mandate {
            focus,
            agreed: None,
        };
        let plan = plan_of(&fleet, 0, Some(mandate), now());
        let all = plan.tags.len() + plan.shutdowns.len() + plan.reported.len();
        (
            plan.tags.len(),
            plan.shutdowns.len(),
            all + plan.settled.len(),
        )
    };
    let set = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(with(Focus::default()), (4, 3, 9));
    let one = Focus {
        instances: set(&["i-00000000000000002"]),
        ..Focus::default()
    };
    assert_eq!(with(one), (2, 1, 4));
    let key = Focus {
        tag_keys: set(&["Project"]),
        ..Focus::default()
    };
    assert_eq!(with(key), (2, 0, 2));
    let stops = Focus {
        remedies: BTreeSet::from([RemedyName::Terminate]),
        ..Focus::default()
    };
    assert_eq!(with(stops), (0, 3, 3));
}

#[test]
fn what_was_shown_as_refused_stays_refused() {
    let fleet = [instance(1, &[])];
    let shown = plan_of(&fleet, 0, None, now());
    let names = agreed(&shown).shutdowns;
    let mandate = Mandate {
        agreed: Some(Agreed {
            refused: names
                .into_iter()
                .map(|name| (name, Reason::Protected))
                .collect(),
            ..Agreed::default()
        }),
        ..Mandate::default()
    };
    let bound = plan_of(&fleet, 0, Some(mandate), now());
    assert!(bound.shutdowns.is_empty());
    let outcomes: Vec<&Outcome> = bound.settled.iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [&Outcome::Refused(Reason::Protected)]);
}

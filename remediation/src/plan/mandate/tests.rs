use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::json;
use tagwarden_core::policy::Row;
use tagwarden_core::settings::Environment;
use tagwarden_core::{Policy, Resource, State};

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

fn instance(number: usize, tags: &[&str]) -> Resource {
    Resource {
        launched_at: Some(now() - TimeDelta::days(1)),
        tags: tags
            .iter()
            .map(|key| ((*key).to_owned(), "x".to_owned()))
            .collect(),
        ..Resource::instance(format!("i-{number:017x}"), State::Running)
    }
}

fn plan_of(
    instances: &[Resource],
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
    let dates = shutdowns.clone().filter_map(|act| {
        let date = act.tags_before.get(act.step.cause.tag_key()?)?;
        Some((CountdownName::of(&act.step)?, date.clone()))
    });
    let fixed = plan.tags.iter().filter(|act| !is_timed(&act.step));
    let fixed = fixed.map(|act| {
        let key = act.tag_key().unwrap().to_owned();
        (act.instance_id().to_owned(), key)
    });
    Agreed {
        tags: tags.collect(),
        fixed: fixed.collect(),
        dates: dates.collect(),
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

fn fleet() -> impl Strategy<Value = Vec<Resource>> {
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

/// A plan under a policy with end dates, of an instance with these tags, at `at`.
fn plan_with_dates(tags: &[(&str, &str)], mandate: Option<Mandate>, at: &str) -> Plan {
    let rows: Vec<Row> = serde_json::from_value(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "Expires", "Action": "Function", "Required": "Y", "Default": "today()+10d",
            "WhenExpired": "Terminate", "Notice": "3d", "From": "tag:EndsOn"},
    ]))
    .unwrap();
    let policy = Policy::from_rows(rows).unwrap();
    let mut live = instance(1, &[]);
    live.tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let context = PlanContext {
        mandate,
        ..PlanContext::default()
    };
    // As if every notice had been accepted.
    let settings = Settings {
        mode: Mode::DryRun,
        ..settings(0)
    };
    plan(&policy, &settings, &[live], &context, at.parse().unwrap())
}

fn bound_to(shown: &Plan) -> Mandate {
    Mandate {
        agreed: Some(agreed(shown)),
        ..Mandate::default()
    }
}

/// (the date that was shown, the date of now) → whether the shutdown is done.
#[rstest::rstest]
#[case::the_same("2026-11-20", "2026-11-20", 1)]
#[case::another_that_has_passed("2026-11-20", "2026-11-21", 0)]
#[case::extended("2026-11-20", "2026-12-31", 0)]
#[case::written_otherwise("2026-11-20", "2026-11-21T00:00:00Z", 0)]
fn a_date_that_has_changed_is_not_acted_on(
    #[case] shown: &str,
    #[case] live: &str,
    #[case] expected: usize,
) {
    let at = "2026-11-23T12:00:00Z";
    let shown = plan_with_dates(&[("Expires", shown)], None, at);
    assert_eq!(shown.shutdowns.len(), 1);
    let bound = plan_with_dates(&[("Expires", live)], Some(bound_to(&shown)), at);
    assert_eq!(bound.shutdowns.len(), expected);
    let is_named = left_out(&bound) == 1;
    assert_eq!(is_named, expected == 0 && live < "2026-12");
}

/// A plan that an older version saved names no date: it agrees to no end.
#[test]
fn without_its_date_an_end_is_not_agreed_to() {
    let at = "2026-11-23T12:00:00Z";
    let tags = [("Expires", "2026-11-20")];
    let mut without = agreed(&plan_with_dates(&tags, None, at));
    without.dates.clear();
    let mandate = Some(Mandate {
        agreed: Some(without),
        ..Mandate::default()
    });
    assert!(plan_with_dates(&tags, mandate, at).shutdowns.is_empty());
}

/// (tags as shown, tags of now, the day of now) → the value that is written. The rule's function is today()+10d.
#[rstest::rstest]
#[case::on_the_same_day(&[], &[], "2026-11-23", Some("2026-12-03"))]
// The function's value grows older: the one that was shown is written, as long as it is not within the notice.
#[case::some_days_later(&[], &[], "2026-11-27", Some("2026-12-03"))]
#[case::within_the_notice(&[], &[], "2026-12-02", None)]
#[case::after_it(&[], &[], "2027-01-10", None)]
// What a source has is not the function's.
#[case::a_source_has_a_value_now(&[], &[("EndsOn", "2027-03-01")], "2026-11-24", None)]
#[case::a_source_had_a_value(&[("EndsOn", "2027-03-01")], &[], "2026-11-24", None)]
#[case::the_source_still_has_it(
    &[("EndsOn", "2027-03-01")], &[("EndsOn", "2027-03-01")], "2026-11-24", Some("2027-03-01")
)]
#[case::the_source_has_another(&[("EndsOn", "2027-03-01")], &[("EndsOn", "2027-03-02")], "2026-11-24", None)]
fn the_value_that_was_shown_is_written_if_it_is_the_functions(
    #[case] shown: &[(&str, &str)],
    #[case] live: &[(&str, &str)],
    #[case] day: &str,
    #[case] expected: Option<&str>,
) {
    let plan_of = |tags: &[(&str, &str)], mandate, at: &str| {
        plan_with_dates(&[&[("Name", "a")], tags].concat(), mandate, at)
    };
    let shown = plan_of(shown, None, "2026-11-23T12:00:00Z");
    assert_eq!(shown.tags.len(), 1);
    let bound = plan_of(live, Some(bound_to(&shown)), &format!("{day}T12:00:00Z"));
    let written: Vec<Option<&str>> = bound.tags.iter().map(|act| act.tag_value()).collect();
    let expected: Vec<Option<&str>> = expected.into_iter().map(Some).collect();
    assert_eq!(written, expected);
}

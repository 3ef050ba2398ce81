use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_core::State;
use tagwarden_core::policy::Row;
use tagwarden_core::settings::Environment;

use super::*;

const ID: &str = "i-0a1b2c3d4e5f60718";
const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn policy(rows: Value) -> Policy {
    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
    Policy::from_rows(rows).unwrap()
}

fn enforcing() -> Settings {
    let mut settings = Settings::from_environment(&Environment::new(&|_| None)).unwrap();
    settings.mode = Mode::Enforce;
    settings.ledger_table = Some("ledger".to_owned());
    settings
}

fn instance(minutes_old: i64, tags: &[(&str, &str)]) -> Instance {
    Instance {
        id: ID.to_owned(),
        vpc_id: None,
        state: State::Running,
        launched_at: Some(now() - TimeDelta::minutes(minutes_old)),
        started_at: None,
        spot_request_id: None,
        operator: None,
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn rule(action: &str, default: &str) -> Policy {
    policy(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": "Y", "Default": default},
    ]))
}

fn plan_one(policy: &Policy, settings: &Settings, instance: &Instance) -> Plan {
    plan_with(policy, settings, instance, None)
}

fn plan_with(
    policy: &Policy,
    settings: &Settings,
    instance: &Instance,
    launcher: Option<Launcher>,
) -> Plan {
    let launchers = launcher.map(|launcher| (ID.to_owned(), launcher));
    let known = Known {
        launchers: launchers.into_iter().collect(),
        ..Known::default()
    };
    plan(
        policy,
        settings,
        std::slice::from_ref(instance),
        &known,
        now(),
    )
}

fn untagged(remedy: Remedy) -> Step {
    Step {
        instance_id: ID.to_owned(),
        cause: Cause::Untagged,
        remedy,
    }
}

fn missing_owner(remedy: Remedy) -> Step {
    Step {
        instance_id: ID.to_owned(),
        cause: Cause::Missing {
            rule_id: 1,
            tag_key: "Owner".to_owned(),
        },
        remedy,
    }
}

fn tag(value: &str) -> Remedy {
    Remedy::Tag {
        value: value.to_owned(),
        unknown: None,
    }
}

fn undefined(unknown: Unknown) -> Remedy {
    Remedy::Tag {
        value: "Undefined".to_owned(),
        unknown: Some(unknown),
    }
}

#[rstest]
#[case("Update", "nobody", tag("nobody"))]
#[case("Function", "today()+1d", tag("2026-11-24"))]
#[case("Notify", "", Remedy::Notify)]
fn writes_and_reports(#[case] action: &str, #[case] default: &str, #[case] remedy: Remedy) {
    let plan = plan_one(
        &rule(action, default),
        &enforcing(),
        &instance(0, &[("Name", "web")]),
    );
    let expected = Plan {
        steps: vec![missing_owner(remedy)],
        ..Plan::default()
    };
    assert_eq!(plan, expected);
}

#[rstest]
#[case(Untagged::Terminate, Remedy::Terminate)]
#[case(Untagged::Stop, Remedy::Stop { terminate_on: None })]
fn an_untagged_instance_is_ended_as_configured(
    #[case] configured: Untagged,
    #[case] remedy: Remedy,
) {
    let mut settings = enforcing();
    settings.untagged = configured;
    let policy = rule("Update", "nobody");
    let expected = Plan {
        destructive: vec![untagged(remedy)],
        ..Plan::default()
    };
    assert_eq!(plan_one(&policy, &settings, &instance(60, &[])), expected);
}

#[test]
fn an_untagged_instance_can_be_only_reported() {
    let mut settings = enforcing();
    settings.untagged = Untagged::Notify;
    let plan = plan_one(&rule("Update", "nobody"), &settings, &instance(0, &[]));
    let expected = Plan {
        steps: vec![untagged(Remedy::Notify)],
        ..Plan::default()
    };
    assert_eq!(plan, expected);
}

#[rstest]
#[case(14, true)]
#[case(15, false)]
fn the_grace_period_ends_on_the_minute(#[case] age: i64, #[case] spared: bool) {
    let plan = plan_one(&rule("Update", "nobody"), &enforcing(), &instance(age, &[]));
    assert_eq!(plan.destructive.is_empty(), spared);
    let grace = Reason::Grace {
        age: Some(TimeDelta::minutes(age)),
        grace: TimeDelta::minutes(15),
    };
    let deferred = spared.then(|| (untagged(Remedy::Terminate), grace));
    assert_eq!(plan.deferred, deferred.into_iter().collect::<Vec<_>>());
}

#[test]
fn an_instance_of_unknown_age_is_young() {
    let mut ageless = instance(60, &[]);
    ageless.launched_at = None;
    let plan = plan_one(&rule("Update", "nobody"), &enforcing(), &ageless);
    assert!(plan.destructive.is_empty());
    assert!(matches!(
        plan.deferred[..],
        [(_, Reason::Grace { age: None, .. })]
    ));
}

#[rstest]
#[case("Stop", Remedy::Stop { terminate_on: None })]
#[case("Terminate", Remedy::Terminate)]
fn auto_scaling_instances_are_never_ended(#[case] action: &str, #[case] remedy: Remedy) {
    let in_group = instance(60, &[("aws:autoscaling:groupName", "web")]);
    let plan = plan_one(&rule(action, ""), &enforcing(), &in_group);
    let reason = Reason::Owned {
        owner: "the Auto Scaling group web".to_owned(),
        concern: "which would replace it",
        fix: "tag the group",
    };
    let expected = Plan {
        refused: vec![(missing_owner(remedy), reason)],
        ..Plan::default()
    };
    assert_eq!(plan, expected);
}

/// In a dry run as well, whatever else stands against it; and its tags are written.
#[rstest]
#[case(Mode::DryRun)]
#[case(Mode::Enforce)]
fn an_owned_instance_is_tagged_and_never_ended(#[case] mode: Mode) {
    let mut settings = enforcing();
    settings.mode = mode;
    settings.ledger_table = None;
    let mut owned = instance(0, &[("Name", "web")]);
    owned.spot_request_id = Some("sir-abcd1234".to_owned());
    let policy = policy(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "nobody"},
        {"RuleId": 2, "TagKey": "Team", "Action": "Terminate", "Required": "Y"},
    ]));
    let plan = plan_one(&policy, &settings, &owned);
    assert_eq!(plan.steps, [missing_owner(tag("nobody"))]);
    let [(step, reason)] = &plan.refused[..] else {
        panic!("one step is refused: {plan:?}")
    };
    assert_eq!(step.remedy, Remedy::Terminate);
    assert_eq!(
        reason.to_string(),
        "it belongs to the Spot request sir-abcd1234, which may replace it: \
         put the tags in the launch that requests it"
    );
    assert_eq!((plan.destructive.len(), plan.deferred.len()), (0, 0));
}

#[test]
fn an_exempt_instance_is_left_alone_until_its_day_is_over() {
    let exempt = instance(60, &[("tagwarden:exempt-until", "2026-11-23 moves house")]);
    let policy = rule("Terminate", "");
    let at = |time: &str| {
        let now = time.parse().unwrap();
        plan(
            &policy,
            &enforcing(),
            std::slice::from_ref(&exempt),
            &Known::default(),
            now,
        )
    };
    assert!(at("2026-11-23T23:59:59Z").is_empty());
    let step = missing_owner(Remedy::Terminate);
    assert_eq!(at("2026-11-24T00:00:00Z").destructive, [step]);
}

#[test]
fn without_a_ledger_nothing_is_ended() {
    let mut settings = enforcing();
    settings.ledger_table = None;
    let plan = plan_one(&rule("Update", "nobody"), &settings, &instance(60, &[]));
    let expected = Plan {
        refused: vec![(untagged(Remedy::Terminate), Reason::NoLedger)],
        ..Plan::default()
    };
    assert_eq!(plan, expected);
}

#[test]
fn what_is_stopped_is_not_stopped_again() {
    let mut stopped = instance(60, &[("Name", "web")]);
    for state in [State::Stopping, State::Stopped] {
        stopped.state = state;
        assert!(plan_one(&rule("Stop", ""), &enforcing(), &stopped).is_empty());
    }
}

#[test]
fn termination_wins_over_a_stop() {
    for (first, second) in [("Stop", "Terminate"), ("Terminate", "Stop")] {
        let policy = policy(json!([
            {"RuleId": 1, "TagKey": "A", "Action": first, "Required": "Y"},
            {"RuleId": 2, "TagKey": "B", "Action": second, "Required": "Y"},
        ]));
        let plan = plan_one(&policy, &enforcing(), &instance(60, &[("Name", "web")]));
        let remedies: Vec<&Remedy> = plan.destructive.iter().map(|step| &step.remedy).collect();
        assert_eq!(remedies, [&Remedy::Terminate]);
    }
}

#[rstest]
#[case::known(Some(Launcher::Known("ann".to_owned())), 0, Plan { steps: vec![missing_owner(tag("ann"))], ..Plan::default() })]
#[case::nobody(Some(Launcher::Nobody), 15, Plan { steps: vec![missing_owner(undefined(Unknown::NotRecorded))], ..Plan::default() })]
#[case::too_old(Some(Launcher::TooOld), 0, Plan { steps: vec![missing_owner(undefined(Unknown::TooOld))], ..Plan::default() })]
#[case::nobody_yet(Some(Launcher::Nobody), 14, Plan {
    deferred: vec![(missing_owner(Remedy::TagLauncher), Reason::LaunchNotShown { age: Some(TimeDelta::minutes(14)), grace: TimeDelta::minutes(15) })],
    ..Plan::default()
})]
#[case::failed(Some(Launcher::Failed("denied".to_owned())), 60, Plan { failed: vec![(missing_owner(Remedy::TagLauncher), "denied".to_owned())], ..Plan::default() })]
#[case::not_asked(None, 60, Plan { deferred: vec![(missing_owner(Remedy::TagLauncher), Reason::LookUpUnfinished)], ..Plan::default() })]
fn undefined_is_written_only_when_nobody_can_be_found(
    #[case] launcher: Option<Launcher>,
    #[case] age: i64,
    #[case] expected: Plan,
) {
    let instance = instance(age, &[("Name", "web")]);
    let plan = plan_with(&rule("UserLookup", ""), &enforcing(), &instance, launcher);
    assert_eq!(plan, expected);
}

#[test]
fn the_longest_running_are_ended_first() {
    let mut fleet: Vec<Instance> = (0..3).map(|hour| instance(60 * (hour + 1), &[])).collect();
    for (instance, name) in fleet.iter_mut().zip(["young", "middle", "old"]) {
        instance.id = name.to_owned();
    }
    let plan = plan(
        &rule("Update", "nobody"),
        &enforcing(),
        &fleet,
        &Known::default(),
        now(),
    );
    let ids: Vec<&str> = plan
        .destructive
        .iter()
        .map(|step| step.instance_id.as_str())
        .collect();
    assert_eq!(ids, ["old", "middle", "young"]);
}

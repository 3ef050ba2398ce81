use chrono::TimeDelta;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_aws::AwsError;
use tagwarden_core::policy::Row;
use tagwarden_core::settings::Environment;
use tagwarden_core::{DefectName, InstanceDetails, Policy, Resource, State};

use super::*;
use crate::launcher::Unknown;
use crate::settings::{Mode, RulesMayDestroy, Settings, Untagged};

mod acts;
mod looks;
mod nearly_right;
mod prospects;
mod protections;
mod values;
mod written;

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
    settings.rules_may_destroy = RulesMayDestroy::StopAndTerminate;
    settings
}

fn dry_run() -> Settings {
    Settings {
        mode: Mode::DryRun,
        ..enforcing()
    }
}

/// Without a grace period no earlier look is needed.
fn at_once() -> Settings {
    Settings {
        grace: TimeDelta::zero(),
        ..enforcing()
    }
}

fn instance(minutes_old: i64, tags: &[(&str, &str)]) -> Resource {
    Resource {
        launched_at: Some(now() - TimeDelta::minutes(minutes_old)),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Resource::instance(ID, State::Running)
    }
}

fn rule(action: &str, default: &str) -> Policy {
    policy(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": "Y", "Default": default},
    ]))
}

/// A plan by its steps.
#[derive(Debug, Default, PartialEq)]
struct Steps {
    /// Those that write tags, then those that only report.
    in_order: Vec<Step>,
    shutdowns: Vec<Step>,
    settled: Vec<(Step, Outcome)>,
}

impl From<Plan> for Steps {
    fn from(plan: Plan) -> Self {
        let tags = plan.tags.into_iter().map(|act| act.step);
        let shutdowns = plan.shutdowns.into_values().map(|act| act.step);
        Self {
            in_order: tags.chain(plan.reported).collect(),
            shutdowns: shutdowns.collect(),
            settled: plan.settled,
        }
    }
}

fn plan_one(policy: &Policy, settings: &Settings, instance: &Resource) -> Steps {
    plan_with(policy, settings, instance, None)
}

fn plan_with(
    policy: &Policy,
    settings: &Settings,
    instance: &Resource,
    launcher: Option<Launcher>,
) -> Steps {
    let launchers = launcher.map(|launcher| (ID.to_owned(), launcher));
    let context = PlanContext {
        launchers: launchers.into_iter().collect(),
        ..PlanContext::default()
    };
    plan(
        policy,
        settings,
        std::slice::from_ref(instance),
        &context,
        now(),
    )
    .into()
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
        cause: Cause::Tag {
            rule_id: 1,
            tag_key: "Owner".to_owned(),
            defect: DefectName::Missing,
        },
        remedy,
    }
}

fn tag(value: &str) -> Remedy {
    tag_from(value, ValueOrigin::Default)
}

fn tag_from(value: &str, origin: ValueOrigin) -> Remedy {
    Remedy::Tag {
        value: value.to_owned(),
        unknown: None,
        origin: Some(origin),
    }
}

fn undefined(unknown: Unknown) -> Remedy {
    Remedy::Tag {
        value: "Undefined".to_owned(),
        unknown: Some(unknown),
        origin: Some(ValueOrigin::Launcher),
    }
}

#[rstest]
#[case("Update", "nobody", tag("nobody"))]
#[case(
    "Function",
    "today()+1d",
    tag_from("2026-11-24", ValueOrigin::Function)
)]
#[case("Notify", "", Remedy::Notify { correction: None })]
fn writes_and_reports(#[case] action: &str, #[case] default: &str, #[case] remedy: Remedy) {
    let plan = plan_one(
        &rule(action, default),
        &enforcing(),
        &instance(0, &[("Name", "web")]),
    );
    let expected = Steps {
        in_order: vec![missing_owner(remedy)],
        ..Steps::default()
    };
    assert_eq!(plan, expected);
}

#[rstest]
#[case(Untagged::Terminate, Remedy::Terminate)]
#[case(Untagged::Stop, Remedy::Stop { terminate_on: None })]
fn shuts_down_an_untagged_instance_as_configured(
    #[case] configured: Untagged,
    #[case] remedy: Remedy,
) {
    let mut settings = at_once();
    settings.untagged = configured;
    let policy = rule("Update", "nobody");
    let expected = Steps {
        shutdowns: vec![untagged(remedy)],
        ..Steps::default()
    };
    assert_eq!(plan_one(&policy, &settings, &instance(60, &[])), expected);
}

#[test]
fn only_reports_an_untagged_instance_if_configured() {
    let mut settings = enforcing();
    settings.untagged = Untagged::Notify;
    let plan = plan_one(&rule("Update", "nobody"), &settings, &instance(0, &[]));
    let expected = Steps {
        in_order: vec![untagged(Remedy::Notify { correction: None })],
        ..Steps::default()
    };
    assert_eq!(plan, expected);
}

#[rstest]
#[case(14, true)]
#[case(15, false)]
fn dry_run_ends_the_grace_period_on_the_minute(#[case] age: i64, #[case] spared: bool) {
    let plan = plan_one(&rule("Update", "nobody"), &dry_run(), &instance(age, &[]));
    assert_eq!(plan.shutdowns.is_empty(), spared);
    let grace = Reason::Grace {
        age: Some(TimeDelta::minutes(age)),
        grace: TimeDelta::minutes(15),
    };
    let deferred = spared.then(|| (untagged(Remedy::Terminate), Outcome::Deferred(grace)));
    assert_eq!(plan.settled, deferred.into_iter().collect::<Vec<_>>());
}

#[test]
fn dry_run_takes_an_instance_of_unknown_age_for_young() {
    let mut ageless = instance(60, &[]);
    ageless.launched_at = None;
    let plan = plan_one(&rule("Update", "nobody"), &dry_run(), &ageless);
    assert!(plan.shutdowns.is_empty());
    assert!(matches!(
        plan.settled[..],
        [(_, Outcome::Deferred(Reason::Grace { age: None, .. }))]
    ));
}

#[rstest]
#[case("Stop", Remedy::Stop { terminate_on: None })]
#[case("Terminate", Remedy::Terminate)]
fn never_shuts_down_auto_scaling_instances(#[case] action: &str, #[case] remedy: Remedy) {
    let in_group = instance(60, &[("aws:autoscaling:groupName", "web")]);
    let plan = plan_one(&rule(action, ""), &enforcing(), &in_group);
    let reason = Reason::Managed {
        manager: "the Auto Scaling group web".to_owned(),
        concern: "which would replace it",
        fix: "tag the group",
    };
    let expected = Steps {
        settled: vec![(missing_owner(remedy), Outcome::Refused(reason))],
        ..Steps::default()
    };
    assert_eq!(plan, expected);
}

/// In a dry run as well, whatever else stands against it; and its tags are written.
#[rstest]
#[case(Mode::DryRun)]
#[case(Mode::Enforce)]
fn tags_an_owned_instance_and_never_shuts_it_down(#[case] mode: Mode) {
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
    assert_eq!(plan.in_order, [missing_owner(tag("nobody"))]);
    let [(step, Outcome::Refused(reason))] = &plan.settled[..] else {
        panic!("one step is refused: {plan:?}")
    };
    assert_eq!(step.remedy, Remedy::Terminate);
    assert_eq!(
        reason.to_string(),
        "it belongs to the Spot request sir-abcd1234, which may replace it: \
         put the tags in the launch that requests it"
    );
    assert_eq!(plan.shutdowns, []);
}

#[test]
fn leaves_an_exempt_instance_alone_until_its_day_is_over() {
    let exempt = instance(60, &[("tagwarden:exempt-until", "2026-11-23 moves house")]);
    let policy = rule("Terminate", "");
    let at = |time: &str| {
        let now = time.parse().unwrap();
        plan(
            &policy,
            &at_once(),
            std::slice::from_ref(&exempt),
            &PlanContext::default(),
            now,
        )
    };
    assert!(at("2026-11-23T23:59:59Z").is_empty());
    let step = missing_owner(Remedy::Terminate);
    assert_eq!(Steps::from(at("2026-11-24T00:00:00Z")).shutdowns, [step]);
}

#[test]
fn shuts_nothing_down_without_a_ledger() {
    let mut settings = enforcing();
    settings.ledger_table = None;
    let plan = plan_one(&rule("Update", "nobody"), &settings, &instance(60, &[]));
    let expected = Steps {
        settled: vec![(
            untagged(Remedy::Terminate),
            Outcome::Refused(Reason::NoLedger),
        )],
        ..Steps::default()
    };
    assert_eq!(plan, expected);
}

#[test]
fn never_stops_a_stopped_instance_again() {
    let mut stopped = instance(60, &[("Name", "web")]);
    for state in [State::Stopping, State::Stopped] {
        stopped.state = state;
        let plan = plan_one(&rule("Stop", ""), &enforcing(), &stopped);
        assert_eq!(plan, Steps::default());
    }
}

#[test]
fn prefers_termination_to_a_stop() {
    for (first, second) in [("Stop", "Terminate"), ("Terminate", "Stop")] {
        let policy = policy(json!([
            {"RuleId": 1, "TagKey": "A", "Action": first, "Required": "Y"},
            {"RuleId": 2, "TagKey": "B", "Action": second, "Required": "Y"},
        ]));
        let plan = plan_one(&policy, &at_once(), &instance(60, &[("Name", "web")]));
        let remedies: Vec<&Remedy> = plan.shutdowns.iter().map(|step| &step.remedy).collect();
        assert_eq!(remedies, [&Remedy::Terminate]);
    }
}

#[rstest]
#[case::known(Some(Launcher::Known("ann".to_owned())), 0, Steps { in_order: vec![missing_owner(tag_from("ann", ValueOrigin::Launcher))], ..Steps::default() })]
#[case::nobody(Some(Launcher::Nobody), 15, Steps { in_order: vec![missing_owner(undefined(Unknown::NotRecorded))], ..Steps::default() })]
#[case::too_old(Some(Launcher::TooOld), 0, Steps { in_order: vec![missing_owner(undefined(Unknown::TooOld))], ..Steps::default() })]
#[case::nobody_yet(Some(Launcher::Nobody), 14, Steps {
    settled: vec![(missing_owner(Remedy::TagLauncher), Outcome::Deferred(Reason::LaunchNotShown { age: Some(TimeDelta::minutes(14)), grace: TimeDelta::minutes(15) }))],
    ..Steps::default()
})]
#[case::failed(Some(Launcher::Failed(denied())), 60, Steps { settled: vec![(missing_owner(Remedy::TagLauncher), Outcome::Failed(StepFailure::from(&denied())))], ..Steps::default() })]
#[case::not_asked(None, 60, Steps { settled: vec![(missing_owner(Remedy::TagLauncher), Outcome::Deferred(Reason::LookUpUnfinished))], ..Steps::default() })]
fn writes_undefined_only_if_nobody_can_be_found(
    #[case] launcher: Option<Launcher>,
    #[case] age: i64,
    #[case] expected: Steps,
) {
    let instance = instance(age, &[("Name", "web")]);
    let plan = plan_with(&rule("UserLookup", ""), &enforcing(), &instance, launcher);
    assert_eq!(plan, expected);
}

#[test]
fn shuts_down_the_longest_running_first() {
    let mut fleet: Vec<Resource> = (0..3).map(|hour| instance(60 * (hour + 1), &[])).collect();
    for (instance, name) in fleet.iter_mut().zip(["young", "middle", "old"]) {
        instance.id = name.to_owned();
    }
    let plan = plan(
        &rule("Update", "nobody"),
        &at_once(),
        &fleet,
        &PlanContext::default(),
        now(),
    );
    let ids: Vec<&str> = plan
        .shutdowns
        .values()
        .map(|act| act.step.instance_id.as_str())
        .collect();
    assert_eq!(ids, ["old", "middle", "young"]);
}

fn denied() -> AwsError {
    AwsError::unexpected("cloudtrail:LookupEvents", "denied")
}

fn four_rules() -> Policy {
    let rows = json!([
        {"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "P1"},
        {"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "Default": ""},
        {"RuleId": 3, "TagKey": "Data", "Action": "Notify", "Required": "Y", "Default": ""},
        {"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y", "Default": ""},
    ]);
    policy(rows)
}

fn any_instance() -> impl Strategy<Value = Resource> {
    let keys = ["ProjectCode", "CreatedBy", "Data", "Owner", "Other"];
    let tags = prop::collection::btree_map(prop::sample::select(keys.to_vec()), "[ab]?", 0..=5);
    (tags, 0_i64..100_000, any::<bool>()).prop_map(|(tags, age, is_running)| Resource {
        launched_at: Some(now() - TimeDelta::seconds(age)),
        tags: tags
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        ..Resource::instance(
            String::new(),
            if is_running {
                State::Running
            } else {
                State::Stopped
            },
        )
    })
}

proptest! {
    /// The pages' plans, merged, are the plan of all instances at once.
    #[test]
    fn merges_the_plans_of_pages(
        mut fleet in prop::collection::vec(any_instance(), 0..40),
        page in 1_usize..10,
    ) {
        for (number, instance) in fleet.iter_mut().enumerate() {
            instance.id = format!("i-{number:08}");
        }
        let plan = |instances: &[Resource]| {
            plan(&four_rules(), &enforcing(), instances, &PlanContext::default(), now())
        };
        let mut merged = Plan::default();
        for page in fleet.chunks(page) {
            merged.merge(plan(page));
        }

        let mut whole = plan(&fleet);
        prop_assert!(merged.shutdowns.iter().eq(&whole.shutdowns), "the oldest first");
        for plan in [&mut merged, &mut whole] {
            let key = |step: &Step| (step.instance_id.clone(), step.cause.rule_id());
            plan.tags.sort_by_key(|act| key(&act.step));
            plan.reported.sort_by_key(key);
            plan.settled.sort_by_key(|(step, _)| key(step));
        }
        prop_assert_eq!(merged, whole);
    }
}

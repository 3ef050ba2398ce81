use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;
use tagwarden_core::policy::Row;
use tagwarden_core::settings::Environment;
use tagwarden_core::{Policy, Resource, State};

use super::*;
use crate::plan::{Outcome, Plan, PlanContext, Reason, plan};
use crate::settings::{Mode, RulesMayDestroy, Untagged};

const ID: &str = "i-0a1b2c3d4e5f60718";

fn at(minutes: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(minutes)
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

fn terms(grace: i64, notice: i64) -> Terms {
    Terms {
        grace: TimeDelta::minutes(grace),
        wait: TimeDelta::minutes(notice),
        notice: TimeDelta::minutes(notice),
        times: times(None, TimeDelta::minutes(notice)),
        end: None,
        is_over_once_started: false,
        goes_stale: true,
    }
}

fn begun() -> Countdown {
    Countdown::starting(at(0))
}

fn waiting(next: i64, day: i64) -> CountdownStage {
    let (next, day) = (at(next), at(day));
    CountdownStage::Waiting { next, day }
}

fn announce(day: i64, meant_for: i64) -> CountdownStage {
    CountdownStage::Announce {
        day: at(day),
        next: at(day),
        meant_for: at(meant_for),
    }
}

#[rstest]
#[case::grace_runs(0, waiting(15, 15))]
#[case::grace_nearly_over(14, waiting(15, 15))]
#[case::due(15, CountdownStage::Due(at(15)))]
#[case::due_for_long(500, CountdownStage::Due(at(15)))]
fn without_a_notice_the_grace_period_is_all(#[case] now: i64, #[case] expected: CountdownStage) {
    let progress = begun().stage(&terms(15, 0), None, at(now));
    assert_eq!(progress, expected);
}

#[rstest]
#[case::grace_runs(14, None, waiting(15, 15 + DAY))]
#[case::must_be_announced(15, None, announce(15 + DAY, 15))]
#[case::announced_late_moves_the_day(3 * DAY, None, announce(4 * DAY, 15))]
#[case::announced(16, Some(15), waiting(15 + DAY, 15 + DAY))]
#[case::day_comes(15 + DAY, Some(15), CountdownStage::Due(at(15 + DAY)))]
#[case::late_notice_is_given_its_time(15 + DAY, Some(300), waiting(300 + DAY, 300 + DAY))]
fn a_notice_is_accepted_a_day_before(
    #[case] now: i64,
    #[case] noticed: Option<i64>,
    #[case] expected: CountdownStage,
) {
    let countdown = Countdown {
        reminded_at: noticed.map(at),
        ..begun()
    };
    let progress = countdown.stage(&terms(15, DAY), None, at(now));
    assert_eq!(progress, expected);
}

/// A shorter notice in the settings does not bring the day forward that somebody was told.
#[test]
fn nothing_happens_before_the_day_that_a_notice_named() {
    let countdown = begun().announced(at(15), at(15 + 3 * DAY));
    let short = terms(15, HOUR);
    assert_eq!(
        countdown.stage(&short, None, at(2 * DAY)),
        waiting(15 + 3 * DAY, 15 + 3 * DAY)
    );
    assert_eq!(
        countdown.stage(&short, None, at(15 + 3 * DAY)),
        CountdownStage::Due(at(15 + 3 * DAY))
    );
}

/// A start of a stopped instance starts the grace period and the last notice over, not the whole wait.
#[test]
fn a_start_starts_the_grace_period_and_the_notice_over() {
    let started = Some(at(2 * DAY));
    let progress = begun().stage(&terms(15, 0), started, at(2 * DAY + 14));
    assert_eq!(progress, waiting(2 * DAY + 15, 2 * DAY + 15));
    let countdown = begun().announced(at(15), at(15 + DAY));
    let now = 2 * DAY + 20;
    assert_eq!(
        countdown.stage(&terms(15, DAY), started, at(now)),
        announce(now + DAY, DAY + 15)
    );
}

#[rstest]
#[case::short(terms(15, 0), DAY, true)]
#[case::short_is_stale(terms(15, 0), DAY + 1, false)]
#[case::long(terms(15, DAY), 8 * DAY, true)]
#[case::long_grace(terms(2 * DAY, 0), 8 * DAY, true)]
#[case::long_is_stale(terms(15, DAY), 8 * DAY + 1, false)]
fn starts_over_unconfirmed(#[case] terms: Terms, #[case] now: i64, #[case] holds: bool) {
    assert_eq!(begun().holds(&terms, None, at(now)), holds);
    // Seen again, it holds for as long once more.
    let seen = begun().seen(at(HOUR));
    assert_eq!(seen.holds(&terms, None, at(now + HOUR)), holds);
}

#[rstest]
#[case::short(terms(15, 0), 6 * HOUR)]
#[case::long(terms(15, DAY), DAY)]
fn notes_a_look_only_once_the_last_note_is_old(#[case] terms: Terms, #[case] enough: i64) {
    assert!(!begun().needs_confirmation(&terms, at(enough)));
    assert!(begun().needs_confirmation(&terms, at(enough + 1)));
    let seen = begun().seen(at(HOUR));
    assert!(!seen.needs_confirmation(&terms, at(enough + HOUR)));
}

#[test]
fn a_notice_confirms_the_countdown() {
    let announced = begun().announced(at(HOUR), at(DAY));
    let expected = Countdown {
        since: at(0),
        seen_at: Some(at(HOUR)),
        reminded_at: Some(at(HOUR)),
        day: Some(at(DAY)),
        end: None,
        is_after_stop: false,
    };
    assert_eq!(announced, expected);
}

#[test]
fn a_start_ends_the_days_between_a_stop_and_a_termination() {
    let terms = Terms {
        is_over_once_started: true,
        ..terms(0, 14 * DAY)
    };
    for before in [-5, 0] {
        assert!(begun().holds(&terms, Some(at(before)), at(DAY)));
    }
    assert!(!begun().holds(&terms, Some(at(5)), at(DAY)));
}

#[test]
fn reads_what_the_first_versions_noted() {
    let old: Countdown = serde_json::from_value(json!({"Since": "2026-11-23T12:00:00Z"})).unwrap();
    assert_eq!(old.seen_at(), at(0));
    let later: Countdown = serde_json::from_value(json!({
        "Since": "2026-11-23T12:00:00Z", "SeenAt": "2026-11-24T12:00:00Z", "RemindedAt": null,
    }))
    .unwrap();
    assert_eq!(later.seen_at(), at(DAY));
}

#[test]
fn a_reason_is_stored_by_its_name() {
    let of_key = |key: &str| CountdownReason::Tag {
        defect: DefectName::Missing,
        key: key.to_owned(),
    };
    for reason in [
        CountdownReason::Untagged,
        of_key("Owner"),
        of_key("a#b#c"),
        of_key(""),
    ] {
        assert_eq!(
            CountdownReason::from_name(&reason.to_string()),
            Some(reason)
        );
    }
    assert_eq!(CountdownReason::from_name("missing"), None);
    assert_eq!(CountdownReason::from_name("rotten#Owner"), None);
}

fn settings() -> Settings {
    let mut settings = Settings::from_environment(&Environment::new(&|_| None)).unwrap();
    settings.mode = Mode::Enforce;
    settings.ledger_table = Some("ledger".to_owned());
    settings.rules_may_destroy = RulesMayDestroy::StopAndTerminate;
    settings
}

fn instance(tags: &[(&str, &str)]) -> Resource {
    Resource {
        launched_at: Some(at(-9 * DAY)),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Resource::instance(ID, State::Running)
    }
}

fn policy(action: &str) -> Policy {
    let rows: Vec<Row> = serde_json::from_value(json!([
        {"RuleId": 4, "TagKey": "Owner", "Action": action, "Required": "Y"},
    ]))
    .unwrap();
    Policy::from_rows(rows).unwrap()
}

fn name(shutdown: Shutdown, reason: CountdownReason) -> CountdownName {
    CountdownName {
        instance_id: ID.to_owned(),
        shutdown,
        reason,
    }
}

fn no_owner() -> CountdownReason {
    CountdownReason::Tag {
        defect: DefectName::Missing,
        key: "Owner".to_owned(),
    }
}

/// The plan for `instance` at `now`, with one countdown that began at minute 0.
fn plan_for(
    settings: &Settings,
    policy: &Policy,
    instance: &Resource,
    running: Option<CountdownName>,
    now: DateTime<Utc>,
) -> Plan {
    let running = running.map(|name| (ID.to_owned(), [(name, begun())].into()));
    let context = PlanContext {
        countdowns: running.into_iter().collect(),
        ..PlanContext::default()
    };
    plan(
        policy,
        settings,
        std::slice::from_ref(instance),
        &context,
        now,
    )
}

#[test]
fn a_first_look_begins_a_countdown_and_shuts_nothing_down() {
    let plan = plan_for(
        &settings(),
        &policy("Terminate"),
        &instance(&[]),
        None,
        at(0),
    );
    assert!(plan.shutdowns.is_empty());
    let change = plan.countdowns[&name(Shutdown::Terminate, CountdownReason::Untagged)];
    assert!(change.has_begun);
    assert_eq!((change.new, change.next), (begun(), Some(at(15))));
    let (since, day) = (at(0), at(15));
    let counting = Outcome::Deferred(Reason::Counting { since, day });
    assert_eq!(plan.settled[0].1, counting);
}

#[rstest]
#[case::too_early(14, false)]
#[case::in_time(15, true)]
#[case::unconfirmed_for_a_day(DAY + 1, false)]
fn a_second_look_after_the_grace_period_shuts_down(#[case] now: i64, #[case] is_due: bool) {
    let running = name(Shutdown::Terminate, CountdownReason::Untagged);
    let plan = plan_for(
        &settings(),
        &policy("Notify"),
        &instance(&[]),
        Some(running.clone()),
        at(now),
    );
    assert_eq!(plan.shutdowns.len(), usize::from(is_due));
    let standing = plan.standing.get(ID).cloned();
    assert_eq!(standing, is_due.then(|| (running, begun())));
}

#[rstest]
#[case::of_another_defect(name(Shutdown::Terminate, CountdownReason::Tag { defect: DefectName::Empty, key: "Owner".to_owned() }))]
#[case::of_another_key(name(Shutdown::Terminate, CountdownReason::Tag { defect: DefectName::Missing, key: "Env".to_owned() }))]
#[case::of_a_weaker_shutdown(name(Shutdown::Stop, no_owner()))]
#[case::of_the_whole_instance(name(Shutdown::Terminate, CountdownReason::Untagged))]
fn another_countdown_does_not_count(#[case] running: CountdownName) {
    let tagged = instance(&[("Name", "web")]);
    let plan = plan_for(
        &settings(),
        &policy("Terminate"),
        &tagged,
        Some(running),
        at(HOUR),
    );
    assert!(plan.shutdowns.is_empty());
    assert!(plan.countdowns[&name(Shutdown::Terminate, no_owner())].has_begun);
}

#[test]
fn a_countdown_does_not_depend_on_the_number_of_the_rule() {
    let rows: Vec<Row> = serde_json::from_value(json!([
        {"RuleId": 77, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"},
    ]))
    .unwrap();
    let renumbered = Policy::from_rows(rows).unwrap();
    let running = name(Shutdown::Terminate, no_owner());
    let tagged = instance(&[("Name", "web")]);
    let plan = plan_for(&settings(), &renumbered, &tagged, Some(running), at(HOUR));
    assert_eq!(plan.shutdowns.len(), 1);
}

#[rstest]
#[case::tagged(&[("Owner", "ann")], true)]
#[case::exempt(&[("Name", "web"), ("tagwarden:exempt-until", "2026-12-31 audit")], true)]
#[case::in_a_group(&[("aws:autoscaling:groupName", "web")], true)]
#[case::as_before(&[("Name", "web")], false)]
fn a_look_that_finds_the_reason_gone_deletes_the_countdown(
    #[case] tags: &[(&str, &str)],
    #[case] is_gone: bool,
) {
    let running = name(Shutdown::Terminate, no_owner());
    let plan = plan_for(
        &settings(),
        &policy("Terminate"),
        &instance(tags),
        Some(running.clone()),
        at(HOUR),
    );
    assert_eq!(plan.gone.contains_key(&running), is_gone);
    assert_eq!(plan.shutdowns.is_empty(), is_gone);
}

/// A run whose settings do not want a shutdown neither begins, confirms nor deletes its countdown.
#[rstest]
#[case::rules_may_not(settings_with(|it| it.rules_may_destroy = RulesMayDestroy::Stop), no_owner(), &[("Name", "web")])]
#[case::untagged_is_reported(settings_with(|it| it.untagged = Untagged::Notify), CountdownReason::Untagged, &[])]
#[case::dry_run(settings_with(|it| it.mode = Mode::DryRun), no_owner(), &[("Name", "web")])]
fn a_run_that_does_not_want_it_leaves_the_countdown_alone(
    #[case] settings: Settings,
    #[case] reason: CountdownReason,
    #[case] tags: &[(&str, &str)],
) {
    let running = name(Shutdown::Terminate, reason);
    let policy = policy("Terminate");
    let now = at(20 * HOUR);
    let plan = plan_for(&settings, &policy, &instance(tags), Some(running), now);
    assert!(
        plan.gone.is_empty() && plan.countdowns.is_empty(),
        "{plan:?}"
    );
    assert!(plan.standing.is_empty());
}

fn settings_with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

#[rstest]
#[case(RulesMayDestroy::No, "Stop", false)]
#[case(RulesMayDestroy::No, "Terminate", false)]
#[case(RulesMayDestroy::Stop, "Stop", true)]
#[case(RulesMayDestroy::Stop, "Terminate", false)]
#[case(RulesMayDestroy::StopAndTerminate, "Stop", true)]
#[case(RulesMayDestroy::StopAndTerminate, "Terminate", true)]
fn a_rule_shuts_down_what_the_settings_permit(
    #[case] permitted: RulesMayDestroy,
    #[case] action: &str,
    #[case] is_done: bool,
) {
    let settings = settings_with(|it| {
        it.rules_may_destroy = permitted;
        it.grace = TimeDelta::zero();
    });
    let tagged = instance(&[("Name", "web")]);
    let plan = plan_for(&settings, &policy(action), &tagged, None, at(0));
    assert_eq!(plan.shutdowns.len(), usize::from(is_done));
    if !is_done {
        let is_stop = action == "Stop";
        let refused = Outcome::Refused(Reason::NotPermitted { is_stop });
        assert_eq!(plan.settled[0].1, refused);
    }
    // What is done to untagged instances is permitted by another setting.
    let plan = plan_for(&settings, &policy(action), &instance(&[]), None, at(0));
    assert_eq!(plan.shutdowns.len(), 1);
}

#[test]
fn no_missing_tag_is_believed_in_doubt() {
    let running = name(Shutdown::Terminate, no_owner());
    let context = PlanContext {
        countdowns: [(ID.to_owned(), [(running, begun())].into())].into(),
        doubt: Some(crate::plan::Doubt::Disagree),
        ..PlanContext::default()
    };
    let (settings, policy) = (settings(), policy("Terminate"));
    for (tags, is_believed) in [
        (&[("Name", "web")][..], false),
        (&[][..], false),
        // The tag is there: no look can have left it out.
        (&[("Owner", "")][..], true),
    ] {
        let instance = instance(tags);
        let plan = plan(&policy, &settings, &[instance], &context, at(HOUR));
        assert!(plan.shutdowns.is_empty());
        assert_eq!(plan.countdowns.len(), usize::from(is_believed), "{tags:?}");
    }
}

#[test]
fn what_must_be_announced_is_refused_without_a_topic() {
    let settings = settings_with(|it| it.notice = TimeDelta::hours(24));
    let plan = plan_for(&settings, &policy("Notify"), &instance(&[]), None, at(0));
    assert_eq!(plan.settled[0].1, Outcome::Refused(Reason::NoTopic));
    assert!(plan.countdowns.is_empty());
}

proptest! {
    /// Whatever the looks: nothing is due before the grace period, the notice and every named day are over.
    #[test]
    fn nothing_is_due_too_early(
        grace in 0_i64..100,
        notice in 0_i64..3_000,
        noticed in prop::option::of(0_i64..5_000),
        started in prop::option::of(-100_i64..5_000),
        now in 0_i64..20_000,
    ) {
        let terms = terms(grace, notice);
        let countdown = Countdown { reminded_at: noticed.map(at), ..begun() };
        let started = started.filter(|started| *started <= now);
        if let CountdownStage::Due(day) = countdown.stage(&terms, started.map(at), at(now)) {
            prop_assert!(day <= at(now));
            prop_assert!(now >= grace + notice);
            if let Some(started) = started.filter(|started| *started > 0) {
                prop_assert!(now >= started + grace);
            }
            if notice > 0 {
                let noticed = noticed.unwrap();
                prop_assert!(now >= noticed + notice);
                prop_assert!(started.is_none_or(|started| started <= 0 || noticed >= started));
            }
        }
    }
}

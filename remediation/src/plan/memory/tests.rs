use rstest::rstest;
use serde_json::json;
use tagwarden_core::Policy;
use tagwarden_core::policy::Row;

use super::*;

const MINUTE: i64 = 1;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn at(minutes: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(minutes)
}

fn run(number: u32) -> RunId {
    format!("20261123T120000Z-{number:08}").parse().unwrap()
}

/// The rule for `key` with this action.
fn rule(key: &str, action: &str, default: &str) -> TagRule {
    let rows = json!([{
        "RuleId": 1, "TagKey": key, "Action": action, "Required": "Y", "Default": default,
    }]);
    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
    let policy = Policy::from_rows(rows).unwrap();
    policy.rules()[0].clone()
}

fn look_up() -> TagRule {
    rule("CreatedBy", "UserLookup", "")
}

/// Notes in `memory` that a run writes `value` for `rule` at `minutes`, and claims the tag for 5 minutes.
fn write(memory: &mut Memory, rule: &TagRule, value: &str, minutes: i64) {
    memory.claim(TagClaim {
        tag_key: &rule.tag_key,
        value: Some(value),
        rule: Some(&rule_note(rule)),
        run_id: &run(1),
        until: at(minutes + 5),
        at: at(minutes),
    });
}

fn undo(memory: &mut Memory, rule: &TagRule, minutes: i64) {
    memory.claim(TagClaim {
        tag_key: &rule.tag_key,
        value: None,
        rule: None,
        run_id: &run(2),
        until: at(minutes + 5),
        at: at(minutes),
    });
}

/// What is remembered after these writes for `rule`.
fn written(rule: &TagRule, values: &[(&str, i64)]) -> Memory {
    let mut memory = Memory::default();
    for (value, minutes) in values {
        write(&mut memory, rule, value, *minutes);
    }
    memory
}

#[test]
fn a_resource_was_tagged_once_a_tag_was_written_or_taken_back() {
    assert!(!Memory::default().was_tagged());
    let mut memory = written(&look_up(), &[("ann", 0)]);
    assert!(memory.was_tagged());

    // What was begun and not done is no tag.
    assert!(memory.forget("CreatedBy", at(0)));
    assert!(!memory.was_tagged());

    undo(&mut memory, &look_up(), HOUR);
    assert!(memory.was_tagged());
    assert!(memory.forget("CreatedBy", at(HOUR)));
    assert!(!memory.was_tagged());
}

#[test]
fn forgets_only_the_write_that_was_not_done() {
    let mut memory = written(&look_up(), &[("ann", 0), ("ann", HOUR)]);
    assert!(!memory.forget("CreatedBy", at(1)));
    assert!(!memory.forget("Owner", at(0)));
    assert!(memory.forget("CreatedBy", at(HOUR)));
    assert!(!memory.forget("CreatedBy", at(HOUR)));
    assert!(memory.was_tagged());

    undo(&mut memory, &look_up(), DAY);
    assert!(memory.forget("CreatedBy", at(DAY)));
    assert_eq!(memory.restorable(&look_up()), Some("ann"));
}

#[rstest]
#[case::name(look_up(), "ann", Some("ann"))]
#[case::date(
    rule("Expires", "Function", "today()"),
    "2026-11-23",
    Some("2026-11-23")
)]
#[case::default_of_the_rule(rule("Owner", "Update", "ops"), "ops", None)]
#[case::undefined(look_up(), UNDEFINED, None)]
fn restores_names_and_dates(
    #[case] rule: TagRule,
    #[case] value: &str,
    #[case] expected: Option<&str>,
) {
    let mut memory = written(&rule, &[(value, 0)]);
    assert_eq!(memory.restorable(&rule), expected);
    undo(&mut memory, &rule, HOUR);
    assert_eq!(memory.restorable(&rule), None);
    write(&mut memory, &rule, value, DAY);
    assert_eq!(memory.restorable(&rule), expected);
}

/// The same moment is the same batch, which took the tag back last.
#[test]
fn what_undo_took_back_at_once_is_not_restored() {
    let mut memory = written(&look_up(), &[("ann", HOUR)]);
    undo(&mut memory, &look_up(), HOUR);
    assert_eq!(memory.restorable(&look_up()), None);
}

#[test]
fn a_value_is_restored_under_the_same_action_only() {
    let date = rule("CreatedBy", "Function", "today()");
    let memory = written(&date, &[("2026-11-23", 0)]);
    assert_eq!(memory.restorable(&look_up()), None);
    assert_eq!(memory.restorable(&rule("Owner", "UserLookup", "")), None);
    // Another function, or another offset, is the same action.
    let later = rule("CreatedBy", "Function", "now()");
    assert_eq!(memory.restorable(&later), Some("2026-11-23"));
}

#[test]
fn the_launcher_is_who_the_event_named_or_who_was_written() {
    let mut memory = written(
        &rule("Expires", "Function", "today()"),
        &[("2026-11-23", 0)],
    );
    write(&mut memory, &rule("Cause", "UserLookup", ""), UNDEFINED, 0);
    assert_eq!(memory.launcher(), None);
    write(&mut memory, &look_up(), "ann", 0);
    assert_eq!(memory.launcher(), Some("ann"));
    memory.launched_by = Some("ben".to_owned());
    assert_eq!(memory.launcher(), Some("ben"));
}

#[rstest]
#[case::at_once(&[(UNDEFINED, 0)], 0, true)]
#[case::nearly_a_day(&[(UNDEFINED, 0)], DAY - 1, true)]
#[case::a_day(&[(UNDEFINED, 0)], DAY, false)]
#[case::written_again(&[(UNDEFINED, 0), (UNDEFINED, DAY)], 2 * DAY - 1, true)]
#[case::replaced_since(&[(UNDEFINED, 0), ("ann", 5)], 10, false)]
#[case::name(&[("ann", 0)], 0, false)]
fn looks_an_own_undefined_up_again_for_a_day(
    #[case] values: &[(&str, i64)],
    #[case] now: i64,
    #[case] expected: bool,
) {
    let memory = written(&look_up(), values);
    assert_eq!(memory.is_own_undefined("CreatedBy", at(now)), expected);
    assert!(!memory.is_own_undefined("Owner", at(now)));
}

/// The first write is no restoration, so that the fourth within a week is the third restoration.
#[rstest]
#[case::two_restorations(&[0, DAY, 2 * DAY], None)]
#[case::three(&[0, DAY, 2 * DAY, 3 * DAY], Some(33 * DAY))]
#[case::three_in_a_week(&[0, DAY, 2 * DAY, 8 * DAY], Some(38 * DAY))]
#[case::three_in_more_than_a_week(&[0, DAY, 2 * DAY, 8 * DAY + 1], None)]
#[case::two_of_one_time(&[0, DAY, 2 * DAY, 2 * DAY + 9], None)]
#[case::ten_minutes_later(&[0, DAY, 2 * DAY, 2 * DAY + 10], Some(32 * DAY + 10))]
#[case::more(&[0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR], Some(30 * DAY + 4 * HOUR))]
#[case::slow_and_then_fast(&[0, 9 * DAY, 10 * DAY, 11 * DAY], Some(41 * DAY))]
fn pauses_after_three_restorations_within_a_week(
    #[case] writes: &[i64],
    #[case] until: Option<i64>,
) {
    let rule = rule("Owner", "Update", "ops");
    let mut memory = Memory::default();
    for minutes in writes {
        write(&mut memory, &rule, "ops", *minutes);
    }
    let last = *writes.last().unwrap();
    assert_eq!(memory.paused_until(&rule, at(last)), until.map(at));
    if let Some(until) = until {
        assert_eq!(memory.paused_until(&rule, at(until - 1)), Some(at(until)));
        assert_eq!(memory.paused_until(&rule, at(until)), None);
    }
}

#[test]
fn a_pause_ends_when_the_rule_changes_or_the_tag_is_taken_back() {
    let rule_now = rule("Owner", "Update", "ops");
    let days = [("ops", 0), ("ops", DAY), ("ops", 2 * DAY), ("ops", 3 * DAY)];
    let mut memory = written(&rule_now, &days);
    let now = at(3 * DAY + HOUR);
    assert!(memory.paused_until(&rule_now, now).is_some());
    assert_eq!(
        memory.paused_until(&rule("Team", "Update", "ops"), now),
        None
    );
    let changed = rule("Owner", "Update", "dev");
    assert_eq!(memory.paused_until(&changed, now), None);
    assert_eq!(Memory::default().paused_until(&rule_now, now), None);

    // Of the writes under the old rule only the last counts.
    for day in 4..6 {
        write(&mut memory, &changed, "dev", day * DAY);
        assert_eq!(memory.paused_until(&changed, at(day * DAY)), None);
    }
    write(&mut memory, &changed, "dev", 6 * DAY);
    assert!(memory.paused_until(&changed, at(6 * DAY)).is_some());

    undo(&mut memory, &changed, 6 * DAY);
    assert_eq!(memory.paused_until(&changed, at(6 * DAY)), None);
}

/// A name that comes after an `Undefined` is no restoration.
#[test]
fn an_undefined_that_was_replaced_does_not_count() {
    let values = [
        (UNDEFINED, 0),
        ("ann", HOUR),
        ("ann", DAY),
        ("ann", 2 * DAY),
    ];
    let mut memory = written(&look_up(), &values);
    assert_eq!(memory.paused_until(&look_up(), at(2 * DAY)), None);
    write(&mut memory, &look_up(), "ann", 3 * DAY);
    assert!(memory.paused_until(&look_up(), at(3 * DAY)).is_some());

    // One that stands is a write like any other.
    let days = [0, DAY, 2 * DAY, 3 * DAY].map(|at| (UNDEFINED, at));
    let memory = written(&look_up(), &days);
    assert!(memory.paused_until(&look_up(), at(3 * DAY)).is_some());
}

#[test]
fn a_claim_holds_against_runs_that_read_before_it_ends() {
    let mut memory = written(&look_up(), &[("ann", 0)]);
    for (read, is_claimed) in [(0, true), (5, true), (6, false)] {
        assert_eq!(memory.is_claimed("CreatedBy", at(read)), is_claimed);
        assert_eq!(memory.has_claim(at(read)), is_claimed);
        assert!(!memory.is_claimed("Owner", at(read)));
    }
    let until = at(5).timestamp_millis();
    assert_eq!(memory.last_claim("CreatedBy"), Some((&run(1), until)));
    assert_eq!(memory.last_claim("Owner"), None);

    assert!(!memory.end_claim("CreatedBy", &run(3), at(1)));
    assert!(!memory.end_claim("Owner", &run(1), at(1)));
    assert!(memory.is_claimed("CreatedBy", at(5)));
    assert!(memory.end_claim("CreatedBy", &run(1), at(1)));
    assert!(!memory.is_claimed("CreatedBy", at(2)));
}

#[test]
fn remembers_the_last_twelve_writes_of_a_tag() {
    let rule = rule("Owner", "Update", "ops");
    let mut memory = Memory::default();
    for day in 0..14 {
        write(&mut memory, &rule, "ops", day * DAY);
    }
    let stored = serde_json::to_value(&memory).unwrap();
    let days: Vec<i64> = (2..14)
        .map(|day| at(day * DAY).timestamp_millis())
        .collect();
    assert_eq!(stored["Tags"]["Owner"]["WrittenAt"], json!(days));
}

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::State;

fn instance(value: &str) -> Resource {
    Resource {
        tags: BTreeMap::from([("tagwarden:exempt-until".to_owned(), value.to_owned())]),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[rstest]
#[case::long_before("2020-01-01T00:00:00Z", true)]
#[case::the_day_before("2026-12-30T23:59:59Z", true)]
#[case::its_last_day("2026-12-31T00:00:00Z", true)]
#[case::its_last_moment("2026-12-31T23:59:59.999999999Z", true)]
#[case::over("2027-01-01T00:00:00Z", false)]
#[case::long_over("2036-01-01T00:00:00Z", false)]
fn holds_to_the_end_of_its_last_day(#[case] now: &str, #[case] holds: bool) {
    let instance = instance("2026-12-31 moves house");
    let until = day("2026-12-31");
    let expected = if holds {
        let reason = "moves house";
        Exemption::Holds { until, reason }
    } else {
        Exemption::Ended { until }
    };
    assert_eq!(Exemption::of(&instance, time(now)), Some(expected));
}

#[rstest]
#[case("2026-12-31 why", "2026-12-31", "why")]
#[case("  2026-12-31 \t why not?  ", "2026-12-31", "why not?")]
#[case("2026-12-31 2027-01-31 or so", "2026-12-31", "2027-01-31 or so")]
#[case("2028-02-29 a leap day", "2028-02-29", "a leap day")]
#[case("9999-12-31 für immer", "9999-12-31", "für immer")]
#[case("2026-12-31 7", "2026-12-31", "7")]
fn reads_a_date_and_a_reason(#[case] value: &str, #[case] until: &str, #[case] reason: &str) {
    let instance = instance(value);
    let expected = Exemption::Holds {
        until: day(until),
        reason,
    };
    let now = time("2026-11-23T12:00:00Z");
    assert_eq!(Exemption::of(&instance, now), Some(expected));
}

#[rstest]
#[case::empty("")]
#[case::blank("   ")]
#[case::no_reason("2026-12-31")]
#[case::blank_reason("2026-12-31  ")]
#[case::a_reason_of_no_words("2026-12-31 -")]
#[case::no_date("because")]
#[case::reason_first("because 2026-12-31")]
#[case::no_blank("2026-12-31because")]
#[case::colon("2026-12-31: because")]
#[case::with_a_time("2026-12-31T12:00:00Z because")]
#[case::no_such_day("2026-02-29 because")]
#[case::no_such_month("2026-13-01 because")]
#[case::day_first("31-12-2026 because")]
#[case::slashes("2026/12/31 because")]
#[case::one_digit("2026-12-1 because")]
#[case::one_digit_filled_up("2026-12- 1 because")]
#[case::signed_year("+026-12-31 because")]
#[case::long_year("12026-12-31 because")]
#[case::other_digits("２０２６-12-31 because")]
fn rejects_anything_else(#[case] value: &str) {
    let instance = instance(value);
    for now in ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"] {
        let exemption = Exemption::of(&instance, time(now));
        let key = "tagwarden:exempt-until";
        assert_eq!(exemption, Some(Exemption::Unreadable { key, value }));
    }
}

const EXACT: &str = "tagwarden:exempt-until";
const READABLE: &str = "2026-12-31 why";

#[rstest]
#[case::case("Tagwarden:Exempt-Until")]
#[case::blank_behind("tagwarden:exempt-until ")]
#[case::zero_width("tagwarden:exempt-until\u{200b}")]
#[case::blank_inside("tagwarden: exempt-until")]
#[case::underscores("tagwarden_exempt_until")]
#[case::hyphens("tagwarden-exempt-until")]
#[case::no_separators("TagwardenExemptUntil")]
#[case::no_prefix("exempt-until")]
#[case::no_prefix_in_camel_case("ExemptUntil")]
fn a_near_miss_of_the_key_exempts_nothing_and_is_reported(#[case] key: &str) {
    assert!(is_exemption_like(key));
    let now = time("2026-11-23T12:00:00Z");
    for value in [READABLE, "soon", ""] {
        let mut instance = instance("");
        instance.tags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let expected = Exemption::Unreadable { key, value };
        assert_eq!(Exemption::of(&instance, now), Some(expected));
    }
}

#[rstest]
#[case("tagwarden:exempt")]
#[case("tagwarden")]
#[case("exempt")]
#[case("until")]
#[case("tagwarden:exempt-until-2026")]
#[case("aws:exempt-until")]
fn another_key_is_not_an_exemption(#[case] key: &str) {
    assert!(!is_exemption_like(key));
    let mut instance = instance("");
    instance.tags = BTreeMap::from([(key.to_owned(), READABLE.to_owned())]);
    let now = time("2026-11-23T12:00:00Z");
    assert_eq!(Exemption::of(&instance, now), None);
}

/// (the exact key's value, the near miss's value) → what counts.
#[rstest]
#[case::holds_before_all(Some(READABLE), Some("soon"), "holds")]
#[case::exact_before_near_miss(Some("soon"), Some(READABLE), "unreadable tagwarden:exempt-until")]
#[case::extended_under_a_misspelt_key(
    Some("2026-01-01 why"),
    Some(READABLE),
    "unreadable exempt-until"
)]
#[case::both_ended(Some("2026-01-01 why"), Some("2026-02-02 why"), "ended 2026-01-01")]
#[case::near_miss_ended(None, Some("2026-02-02 why"), "ended 2026-02-02")]
#[case::unreadable_before_ended(
    Some("soon"),
    Some("2026-02-02 why"),
    "unreadable tagwarden:exempt-until"
)]
fn of_two_tags_the_one_that_protects_counts(
    #[case] exact: Option<&str>,
    #[case] near_miss: Option<&str>,
    #[case] expected: &str,
) {
    let mut instance = instance("");
    let tags = [(EXACT, exact), ("exempt-until", near_miss)].into_iter();
    instance.tags = tags
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
        .collect();
    let now = time("2026-11-23T12:00:00Z");
    let found = match Exemption::of(&instance, now).unwrap() {
        Exemption::Holds { .. } => "holds".to_owned(),
        Exemption::Ended { until } => format!("ended {until}"),
        Exemption::Unreadable { key, .. } => format!("unreadable {key}"),
    };
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn no_value_causes_a_panic(value in any::<String>(), seconds in any::<i32>()) {
        let now = DateTime::from_timestamp(i64::from(seconds), 0).unwrap();
        prop_assert!(Exemption::of(&instance(&value), now).is_some());
    }

    /// Values that are nearly a date and a reason never hold beyond the date that they begin with.
    #[test]
    fn never_holds_beyond_its_date(
        value in "[ +0-9]{0,3}202[67]-[01][0-9]-[0-3][0-9][ \\PC]{0,9}",
        days in 0_u64..800,
    ) {
        let today = day("2026-01-01") + chrono::Days::new(days);
        let now = today.and_hms_opt(23, 59, 59).unwrap().and_utc();
        let instance = instance(&value);
        if let Some(Exemption::Holds { until, reason }) = Exemption::of(&instance, now) {
            prop_assert!(value.trim().starts_with(&until.to_string()));
            prop_assert!(today <= until);
            prop_assert!(!reason.trim().is_empty());
        }
    }
}

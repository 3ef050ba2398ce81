//! What is an end date, and what is not.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[rstest]
#[case::a_day("2026-12-31", "2027-01-01T00:00:00Z")]
#[case::a_leap_day("2028-02-29", "2028-03-01T00:00:00Z")]
#[case::utc("2026-12-31T18:00:00Z", "2026-12-31T18:00:00Z")]
#[case::fraction("2026-12-31T18:00:00.250Z", "2026-12-31T18:00:00.250Z")]
#[case::east("2026-12-31T18:00:00+01:00", "2026-12-31T17:00:00Z")]
#[case::west("2026-12-31T18:00:00-08:00", "2027-01-01T02:00:00Z")]
#[case::plus_zero("2026-12-31T18:00:00+00:00", "2026-12-31T18:00:00Z")]
#[case::first_year("2006-01-01", "2006-01-02T00:00:00Z")]
#[case::far("9998-12-31", "9999-01-01T00:00:00Z")]
fn reads_a_date_and_a_moment_with_a_zone(#[case] text: &str, #[case] end: &str) {
    assert_eq!(end_of(text), Some(at(end)));
}

/// Among them every format that other tools take, by which a person may have written it.
#[rstest]
fn takes_nothing_else_for_an_end_date(
    #[values(
        "",
        " ",
        "never",
        "30d",
        "1w",
        "Q4",
        "2026",
        "2026-12",
        "2026-W53",
        "2026-365",
        "20261231",
        "2026/12/31",
        "2026.12.31",
        "31-12-2026",
        "31/12/2026",
        "31.12.2026",
        "12/31/2026",
        "01/02/2027",
        "Dec 31 2026",
        "31 December 2026",
        "2026-12-31 ",
        " 2026-12-31",
        "2026-12-31.",
        "2026-12-31 kept for audit",
        "2026-13-01",
        "2026-02-30",
        "2026-2-3",
        "26-12-31",
        "+2026-12-31",
        "\u{ff12}\u{ff10}\u{ff12}\u{ff16}-12-31",
        "2026-12-31Z",
        "2026-12-31T18:00Z",
        "2026-12-31T18:00:00",
        "2026-12-31 18:00:00",
        "2026-12-31 18:00:00 UTC",
        "2026-12-31 18:00:00Z",
        "2026-12-31t18:00:00z",
        "2026-12-31T18:00:00 Z",
        "2026-12-31T18:00:00+0100",
        "2026-12-31T18:00:00+1:00",
        "2026-12-31T18:00:00+01",
        "2026-12-31T18:00:00EST",
        "2026-12-31T18:00:00-00:00",
        "2026-12-31T18:00:00.Z",
        "2026-12-31T18:00:00,5Z",
        "2026-12-31T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "2026-12-31T18:00:00+24:00",
        "2026-12-31T18:00:00+01:60",
        "stop@2026/12/31",
        "1798761600",
        "1798761600000",
        "0001-01-01T00:00:00Z",
        "1970-01-01",
        "2005-12-30",
        "0026-12-31"
    )]
    text: &str,
) {
    assert_eq!(end_of(text), None);
}

#[rstest]
#[case("2026-11-28T09:00:00Z", "2026-11-28", 0)]
#[case("2026-11-28T23:59:59Z", "2026-11-28", 0)]
#[case("2026-11-29T00:00:00Z", "2026-11-28", -1)]
#[case("2026-11-28T09:00:00Z", "2026-12-01", 3)]
#[case("2026-11-28T09:00:00Z", "2026-11-29T00:00:01Z", 1)]
fn counts_the_days_that_are_left(#[case] now: &str, #[case] date: &str, #[case] days: i64) {
    assert_eq!(days_left(end_of(date).unwrap(), at(now)), days);
}

proptest! {
    /// Whatever is read begins with a year, a month and a day that nobody can take for another, and has a zone if it
    /// has a time.
    #[test]
    fn nobody_can_read_an_end_date_in_two_ways(text in "[0-9T:Z+. -]{8,26}|20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,3})?(Z|[+-][0-2][0-9]:[0-6][0-9])?)?") {
        if let Some(end) = end_of(&text) {
            let day: chrono::NaiveDate = text[..10].parse().unwrap();
            let start = day.and_time(NaiveTime::MIN).and_utc();
            prop_assert!((end - start).abs() <= TimeDelta::days(2), "{text} {end}");
            let has_zone = text.ends_with('Z') || matches!(text.as_bytes()[text.len() - 6], b'+' | b'-');
            prop_assert!(text.len() == 10 || has_zone, "{text}");
            prop_assert_eq!(&text[4..5], "-");
        }
    }

    #[test]
    fn no_text_causes_a_panic(text in "\\PC{0,30}") {
        let _ = end_of(&text);
    }
}

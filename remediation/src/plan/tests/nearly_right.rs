//! Nothing nearly right is ever shut down, and no end date that a person could read in two ways is acted on, however often
//! runs look and whatever they announce.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};
use tagwarden_core::date::end_of;

use super::looks::look_for_days;
use super::*;

/// What the rule for `Owner` asks of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Presence,
    Values,
    EndDate,
}

const KINDS: [Kind; 3] = [Kind::Presence, Kind::Values, Kind::EndDate];

/// A rule that shuts down whatever lacks `Owner`, behind one that reports where `Env` is `prod`.
fn policy_of(kind: Kind, action: &str, required: &str) -> Policy {
    let mut rule = json!({"RuleId": 20, "TagKey": "Owner", "Action": action, "Required": required});
    match kind {
        Kind::Presence => {}
        Kind::Values => rule["Allowed"] = json!(["ann", "größe-1", "team-*", "db-?"]),
        Kind::EndDate => {
            rule["Allowed"] = json!(["never"]);
            rule["WhenExpired"] = json!(action);
            rule["AtMost"] = json!("90d");
        }
    }
    policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 10, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "When": "tag:Env = prod"},
        rule,
    ]))
}

/// A typing error: other cases, and blanks and separators in between.
fn mistyped(text: &str, cases: &[bool], added: &[(prop::sample::Index, char)]) -> String {
    let mut letters: Vec<char> = Vec::new();
    for (letter, is_other) in text.chars().zip(cases.iter().cycle()) {
        match letter {
            letter if !is_other => letters.push(letter),
            letter if letter.is_uppercase() => letters.extend(letter.to_lowercase()),
            // The upper case of ß has two letters, which is another word.
            'ß' => letters.push(letter),
            letter => letters.extend(letter.to_uppercase()),
        }
    }
    for (at, character) in added {
        letters.insert(at.index(letters.len() + 1), *character);
    }
    letters.into_iter().collect()
}

fn any_typing_error() -> impl Strategy<Value = (Vec<bool>, Vec<(prop::sample::Index, char)>)> {
    let separators = vec![' ', '-', '_', ':', '\u{200b}', '\u{a0}', '\t'];
    let added = (
        any::<prop::sample::Index>(),
        prop::sample::select(separators),
    );
    (
        prop::collection::vec(any::<bool>(), 1..6),
        prop::collection::vec(added, 0..3),
    )
}

/// Values that are right, and dates that have passed, which end nothing under another key.
fn right_values(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Presence => &["ann", "x"],
        Kind::Values => &["ann", "größe-1", "team-x", "team-", "db-1"],
        Kind::EndDate => &["never", "2027-01-15", "2027-01-15T12:00:00Z"],
    }
}

/// Dates that are not one, or lie too far ahead.
const WRONG_DATES: [&str; 8] = [
    "31.12.2025",
    "01/02/2026",
    "2026-01",
    "2025-12-31 ",
    "1577836800",
    "yesterday",
    "2027-02-22",
    "9999-12-31",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn nothing_nearly_right_is_ever_shut_down(
        kind in prop::sample::select(KINDS.to_vec()),
        action in prop::sample::select(vec!["Stop", "Terminate"]),
        required in prop::sample::select(vec!["Y", "N"]),
        what in 0..5,
        choice in any::<prop::sample::Index>(),
        error in any_typing_error(),
        second_error in any_typing_error(),
    ) {
        let policy = policy_of(kind, action, required);
        let value = right_values(kind)[choice.index(right_values(kind).len())];
        let mistype = |text: &str| mistyped(text, &error.0, &error.1);
        let tags: Vec<(String, String)> = match what {
            // The key, with a value that is right or an end that has passed.
            0 => {
                let value = if kind == Kind::EndDate { "2026-01-01" } else { value };
                let key = mistype("Owner");
                // That is the right key.
                let value = if key == "Owner" { right_values(kind)[0] } else { value };
                vec![(key, value.to_owned())]
            }
            1 if kind == Kind::Presence => vec![("Owner".to_owned(), mistype(value))],
            1 if kind == Kind::Values => vec![("Owner".to_owned(), mistype(value))],
            1 => {
                let wrong = WRONG_DATES[choice.index(WRONG_DATES.len())];
                let never = mistype("never");
                let value = if choice.index(3) == 0 { never } else { wrong.to_owned() };
                vec![("Owner".to_owned(), value)]
            }
            // A value of blanks, whose key is right or not.
            2 => {
                let (key, blanks) = (mistyped("Owner", &second_error.0, &[]), [" ", "\u{200b}", "\t\u{a0}"]);
                vec![(key, blanks[choice.index(blanks.len())].to_owned())]
            }
            // The condition that keeps the instance from the rule.
            3 => vec![("Env".to_owned(), mistype("prod"))],
            _ => vec![(mistype("Env"), mistyped("prod", &second_error.0, &second_error.1))],
        };
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let looks = look_for_days(&policy, &at_once(), &instance(60, &tags));
        prop_assert!(looks.shutdown.is_none(), "{tags:?}: {looks:?}");
        prop_assert!(!looks.is_counted, "{tags:?}: {looks:?}");
    }
}

/// The same looks shut down what is wrong: the property above can fail.
#[rstest]
fn the_same_looks_shut_down_what_is_wrong(
    #[values("Stop", "Terminate")] action: &str,
    #[values(&[("Name", "web")], &[("Owner", "")], &[("Owners", "ann")], &[("Env", "dev")])]
    tags: &[(&str, &str)],
) {
    for kind in KINDS {
        let policy = policy_of(kind, action, "Y");
        let looks = look_for_days(&policy, &at_once(), &instance(60, tags));
        assert!(looks.shutdown.is_some(), "{kind:?}, {tags:?}");
    }
    for (kind, value) in [(Kind::Values, "asdf"), (Kind::EndDate, "2026-01-01")] {
        let policy = policy_of(kind, action, "Y");
        let looks = look_for_days(&policy, &at_once(), &instance(60, &[("Owner", value)]));
        assert!(looks.shutdown.is_some(), "{value}");
    }
}

/// The days that people write, each with all orders that somebody uses. Nobody writes the year first and then the day.
const DAYS: [&str; 22] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y-%m-%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%y/%m/%d",
    "%d.%m.%y",
    "%d %B %Y",
    "%B %d %Y",
    "%d-%b-%Y",
    "%Y-W%W-%u",
    "%Y-%j",
];

/// What may follow, without a zone: it is another moment in each office.
const TIMES: [&str; 4] = ["T%H:%M:%S", " %H:%M:%S", "T%H:%M", " %H%M"];

/// What may follow, with a zone.
const MOMENTS: [&str; 4] = ["T%H:%M:%S%:z", " %H:%M:%S %z", "T%H:%M:%S%z", "T%H:%M%:z"];

/// The ends that people can read from `text`: a day's, a moment's.
fn readings(text: &str) -> BTreeSet<DateTime<Utc>> {
    let mut found = BTreeSet::new();
    // chrono reads no Z here.
    let utc = text
        .strip_suffix(['Z', 'z'])
        .map(|it| format!("{it}+00:00"));
    let text = utc.as_deref().unwrap_or(text);
    for day in DAYS {
        if let Ok(day) = NaiveDate::parse_from_str(text, day) {
            found.extend(
                day.succ_opt()
                    .map(|next| next.and_time(chrono::NaiveTime::MIN).and_utc()),
            );
        }
        for time in TIMES {
            if let Ok(moment) = NaiveDateTime::parse_from_str(text, &format!("{day}{time}")) {
                found.extend([moment.and_utc(), moment.and_utc() + TimeDelta::hours(8)]);
            }
        }
        for moment in MOMENTS {
            let moment = DateTime::parse_from_str(text, &format!("{day}{moment}"));
            found.extend(moment.map(|it| it.to_utc()));
        }
    }
    // Seconds, or milliseconds.
    if let Ok(number) = text.parse::<i64>() {
        found.extend(DateTime::from_timestamp(number, 0));
        found.extend(DateTime::from_timestamp_millis(number));
    }
    found
}

fn any_text() -> impl Strategy<Value = String> {
    let end = (
        1_200_000_000_i64..2_000_000_000,
        -12..=14,
        0..DAYS.len(),
        0..10_usize,
    );
    let written = end.prop_map(|(seconds, zone, day, time)| {
        let zone = chrono::FixedOffset::east_opt(zone * 3_600).unwrap();
        let moment = DateTime::from_timestamp(seconds, 0)
            .unwrap()
            .with_timezone(&zone);
        let time = match time {
            time @ 0..4 => TIMES[time],
            time @ 4..8 => MOMENTS[time - 4],
            _ => "",
        };
        moment.format(&format!("{}{time}", DAYS[day])).to_string()
    });
    let strict = (1_200_000_000_i64..1_800_000_000, any::<bool>()).prop_map(|(seconds, is_day)| {
        let moment = DateTime::from_timestamp(seconds, 0).unwrap();
        let form = if is_day {
            "%Y-%m-%d"
        } else {
            "%Y-%m-%dT%H:%M:%SZ"
        };
        moment.format(form).to_string()
    });
    let number = (1_000_000_000_i64..1_800_000_000).prop_map(|it| it.to_string());
    prop_oneof![
        4 => written,
        2 => strict,
        1 => number,
        1 => "[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}",
        1 => "20[0-9]{2}-[01][0-9]-[0-3][0-9][T ]?[0-2][0-9]:?[0-5][0-9]:?[0-5]?[0-9]?(Z|z|UTC|[+-]0[0-9]:?[03]0)?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_end_date_that_a_person_could_read_in_two_ways_is_acted_on(text in any_text()) {
        let policy = policy_of(Kind::EndDate, "Terminate", "N");
        let looks = look_for_days(&policy, &at_once(), &instance(60, &[("Owner", text.as_str())]));
        let readings = readings(&text);
        if readings.len() != 1 {
            prop_assert!(looks.shutdown.is_none() && !looks.is_counted, "{text:?} may be {readings:?}");
        }
        if looks.shutdown.is_some() || looks.is_counted {
            // It is the date that everybody reads, and has passed by the last look.
            prop_assert_eq!(end_of(&text), readings.first().copied(), "{:?}", text);
        }
        if looks.shutdown.is_some() {
            let end = readings.first().copied();
            prop_assert!(end.is_some_and(|end| end <= now() + TimeDelta::days(6)), "{text:?}");
        }
        // What has passed and everybody reads alike in the two forms is acted on.
        if end_of(&text).is_some_and(|end| end <= now()) {
            prop_assert!(looks.shutdown.is_some(), "{text:?}");
        }
    }
}

//! End dates, compared with Custodian's `value_type: expiration`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tagwarden_core::resource::DescribedInstance;
use tagwarden_core::{DefectName, Scope, assess};

use super::{custodian, policy};

/// What a tool makes of an end date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It has passed: the resource may go.
    Passed,
    /// It has not.
    Ahead,
    /// One of both, by the time of the day at which it is asked.
    ByTheHour,
    /// It is not a date.
    NoDate,
}

use Reading::{Ahead, ByTheHour, NoDate, Passed};

/// Why tagwarden refuses what Custodian takes.
const TWO_WAYS: &str = "day and month can be exchanged, and dateutil guesses";
const NOT_ISO: &str = "not ISO 8601: dateutil takes any order and any separator";
const NO_ZONE: &str = "a time without a zone is another moment in each office";
const INCOMPLETE: &str = "dateutil fills in the present day for what is missing";
const NUMBER: &str = "a number is read as seconds since 1970, and nobody can check it by looking";
const BLANK: &str = "a blank that nobody sees is a typing error: it is reported, not guessed";
const ZONE_NAME: &str = "dateutil drops the name of a zone that it does not know";
const ZERO: &str = "EC2 exists since 2006: a typing error, or a program's zero";
const DURATION: &str = "a duration is read as an hour of the present day";
const LOOSE: &str = "nearly RFC 3339: one form is easier to check than many";

/// What Custodian makes of a value instead, and why.
type Disagreement = Option<(Reading, &'static str)>;

/// A value, what tagwarden makes of it, and where Custodian makes something else of it.
const DATES: &[(&str, Reading, Disagreement)] = &[
    // What tagwarden takes, and Custodian too.
    ("2020-12-31", Passed, None),
    ("2099-12-31", Ahead, None),
    ("9999-12-31", Ahead, None),
    ("2019-05-20T13:48:21Z", Passed, None),
    ("2099-12-31T18:00:00Z", Ahead, None),
    ("2099-12-31T18:00:00.25Z", Ahead, None),
    ("2020-12-31T18:00:00+01:00", Passed, None),
    ("2099-12-31T18:00:00-08:00", Ahead, None),
    ("2020-12-31T18:00:00.999999999Z", Passed, None),
    ("2020-12-31T18:00:00.999999999+07:00", Passed, None),
    // As people write them.
    ("01/02/2020", NoDate, Some((Passed, TWO_WAYS))),
    ("01/02/2099", NoDate, Some((Ahead, TWO_WAYS))),
    ("12/31/20", NoDate, Some((Passed, TWO_WAYS))),
    ("31/12/20", NoDate, Some((Passed, TWO_WAYS))),
    // By dateutil, the 20th of December 2031.
    ("20-12-31", NoDate, Some((Ahead, TWO_WAYS))),
    ("31/12/2020", NoDate, Some((Passed, NOT_ISO))),
    ("31/12/2099", NoDate, Some((Ahead, NOT_ISO))),
    ("12/31/2020", NoDate, Some((Passed, NOT_ISO))),
    ("31-12-2020", NoDate, Some((Passed, NOT_ISO))),
    ("31.12.2020", NoDate, Some((Passed, NOT_ISO))),
    ("2099.12.31", NoDate, Some((Ahead, NOT_ISO))),
    ("2020.12.31 18:00", NoDate, Some((Passed, NOT_ISO))),
    ("Dec 31 2020", NoDate, Some((Passed, NOT_ISO))),
    ("31 December 2020", NoDate, Some((Passed, NOT_ISO))),
    ("31-Dec-2020", NoDate, Some((Passed, NOT_ISO))),
    ("2020-12-31T18:00", NoDate, Some((Passed, NO_ZONE))),
    ("2020-12-31T18:00:00EST", NoDate, Some((Passed, ZONE_NAME))),
    ("2020-12", NoDate, Some((Passed, INCOMPLETE))),
    ("2099-12", NoDate, Some((Ahead, INCOMPLETE))),
    ("2020-12-31 ", NoDate, Some((Passed, BLANK))),
    (
        "\u{ff12}\u{ff10}\u{ff12}\u{ff10}-12-31",
        NoDate,
        Some((Passed, LOOSE)),
    ),
    ("2020-12-31t18:00:00z", NoDate, Some((Passed, LOOSE))),
    ("2020-12-31T18:00Z", NoDate, Some((Passed, LOOSE))),
    ("2020-12-31T18:00:00+0700", NoDate, Some((Passed, LOOSE))),
    ("2020-12-31T18:00:00 UTC", NoDate, Some((Passed, LOOSE))),
    ("20201231T180000Z", NoDate, Some((Passed, LOOSE))),
    // RFC 3339: the zone is not known.
    ("2020-12-31T18:00:00-00:00", NoDate, Some((Passed, NO_ZONE))),
    ("0001-01-01T00:00:00Z", NoDate, Some((Passed, ZERO))),
    ("1970-01-01", NoDate, Some((Passed, ZERO))),
    // AWS's guidance: `YYYY-MM-DD HH:MM:SS UTC`, and durations.
    ("2020-12-31 18:00:00 UTC", NoDate, Some((Passed, NOT_ISO))),
    ("2099-12-31 18:00:00 UTC", NoDate, Some((Ahead, NOT_ISO))),
    ("1d2h3m4s", NoDate, None),
    (".d", NoDate, None),
    // Custodian's own `mark-for-op`.
    ("2020/12/31 1800 UTC", NoDate, Some((Passed, NOT_ISO))),
    ("2020/12/31 1800 EST", NoDate, Some((Passed, ZONE_NAME))),
    (
        "Resource does not meet policy: terminate@2020/12/31",
        NoDate,
        None,
    ),
    ("stop@2020/12/31", NoDate, None),
    ("stop@10", NoDate, None),
    // cloud-nuke.
    ("2020-12-31 18:00:00", NoDate, Some((Passed, NO_ZONE))),
    ("true", NoDate, None),
    // aws-nuke, with Go's durations.
    ("2020/12/31", NoDate, Some((Passed, NOT_ISO))),
    ("2099/12/31", NoDate, Some((Ahead, NOT_ISO))),
    ("720h", NoDate, None),
    ("24h0m0s", NoDate, None),
    ("1h30m", NoDate, Some((ByTheHour, DURATION))),
    // azure-janitor: RFC 822, 850 and 1123, and durations by ISO 8601 and Go.
    (
        "2020-12-31 18:00:00 +07:00",
        NoDate,
        Some((Passed, NOT_ISO)),
    ),
    ("2020-12-31 18:00:00 MST", NoDate, Some((Passed, ZONE_NAME))),
    ("31 Dec 20 18:00 MST", NoDate, Some((Passed, TWO_WAYS))),
    ("31 Dec 20 18:00 -0700", NoDate, Some((Passed, TWO_WAYS))),
    (
        "Thursday, 31-Dec-20 18:00:00 MST",
        NoDate,
        Some((Passed, ZONE_NAME)),
    ),
    (
        "Thu, 31 Dec 2020 18:00:00 MST",
        NoDate,
        Some((Passed, ZONE_NAME)),
    ),
    (
        "Thu, 31 Dec 2020 18:00:00 -0700",
        NoDate,
        Some((Passed, NOT_ISO)),
    ),
    ("PT24H", NoDate, None),
    ("P1M", NoDate, None),
    ("1h", NoDate, Some((ByTheHour, DURATION))),
    ("1d", NoDate, None),
    ("1mo", NoDate, None),
    ("1y", NoDate, None),
    // kube-janitor.
    ("7d", NoDate, None),
    ("forever", NoDate, None),
    // aws-auto-cleanup: seconds since 1970; and milliseconds.
    ("1577836800", NoDate, Some((Passed, NUMBER))),
    ("4070908800", NoDate, Some((Ahead, NUMBER))),
    ("1609437600000", NoDate, Some((Passed, NUMBER))),
    // Neither acts on these. Custodian says nothing about them; tagwarden reports them, with what to write.
    ("20201231", NoDate, None),
    ("2099", NoDate, None),
    ("2020-366", NoDate, None),
    ("2020-W53-4", NoDate, None),
    ("2020-12-31Z", NoDate, None),
    ("2020-13-01", NoDate, None),
    ("2021-02-29", NoDate, None),
    ("2020-12-31T24:00:00Z", NoDate, None),
    // A hyphen of another kind.
    ("2020\u{2011}12\u{2011}31", NoDate, None),
    ("2099-12-31 kept for audit", NoDate, None),
    ("never", NoDate, None),
    ("Never", NoDate, None),
    ("30d", NoDate, None),
    ("1w", NoDate, None),
    ("Q4", NoDate, None),
    ("tbd", NoDate, None),
    ("tomorrow", NoDate, None),
    ("10", NoDate, None),
];

#[test]
fn end_dates_differ_from_custodian_only_as_explained() {
    let policy = policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate"},
    ]));
    let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
    let described = |value: &str| json!({"InstanceId": "i-0a1b2c3d4e5f60718", "Tags": [{"Key": "Expires", "Value": value}]});
    let mut questions: Vec<(Value, Value)> = Vec::new();
    for (value, ..) in DATES {
        for op in ["lt", "ge"] {
            let filter = json!({
                "type": "value", "key": "tag:Expires", "value_type": "expiration", "op": op, "value": 0,
            });
            questions.push((filter, described(value)));
        }
    }
    let answers = custodian(&questions);
    for ((value, ours, theirs), answer) in DATES.iter().zip(answers.chunks(2)) {
        let DescribedInstance(instance) = serde_json::from_value(described(value)).unwrap();
        let assessment = assess(&policy, &Scope::default(), &instance, now);
        let found = match assessment.findings.first().map(|it| it.defect.name()) {
            None => Ahead,
            Some(DefectName::Expired) => Passed,
            Some(DefectName::Unreadable) => NoDate,
            Some(other) => panic!("{value:?}: {other}"),
        };
        assert_eq!(found, *ours, "{value:?}");
        let expected = theirs.map_or(*ours, |(reading, _)| reading);
        let found = match answer {
            [true, false] | [false, true] if expected == ByTheHour => ByTheHour,
            [true, false] => Passed,
            [false, true] => Ahead,
            _ => NoDate,
        };
        assert_eq!(found, expected, "{value:?} in Custodian");
        assert!(
            theirs.is_none_or(|(reading, _)| reading != *ours),
            "{value:?} agrees"
        );
    }
}

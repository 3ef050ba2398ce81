//! Shares, columns, launches and acts.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rstest::rstest;
use tagwarden_core::Resource;
use tagwarden_remediation::ledger::{Act, ActState, Batch, RemedyName};
use tagwarden_remediation::plan::{Cause, Remedy, Step};

use super::fleet::{inputs, instance, now, sample};
use crate::commands::report::acts::Acts;
use crate::commands::report::columns::{HEIGHT, Span, Spans, hanging, rising};
use crate::commands::report::instance_view::views;
use crate::commands::report::launches::{LaunchDays, Launches};
use crate::commands::report::shares::{Share, by_launcher, by_vpc, percent};
use crate::forecast::Forecast;
use crate::words::thousands;

#[rstest]
#[case(0, 0, None)]
#[case(0, 3, Some(0))]
#[case(2, 3, Some(66))]
#[case(3, 3, Some(100))]
// 100 means all of them.
#[case(9_999, 10_000, Some(99))]
#[case(1, 10_000, Some(0))]
fn percents(#[case] part: usize, #[case] all: usize, #[case] expected: Option<usize>) {
    assert_eq!(percent(part, all), expected);
}

#[rstest]
#[case(0, "0")]
#[case(999, "999")]
#[case(1_000, "1,000")]
#[case(12_345, "12,345")]
#[case(1_234_567, "1,234,567")]
fn numbers(#[case] number: usize, #[case] expected: &str) {
    assert_eq!(thousands(number), expected);
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[rstest]
#[case(Span::Day, "2026-11-23", "2026-11-23", 1)]
#[case(Span::Day, "2026-11-20", "2026-11-23", 4)]
// A Monday, and the Sunday before it.
#[case(Span::Week, "2026-11-23", "2026-11-23", 1)]
#[case(Span::Week, "2026-11-22", "2026-11-23", 2)]
#[case(Span::Week, "2025-12-31", "2026-01-01", 1)]
// The wrong way round is a span all the same.
#[case(Span::Day, "2026-11-23", "2026-11-20", 1)]
fn spans(#[case] span: Span, #[case] first: &str, #[case] last: &str, #[case] count: usize) {
    let (first, last) = (day(first), day(last));
    let spans = Spans::new(span, first, last);
    assert_eq!(spans.count(), count);
    assert_eq!(spans.days().len(), count);
    assert_eq!(spans.index(first.min(last)), Some(0));
    assert_eq!(spans.index(last), Some(count - 1));
    for (index, day) in spans.days().into_iter().enumerate() {
        assert_eq!(spans.index(day), Some(index));
    }
    let before = spans.days()[0].pred_opt().unwrap();
    assert_eq!(spans.index(before), None);
    assert_eq!(spans.index(last + TimeDelta::weeks(1)), None);
}

#[test]
fn columns_are_as_high_as_their_numbers() {
    let heights = |number| rising(0, number, 10, HEIGHT, HEIGHT).height;
    assert_eq!([0, 5, 10].map(heights), [0, 500, 1000]);
    // One in a thousand is still seen.
    assert!(rising(0, 1, 1000, HEIGHT, HEIGHT).height >= 10);
    let column = rising(3, 5, 10, HEIGHT, HEIGHT);
    assert_eq!((column.x, column.y + column.height), (30, HEIGHT));
    let column = hanging(3, 5, 10, 400, 600);
    assert_eq!((column.x, column.y, column.height), (30, 600, 200));
}

fn whole(id: &str) -> Resource {
    instance(
        id,
        &[("ProjectCode", "P"), ("CreatedBy", "ann"), ("Expires", "x")],
    )
}

fn lacking(id: &str) -> Resource {
    instance(id, &[("CreatedBy", "bob")])
}

fn in_vpc(instance: Resource, vpc: Option<&str>) -> Resource {
    Resource {
        vpc_id: vpc.map(ToOwned::to_owned),
        ..instance
    }
}

/// Name, good ones and bad ones of each group.
fn told(shares: &[Share]) -> Vec<(&str, usize, usize)> {
    let shares = shares.iter();
    shares
        .map(|it| (it.name.as_str(), it.good, it.bad))
        .collect()
}

#[test]
fn the_groups_with_the_most_to_do_come_first() {
    let instances = vec![
        in_vpc(whole("i-0"), Some("vpc-1")),
        in_vpc(whole("i-1"), Some("vpc-1")),
        in_vpc(lacking("i-2"), Some("vpc-2")),
        in_vpc(lacking("i-3"), Some("vpc-3")),
        in_vpc(lacking("i-4"), Some("vpc-3")),
        in_vpc(lacking("i-5"), None),
        in_vpc(lacking("i-6"), None),
        in_vpc(lacking("i-7"), None),
    ];
    let inputs = inputs(sample(), instances);
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let views = views(&forecast, &inputs.policy.policy);
    let by_vpc = by_vpc(&views).shares("in no VPC");
    assert_eq!(
        told(&by_vpc),
        [
            ("vpc-3", 0, 2),
            ("vpc-2", 0, 1),
            ("vpc-1", 2, 0),
            ("in no VPC", 0, 3)
        ]
    );
    assert_eq!([by_vpc[0].good_length, by_vpc[2].good_length], [0, 1000]);
    assert_eq!(
        told(&by_launcher(&views).shares("not known")),
        [("bob", 0, 6), ("ann", 2, 0)]
    );
}

#[rstest]
#[case(11, 11, None)]
#[case(12, 11, Some(("2 others", 0, 2)))]
fn puts_the_smallest_groups_together(
    #[case] groups: usize,
    #[case] told_of: usize,
    #[case] rest: Option<(&str, usize, usize)>,
) {
    let instances = (0..groups).map(|number| {
        let vpc = format!("vpc-{number:02}");
        in_vpc(lacking(&format!("i-{number:02}")), Some(&vpc))
    });
    let inputs = inputs(sample(), instances.collect());
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let views = views(&forecast, &inputs.policy.policy);
    let shares = by_vpc(&views).shares("in no VPC");
    let told = told(&shares);
    assert_eq!(told.len(), told_of);
    assert_eq!(told[0], ("vpc-00", 0, 1));
    assert_eq!(
        told.iter().map(|(_, good, bad)| good + bad).sum::<usize>(),
        groups
    );
    assert_eq!(
        told.last()
            .copied()
            .filter(|(name, ..)| name.contains("others")),
        rest
    );
}

fn launches(instances: Vec<Resource>) -> Option<Launches> {
    let inputs = inputs(sample(), instances);
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let views = views(&forecast, &inputs.policy.policy);
    Launches::new(&LaunchDays::of(&views), inputs.at)
}

fn launched(instance: Resource, at: Option<DateTime<Utc>>) -> Resource {
    Resource {
        launched_at: at,
        ..instance
    }
}

#[test]
fn launches_are_told_by_week() {
    let weeks_ago = |weeks| Some(now() - TimeDelta::weeks(weeks));
    let found = launches(vec![
        launched(whole("i-0"), weeks_ago(0)),
        launched(whole("i-1"), weeks_ago(0)),
        launched(whole("i-2"), weeks_ago(0)),
        launched(lacking("i-3"), weeks_ago(3)),
        launched(whole("i-4"), weeks_ago(25)),
        launched(whole("i-5"), weeks_ago(26)),
        launched(lacking("i-6"), weeks_ago(200)),
        launched(lacking("i-7"), None),
        launched(lacking("i-8"), weeks_ago(-2)),
    ])
    .unwrap();
    assert_eq!(found.weeks.len(), 26);
    assert_eq!(
        (found.first.as_str(), found.last.as_str()),
        ("1 Jun 2026", "23 Nov 2026")
    );
    let numbers = |index: usize| (found.weeks[index].good, found.weeks[index].bad);
    assert_eq!(
        [numbers(0), numbers(22), numbers(25)],
        [(1, 0), (0, 1), (3, 0)]
    );
    // Three above the line, one below it, on one scale.
    assert_eq!((found.most_good, found.most_bad, found.line), (3, 1, 750));
    assert_eq!(
        (found.weeks[25].above.y, found.weeks[25].above.height),
        (0, 750)
    );
    assert_eq!(
        (found.weeks[22].below.y, found.weeks[22].below.height),
        (750, 250)
    );
    assert_eq!(
        found.notes,
        [
            "2 instances were launched before 1 Jun 2026: 1 compliant, 1 not.",
            "1 instance was launched after 23 Nov 2026, the day of this page: 0 compliant, 1 not.",
            "The launch date of 1 instance is not known.",
        ]
    );
}

#[test]
fn draws_a_chart_only_of_known_ages() {
    assert_eq!(launches(vec![whole("i-0")]).unwrap().weeks.len(), 8);
    assert_eq!(launches(vec![launched(whole("i-0"), None)]), None);
    assert_eq!(launches(Vec::new()), None);
}

fn act(remedy: RemedyName, state: ActState) -> Act {
    Act {
        step: Step {
            instance_id: "i-a".to_owned(),
            cause: Cause::Untagged,
            remedy: Remedy::Notify { correction: None },
        },
        remedy,
        tags_before: BTreeMap::new(),
        state,
        why: None,
        code: None,
        undoes: None,
    }
}

fn batch(begun_at: &str, acts: Vec<Act>) -> Batch {
    Batch {
        run_id: "20261123T120000Z-1a2b3c4d".parse().unwrap(),
        number: 1,
        trigger: "schedule".to_owned(),
        begun_at: begun_at.parse().unwrap(),
        acts,
    }
}

fn acts(since: &str, batches: &[Batch]) -> Acts {
    Acts::new(
        "the ledger".to_owned(),
        batches,
        since.parse().unwrap(),
        now(),
    )
}

/// The name and the number of each kind of acts.
fn totals(acts: &Acts) -> Vec<(&str, usize)> {
    let series = acts.series.iter();
    series.map(|series| (series.name, series.total)).collect()
}

#[test]
fn acts_are_told_by_what_they_came_to() {
    use ActState::{Begun, Done, Failed, Refused, Spared};
    use RemedyName::{Stop, Tag, Terminate, Untag};
    let all = [
        act(Tag, Done),
        act(Tag, Done),
        act(Stop, Done),
        act(Terminate, Done),
        act(Untag, Done),
        act(Tag, Failed),
        act(Terminate, Refused),
        act(Stop, Spared),
        act(Tag, Begun),
    ];
    let found = acts(
        "2026-11-20T00:00:00Z",
        &[batch("2026-11-22T08:00:00Z", all.to_vec())],
    );
    assert_eq!(
        totals(&found),
        [
            ("tags written", 2),
            ("instance stopped", 1),
            ("instance terminated", 1),
            ("tag taken back", 1),
            ("not done: refused, failed or spared", 3),
            ("begun, and not completed yet", 1),
        ]
    );
    assert_eq!((found.total, found.span, found.rows.len()), (9, "day", 1));
    assert_eq!(found.rows[0].day, "22 Nov 2026");
    assert_eq!(found.rows[0].numbers, [2, 1, 1, 1, 3, 1]);
    let column = &found.series[0].columns;
    assert_eq!(
        (column.len(), column[0].number, column[0].block.x),
        (1, 2, 20)
    );
    // Of nothing it is said that there was nothing; but for acts under way, which there seldom are.
    let none = acts("2026-11-20T00:00:00Z", &[]);
    assert_eq!(none.series.len(), 5);
    assert_eq!((none.total, none.rows.len()), (0, 0));
}

#[test]
fn counts_only_acts_of_the_chosen_time() {
    let tag = || vec![act(RemedyName::Tag, ActState::Done)];
    let batches = [
        batch("2026-11-20T11:59:59Z", tag()),
        batch("2026-11-20T12:00:00Z", tag()),
        batch("2026-11-23T12:00:00Z", tag()),
        batch("2026-11-23T12:00:01Z", tag()),
    ];
    let found = acts("2026-11-20T12:00:00Z", &batches);
    assert_eq!(found.total, 2);
    let days: Vec<&str> = found.rows.iter().map(|row| row.day.as_str()).collect();
    assert_eq!(days, ["20 Nov 2026", "23 Nov 2026"]);
}

#[rstest]
#[case("2026-09-22T00:00:00Z", "day", 63)]
#[case("2026-09-21T00:00:00Z", "week", 10)]
#[case("2025-10-20T00:00:00Z", "week", 58)]
fn long_times_are_told_by_week(#[case] since: &str, #[case] span: &str, #[case] columns: usize) {
    let found = acts(since, &[]);
    assert_eq!((found.span, found.width), (span, columns * 10));
}

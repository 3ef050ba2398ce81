//! The planner against a model of CloudTrail, and against the two plain strategies.

mod game;
mod model;

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use model::{Recorded, Trail};

const PAGE: usize = 50;

/// What a look-up found, and what it took.
struct Work {
    found: BTreeMap<String, Launcher>,
    calls: usize,
    /// The pages that settled nobody.
    unpaid: usize,
}

/// Works through a planner.
fn work(trail: &Trail, wanted: &[Unattributed], now: DateTime<Utc>) -> Work {
    let mut planner = Planner::new(wanted.to_vec(), now);
    let (mut calls, mut unpaid) = (0, 0);
    while let Some(question) = planner.next().cloned() {
        assert_eq!(planner.next(), Some(&question), "asked again, the same");
        calls += 1;
        assert!(calls <= 100_000, "it does not come to an end");
        let settled = planner.settled().len();
        planner.feed(trail.answer(&question));
        let is_page = question.about == About::Launches;
        unpaid += usize::from(is_page && planner.settled().len() == settled);
    }
    let (found, left) = planner.into_parts();
    assert_eq!(left, Vec::<String>::new());
    Work {
        found,
        calls,
        unpaid,
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn seconds_ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn id(number: i64) -> String {
    format!("i-{number:017x}")
}

fn wanted(number: i64, age: i64) -> Unattributed {
    Unattributed {
        id: id(number),
        launched_at: Some(seconds_ago(age)),
        provisioned_by: None,
    }
}

fn launch(number: i64, age: i64) -> Recorded {
    Recorded {
        at: seconds_ago(age),
        launch: FoundLaunch {
            instance_ids: vec![id(number)],
            by: Launcher::Known(format!("user{number}")),
        },
        failed: false,
    }
}

/// Checks the answers and what they cost, and gives the calls and those of the plain strategies.
fn compare(trail: &Trail, wanted: &[Unattributed]) -> (usize, usize, usize) {
    let work = work(trail, wanted, now());
    let everything: BTreeMap<String, Launcher> = wanted
        .iter()
        .map(|wanted| (wanted.id.clone(), trail.launcher(wanted, now())))
        .collect();
    assert_eq!(work.found, everything);
    let (dated, undated): (Vec<&Unattributed>, Vec<&Unattributed>) = wanted
        .iter()
        .filter(|wanted| wanted.launched_at.is_none_or(|at| at >= now() - HISTORY))
        .partition(|wanted| wanted.launched_at.is_some());
    // Whose age is unknown is asked by name in both.
    let by_name_only = trail.one_by_one(&undated, now());
    let names = trail.one_by_one(&dated, now()) + by_name_only;
    let pages = trail.page_by_page(&dated, now()) + by_name_only;
    let (calls, better) = (work.calls, names.min(pages));
    let told = format!("{calls} calls, one by one {names}, page by page {pages}");
    assert!(calls <= 2 * better + 2, "{told}");
    assert!(calls <= better + FEW + work.unpaid, "{told}");
    if trail.is_sparse(&dated, now()) {
        assert!(calls <= better + FEW, "{told}");
    }
    (calls, names, pages)
}

prop_compose! {
    /// A fleet and its history: bursts of launches, each of its length, number and share that is looked for, over some
    /// of the last 95 days; with failed launches, launches without a record, launches of several instances, instances
    /// of unknown age, instances to which much else happened, and clocks that differ. Small pages make it as dense as
    /// many launches do.
    fn history()(page in prop_oneof![1 => Just(PAGE), 9 => 1..8_usize])(
        page in Just(page),
        bursts in prop::collection::vec(
            (
                prop_oneof![0..95 * 86_400_i64, 0..86_400_i64, 300..1_800_i64],
                prop_oneof![Just(1), 1..600_i64, 1..86_400_i64, Just(30 * 86_400)],
                prop_oneof![0..8_usize, 0..80_usize, 0..10 * page, 0..40 * page],
                prop_oneof![Just(0.0), Just(0.02), Just(0.2), Just(1.0)],
            ),
            1..6,
        ),
        seed in any::<u64>(),
        most_together in 1..4_u64,
        skew in prop_oneof![Just(0), Just(120), Just(300_i64)],
        strange in prop_oneof![Just(0.0), Just(0.05)],
        lost in prop_oneof![Just(0.03), Just(0.6)],
    ) -> (Vec<Unattributed>, Trail) {
        let mut dice = Dice(seed | 1);
        let (mut fleet, mut launches, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 0;
        for (age, length, count, share) in bursts {
            for _ in 0..count {
                let age = age + dice.below(length.unsigned_abs()).cast_signed();
                let together = 1 + dice.below(most_together).cast_signed();
                let ids: Vec<i64> = (number..number + together).collect();
                number += together;
                for &number in ids.iter().filter(|_| dice.chance(share)).collect::<Vec<_>>() {
                    let known = wanted(number, age);
                    let launched_at = known.launched_at.filter(|_| !dice.chance(strange / 2.0));
                    fleet.push(Unattributed { launched_at, ..known });
                    if dice.chance(strange) {
                        let happened = dice.below(4 * page as u64);
                        others.extend((0..happened).map(|_| (id(number), seconds_ago(age - 30))));
                    }
                }
                if dice.chance(lost) {
                    continue;
                }
                let skew = dice.below(2 * skew.unsigned_abs() + 1).cast_signed() - skew;
                launches.push(Recorded {
                    at: seconds_ago(age + skew),
                    launch: FoundLaunch {
                        instance_ids: ids.into_iter().map(id).collect(),
                        by: if dice.chance(0.02) {
                            Launcher::Nobody
                        } else {
                            Launcher::Known(format!("user{}", dice.below(9)))
                        },
                    },
                    failed: dice.chance(0.05),
                });
            }
        }
        (fleet, Trail::new(launches).with_pages_of(page).with_others(others))
    }
}

/// Numbers by chance from a seed that proptest chose (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }

    fn chance(&mut self, share: f64) -> bool {
        let share = (share * 1000.0).round();
        f64::from(u32::try_from(self.below(1000)).unwrap()) < share
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// For any fleet and any history: the answers of reading everything, in few calls ([`compare`] says how few).
    #[test]
    fn finds_what_reading_everything_finds((fleet, trail) in history()) {
        compare(&trail, &fleet);
    }
}

#[test]
fn reads_two_hundred_launches_in_four_pages() {
    let events = (0..200).map(|number| launch(number, 3600 + 60 * number));
    let fleet: Vec<Unattributed> = (0..200).map(|n| wanted(n, 3600 + 60 * n)).collect();
    assert_eq!(compare(&Trail::new(events.collect()), &fleet), (4, 200, 4));
}

/// 3 are looked for among 100,000 launches, spread over the history or all within the hour.
#[test]
fn asks_for_three_among_a_hundred_thousand_in_three_calls() {
    for (milliseconds_between, pages) in [(30, 403), (70_000, 3)] {
        let age = |number: i64| number * milliseconds_between / 1000 + 3600;
        let events = (0..100_000).map(|number| launch(number, age(number)));
        let fleet = [7, 50_000, 99_999].map(|number| wanted(number, age(number)));
        let costs = compare(&Trail::new(events.collect()), &fleet);
        assert_eq!(costs, (3, 3, pages));
    }
}

/// What lies between two groups of launches is not read.
#[test]
fn skips_gaps() {
    let mut events: Vec<Recorded> = (0..5_000).map(|n| launch(n, 20_000 + 60 * n)).collect();
    let near = (10_000..10_010).map(|n| (n, 7_200));
    let far = (10_010..10_020).map(|n| (n, 500_000));
    let fleet: Vec<Unattributed> = near.chain(far).map(|(n, age)| wanted(n, age)).collect();
    events.extend((10_000..10_010).map(|n| launch(n, 7_200)));
    events.extend((10_010..10_020).map(|n| launch(n, 500_000)));
    assert_eq!(compare(&Trail::new(events), &fleet).0, 2);
}

/// 40 are looked for among 3,000 launches in a few minutes: pages do not pay, and it is soon noticed.
#[test]
fn gives_up_pages_that_do_not_pay() {
    let events = (0..3_000).map(|n| launch(n, 7_200 + n / 20));
    let fleet: Vec<Unattributed> = (0..40)
        .map(|n| wanted(n * 75, 7_200 + n * 75 / 20))
        .collect();
    let (calls, names, pages) = compare(&Trail::new(events.collect()), &fleet);
    assert_eq!((calls, names, pages), (53, 40, 59));
}

/// 500 are looked for, all launched before 1,000 others in the same minute: it is read on to them.
#[test]
fn reaches_pages_that_pay_late() {
    let age = |number: i64| 7_200 + number / 25;
    let events = (0..1_500).map(|number| launch(number, age(number)));
    let fleet: Vec<Unattributed> = (1_000..1_500).map(|n| wanted(n, age(n))).collect();
    let costs = compare(&Trail::new(events.collect()), &fleet);
    assert_eq!(costs, (48, 500, 30));
}

/// Credit from pages that paid is not spent on many that do not.
#[test]
fn gives_little_credit_for_the_past() {
    let mut events: Vec<Recorded> = (0..500).map(|n| launch(n, 7_200 + n)).collect();
    let mut fleet: Vec<Unattributed> = (0..500).map(|n| wanted(n, 7_200 + n)).collect();
    events.extend((1_000..3_000).map(|n| launch(n, 90_000)));
    fleet.extend((2_990..3_000).map(|n| wanted(n, 90_000)));
    let costs = compare(&Trail::new(events), &fleet);
    assert_eq!(costs, (31, 510, 50));
}

/// Where the windows of the young overlap those of others, one reading serves both.
#[test]
fn reads_once_what_young_instances_share() {
    // 20 pages at the newest moment of the old ones' windows, and 6 further back.
    let crowd = (0..1_000).map(|number| launch(number, 605));
    let far = (1_000..1_300).map(|number| launch(number, 950));
    let launched = (2_000..2_100).map(|number| launch(number, 905));
    let trail = Trail::new(crowd.chain(far).chain(launched).collect());
    let old = (2_000..2_100).map(|number| wanted(number, 905));
    // CloudTrail does not show their launch: the window is read to its end.
    let young = (3_000..3_100).map(|number| wanted(number, 700));
    let fleet: Vec<Unattributed> = old.chain(young).collect();
    assert_eq!(compare(&trail, &fleet), (47, 200, 28));
}

/// A few are asked by name, the young among them too.
#[test]
fn asks_for_three_in_three_calls_whatever_their_age() {
    let age = |number: i64| 300 + number / 10;
    let events = (0..10_000).map(|number| launch(number, age(number)));
    let fleet = [0, 7_000, 9_999].map(|number| wanted(number, age(number)));
    assert_eq!(compare(&Trail::new(events.collect()), &fleet).0, 3);
}

/// So much happened to an instance that its launch is found sooner among all launches.
#[test]
fn gives_up_a_name_that_does_not_pay() {
    let others = |number| (0..250).map(move |_| (id(number), seconds_ago(200)));
    let trail = Trail::new(
        (0..3)
            .map(|n| launch(n, 300))
            .chain([launch(3, 1_000)])
            .collect(),
    );
    let trail = trail.with_others(others(2).collect());
    assert_eq!(compare(&trail, &[wanted(2, 300)]), (4, 6, 1));
    // The page of the old one is one of those that a single reading would not take.
    let young = (0..3).map(|number| wanted(number, 300));
    let fleet: Vec<Unattributed> = young.chain([wanted(3, 1_000)]).collect();
    assert_eq!(compare(&trail, &fleet), (4, 9, 1));
}

/// After a burst in which pages did not pay, others do: they are tried again.
#[test]
fn tries_pages_again() {
    let mut events: Vec<Recorded> = (0..3_000).map(|n| launch(n, 7_200 + n / 20)).collect();
    let mut fleet: Vec<Unattributed> = (0..20)
        .map(|n| wanted(n * 150, 7_200 + n * 150 / 20))
        .collect();
    for number in 10_000..10_400 {
        let age = 20_000 + 60 * (number - 10_000);
        events.push(launch(number, age));
        fleet.push(wanted(number, age));
    }
    let (calls, names, pages) = compare(&Trail::new(events), &fleet);
    assert_eq!((calls, names, pages), (42, 420, 66));
}

/// More launches in one second than a page holds: the page's token leads on.
#[test]
fn reads_many_pages_of_one_second() {
    let events: Vec<Recorded> = (0..500).map(|number| launch(number, 7_200)).collect();
    let fleet: Vec<Unattributed> = (0..500).map(|number| wanted(number, 7_200)).collect();
    assert_eq!(compare(&Trail::new(events), &fleet).0, 10);
}

/// The last moment of a window may go on over the page's end.
#[test]
fn ends_a_window_with_its_last_moment() {
    let events = (0..5).map(|number| launch(number, 7_500)).collect();
    let fleet: Vec<Unattributed> = (0..5).map(|number| wanted(number, 7_200)).collect();
    assert_eq!(compare(&Trail::new(events).with_pages_of(1), &fleet).0, 5);
}

#[test]
fn never_asks_beyond_the_event_history() {
    let day = 86_400;
    let fleet = [wanted(0, 90 * day + 1), wanted(1, 90 * day)];
    let trail = Trail::new(vec![launch(1, 90 * day)]);
    let Work { found, calls, .. } = work(&trail, &fleet, now());
    assert_eq!(found[&id(0)], Launcher::TooOld);
    assert_eq!(found[&id(1)], Launcher::Known("user1".to_owned()));
    assert_eq!(calls, 1);
    let mut planner = Planner::new(fleet, now());
    let span = planner.next().unwrap().span.unwrap();
    assert!(span.from >= now() - HISTORY);
}

#[test]
fn asks_by_name_for_an_instance_of_unknown_age() {
    let mut fleet: Vec<Unattributed> = (0..10).map(|number| wanted(number, 7_200)).collect();
    fleet[4].launched_at = None;
    let trail = Trail::new(vec![launch(4, 3_000_000)]);
    let Work { found, calls, .. } = work(&trail, &fleet, now());
    assert_eq!(found[&id(4)], Launcher::Known("user4".to_owned()));
    assert_eq!(calls, 2);
}

/// What CloudTrail may not show yet does not take the turn of what it shows.
#[test]
fn asks_for_young_instances_last() {
    let young = (0..20).map(|number| wanted(number, 60));
    let old = (20..30).map(|number| wanted(number, 7_200));
    let mut planner = Planner::new(young.chain(old), now());
    let first = planner.next().unwrap().span.unwrap();
    assert!(first.to < seconds_ago(900), "{first:?}");
    planner.feed(LookUpPage::default());
    assert_eq!(planner.settled().len(), 10);
    let second = planner.next().unwrap().span.unwrap();
    assert!(second.from > first.to);
}

/// CloudTrail's pages can be empty and still have a token; an answer to no question changes nothing.
#[test]
fn goes_on_after_an_empty_page() {
    let mut planner = Planner::new((0..10).map(|number| wanted(number, 7_200)), now());
    planner.feed(LookUpPage::default());
    assert_eq!(planner.settled().len(), 0);
    planner.next().unwrap();
    let token = Some("token".to_owned());
    planner.feed(LookUpPage {
        next_token: token.clone(),
        ..LookUpPage::default()
    });
    assert_eq!(planner.settled().len(), 0);
    assert_eq!(planner.next().unwrap().next_token, token);
    planner.feed(LookUpPage::default());
    assert_eq!(planner.settled().len(), 10);
    assert_eq!(planner.next(), None);
}

/// An instance's own events can fill more than a page.
#[test]
fn reads_an_instances_events_to_its_launch() {
    let mut planner = Planner::new([wanted(0, 7_200)], now());
    let about = planner.next().unwrap().about.clone();
    planner.feed(LookUpPage {
        next_token: Some("token".to_owned()),
        oldest: Some(seconds_ago(7_000)),
        launches: Vec::new(),
    });
    let question = planner.next().unwrap();
    assert_eq!(
        (&question.about, question.next_token.as_deref()),
        (&about, Some("token"))
    );
    planner.feed(LookUpPage {
        launches: vec![launch(0, 7_200).launch],
        ..LookUpPage::default()
    });
    assert_eq!(
        planner.settled()[&id(0)],
        Launcher::Known("user0".to_owned())
    );
}

#[test]
fn takes_the_ends_of_time() {
    for time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let fleet = (0..5).map(|number| Unattributed {
                id: id(number),
                launched_at: Some(time),
                provisioned_by: None,
            });
            let mut planner = Planner::new(fleet, now);
            while planner.next().is_some() {
                planner.feed(LookUpPage::default());
            }
            assert_eq!(planner.settled().len(), 5);
        }
    }
}

//! The planner against a model of CloudTrail, and against the two plain strategies.

use proptest::prelude::*;

use super::*;

const PAGE: usize = 50;

/// CloudTrail as LookupEvents shows it: a list of launches, newest first.
#[derive(Clone, Debug)]
struct Trail {
    events: Vec<Recorded>,
}

#[derive(Clone, Debug)]
struct Recorded {
    at: DateTime<Utc>,
    launch: Launch,
    failed: bool,
}

impl Trail {
    fn new(mut events: Vec<Recorded>) -> Self {
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        Self { events }
    }

    fn matching(&self, about: &About, span: Option<Span>) -> Vec<&Recorded> {
        let in_span = |at| span.is_none_or(|span| span.from <= at && at <= span.to);
        let found = self.events.iter().filter(|event| in_span(event.at));
        let found = found.filter(|event| match about {
            About::Launches => true,
            About::Instance(id) => event.launch.instance_ids.contains(id),
        });
        found.collect()
    }

    /// The token is the position; it is bound to the parameters, as CloudTrail's.
    fn answer(&self, question: &Question) -> Page {
        let bound_to = format!("{:?} {:?}", question.about, question.span);
        let start = question.next_token.as_deref().map_or(0, |token| {
            let (position, parameters) = token.split_once(' ').unwrap();
            assert_eq!(parameters, bound_to, "a token needs its own parameters");
            position.parse().unwrap()
        });
        let found = self.matching(&question.about, question.span);
        let end = found.len().min(start + PAGE);
        let page = &found[start..end];
        let good = page.iter().filter(|event| !event.failed);
        Page {
            launches: good.map(|event| event.launch.clone()).collect(),
            oldest: page.iter().map(|event| event.at).min(),
            next_token: (end < found.len()).then(|| format!("{end} {bound_to}")),
        }
    }

    /// What whoever reads everything knows of an instance.
    fn launcher(&self, wanted: &Wanted, now: DateTime<Utc>) -> Launcher {
        if wanted.launched_at.is_some_and(|at| at < now - HISTORY) {
            return Launcher::TooOld;
        }
        let named =
            |event: &&Recorded| !event.failed && event.launch.instance_ids.contains(&wanted.id);
        let event = self.events.iter().find(named);
        event
            .and_then(|event| event.launch.by.clone())
            .map_or(Launcher::Nobody, Launcher::Known)
    }

    /// Calls to look up each instance by name.
    fn one_by_one(&self, wanted: &[&Wanted], now: DateTime<Utc>) -> usize {
        let calls = wanted.iter().map(|wanted| {
            let span = window(wanted, now - HISTORY);
            let found = self.matching(&About::Instance(wanted.id.clone()), span);
            found.len().div_ceil(PAGE).max(1)
        });
        calls.sum()
    }

    /// Calls to read the launches of `span` newest first until each of `wanted` has been seen or must have been.
    fn page_by_page(&self, wanted: &[&Wanted], span: Span, now: DateTime<Utc>) -> usize {
        let found = self.matching(&About::Launches, Some(span));
        let settled_at = wanted.iter().map(|wanted| {
            let seen =
                |event: &&Recorded| !event.failed && event.launch.instance_ids.contains(&wanted.id);
            let begins = window(wanted, now - HISTORY).unwrap().from;
            let position = found
                .iter()
                .position(|event| seen(event) || event.at < begins);
            position.map_or(found.len().max(1), |position| position + 1)
        });
        settled_at.max().unwrap_or(0).div_ceil(PAGE)
    }

    /// The same over the windows, those that overlap merged to one.
    fn window_by_window(&self, wanted: &[&Wanted], now: DateTime<Utc>) -> usize {
        let mut by_age: Vec<(Span, &Wanted)> = wanted
            .iter()
            .map(|wanted| (window(wanted, now - HISTORY).unwrap(), *wanted))
            .collect();
        by_age.sort_by_key(|(span, _)| span.from);
        let mut merged: Vec<(Span, Vec<&Wanted>)> = Vec::new();
        for (span, wanted) in by_age {
            match merged.last_mut() {
                Some((last, group)) if span.from <= last.to => {
                    last.to = span.to;
                    group.push(wanted);
                }
                _ => merged.push((span, vec![wanted])),
            }
        }
        let calls = merged
            .iter()
            .map(|(span, group)| self.page_by_page(group, *span, now));
        calls.sum()
    }

    /// Whether no window sees as many launches as a page holds.
    fn is_sparse(&self, wanted: &[&Wanted], now: DateTime<Utc>) -> bool {
        wanted.iter().all(|wanted| {
            let span = window(wanted, now - HISTORY);
            self.matching(&About::Launches, span).len() < PAGE
        })
    }
}

/// Works through a planner: what it found and the calls it took.
fn work(
    trail: &Trail,
    wanted: &[Wanted],
    now: DateTime<Utc>,
) -> (BTreeMap<String, Launcher>, usize) {
    let mut planner = Planner::new(wanted.to_vec(), now);
    let mut calls = 0;
    while let Some(question) = planner.next().cloned() {
        assert_eq!(planner.next(), Some(&question), "asked again, the same");
        calls += 1;
        assert!(calls <= 10_000, "it does not come to an end");
        planner.feed(trail.answer(&question));
    }
    let (settled, left) = planner.into_parts();
    assert_eq!(left, Vec::<String>::new());
    (settled, calls)
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

fn wanted(number: i64, age: i64) -> Wanted {
    Wanted {
        id: id(number),
        launched_at: Some(seconds_ago(age)),
    }
}

fn launch(number: i64, age: i64) -> Recorded {
    Recorded {
        at: seconds_ago(age),
        launch: Launch {
            instance_ids: vec![id(number)],
            by: Some(format!("user{number}")),
        },
        failed: false,
    }
}

/// The unpaid pages there can be, see the planner's documentation.
fn unpaid(wanted: usize) -> usize {
    (3 * wanted + 4).ilog(4) as usize
}

/// Checks the answers, and gives the calls and those of the plain strategies.
fn compare(trail: &Trail, wanted: &[Wanted]) -> (usize, usize, usize) {
    let (found, calls) = work(trail, wanted, now());
    let everything: BTreeMap<String, Launcher> = wanted
        .iter()
        .map(|wanted| (wanted.id.clone(), trail.launcher(wanted, now())))
        .collect();
    assert_eq!(found, everything);
    let in_history: Vec<&Wanted> = wanted
        .iter()
        .filter(|wanted| wanted.launched_at.unwrap() >= now() - HISTORY)
        .collect();
    let names = trail.one_by_one(&in_history, now());
    let windows = in_history
        .iter()
        .filter_map(|wanted| window(wanted, now() - HISTORY));
    let whole = windows.reduce(|one, other| Span {
        from: one.from.min(other.from),
        to: one.to.max(other.to),
    });
    let pages = whole.map_or(0, |whole| {
        let whole = trail.page_by_page(&in_history, whole, now());
        whole.min(trail.window_by_window(&in_history, now()))
    });
    assert!(
        calls <= names + CREDIT + unpaid(in_history.len()),
        "{calls} calls where one by one takes {names}"
    );
    if trail.is_sparse(&in_history, now()) {
        assert!(
            calls <= names.min(pages) + FEW,
            "{calls} calls, one by one {names}, page by page {pages}"
        );
    }
    (calls, names, pages)
}

/// A fleet: bursts of launches, each of its length, number and share that is looked for, over some of the last 95
/// days; with failed launches, launches without a record, launches of several instances, and clocks that differ.
fn history() -> impl Strategy<Value = (Vec<Wanted>, Vec<Recorded>)> {
    let burst = (
        0..95 * 86_400_i64,
        prop_oneof![Just(1), 1..600_i64, 1..86_400_i64, Just(30 * 86_400)],
        prop_oneof![0..8_usize, 0..80_usize, 0..500_usize],
        prop_oneof![Just(0.02), Just(0.2), Just(1.0)],
    );
    let bursts = prop::collection::vec(burst, 1..6);
    (bursts, any::<u64>(), 1..4_u64).prop_map(|(bursts, seed, most_together)| {
        let mut dice = Dice(seed | 1);
        let (mut fleet, mut events, mut number) = (Vec::new(), Vec::new(), 0);
        for (age, length, count, share) in bursts {
            for _ in 0..count {
                let age = age + dice.below(length.unsigned_abs()).cast_signed();
                let together = 1 + dice.below(most_together).cast_signed();
                let ids: Vec<i64> = (number..number + together).collect();
                number += together;
                for &number in &ids {
                    if dice.chance(share) {
                        fleet.push(wanted(number, age));
                    }
                }
                if dice.chance(0.03) {
                    continue;
                }
                let skew = dice.below(241).cast_signed() - 120;
                events.push(Recorded {
                    at: seconds_ago(age + skew),
                    launch: Launch {
                        instance_ids: ids.into_iter().map(id).collect(),
                        by: (!dice.chance(0.02)).then(|| format!("user{}", dice.below(9))),
                    },
                    failed: dice.chance(0.05),
                });
            }
        }
        (fleet, events)
    })
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
    fn as_good_as_reading_everything((fleet, events) in history()) {
        compare(&Trail::new(events), &fleet);
    }
}

#[test]
fn two_hundred_launches_are_four_pages() {
    let events = (0..200).map(|number| launch(number, 3600 + 60 * number));
    let fleet: Vec<Wanted> = (0..200).map(|n| wanted(n, 3600 + 60 * n)).collect();
    assert_eq!(compare(&Trail::new(events.collect()), &fleet), (4, 200, 4));
}

/// 3 are looked for among 100,000 launches, spread over the history or all within the hour.
#[test]
fn three_among_a_hundred_thousand_are_three_calls() {
    for milliseconds_between in [30, 70_000] {
        let age = |number: i64| number * milliseconds_between / 1000 + 3600;
        let events = (0..100_000).map(|number| launch(number, age(number)));
        let fleet = [7, 50_000, 99_999].map(|number| wanted(number, age(number)));
        let (found, calls) = work(&Trail::new(events.collect()), &fleet, now());
        assert_eq!(found[&id(50_000)], Launcher::Known("user50000".to_owned()));
        assert_eq!(calls, 3);
    }
}

/// What lies between two groups of launches is not read.
#[test]
fn a_gap_costs_nothing() {
    let mut events: Vec<Recorded> = (0..5_000).map(|n| launch(n, 20_000 + 60 * n)).collect();
    let near = (10_000..10_010).map(|n| (n, 7_200));
    let far = (10_010..10_020).map(|n| (n, 500_000));
    let fleet: Vec<Wanted> = near.chain(far).map(|(n, age)| wanted(n, age)).collect();
    events.extend((10_000..10_010).map(|n| launch(n, 7_200)));
    events.extend((10_010..10_020).map(|n| launch(n, 500_000)));
    assert_eq!(compare(&Trail::new(events), &fleet).0, 2);
}

/// 40 are looked for among 3,000 launches in a few minutes: pages do not pay, and it is soon noticed.
#[test]
fn pages_that_do_not_pay_are_given_up() {
    let events = (0..3_000).map(|n| launch(n, 7_200 + n / 20));
    let fleet: Vec<Wanted> = (0..40)
        .map(|n| wanted(n * 75, 7_200 + n * 75 / 20))
        .collect();
    let (calls, names, pages) = compare(&Trail::new(events.collect()), &fleet);
    assert_eq!((calls, names, pages), (45, 40, 59));
}

/// After a burst in which pages did not pay, others do: they are tried again.
#[test]
fn pages_are_tried_again() {
    let mut events: Vec<Recorded> = (0..3_000).map(|n| launch(n, 7_200 + n / 20)).collect();
    let mut fleet: Vec<Wanted> = (0..20)
        .map(|n| wanted(n * 150, 7_200 + n * 150 / 20))
        .collect();
    for number in 10_000..10_400 {
        let age = 20_000 + 60 * (number - 10_000);
        events.push(launch(number, age));
        fleet.push(wanted(number, age));
    }
    let (calls, names, pages) = compare(&Trail::new(events), &fleet);
    assert_eq!((names, pages), (420, 66));
    assert!(calls < 40, "{calls}");
}

/// More launches in one second than a page holds: the page's token leads on.
#[test]
fn a_second_may_hold_many_pages() {
    let events: Vec<Recorded> = (0..500).map(|number| launch(number, 7_200)).collect();
    let fleet: Vec<Wanted> = (0..500).map(|number| wanted(number, 7_200)).collect();
    assert_eq!(compare(&Trail::new(events), &fleet).0, 10);
}

#[test]
fn what_is_older_than_the_history_is_not_asked() {
    let day = 86_400;
    let fleet = [wanted(0, 90 * day + 1), wanted(1, 90 * day)];
    let trail = Trail::new(vec![launch(1, 90 * day)]);
    let (found, calls) = work(&trail, &fleet, now());
    assert_eq!(found[&id(0)], Launcher::TooOld);
    assert_eq!(found[&id(1)], Launcher::Known("user1".to_owned()));
    assert_eq!(calls, 1);
    let mut planner = Planner::new(fleet, now());
    let span = planner.next().unwrap().span.unwrap();
    assert!(span.from >= now() - HISTORY);
}

#[test]
fn an_instance_of_unknown_age_is_asked_by_name_in_all_the_history() {
    let mut fleet: Vec<Wanted> = (0..10).map(|number| wanted(number, 7_200)).collect();
    fleet[4].launched_at = None;
    let trail = Trail::new(vec![launch(4, 3_000_000)]);
    let (found, calls) = work(&trail, &fleet, now());
    assert_eq!(found[&id(4)], Launcher::Known("user4".to_owned()));
    assert_eq!(calls, 2);
}

/// What CloudTrail may not show yet does not take the turn of what it shows.
#[test]
fn the_young_are_asked_last() {
    let young = (0..20).map(|number| wanted(number, 60));
    let old = (20..30).map(|number| wanted(number, 7_200));
    let mut planner = Planner::new(young.chain(old), now());
    let first = planner.next().unwrap().span.unwrap();
    assert!(first.to < seconds_ago(900), "{first:?}");
    planner.feed(Page::default());
    assert_eq!(planner.settled().len(), 10);
    let second = planner.next().unwrap().span.unwrap();
    assert!(second.from > first.to);
}

/// CloudTrail's pages can be empty and still have a token; an answer to no question changes nothing.
#[test]
fn an_empty_page_is_not_the_end() {
    let mut planner = Planner::new((0..10).map(|number| wanted(number, 7_200)), now());
    planner.feed(Page::default());
    assert_eq!(planner.settled().len(), 0);
    planner.next().unwrap();
    let token = Some("token".to_owned());
    planner.feed(Page {
        next_token: token.clone(),
        ..Page::default()
    });
    assert_eq!(planner.settled().len(), 0);
    assert_eq!(planner.next().unwrap().next_token, token);
    planner.feed(Page::default());
    assert_eq!(planner.settled().len(), 10);
    assert_eq!(planner.next(), None);
}

/// An instance's own events can fill more than a page.
#[test]
fn an_instances_events_are_read_to_the_launch() {
    let mut planner = Planner::new([wanted(0, 7_200)], now());
    let about = planner.next().unwrap().about.clone();
    planner.feed(Page {
        next_token: Some("token".to_owned()),
        oldest: Some(seconds_ago(7_000)),
        launches: Vec::new(),
    });
    let question = planner.next().unwrap();
    assert_eq!(
        (&question.about, question.next_token.as_deref()),
        (&about, Some("token"))
    );
    planner.feed(Page {
        launches: vec![launch(0, 7_200).launch],
        ..Page::default()
    });
    assert_eq!(
        planner.settled()[&id(0)],
        Launcher::Known("user0".to_owned())
    );
}

#[test]
fn the_ends_of_time_do_not_panic() {
    for time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let fleet = (0..5).map(|number| Wanted {
                id: id(number),
                launched_at: Some(time),
            });
            let mut planner = Planner::new(fleet, now);
            while planner.next().is_some() {
                planner.feed(Page::default());
            }
            assert_eq!(planner.settled().len(), 5);
        }
    }
}

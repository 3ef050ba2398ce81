//! How well can any order of asking do? The planner's bound against the best possible one.
//!
//! The hardest histories are of one second, in which countless others were launched: no span of time tells the pages
//! apart, and nothing tells how many there are. There the look-up is a game. The planner asks for the next page or by
//! name; its opponent says who is on the page. Where those are who were asked by name is open until the end.

use super::*;

/// Where a game stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    open: usize,
    /// Asked by name, and on none of the pages read since.
    elsewhere: usize,
    /// Pages read.
    read: usize,
    /// Asked by name.
    asked: usize,
    /// The last page that somebody is on.
    last: usize,
}

impl Standing {
    fn new(open: usize) -> Self {
        let (elsewhere, read, asked, last) = (0, 0, 0, 0);
        Self {
            open,
            elsewhere,
            read,
            asked,
            last,
        }
    }

    fn after_name(self) -> Self {
        Self {
            open: self.open - 1,
            elsewhere: self.elsewhere + 1,
            asked: self.asked + 1,
            ..self
        }
    }

    /// After a page with so many who are open and so many who were asked by name on it.
    fn after_page(self, settled: usize, known: usize) -> Self {
        let read = self.read + 1;
        Self {
            open: self.open - settled,
            elsewhere: self.elsewhere - known,
            read,
            last: if settled + known > 0 { read } else { self.last },
            ..self
        }
    }

    /// Calls to read page by page, where pages hold so many.
    fn page_by_page(self, page: usize) -> usize {
        if self.elsewhere == 0 {
            self.last
        } else {
            self.read + self.elsewhere.div_ceil(page)
        }
    }
}

/// By how much the best order of asking exceeds `times` the better plain strategy, in the worst history of so many
/// instances.
struct Game {
    instances: usize,
    page: usize,
    times: usize,
    known: BTreeMap<Standing, isize>,
}

impl Game {
    fn value(&mut self, at: Standing) -> isize {
        if at.open == 0 {
            let better = self.instances.min(at.page_by_page(self.page));
            return (at.read + at.asked).cast_signed() - (self.times * better).cast_signed();
        }
        if let Some(value) = self.known.get(&at) {
            return *value;
        }
        let mut best = self.value(at.after_name());
        // Who reads more pages than this has lost already.
        if at.read < 2 * self.instances {
            let mut worst = isize::MIN;
            for settled in 0..=at.open.min(self.page) {
                for known in 0..=at.elsewhere.min(self.page - settled) {
                    worst = worst.max(self.value(at.after_page(settled, known)));
                }
            }
            best = best.min(worst);
        }
        self.known.insert(at, best);
        best
    }
}

/// Where all fit on a page, no order of asking can promise less than n - 1 calls more than the better plain strategy,
/// nor less than twice its calls less 1.
#[test]
fn is_bounded_by_the_best_order() {
    for instances in 1..=8 {
        for page in 1..=8 {
            let value = |times| {
                let known = BTreeMap::new();
                let mut game = Game {
                    instances,
                    page,
                    times,
                    known,
                };
                game.value(Standing::new(instances))
            };
            let last_pages = instances.div_ceil(page);
            assert_eq!(value(1), (instances - last_pages).cast_signed());
            assert_eq!(value(2), -last_pages.cast_signed());
        }
    }
}

/// The planner's calls less twice those of the better plain strategy, in the worst history.
fn worst(mut planner: Planner, at: Standing, instances: usize, page: usize) -> isize {
    let Some(question) = planner.next().cloned() else {
        let better = instances.min(at.page_by_page(page));
        return (at.read + at.asked).cast_signed() - (2 * better).cast_signed();
    };
    let answer = |ids: &[String]| LookUpPage {
        launches: ids.iter().map(|id| launched(id)).collect(),
        oldest: Some(seconds_ago(7_200)),
        next_token: Some("more".to_owned()),
    };
    if let About::Instance(id) = question.about {
        planner.feed(answer(&[id]));
        return worst(planner, at.after_name(), instances, page);
    }
    let (_, open) = planner.clone().into_parts();
    let every_choice = 0..1_usize << open.len();
    let choices = every_choice.filter(|choice| choice.count_ones() as usize <= page);
    let values = choices.map(|choice| {
        let is_on = |place: &usize| choice >> place & 1 == 1;
        let ids: Vec<String> = (0..open.len())
            .filter(is_on)
            .map(|it| open[it].clone())
            .collect();
        let mut planner = planner.clone();
        planner.feed(answer(&ids));
        // To have them on this page rather than later is never worse for the opponent.
        let known = at.elsewhere.min(page - ids.len());
        worst(planner, at.after_page(ids.len(), known), instances, page)
    });
    values.max().unwrap()
}

fn launched(id: &str) -> FoundLaunch {
    FoundLaunch {
        instance_ids: vec![id.to_owned()],
        by: Launcher::Known("ann".to_owned()),
    }
}

/// In every history of one second, at most twice the better one's calls, and 1 more: 2 above the best possible.
#[test]
fn does_nearly_as_well_as_the_best_order() {
    for instances in 1..=6 {
        for page in 1..=6 {
            let numbers = 0..i64::try_from(instances).unwrap();
            let fleet = numbers.map(|number| wanted(number, 7_200));
            let planner = Planner::new(fleet, now());
            let worst = worst(planner, Standing::new(instances), instances, page);
            assert!(worst <= 1, "{instances} instances, {page} a page: {worst}");
        }
    }
}

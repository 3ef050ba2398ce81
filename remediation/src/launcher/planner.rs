//! Which question to ask CloudTrail next, and what its answer settles. Pure: it knows no client and no clock.
//!
//! There are two kinds of question. *By name*: the events of one instance (`ResourceName`), which settles that one
//! whatever else happened. *By page*: the account's launches (`EventName` = RunInstances) from a moment backwards, 50
//! a page, which settles every instance whose launch is on it.
//!
//! - The last few instances are asked by name.
//! - More are read by page, newest first, from the end of the newest one's window. Each page runs as far back as its
//!   50 events reach, over as many windows as that is. Where the next window begins further back than that, the
//!   reading starts anew there, and what lies between costs nothing.
//! - A page that settles no instance is one in which more was launched than is looked for. A little credit allows for some
//!   of those; pages that settle many add to it. When it is used up, each further one is followed by a call by name:
//!   about the oldest instance that the next event could be the launch of, so that the pages meet it last.
//!
//! - Launches that CloudTrail may not show yet are read after the others, but for those whose windows overlap theirs:
//!   the same pages serve both.
//!
//! What that costs, against the better of two plain strategies, "one by one" (each instance by name) and "page by page"
//! (the launches from the newest window's end back until each instance or something older than its window is seen, all
//! of them or anew at each stretch of windows):
//!
//! - In every history: at most twice the better one's calls, and 2 more.
//! - At most one call more than the better one for each page that settled no instance, and FEW more. Where no window
//!   sees a page of launches, every page settles an instance.
//!
//! Because, against "page by page": as many pages here reach as far back or further. (The young may take one page
//! more; then one call fewer is made by name.) Calls by name are FEW, and one for each page that settled none after
//! CREDIT of them. Against "one by one": its call for an instance pays for the page that settled it. Pages that settled
//! none are paid for by credit, or followed by a call by name.
//!
//! No order of asking can promise less than twice the better one's calls, less 1. Say that n instances were launched
//! in one second with countless others, and none is on the pages that are read. It ends when each has been asked by
//! name: after y pages, that is n + y calls. All n may well be on the next page: then "page by page" takes y + 1 calls
//! and "one by one" n, and n + y is no less than twice the smaller of these, less 1. `tests::game` solves the game for
//! small numbers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{HISTORY, Launcher, Unattributed};

/// The launch is looked for from this long before the launch time to this long after it: EC2's and CloudTrail's clocks
/// need not agree, and CloudTrail notes when the call was completed.
const AROUND: TimeDelta = TimeDelta::minutes(5);

/// The most instances that are asked for by name at once, because pages could hardly save a call.
const FEW: usize = 3;

/// How many pages may settle no instance before instances are asked for by name.
const CREDIT: usize = 2;

/// The most credit, because what paid an hour ago says little about now.
const MOST_CREDIT: usize = 4;

/// How long CloudTrail may not show a launch. Younger launches are asked for last, so that they do not take the place of
/// others run after run.
pub(crate) const SHOWN_AFTER: TimeDelta = TimeDelta::minutes(15);

/// One LookupEvents request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) about: About,
    /// The time the events are of, both ends included; none: all there are.
    pub(crate) span: Option<LookUpSpan>,
    /// The token of the page before, if this is about what follows it.
    pub(crate) next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// All launches.
    Launches,
    /// Everything that happened to the instance with this id.
    Instance(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LookUpSpan {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// What CloudTrail answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LookUpPage {
    /// The launches among the events that succeeded, in any order.
    pub(crate) launches: Vec<FoundLaunch>,
    /// The time of the oldest event, launch or not.
    pub(crate) oldest: Option<DateTime<Utc>>,
    /// There if there is more.
    pub(crate) next_token: Option<String>,
}

/// One launch, of any number of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundLaunch {
    pub(crate) instance_ids: Vec<String>,
    /// Who launched them, as far as the event tells.
    pub(crate) by: Launcher,
}

/// The state of one look-up.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    /// Where CloudTrail's history begins.
    horizon: DateTime<Utc>,
    /// CloudTrail may not show later launches yet.
    shown: DateTime<Utc>,
    /// Launches up to here are read together, later ones after them.
    together: DateTime<Utc>,
    /// Not settled yet, in the order in which they are asked.
    open: Vec<Unattributed>,
    settled: BTreeMap<String, Launcher>,
    /// Asked and not answered.
    question: Option<Question>,
    /// An instance whose own events go on, and the token of what follows.
    half_asked: Option<(String, String)>,
    reading: Option<Reading>,
    /// How many pages may settle no instance before calls by name are owed.
    credit: usize,
    /// Whether a call by name comes before the next page.
    owed: bool,
    /// How many calls by name may be made that are not owed.
    free: usize,
}

/// How far the launches have been read.
#[derive(Clone, Debug)]
struct Reading {
    span: LookUpSpan,
    /// Everything later than this has been read.
    down_to: DateTime<Utc>,
    next_token: Option<String>,
}

impl Planner {
    /// A look-up of `wanted`, begun at `now`. What is older than CloudTrail's history is settled at once.
    pub(crate) fn new(wanted: impl IntoIterator<Item = Unattributed>, now: DateTime<Utc>) -> Self {
        let horizon = earlier(now, HISTORY);
        let shown = earlier(now, SHOWN_AFTER);
        let (too_old, mut open): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| {
            wanted
                .launched_at
                .is_some_and(|launched_at| launched_at < horizon)
        });
        let launches = open.iter().filter_map(|it| it.launched_at);
        let together = together(launches, shown);
        open.sort_by(|left, right| {
            (left.turn(together).cmp(&right.turn(together)))
                .then(right.launched_at.cmp(&left.launched_at))
                .then_with(|| left.id.cmp(&right.id))
        });
        let turns: BTreeSet<Turn> = open.iter().map(|it| it.turn(together)).collect();
        let is_read_twice = turns.contains(&Turn::First) && turns.contains(&Turn::Young);
        Self {
            horizon,
            shown,
            together,
            open,
            settled: too_old
                .into_iter()
                .map(|wanted| (wanted.id, Launcher::TooOld))
                .collect(),
            question: None,
            half_asked: None,
            reading: None,
            credit: CREDIT,
            owed: false,
            // Two readings may take a page more than one of all would.
            free: FEW - usize::from(is_read_twice),
        }
    }

    /// What to ask next: the same until it is answered; none when everything is settled.
    pub(crate) fn next(&mut self) -> Option<&Question> {
        if self.question.is_none() {
            self.question = self.choose();
        }
        self.question.as_ref()
    }

    /// Takes the answer to the question that [`next`](Self::next) gave.
    pub(crate) fn feed(&mut self, page: LookUpPage) {
        let Some(question) = self.question.take() else {
            return;
        };
        let open_before = self.open.len();
        self.settle(&page.launches);
        match (question.about, question.span) {
            (About::Instance(id), _) => {
                if self.owed {
                    self.owed = false;
                } else {
                    self.free = self.free.saturating_sub(1);
                }
                self.half_asked = page.next_token.map(|token| (id.clone(), token));
                if self.half_asked.is_none() {
                    self.settle_as_nobodys(|wanted| wanted.id == id);
                }
            }
            (About::Launches, Some(span)) => {
                self.read_on(span, page.oldest, page.next_token);
                self.pay(open_before - self.open.len());
            }
            (About::Launches, None) => {}
        }
    }

    /// What is settled so far.
    pub(crate) fn settled(&self) -> &BTreeMap<String, Launcher> {
        &self.settled
    }

    /// What is settled, and the ids of what is not.
    pub(crate) fn into_parts(self) -> (BTreeMap<String, Launcher>, Vec<String>) {
        let left = self.open.into_iter().map(|wanted| wanted.id);
        (self.settled, left.collect())
    }

    fn choose(&self) -> Option<Question> {
        let dated = self.open.iter().filter(|it| it.launched_at.is_some());
        let are_few = dated.take(FEW + 1).count() <= FEW;
        if self.owed || (are_few && self.free > 0) {
            return self.by_name();
        }
        self.by_page().or_else(|| self.by_name())
    }

    fn by_name(&self) -> Option<Question> {
        let half_asked = self.half_asked.as_ref().and_then(|(id, token)| {
            let wanted = self.open.iter().find(|wanted| wanted.id == *id)?;
            Some((wanted, Some(token.clone())))
        });
        let (wanted, next_token) = match half_asked {
            Some(half_asked) => half_asked,
            None => (self.last_within_reach()?, None),
        };
        Some(Question {
            about: About::Instance(wanted.id.clone()),
            span: window(wanted, self.horizon),
            next_token,
        })
    }

    /// The instance to ask about by id: the oldest of those whose launch could be the next event that a page shows. Young
    /// instances come after all others.
    fn last_within_reach(&self) -> Option<&Unattributed> {
        let next = self.open.first()?;
        let turn = |it: &&Unattributed| it.turn(self.together) == next.turn(self.together);
        let is_shown = |it: &&Unattributed| it.launched_at.is_some_and(|at| at <= self.shown);
        let shown = self.open.iter().filter(turn).find(is_shown);
        let first = shown.unwrap_or(next);
        let Some(reading) = &self.reading else {
            return Some(first);
        };
        let candidates = self.open.iter().filter(turn);
        let within_reach = candidates
            .filter(|it| shown.is_none() || is_shown(it))
            .take_while(|it| {
                window(it, self.horizon).is_some_and(|window| reading.down_to <= window.to)
            });
        Some(within_reach.last().unwrap_or(first))
    }

    /// The page after the last one, or the first of a reading that starts anew where the next window ends.
    fn by_page(&self) -> Option<Question> {
        let windows = || {
            let dated = self.open.iter();
            dated.filter_map(|wanted| window(wanted, self.horizon))
        };
        let next = windows().next()?;
        if let Some(reading) = &self.reading
            && reading.next_token.is_some()
            && reading.down_to <= next.to
            && next.to <= reading.span.to
        {
            return Some(Question {
                about: About::Launches,
                span: Some(reading.span),
                next_token: reading.next_token.clone(),
            });
        }
        let older = windows().filter(|window| window.to <= next.to);
        let from = older.map(|window| window.from).min()?;
        Some(Question {
            about: About::Launches,
            span: Some(LookUpSpan { from, ..next }),
            next_token: None,
        })
    }

    fn settle(&mut self, launches: &[FoundLaunch]) {
        let by_id: BTreeMap<&str, &FoundLaunch> = launches
            .iter()
            .flat_map(|launch| {
                launch
                    .instance_ids
                    .iter()
                    .map(move |id| (id.as_str(), launch))
            })
            .collect();
        let answers = &mut self.settled;
        self.open.retain(|wanted| {
            let Some(launch) = by_id.get(wanted.id.as_str()) else {
                return true;
            };
            answers.insert(wanted.id.clone(), launch.by.clone());
            false
        });
    }

    fn settle_as_nobodys(&mut self, is_settled: impl Fn(&Unattributed) -> bool) {
        for wanted in self.open.extract_if(.., |wanted| is_settled(wanted)) {
            self.settled.insert(wanted.id, Launcher::Nobody);
        }
    }

    /// Notes how far a page of launches has come. An instance whose whole window has been read has no launch event.
    fn read_on(
        &mut self,
        span: LookUpSpan,
        oldest: Option<DateTime<Utc>>,
        next_token: Option<String>,
    ) {
        let last = self.reading.take().filter(|reading| reading.span == span);
        let down_to = match (&next_token, oldest) {
            (None, _) => earlier(span.from, TimeDelta::seconds(1)),
            // More of the oldest moment may be on the next page.
            (Some(_), Some(oldest)) => oldest,
            // CloudTrail may give an empty page on the way.
            (Some(_), None) => last.map_or(span.to, |reading| reading.down_to),
        };
        let horizon = self.horizon;
        self.settle_as_nobodys(|wanted| {
            window(wanted, horizon)
                .is_some_and(|window| down_to < window.from && window.to <= span.to)
        });
        self.reading = Some(Reading {
            span,
            down_to,
            next_token,
        });
    }

    /// Settles the account of a page, which settled `settled` instances.
    fn pay(&mut self, settled: usize) {
        if settled > 0 {
            self.credit = (self.credit + settled - 1).min(MOST_CREDIT);
        } else if self.credit > 0 {
            self.credit -= 1;
        } else {
            self.owed = true;
        }
    }
}

/// When an instance is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    First,
    /// CloudTrail may not show the launch yet.
    Young,
    /// Asked by name only.
    Undated,
}

impl Unattributed {
    fn turn(&self, together: DateTime<Utc>) -> Turn {
        match self.launched_at {
            None => Turn::Undated,
            Some(at) if at > together => Turn::Young,
            Some(_) => Turn::First,
        }
    }
}

/// The newest launch to be read in the first turn: one that CloudTrail shows by now, or a younger one whose window
/// overlaps theirs, so that the same pages serve both. All, if they are so few that they are asked by name.
fn together(launches: impl Iterator<Item = DateTime<Utc>>, shown: DateTime<Utc>) -> DateTime<Utc> {
    let mut launches: Vec<DateTime<Utc>> = launches.collect();
    launches.sort();
    let mut newest = None;
    for at in &launches {
        let overlaps = newest.is_some_and(|newest| *at - newest <= AROUND * 2);
        if *at > shown && !overlaps && launches.len() > FEW {
            break;
        }
        newest = Some(*at);
    }
    newest.unwrap_or(shown)
}

/// The time in which an instance's launch must be, as far as CloudTrail remembers it.
fn window(wanted: &Unattributed, horizon: DateTime<Utc>) -> Option<LookUpSpan> {
    let launched_at = wanted.launched_at?;
    Some(LookUpSpan {
        from: earlier(launched_at, AROUND).max(horizon),
        to: launched_at.checked_add_signed(AROUND)?,
    })
}

/// `by` before `time`, or the beginning of time.
pub(super) fn earlier(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_sub_signed(by)
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

#[cfg(test)]
mod tests;

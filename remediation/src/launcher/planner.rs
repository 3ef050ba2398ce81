//! Which question to ask CloudTrail next, and what its answer settles. Pure: it knows no client and no clock.
//!
//! There are two kinds of question. *By name*: the events of one instance (`ResourceName`), which settles that one
//! whatever else happened. *By page*: the account's launches (`EventName` = RunInstances) from a moment backwards, 50
//! a page, which settles every instance whose launch is on it.
//!
//! - A few instances are asked by name.
//! - More are read by page, newest first, from the end of the newest one's window. Each page runs as far back as its
//!   50 events reach, over as many windows as that is. Where the next window begins further back than that, the
//!   reading starts anew there, and what lies between costs nothing.
//! - A page that settles nobody is one in which more was launched than is looked for. A little credit allows for some
//!   of those; pages that settle many add to it. When it is used up, 4 instances are asked by name before the next
//!   page is tried, the next time 16, then 64.
//!
//! What that costs, with n instances to look for, FEW = 3 and CREDIT = 2:
//!
//! - Never more than n + CREDIT + log₄(3n + 4) calls: each page is paid for by an instance it settled, by credit, or is
//!   one of the unpaid ones, whose price grows fourfold. For 200 instances that is 6 above "one by one", for 100,000
//!   it is 11.
//! - Never more than FEW calls above the better of "one by one" and "page by page" where no window sees 50 launches:
//!   every page then settles an instance, and no page by page reading can be further back after as many pages.
//!
//! Where a window sees more than that, nobody can promise both: whether the next page settles all or none is not known
//! before it is read.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{HISTORY, Launcher};

/// The launch is looked for from this long before the launch time to this long after it: EC2's and CloudTrail's clocks
/// need not agree, and CloudTrail notes when the call was completed.
const AROUND: TimeDelta = TimeDelta::minutes(5);

/// So many are asked by name at once: pages could hardly save a call.
const FEW: usize = 3;

/// So many pages may settle nobody before instances are asked by name.
const CREDIT: usize = 2;

/// So many times as many instances are asked by name each time that credit is used up.
const DEARER: usize = 4;

/// Credit does not grow beyond this: what paid an hour ago says little about now.
const MOST_CREDIT: usize = 4;

/// CloudTrail may not show a younger launch yet: those are asked last, so that they do not take the place of others
/// run after run.
const SHOWN_AFTER: TimeDelta = TimeDelta::minutes(15);

/// An instance whose launcher is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: String,
    pub(crate) launched_at: Option<DateTime<Utc>>,
}

/// One LookupEvents request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) about: About,
    /// The time the events are of, both ends included; none: all there are.
    pub(crate) span: Option<Span>,
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
pub(crate) struct Span {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// What CloudTrail answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The launches among the events that succeeded, in any order.
    pub(crate) launches: Vec<Launch>,
    /// The time of the oldest event, launch or not.
    pub(crate) oldest: Option<DateTime<Utc>>,
    /// There if there is more.
    pub(crate) next_token: Option<String>,
}

/// One launch, of any number of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    pub(crate) instance_ids: Vec<String>,
    /// None if the event names nobody.
    pub(crate) by: Option<String>,
}

/// The state of one look-up.
#[derive(Debug)]
pub(crate) struct Planner {
    /// Where CloudTrail's history begins.
    horizon: DateTime<Utc>,
    /// Not settled yet, in the order in which they are asked.
    open: Vec<Wanted>,
    settled: BTreeMap<String, Launcher>,
    /// Asked and not answered.
    question: Option<Question>,
    reading: Option<Reading>,
    credit: usize,
    /// How many were to be asked by name the last time that credit was used up.
    price: usize,
    /// How many are still to be asked by name.
    owed: usize,
}

/// How far the launches have been read.
#[derive(Debug)]
struct Reading {
    span: Span,
    /// Everything later than this has been read.
    down_to: DateTime<Utc>,
    next_token: Option<String>,
}

impl Planner {
    /// A look-up of `wanted`, begun at `now`. What is older than CloudTrail's history is settled at once.
    pub(crate) fn new(wanted: impl IntoIterator<Item = Wanted>, now: DateTime<Utc>) -> Self {
        let horizon = earlier(now, HISTORY);
        let shown = earlier(now, SHOWN_AFTER);
        let (too_old, mut open): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| {
            wanted
                .launched_at
                .is_some_and(|launched_at| launched_at < horizon)
        });
        open.sort_by(|left, right| {
            let is_young = |wanted: &Wanted| wanted.launched_at.is_none_or(|at| at > shown);
            (is_young(left).cmp(&is_young(right)))
                .then(right.launched_at.cmp(&left.launched_at))
                .then_with(|| left.id.cmp(&right.id))
        });
        Self {
            horizon,
            open,
            settled: too_old
                .into_iter()
                .map(|wanted| (wanted.id, Launcher::TooOld))
                .collect(),
            question: None,
            reading: None,
            credit: CREDIT,
            price: 1,
            owed: 0,
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
    pub(crate) fn feed(&mut self, page: Page) {
        let Some(question) = self.question.take() else {
            return;
        };
        let open_before = self.open.len();
        self.settle(&page.launches);
        match (question.about, question.span) {
            (About::Instance(id), span) => {
                let is_open = self.open.iter().any(|wanted| wanted.id == id);
                match page.next_token {
                    Some(token) if is_open => {
                        self.question = Some(Question {
                            about: About::Instance(id),
                            span,
                            next_token: Some(token),
                        });
                    }
                    _ => self.settle_as_nobodys(|wanted| wanted.id == id),
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

    fn choose(&mut self) -> Option<Question> {
        let first = self.open.first()?;
        let by_name = || Question {
            about: About::Instance(first.id.clone()),
            span: window(first, self.horizon),
            next_token: None,
        };
        let Some(window) = self::window(first, self.horizon) else {
            return Some(by_name());
        };
        if self.open.len() <= FEW {
            return Some(by_name());
        }
        if self.owed > 0 {
            let question = by_name();
            self.owed -= 1;
            return Some(question);
        }
        let (span, next_token) = self.go_on(window).unwrap_or_else(|| {
            let older = self
                .open
                .iter()
                .filter_map(|it| self::window(it, self.horizon));
            let older = older.filter(|older| older.to <= window.to);
            let from = older.map(|older| older.from).min();
            let from = from.unwrap_or(window.from);
            (Span { from, ..window }, None)
        });
        Some(Question {
            about: About::Launches,
            span: Some(span),
            next_token,
        })
    }

    /// The page after the last one, if it may hold a launch of `window`.
    fn go_on(&self, window: Span) -> Option<(Span, Option<String>)> {
        let reading = self.reading.as_ref()?;
        let reaches = reading.down_to <= window.to && window.to <= reading.span.to;
        let token = reading.next_token.clone().filter(|_| reaches)?;
        Some((reading.span, Some(token)))
    }

    fn settle(&mut self, launches: &[Launch]) {
        let by_id: BTreeMap<&str, &Launch> = launches
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
            let answer = launch.by.clone().map_or(Launcher::Nobody, Launcher::Known);
            answers.insert(wanted.id.clone(), answer);
            false
        });
    }

    fn settle_as_nobodys(&mut self, is_settled: impl Fn(&Wanted) -> bool) {
        for wanted in self.open.extract_if(.., |wanted| is_settled(wanted)) {
            self.settled.insert(wanted.id, Launcher::Nobody);
        }
    }

    /// Notes how far a page of launches has come; whose window lies in what has been read was launched by nobody.
    fn read_on(&mut self, span: Span, oldest: Option<DateTime<Utc>>, next_token: Option<String>) {
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

    /// Settles the account of a page that settled so many instances.
    fn pay(&mut self, settled: usize) {
        if settled > 0 {
            self.credit = (self.credit + settled - 1).min(MOST_CREDIT);
        } else if self.credit > 0 {
            self.credit -= 1;
        } else {
            self.price = self.price.saturating_mul(DEARER);
            self.owed = self.price;
        }
    }
}

/// The time in which an instance's launch must be, as far as CloudTrail remembers it.
fn window(wanted: &Wanted, horizon: DateTime<Utc>) -> Option<Span> {
    let launched_at = wanted.launched_at?;
    Some(Span {
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

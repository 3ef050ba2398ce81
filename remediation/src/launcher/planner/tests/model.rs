//! CloudTrail, and the two plain strategies that the planner is measured by.

use std::ops::Range;

use super::*;

/// An account's history as LookupEvents shows it.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    /// Newest first.
    launches: Vec<Recorded>,
    /// The events of each instance, newest first.
    own: BTreeMap<String, Vec<Own>>,
    /// So many events are on a page.
    page: usize,
}

/// An event of RunInstances.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) at: DateTime<Utc>,
    pub(super) launch: FoundLaunch,
    pub(super) failed: bool,
}

/// An event that names an instance.
#[derive(Clone, Copy, Debug)]
struct Own {
    at: DateTime<Utc>,
    /// Its place among the launches, if it is one.
    launch: Option<usize>,
}

impl Trail {
    /// Of what happened, CloudTrail forgets what is older than its history.
    pub(super) fn new(mut launches: Vec<Recorded>) -> Self {
        launches.retain(|event| event.at >= now() - HISTORY);
        launches.sort_by_key(|event| Reverse(event.at));
        let mut own: BTreeMap<String, Vec<Own>> = BTreeMap::new();
        for (place, event) in launches.iter().enumerate() {
            for id in &event.launch.instance_ids {
                let launch = Some(place);
                let event = Own {
                    at: event.at,
                    launch,
                };
                own.entry(id.clone()).or_default().push(event);
            }
        }
        Self {
            launches,
            own,
            page: PAGE,
        }
    }

    pub(super) fn with_pages_of(self, page: usize) -> Self {
        Self { page, ..self }
    }

    /// With something else that happened to instances.
    pub(super) fn with_others(mut self, others: Vec<(String, DateTime<Utc>)>) -> Self {
        let remembered = others.into_iter().filter(|it| it.1 >= now() - HISTORY);
        for (id, at) in remembered {
            let own = self.own.entry(id).or_default();
            own.push(Own { at, launch: None });
            own.sort_by_key(|event| Reverse(event.at));
        }
        self
    }

    /// The token is the position; it is bound to the parameters, as CloudTrail's.
    pub(super) fn answer(&self, question: &Question) -> LookUpPage {
        let bound_to = format!("{:?} {:?}", question.about, question.span);
        let start = question.next_token.as_deref().map_or(0, |token| {
            let (position, parameters) = token.split_once(' ').unwrap();
            assert_eq!(parameters, bound_to, "a token needs its own parameters");
            position.parse().unwrap()
        });
        let found: Vec<Own> = match &question.about {
            About::Launches => {
                let places = self.within(question.span.unwrap());
                let rest = (places.start + start).min(places.end)..places.end;
                let shown = rest.take(self.page + 1);
                let own = |place: usize| Own {
                    at: self.launches[place].at,
                    launch: Some(place),
                };
                shown.map(own).collect()
            }
            About::Instance(id) => {
                let own = self.of(id, question.span);
                own.skip(start).take(self.page + 1).collect()
            }
        };
        let shown = &found[..found.len().min(self.page)];
        let launches = shown.iter().filter_map(|own| own.launch);
        let launches = launches.map(|place| &self.launches[place]);
        LookUpPage {
            launches: launches
                .filter(|event| !event.failed)
                .map(|event| event.launch.clone())
                .collect(),
            oldest: shown.iter().map(|own| own.at).min(),
            next_token: (shown.len() < found.len())
                .then(|| format!("{} {bound_to}", start + self.page)),
        }
    }

    /// The places of the launches of a time.
    fn within(&self, span: LookUpSpan) -> Range<usize> {
        assert!(span.from <= span.to, "CloudTrail refuses {span:?}");
        let place = |is_before: &dyn Fn(DateTime<Utc>) -> bool| {
            self.launches.partition_point(|event| is_before(event.at))
        };
        place(&|at| at > span.to)..place(&|at| at >= span.from)
    }

    fn of(&self, id: &str, span: Option<LookUpSpan>) -> impl Iterator<Item = Own> {
        let own = self.own.get(id).into_iter().flatten().copied();
        own.filter(move |own| span.is_none_or(|span| span.from <= own.at && own.at <= span.to))
    }

    fn is_launch(&self, own: Own) -> bool {
        own.launch.is_some_and(|place| !self.launches[place].failed)
    }

    /// What a reader of every event knows of an instance.
    pub(super) fn launcher(&self, wanted: &Unattributed, now: DateTime<Utc>) -> Launcher {
        if wanted.launched_at.is_some_and(|at| at < now - HISTORY) {
            return Launcher::TooOld;
        }
        let launch = self.of(&wanted.id, None).find(|own| self.is_launch(*own));
        let by = launch.and_then(|own| Some(self.launches[own.launch?].launch.by.clone()));
        by.unwrap_or(Launcher::Nobody)
    }

    /// Calls to look up each instance by name.
    pub(super) fn one_by_one(&self, wanted: &[&Unattributed], now: DateTime<Utc>) -> usize {
        let calls = wanted.iter().map(|wanted| {
            let own: Vec<Own> = self.of(&wanted.id, window(wanted, now - HISTORY)).collect();
            let launch = own.iter().position(|own| self.is_launch(*own));
            let read = launch.map_or(own.len(), |position| position + 1);
            read.div_ceil(self.page).max(1)
        });
        calls.sum()
    }

    /// Calls to read the launches newest first until each of `wanted` has been seen, or an event older than its window:
    /// all that there are between the windows, or beginning anew at each that begins further back, whichever is better.
    pub(super) fn page_by_page(&self, wanted: &[&Unattributed], now: DateTime<Utc>) -> usize {
        let mut by_age: Vec<(LookUpSpan, &Unattributed)> = wanted
            .iter()
            .map(|wanted| (window(wanted, now - HISTORY).unwrap(), *wanted))
            .collect();
        by_age.sort_by_key(|(span, _)| span.from);
        let mut merged: Vec<(LookUpSpan, Vec<&Unattributed>)> = Vec::new();
        for (span, wanted) in by_age {
            match merged.last_mut() {
                Some((last, group)) if span.from <= last.to => {
                    last.to = span.to;
                    group.push(wanted);
                }
                _ => merged.push((span, vec![wanted])),
            }
        }
        let (Some((oldest, _)), Some((newest, _))) = (merged.first(), merged.last()) else {
            return 0;
        };
        let whole = LookUpSpan {
            from: oldest.from,
            to: newest.to,
        };
        let windows = merged
            .iter()
            .map(|(span, group)| self.pages(group, *span, now));
        windows.sum::<usize>().min(self.pages(wanted, whole, now))
    }

    fn pages(&self, wanted: &[&Unattributed], span: LookUpSpan, now: DateTime<Utc>) -> usize {
        let places = self.within(span);
        let read = wanted.iter().map(|wanted| {
            let own = window(wanted, now - HISTORY).unwrap();
            let beyond = self.within(own).end;
            let launch = self
                .of(&wanted.id, Some(span))
                .find(|own| self.is_launch(*own));
            let last = launch.and_then(|own| own.launch).unwrap_or(beyond);
            (last + 1).min(self.launches.len()) - places.start.min(last)
        });
        read.max().unwrap_or(0).max(1).div_ceil(self.page)
    }

    /// Whether no window sees as many launches as a page holds.
    pub(super) fn is_sparse(&self, wanted: &[&Unattributed], now: DateTime<Utc>) -> bool {
        wanted.iter().all(|wanted| {
            let window = window(wanted, now - HISTORY).unwrap();
            self.within(window).len() < self.page
        })
    }
}

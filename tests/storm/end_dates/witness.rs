//! What people do to the end dates, and what must hold of every shutdown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use tagwarden_core::date::end_of;
use tagwarden_sandbox::Account;

/// The shortest time of the rule's `Notice`.
const NOTICE: TimeDelta = TimeDelta::days(1);

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallWeather {
    pub number: u32,
    /// Milliseconds.
    pub latency: u64,
    /// Refused with an error that the SDK retries.
    pub is_refused: bool,
    /// Carried out, and answered with an error.
    pub is_lost: bool,
}

/// A report that SNS accepted.
#[derive(Clone, Debug)]
struct Notice {
    at: DateTime<Utc>,
    lines: Vec<String>,
}

/// What a run has seen.
#[derive(Debug, Default)]
struct RunSeen {
    calls: u32,
    /// By instance, when its last look was, and the end date that this look could see.
    looks: BTreeMap<String, (DateTime<Utc>, String)>,
    /// The instances whose shutdown it has written down since that look.
    written: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct State {
    random: Rng,
    /// Whether people write, calls fail and functions are killed.
    is_stormy: bool,
    is_heard: bool,
    runs: BTreeMap<usize, RunSeen>,
    notices: Vec<Notice>,
    /// What runs that ended well saw: by instance, when they looked last and what they saw.
    completed: BTreeMap<String, Vec<(DateTime<Utc>, String)>>,
    /// How often people wrote right before a call, by what they wrote.
    writes: usize,
    ended: usize,
    violations: Vec<String>,
}

/// Watches all runs of a storm.
#[derive(Debug)]
pub struct Witness {
    pub account: Account,
    pub ids: Vec<String>,
    /// People write before one call in so many.
    one_in: u32,
    state: Mutex<State>,
}

/// The end dates of the instances that run.
pub type LiveDates = BTreeMap<String, String>;

/// A value that a person might set at `now`: most often a date, sometimes a mistake.
pub fn any_value(random: &mut Rng, now: DateTime<Utc>) -> String {
    let day = now + TimeDelta::hours(random.i64(-72..24 * 20));
    match random.u8(0..9) {
        0 => day.to_rfc3339(),
        1 => day.format("%d/%m/%Y").to_string(),
        2 => "never".to_owned(),
        3 => "Never".to_owned(),
        4 => String::new(),
        _ => day.format("%Y-%m-%d").to_string(),
    }
}

impl Witness {
    pub fn new(account: Account, ids: Vec<String>, mut random: Rng) -> Self {
        // Where people write less, a date stands until its day.
        let one_in = [10, 40, 80][random.usize(0..3)];
        let state = State {
            random,
            is_stormy: true,
            is_heard: true,
            ..State::default()
        };
        Self {
            account,
            ids,
            one_in,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn random<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.state().random)
    }

    /// Ends the storm: nobody writes any more, and every call is answered.
    pub fn calm_down(&self) {
        self.state().is_stormy = false;
    }

    /// Whether somebody receives the reports.
    pub fn set_heard(&self, is_heard: bool) {
        self.state().is_heard = is_heard;
    }

    pub fn next_call(&self, run: usize) -> CallWeather {
        let mut state = self.state();
        let is_stormy = state.is_stormy;
        let seen = state.runs.entry(run).or_default();
        let number = seen.calls;
        seen.calls += 1;
        let mut happens = |one_in| is_stormy && state.random.u32(0..one_in) == 0;
        let (is_refused, is_lost) = (happens(40), happens(60));
        CallWeather {
            number,
            latency: state.random.u64(1..300),
            is_refused,
            is_lost,
        }
    }

    /// Sometimes a person edits an end date: often one whose shutdown is near.
    pub fn people_write(&self) {
        let now = self.account.now();
        let (id, value) = {
            let mut state = self.state();
            let one_in = self.one_in;
            if !state.is_stormy || state.random.u32(0..one_in) != 0 {
                return;
            }
            let id = self.ids[state.random.usize(0..self.ids.len())].clone();
            (id, any_value(&mut state.random, now))
        };
        if self.live().contains_key(&id) {
            self.account.set_tag(&id, "Expires", value);
            self.state().writes += 1;
        }
    }

    /// The end dates of the instances that run.
    pub fn live(&self) -> LiveDates {
        let dates = self.ids.iter().filter_map(|id| {
            let mut instance = self.account.instance(id)?;
            let is_running = instance.state.as_str() == "running";
            let value = instance.tags.remove("Expires").unwrap_or_default();
            is_running.then(|| (id.clone(), value))
        });
        dates.collect()
    }

    /// Notes a look of `run` at these instances, or at all.
    pub fn looked(&self, run: usize, ids: &[String], dates: &LiveDates) {
        let now = self.account.now();
        let mut state = self.state();
        let seen = state.runs.entry(run).or_default();
        for (id, value) in dates {
            if ids.is_empty() || ids.contains(id) {
                seen.looks.insert(id.clone(), (now, value.clone()));
                seen.written.remove(id);
            }
        }
    }

    /// Notes that `run` has written down acts of these instances.
    pub fn wrote(&self, run: usize, ids: impl Iterator<Item = String>) {
        let mut state = self.state();
        state.runs.entry(run).or_default().written.extend(ids);
    }

    /// Notes a report that SNS accepted.
    pub fn published(&self, message: &str) {
        let at = self.account.now();
        let mut state = self.state();
        if state.is_heard {
            let text = message.replace("\\n", "\n");
            let lines = text.lines().filter(|line| line.starts_with("-- "));
            let lines = lines.map(ToOwned::to_owned).collect();
            state.notices.push(Notice { at, lines });
        }
    }

    /// Notes that `run` ended well: what it found gone starts anew.
    pub fn completed(&self, run: usize) {
        let mut state = self.state();
        let seen = state.runs.remove(&run).unwrap_or_default();
        for (id, look) in seen.looks {
            state.completed.entry(id).or_default().push(look);
        }
    }

    /// Judges what `run` has just shut down.
    pub fn judge(&self, run: usize, before: &LiveDates) {
        let still = self.live();
        let now = self.account.now();
        let mut state = self.state();
        for id in before.keys().filter(|id| !still.contains_key(*id)) {
            state.ended += 1;
            if let Err(violation) = state.check(run, id, now) {
                state
                    .violations
                    .push(format!("{id} ended at {now} {violation}"));
            }
        }
    }

    /// How many instances were shut down and how often people wrote; or what must not have happened.
    pub fn result(&self) -> Result<(usize, usize), Vec<String>> {
        let state = self.state();
        if state.violations.is_empty() {
            Ok((state.ended, state.writes))
        } else {
            Err(state.violations.clone())
        }
    }
}

impl State {
    /// What must hold of the shutdown of `id` by `run`.
    fn check(&self, run: usize, id: &str, now: DateTime<Utc>) -> Result<(), String> {
        let seen = self.runs.get(&run).ok_or("by an unknown run")?;
        let (looked_at, value) = seen.looks.get(id).ok_or("without a look")?;
        // Whoever extended it before the last look saved it.
        let has_passed = end_of(value).is_some_and(|end| end <= *looked_at);
        if !has_passed {
            return Err(format!("although the last look saw {value:?}"));
        }
        if seen.written.contains(id) {
            return Err("and was not looked at after it was written down".to_owned());
        }
        // A date that was set to something else in between has its notice anew.
        let looks = self.completed.get(id).into_iter().flatten();
        let others = looks.filter(|(_, other)| other != value);
        let changed_at = others.map(|(at, _)| *at).max();
        let is_told = self.notices.iter().any(|notice| {
            let names =
                |line: &String| line.contains(id) && line.contains(&format!("Expires = {value}"));
            notice.at <= now - NOTICE
                && changed_at.is_none_or(|at| notice.at > at)
                && notice.lines.iter().any(names)
        });
        if is_told {
            Ok(())
        } else {
            Err(format!(
                "without a notice of {value}, which was something else until {changed_at:?}"
            ))
        }
    }
}

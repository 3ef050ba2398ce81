//! What future sweeps do: a model that enforces a policy for weeks, sweep after sweep, as a run does it.
//!
//! It is written without the gate's own forecast. It begins and confirms countdowns, gives notices, spends the budget,
//! writes tags and lets time pass.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::{Policy, Resource, Shutdown, State};
use tagwarden_remediation::Settings;
use tagwarden_remediation::launcher::Launcher;
use tagwarden_remediation::plan::{
    Act, Cause, Countdown, CountdownName, CountdownReason, Outcome, Plan, PlanContext, Reason,
    RemedyName, SourceTags, plan,
};
use tagwarden_remediation::settings::Mode;

use super::worlds::{Launched, now};

/// When the sweeps are: every twelve hours at first, then daily.
///
/// They go on for longer than all waits that can come one after the other: an end date within a month, a month for an
/// exemption that cannot be read, and three weeks for a budget of one.
fn sweeps() -> impl Iterator<Item = TimeDelta> {
    let at_first = (0..40).map(|it| TimeDelta::hours(12) * it);
    let daily = (20..86).map(TimeDelta::days);
    at_first.chain(daily)
}

/// How old the event history of CloudTrail is.
const HISTORY: TimeDelta = TimeDelta::days(90);

/// How CloudTrail comes to show who launched an instance.
#[derive(Clone, Copy, Debug)]
pub struct LauncherStory {
    /// Whether the plan knows it.
    pub is_recorded: bool,
    /// Whether the launch has a name.
    pub has_name: bool,
    /// After how many sweeps CloudTrail shows it.
    pub shown_after: usize,
}

impl LauncherStory {
    pub fn name(&self) -> Option<String> {
        self.has_name.then(|| "ann".to_owned())
    }

    fn launcher(&self, instance: &Resource, sweep: usize) -> Option<Launcher> {
        let is_too_old = instance.launched_at.is_some_and(|at| now() - at > HISTORY);
        if !self.is_recorded && is_too_old {
            return Some(Launcher::TooOld);
        }
        let is_shown = self.is_recorded || sweep >= self.shown_after;
        is_shown.then(|| self.name().map_or(Launcher::Nobody, Launcher::Known))
    }
}

/// What all future sweeps together shut down.
#[derive(Debug, Default)]
pub struct Future {
    /// Stopped or terminated.
    pub down: BTreeSet<String>,
    pub terminated: BTreeSet<String>,
}

impl Future {
    pub fn of(policy: &Policy, settings: &Settings, fleet: &[Launched]) -> Self {
        let mut world = World {
            policy,
            settings: Settings {
                mode: Mode::Enforce,
                ..settings.clone()
            },
            instances: fleet.iter().map(real).collect(),
            stories: fleet.iter().map(|it| it.story).collect(),
            context: PlanContext {
                sources: sources(fleet),
                ..PlanContext::default()
            },
            suspicious_since: BTreeMap::new(),
            future: Self::default(),
        };
        for (sweep, after) in sweeps().enumerate() {
            world.sweep(sweep, now() + after);
        }
        world.future
    }
}

/// What the sweeps see, which describe it whole.
fn real(launched: &Launched) -> Resource {
    Resource {
        details: launched.truth.clone(),
        ..launched.instance.clone()
    }
}

/// The tags of the subnet, which is the same for all.
fn sources(fleet: &[Launched]) -> SourceTags {
    let tags = fleet.first().map(|it| it.subnet_tags.clone());
    let keys = ["Env", "ProjectCode", "Owner", "Expires", "acme:scaler"];
    SourceTags {
        tags: BTreeMap::from([("subnet-1".to_owned(), tags.unwrap_or_default())]),
        keys: keys.map(str::to_owned).into(),
        failure: None,
    }
}

struct World<'a> {
    policy: &'a Policy,
    settings: Settings,
    instances: Vec<Resource>,
    stories: Vec<LauncherStory>,
    /// What the ledger knows.
    context: PlanContext,
    suspicious_since: BTreeMap<CountdownReason, DateTime<Utc>>,
    future: Future,
}

impl World<'_> {
    fn sweep(&mut self, sweep: usize, now: DateTime<Utc>) {
        let known = self.instances.iter().zip(&self.stories);
        let known =
            known.filter_map(|(it, story)| Some((it.id.clone(), story.launcher(it, sweep)?)));
        self.context.launchers = known.collect();
        self.context.begun.clear();
        let first = self.plan(now);
        for (name, change) in first.countdowns.into_iter().filter(|(_, it)| it.has_begun) {
            let of_instance = self.context.countdowns.entry(name.instance_id.clone());
            of_instance.or_default().insert(name.clone(), change.new);
            self.context.begun.insert(name);
        }
        let mut second = self.plan(now);
        let suspicious = self.suspicious(&second, now);
        self.note(&mut second, now);
        self.execute(second, &suspicious, now);
    }

    fn plan(&self, now: DateTime<Utc>) -> Plan {
        plan(
            self.policy,
            &self.settings,
            &self.instances,
            &self.context,
            now,
        )
    }

    /// The reasons that nearly all instances have, and that no earlier sweep has noted.
    fn suspicious(&mut self, plan: &Plan, now: DateTime<Utc>) -> BTreeSet<CountdownReason> {
        let all = self
            .instances
            .iter()
            .filter(|it| !it.state.is_gone())
            .count();
        let nearly_all = plan.reasons.iter();
        let nearly_all = nearly_all.filter(|(_, count)| **count >= 20 && **count * 10 >= all * 9);
        let since = &mut self.suspicious_since;
        nearly_all
            .filter(|(reason, _)| *since.entry((*reason).clone()).or_insert(now) == now)
            .map(|(reason, _)| reason.clone())
            .collect()
    }

    /// Confirms and announces what is counted down, and deletes what is over.
    fn note(&mut self, plan: &mut Plan, now: DateTime<Utc>) {
        let countdowns = &mut self.context.countdowns;
        for (name, change) in &plan.countdowns {
            let mut new = change.new;
            if let Some(day) = plan.notices.get(name) {
                new.reminded_at = Some(now);
                new.day = Some(*day);
            } else if change.has_begun {
                continue;
            }
            let of_instance = countdowns.entry(name.instance_id.clone());
            of_instance.or_default().insert(name.clone(), new);
        }
        for name in plan.gone.keys() {
            if let Some(of_instance) = countdowns.get_mut(&name.instance_id) {
                of_instance.remove(name);
            }
        }
        for (step, outcome) in &plan.settled {
            if let Outcome::Refused(Reason::UnreadableExemption { .. }) = outcome {
                let reported = &mut self.context.unreadable_exemptions;
                reported.entry(step.instance_id.clone()).or_insert(now);
            }
        }
    }

    /// Writes tags, and then shuts down what got none, as far as the budget goes.
    fn execute(&mut self, plan: Plan, suspicious: &BTreeSet<CountdownReason>, now: DateTime<Utc>) {
        let mut tagged = BTreeSet::new();
        for act in &plan.tags {
            let (key, value) = (act.tag_key().unwrap(), act.tag_value().unwrap());
            let instance = self.instance(act);
            instance.tags.insert(key.to_owned(), value.to_owned());
            tagged.insert(act.instance_id().to_owned());
        }
        let due = plan.shutdowns.into_values();
        let due = due.filter(|act| !tagged.contains(act.instance_id()));
        let due = due.filter(|act| !suspicious.contains(&CountdownReason::from(&act.step.cause)));
        for act in due.take(self.settings.max_destructive) {
            let id = act.instance_id().to_owned();
            let is_stop = act.remedy == RemedyName::Stop;
            let instance = self.instance(&act);
            instance.state = if is_stop {
                State::Stopped
            } else {
                State::Terminated
            };
            if is_stop && act.step.cause == Cause::Untagged {
                let name = CountdownName {
                    instance_id: id.clone(),
                    shutdown: Shutdown::Terminate,
                    reason: CountdownReason::Untagged,
                };
                let of_instance = self.context.countdowns.entry(id.clone()).or_default();
                of_instance.insert(name, Countdown::after_stop(now));
            }
            self.future.down.insert(id.clone());
            if !is_stop {
                self.future.terminated.insert(id);
            }
        }
    }

    fn instance(&mut self, act: &Act) -> &mut Resource {
        let mut instances = self.instances.iter_mut();
        instances.find(|it| it.id == act.instance_id()).unwrap()
    }
}

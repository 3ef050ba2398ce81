//! What is known of instances, and the explanations that are made of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use tagwarden_core::{Policy, Resource, Shutdown};

use super::{
    CountdownStanding, ExplainedCountdown, ExplainedLauncher, ExplainedShutdown, ExplainedStep,
    Explanation, LauncherSource, ShutdownTime, ValueSource,
};
use crate::launcher::{Launcher, Unattributed};
use crate::plan::{
    Cause, Countdown, CountdownName, CountdownReason, CountdownStage, Memory, Outcome, Plan,
    PlanContext, Reason, Remedy, RemedyName, Step, Terms, ValueOrigin, launched_id, manager_of,
};
use crate::report::Entry;
use crate::settings::{Mode, Settings};

/// The least time between two sweeps that find the same on nearly every instance.
pub(super) const AN_HOUR: TimeDelta = TimeDelta::hours(1);

/// What is left of the hour's budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct BudgetLeft {
    /// How many shutdowns.
    pub(super) left: usize,
    /// When there is room for one; `None` if only the ledger knows.
    pub(super) room_at: Option<DateTime<Utc>>,
}

/// What is known of instances.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) policy: &'a Policy,
    /// The settings of `plan`. Their mode says whether it counts down.
    pub(super) settings: &'a Settings,
    pub(super) context: &'a PlanContext,
    pub(super) plan: Plan,
    /// The function's mode, if it is known.
    pub(super) mode: Option<Mode>,
    pub(super) now: DateTime<Utc>,
    /// What EC2 protects from which shutdown; `None` if it was not asked.
    pub(super) protected: Option<BTreeSet<(String, RemedyName)>>,
    pub(super) budget: Option<BudgetLeft>,
    /// The reasons that are found on nearly every instance, and until when they are only reported.
    pub(super) suspected: BTreeMap<CountdownReason, DateTime<Utc>>,
    /// Whether `suspected` is all there is.
    pub(super) is_suspicion_known: bool,
    /// Where launchers were looked up.
    pub(super) looked_up_in: LauncherSource,
}

impl<'a> Facts<'a> {
    /// What a plan says, with nothing asked beside it.
    pub(super) fn new(
        policy: &'a Policy,
        settings: &'a Settings,
        context: &'a PlanContext,
        plan: Plan,
        mode: Option<Mode>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            policy,
            settings,
            context,
            plan,
            mode,
            now,
            protected: None,
            budget: None,
            suspected: BTreeMap::new(),
            is_suspicion_known: false,
            looked_up_in: LauncherSource::CloudTrail,
        }
    }

    pub(super) fn explain(&self, instance: &Resource) -> Explanation {
        let entries = self.entries(instance);
        Explanation {
            shutdowns: self.shutdowns(instance, &entries),
            steps: entries
                .into_iter()
                .map(|entry| ExplainedStep {
                    source: self.value_source(instance, &entry),
                    until: self.until(&entry.outcome),
                    entry,
                })
                .collect(),
            end_dates: self.end_dates(instance),
            launcher: self.launcher(instance),
            manager: manager_of(instance, self.settings, self.context),
            remembered: self
                .memory(instance)
                .map(|it| it.tags().collect())
                .unwrap_or_default(),
        }
    }

    fn memory(&self, instance: &Resource) -> Option<&Memory> {
        self.context.memories.get(&instance.id)
    }

    /// What becomes of each step of the instance.
    fn entries(&self, instance: &Resource) -> Vec<Entry> {
        let plan = &self.plan;
        let acts = plan.tags.iter().map(|act| (&act.step, Outcome::WouldDo));
        let reported = plan.reported.iter().map(|step| (step, Outcome::Done));
        let settled = plan.settled.iter();
        let settled = settled.map(|(step, outcome)| (step, self.as_recorded(outcome)));
        let all = acts.chain(reported).chain(settled).chain(self.due());
        let own = all.filter(|(step, _)| step.instance_id == instance.id);
        let mut entries: Vec<Entry> = own
            .map(|(step, outcome)| Entry {
                step: step.clone(),
                outcome,
                done_by: None,
            })
            .collect();
        entries.sort_by_key(|entry| entry.step.cause.rule_id());
        entries
    }

    /// A recording does not say what it leaves out: the remediation will look there.
    fn as_recorded(&self, outcome: &Outcome) -> Outcome {
        match outcome {
            Outcome::Deferred(Reason::LookUpUnfinished)
                if self.looked_up_in == LauncherSource::Recording =>
            {
                Outcome::WouldDo
            }
            outcome => outcome.clone(),
        }
    }

    /// The shutdowns that are due, as far as protections and the budget let them.
    fn due(&self) -> impl Iterator<Item = (&Step, Outcome)> {
        let limit = self.settings.max_destructive;
        let left = self.budget.map_or(limit, |budget| budget.left);
        let mut taken = 0;
        self.plan.shutdowns.values().map(move |act| {
            let outcome = if self.is_protected(act.instance_id(), act.remedy) == Some(true) {
                Outcome::Refused(Reason::Protected)
            } else if taken >= left {
                Outcome::Refused(Reason::Budget { limit })
            } else {
                taken += 1;
                Outcome::WouldDo
            };
            (&act.step, outcome)
        })
    }

    /// Whether EC2 protects an instance from a shutdown; `None` if that is not known.
    pub(super) fn is_protected(&self, id: &str, remedy: RemedyName) -> Option<bool> {
        let protected = self.protected.as_ref()?;
        Some(protected.contains(&(id.to_owned(), remedy)))
    }

    fn shutdowns(&self, instance: &Resource, entries: &[Entry]) -> Vec<ExplainedShutdown> {
        let wanted = entries.iter().filter_map(|entry| {
            let shutdown = shutdown(&entry.step.remedy)?;
            Some((entry.step.cause.clone(), shutdown, Some(&entry.outcome)))
        });
        let mut all: Vec<_> = wanted.collect();
        let running = self.context.countdowns.get(&instance.id).into_iter();
        for name in running.flat_map(BTreeMap::keys) {
            let is_it = |(cause, shutdown, _): &(Cause, Shutdown, _)| {
                *shutdown == name.shutdown && CountdownReason::from(cause) == name.reason
            };
            // Between a stop and the notice of the termination, the plan has nothing to say.
            if !all.iter().any(is_it) {
                all.push((self.cause(instance, &name.reason), name.shutdown, None));
            }
        }
        let all = all.into_iter();
        all.map(|(cause, shutdown, outcome)| self.shutdown(instance, &cause, shutdown, outcome))
            .collect()
    }

    fn shutdown(
        &self,
        instance: &Resource,
        cause: &Cause,
        shutdown: Shutdown,
        outcome: Option<&Outcome>,
    ) -> ExplainedShutdown {
        let reason = CountdownReason::from(cause);
        let name = CountdownName {
            instance_id: instance.id.clone(),
            shutdown,
            reason: reason.clone(),
        };
        let running = self.context.countdowns.get(&instance.id);
        let countdown = running.and_then(|running| running.get(&name));
        let countdown = countdown.map(|it| self.countdown(instance, cause, &name, it));
        let safeguards = self.safeguards(instance, cause, shutdown, countdown.as_ref(), outcome);
        let mut tags = self.plan.tags.iter();
        let is_stop = shutdown == Shutdown::Stop;
        let terms = Terms::for_shutdown(self.policy, self.settings, instance, cause, is_stop);
        let ends_at = self.to_come(&terms);
        let next = if let Some(end) = ends_at {
            ShutdownTime::After(end)
        } else if self.settings.mode == Mode::DryRun && !terms.is_at_once() {
            ShutdownTime::OnceLooksAgree
        } else if tags.any(|act| act.instance_id() == instance.id) {
            ShutdownTime::RunAfterNext
        } else {
            ShutdownTime::NextRun
        };
        ExplainedShutdown {
            at: Self::time(&safeguards, countdown.as_ref(), next),
            reason,
            shutdown,
            countdown,
            ends_at,
            safeguards,
        }
    }

    fn countdown(
        &self,
        instance: &Resource,
        cause: &Cause,
        name: &CountdownName,
        countdown: &Countdown,
    ) -> ExplainedCountdown {
        let is_stop = name.shutdown == Shutdown::Stop;
        let terms = Terms::for_shutdown(self.policy, self.settings, instance, cause, is_stop);
        let started_at = instance.started_at;
        let standing = if self.plan.gone.contains_key(name) {
            CountdownStanding::Over
        } else if !countdown.holds(&terms, started_at, self.now) {
            CountdownStanding::StartsOver
        } else {
            match countdown.stage(&terms, started_at, self.now) {
                CountdownStage::Due(since) => CountdownStanding::Due(since),
                CountdownStage::Waiting { day, .. } => CountdownStanding::Waiting(day),
                CountdownStage::Announce { day, .. } => CountdownStanding::NeedsNotice(day),
            }
        };
        ExplainedCountdown {
            since: countdown.since,
            seen_at: countdown.seen_at(),
            noticed_at: countdown.reminded_at,
            standing,
        }
    }

    /// A cause for a reason that the ledger has. The rule is the one for the tag's key that applies now, or else the first.
    fn cause(&self, instance: &Resource, reason: &CountdownReason) -> Cause {
        match reason {
            CountdownReason::Untagged => Cause::Untagged,
            CountdownReason::Tag { defect, key } => {
                let mut applying = self.policy.rules_for(instance);
                let applying = applying.find(|rule| rule.tag_key == *key);
                let mut rules = self.policy.rules().iter();
                let rule = applying.or_else(|| rules.find(|rule| rule.tag_key == *key));
                Cause::Tag {
                    rule_id: rule.map_or(0, |rule| rule.id),
                    tag_key: key.clone(),
                    defect: *defect,
                }
            }
        }
    }

    fn launcher(&self, instance: &Resource) -> Option<ExplainedLauncher> {
        let id = launched_id(instance)?;
        let memory = self.context.memories.get(id);
        let known = self.context.launchers.get(id).cloned();
        let remembered = memory.and_then(Memory::launcher);
        let remembered = remembered.map(|name| Launcher::Known(name.to_owned()));
        let source = if Unattributed::from(instance).provisioned_by.is_some() {
            LauncherSource::ServiceCatalog
        } else if memory.is_some_and(|memory| memory.launched_by.is_some()) {
            LauncherSource::LaunchEvent
        } else if remembered.is_some() {
            LauncherSource::EarlierLookUp
        } else {
            self.looked_up_in
        };
        let launcher = known.or(remembered)?;
        Some(ExplainedLauncher { launcher, source })
    }

    /// Where the value that `entry` writes comes from.
    fn value_source(&self, instance: &Resource, entry: &Entry) -> Option<ValueSource> {
        let Remedy::Tag { origin, .. } = &entry.step.remedy else {
            return None;
        };
        let mut origin = origin.as_ref()?;
        while let ValueOrigin::After { origin: second, .. } = origin {
            origin = second;
        }
        Some(match origin {
            ValueOrigin::Default => ValueSource::Default,
            ValueOrigin::Function => ValueSource::Function,
            ValueOrigin::Launcher => {
                let launcher = self.launcher(instance);
                let source = launcher.map_or(self.looked_up_in, |it| it.source);
                ValueSource::Launcher(source)
            }
            ValueOrigin::Restored => ValueSource::Restored,
            ValueOrigin::NearMiss(_) => ValueSource::NearMiss,
            ValueOrigin::Tag(_) => ValueSource::OtherTag,
            ValueOrigin::Instance(_) => ValueSource::Instance,
            ValueOrigin::Subnet(_) => ValueSource::Subnet,
            ValueOrigin::Vpc(_) => ValueSource::Vpc,
            ValueOrigin::Who(_) => ValueSource::WhoRow,
            ValueOrigin::After { .. } => return None,
        })
    }

    /// When what stands against a step is over, if it passes by itself.
    fn until(&self, outcome: &Outcome) -> Option<DateTime<Utc>> {
        let (Outcome::Deferred(reason) | Outcome::Refused(reason)) = outcome else {
            return None;
        };
        match reason {
            Reason::Grace { age, grace } | Reason::LaunchNotShown { age, grace } => {
                self.now.checked_add_signed(*grace - (*age)?)
            }
            Reason::Counting { day, .. }
            | Reason::Announced { day, .. }
            | Reason::Ends { day, .. } => Some(*day),
            Reason::Stopped { terminate_on: day } => Some(beginning(*day)),
            Reason::UnreadableExemption { until, .. } => end(*until),
            Reason::RemovedRepeatedly { until, .. } => Some(beginning(*until)),
            Reason::Budget { .. } => self.budget.and_then(|budget| budget.room_at),
            _ => None,
        }
    }
}

/// The shutdown that a remedy is.
fn shutdown(remedy: &Remedy) -> Option<Shutdown> {
    match remedy {
        Remedy::Stop { .. } => Some(Shutdown::Stop),
        Remedy::Terminate => Some(Shutdown::Terminate),
        Remedy::Tag { .. }
        | Remedy::TagLauncher
        | Remedy::TagFromSource { .. }
        | Remedy::Notify { .. } => None,
    }
}

fn beginning(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// The end of a day.
pub(super) fn end(day: NaiveDate) -> Option<DateTime<Utc>> {
    day.checked_add_days(Days::new(1)).map(beginning)
}

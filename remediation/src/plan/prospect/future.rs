//! What becomes of an instance in one world, once nothing is waited for any more.

use std::collections::BTreeMap;
use std::slice;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use tagwarden_core::date::end_of;
use tagwarden_core::exemption::UNREADABLE_PROTECTS_DAYS;
use tagwarden_core::{Action, Exemption, Policy, Resource};

use super::{Awaited, Prospect};
use crate::launcher::Launcher;
use crate::plan::countdown::Terms;
use crate::plan::{Cause, Plan, PlanContext, Remedy, Step, plan};
use crate::settings::{Mode, Settings, Untagged};

/// The most moments at which an instance is looked at. Each is an end date, or the first day on which one may be written.
const MOST_MOMENTS: usize = 64;

/// Longer ago than anything is waited for.
const LONG: TimeDelta = TimeDelta::days(2);

/// What is known at one time. One phase follows another as time passes.
#[derive(Clone, Debug)]
pub(super) struct Knowledge {
    pub(super) launcher: Option<Launcher>,
    /// Whether whatever is waited for is not waited for any more.
    pub(super) is_late: bool,
}

/// The time after which nothing is waited for any more.
pub(super) struct Outlook<'a> {
    pub(super) policy: &'a Policy,
    settings: &'a Settings,
    /// The same settings, without what only delays.
    patient: Settings,
    /// The same, without a wait for sources.
    late: Settings,
    context: &'a PlanContext,
    pub(super) now: DateTime<Utc>,
    /// Whether what is due now is all that is ever due, and a tag that is written only takes reasons away: so with a policy
    /// without conditions and end dates.
    pub(super) is_static: bool,
    /// Whether any rule takes its value from a source.
    pub(super) has_sources: bool,
    /// Whether it may matter for more than one tag who launched an instance.
    pub(super) tells_names_apart: bool,
}

impl<'a> Outlook<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        settings: &'a Settings,
        context: &'a PlanContext,
        now: DateTime<Utc>,
    ) -> Self {
        let patient = Settings {
            mode: Mode::DryRun,
            grace: TimeDelta::zero(),
            notice: TimeDelta::zero(),
            ..settings.clone()
        };
        let has_conditions = policy.rules().iter().any(|it| it.options.when.is_some());
        let is_static = !has_conditions && !policy.has_end_dates();
        let mut look_ups = policy.rules().iter();
        let has_allowed_names =
            look_ups.any(|it| it.action == Action::UserLookup && it.options.allowed.is_some());
        Self {
            late: Settings {
                ledger_table: None,
                ..patient.clone()
            },
            patient,
            policy,
            settings,
            context,
            now,
            is_static,
            has_sources: policy.rules().iter().any(|it| !it.options.from.is_empty()),
            tells_names_apart: has_conditions || has_allowed_names || !policy.who_rows().is_empty(),
        }
    }

    /// What is known of `instance`, of what still counts once nothing is waited for.
    pub(super) fn context_of(&self, instance: &Resource) -> PlanContext {
        let (id, context) = (&instance.id, self.context);
        // What tagwarden has stopped is terminated in the end. All other countdowns begin again. Those that begin now are
        // in every plan; those that run are not.
        let running = context.countdowns.get(id).into_iter().flatten();
        let stopped = running.filter(|(_, it)| it.is_after_stop);
        let stopped: BTreeMap<_, _> = stopped.map(|(name, it)| (name.clone(), *it)).collect();
        // An exemption that cannot be read protects for some days only.
        let days = i64::try_from(UNREADABLE_PROTECTS_DAYS).unwrap_or(i64::MAX);
        let protection = TimeDelta::try_days(days.saturating_add(1)).unwrap_or_default();
        let long_ago = self.now.checked_sub_signed(protection).unwrap_or(self.now);
        let refused = context.refused.iter().filter(|((of, _), _)| of == id);
        let spot = instance.spot_request_id.iter();
        let spot = spot.filter(|it| context.one_time_spot.contains(*it));
        PlanContext {
            begun: stopped.keys().cloned().collect(),
            countdowns: BTreeMap::from([(id.clone(), stopped)]),
            launchers: of_one(&context.launchers, id),
            refused: refused
                .map(|(name, refusal)| (name.clone(), refusal.clone()))
                .collect(),
            one_time_spot: spot.cloned().collect(),
            unreadable_exemptions: BTreeMap::from([(id.clone(), long_ago)]),
            memories: of_one(&context.memories, id),
            sources: context.sources.clone(),
            mandate: context.mandate.clone(),
            ..PlanContext::default()
        }
    }

    /// Whether a run of now, or of the end of the exemption, would shut `instance` down.
    pub(super) fn asks_for_a_shutdown(&self, instance: &Resource, context: &PlanContext) -> bool {
        let plan = self.plan(instance, context, false, self.begin(instance));
        let mut settled = plan.settled.iter();
        !plan.shutdowns.is_empty() || settled.any(|(step, _)| step.remedy.is_shutdown())
    }

    /// What becomes of `instance`, of which what is known changes from one of `phases` to the next.
    pub(super) fn prospect(
        &self,
        instance: &Resource,
        context: &PlanContext,
        phases: &[Knowledge],
    ) -> Prospect {
        let begin = self.begin(instance);
        let mut context = context.clone();
        let mut tagged = instance.clone();
        let mut is_late = false;
        for phase in phases {
            is_late = phase.is_late;
            if let Some(launcher) = &phase.launcher {
                let id = instance.id.clone();
                context.launchers.insert(id, launcher.clone());
            }
            self.settle(&mut tagged, &context, is_late, begin);
        }
        let is_tagged = tagged.tags != instance.tags;
        let mut prospect = self.at(&tagged, &context, is_late, begin, begin);
        let mut moment = begin;
        for _ in 0..MOST_MOMENTS {
            let Some(next) = self.next_moment(&tagged, moment) else {
                break;
            };
            moment = next;
            self.settle(&mut tagged, &context, is_late, moment);
            prospect = prospect.both(self.at(&tagged, &context, is_late, begin, moment));
        }
        if prospect.after.is_none() && !prospect.is_clear() {
            prospect.after = if begin > self.now {
                Some(Awaited::ExemptionEnd)
            } else {
                is_tagged.then_some(Awaited::Tags)
            };
        }
        prospect
    }

    /// When the first look is that could find a reason: an exemption ends by itself.
    fn begin(&self, instance: &Resource) -> DateTime<Utc> {
        let end = Exemption::of(instance, self.now).and_then(|it| it.end());
        end.map_or(self.now, |end| end.max(self.now))
    }

    /// Writes the tags that runs of `now` write, until one writes none. A run that writes a tag shuts nothing down.
    fn settle(
        &self,
        instance: &mut Resource,
        context: &PlanContext,
        is_late: bool,
        now: DateTime<Utc>,
    ) {
        for _ in 0..=self.policy.rules().len() {
            let plan = self.plan(instance, context, is_late, now);
            let mut is_changed = false;
            for act in &plan.tags {
                if let (Some(key), Some(value)) = (act.tag_key(), act.tag_value()) {
                    let old = instance.tags.insert(key.to_owned(), value.to_owned());
                    is_changed |= old.as_deref() != Some(value);
                }
            }
            if !is_changed {
                return;
            }
        }
    }

    fn plan(
        &self,
        instance: &Resource,
        context: &PlanContext,
        is_late: bool,
        now: DateTime<Utc>,
    ) -> Plan {
        if !is_late {
            let instances = slice::from_ref(instance);
            return plan(self.policy, &self.patient, instances, context, now);
        }
        // What waits for its age has waited.
        let launched_at = instance
            .launched_at
            .map(|at| at.min(now.checked_sub_signed(LONG).unwrap_or(at)));
        let instance = Resource {
            launched_at,
            ..instance.clone()
        };
        plan(
            self.policy,
            &self.late,
            slice::from_ref(&instance),
            context,
            now,
        )
    }

    /// What runs from `now` on shut down, counted from `begin`.
    fn at(
        &self,
        instance: &Resource,
        context: &PlanContext,
        is_late: bool,
        begin: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Prospect {
        let plan = self.plan(instance, context, is_late, now);
        let due = plan.shutdowns.values().map(|act| &act.step);
        let delayed = plan.settled.iter();
        let delayed = delayed
            .filter(|(step, outcome)| step.remedy.is_shutdown() && outcome.only_delays())
            .map(|(step, _)| step);
        let shutdowns = due
            .chain(delayed)
            .map(|step| self.prospect_of(step, instance, begin, now));
        shutdowns.reduce(Prospect::both).unwrap_or_default()
    }

    fn prospect_of(
        &self,
        step: &Step,
        instance: &Resource,
        begin: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Prospect {
        let settings = self.settings;
        let after_stop = settings
            .terminate_after
            .map(|days| Terms::of_stopped(settings, days));
        let is_stopped_first = step.cause == Cause::Untagged
            && step.remedy == Remedy::Terminate
            && settings.untagged == Untagged::Stop;
        let terms = after_stop.clone().filter(|_| is_stopped_first);
        let terms = terms.unwrap_or_else(|| {
            Terms::for_cause(self.policy, settings, Some(instance), &step.cause)
        });
        let down = match terms.end {
            // The notice of an end date goes out before it.
            Some(end) => (end - begin).max(terms.grace).max(terms.notice),
            None => later(now - begin, lead(&terms)),
        };
        let terminated = match &step.remedy {
            Remedy::Terminate => Some(down),
            Remedy::Stop {
                terminate_on: Some(_),
            } => after_stop.map(|terms| later(down, lead(&terms))),
            _ => None,
        };
        Prospect {
            down: Some(down),
            terminated,
            notice: Some(terms.notice),
            first_notice: Some(terms.first_notice().max(terms.notice)),
            after: terms
                .end
                .filter(|end| *end > self.now)
                .map(Awaited::EndDate),
        }
    }

    /// The next moment after `moment` at which time alone changes what is done about `instance`: an end date passes, or a
    /// date that lay too far ahead does not any more.
    fn next_moment(&self, instance: &Resource, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.policy.has_end_dates() {
            return None;
        }
        let rules = self.policy.rules().iter();
        let defaults = rules.filter_map(|rule| match &rule.action {
            Action::Update { value } => value.as_ref(),
            _ => None,
        });
        let rows = self.policy.who_rows().iter();
        let of_rows = rows.filter_map(|row| row.tags.as_ref());
        let values = instance.tags.values().chain(defaults);
        let values = values.chain(of_rows.flat_map(BTreeMap::values));
        let ends = values.filter_map(|value| end_of(value));
        let moments = ends.flat_map(|end| {
            let rules = self.policy.rules().iter();
            let limits = rules.filter_map(|rule| rule.options.end_date.as_ref()?.at_most);
            let allowed = limits.filter_map(move |limit| first_day(end, limit));
            allowed.chain([end])
        });
        moments.filter(|it| *it > moment).min()
    }
}

/// What `map` has for `id`.
fn of_one<V: Clone>(map: &BTreeMap<String, V>, id: &str) -> BTreeMap<String, V> {
    let value = map.get(id).map(|value| (id.to_owned(), value.clone()));
    value.into_iter().collect()
}

/// The first day on which an end date whose end is `end` lies at most `limit` days ahead.
fn first_day(end: DateTime<Utc>, limit: u64) -> Option<DateTime<Utc>> {
    let last = end - TimeDelta::nanoseconds(1);
    let day = last.date_naive().checked_sub_days(Days::new(limit))?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

/// How long the shutdown takes, counted from the first look.
fn lead(terms: &Terms) -> TimeDelta {
    later(terms.grace, terms.wait.max(terms.notice))
}

fn later(one: TimeDelta, other: TimeDelta) -> TimeDelta {
    one.checked_add(&other).unwrap_or(TimeDelta::MAX)
}

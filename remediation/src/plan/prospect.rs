//! What becomes of an instance in the end, if nobody but tagwarden touches it. Pure.
//!
//! A plan says what one run does. The budget, the grace period, a notice or a second look only delay a shutdown: a later
//! run does it. A [`Prospect`] looks through all of them, and past the end of an exemption. What only a person can change
//! does prevent a shutdown: a manager, a protection, a permission that the settings do not give.

use std::collections::BTreeMap;
use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::exemption::UNREADABLE_PROTECTS_DAYS;
use tagwarden_core::{Exemption, Instance, Policy};

use super::countdown::Terms;
use super::{Act, Cause, Plan, PlanContext, Remedy, Step, UNDEFINED, plan};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Settings, Untagged};

/// The shutdowns that an instance faces, and how much warning it gets.
///
/// Times are those between the first look that finds the reason and the shutdown, by the settings alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// Until it is stopped or terminated, whichever comes first; `None`: it is neither.
    pub down: Option<TimeDelta>,
    /// Until it is terminated; `None`: it is not.
    pub terminated: Option<TimeDelta>,
    /// How long before its first shutdown the last notice must have been accepted; `None`: there is no shutdown.
    pub notice: Option<TimeDelta>,
}

/// The least and the most that an instance faces. They differ only where a launcher's name is not known yet: the tag
/// with that name may keep the instance from its shutdown, and may come too late for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospects {
    /// With every tag that is still to be written.
    pub least: Prospect,
    /// Without the launchers' names that are not known yet.
    pub most: Prospect,
}

impl Prospect {
    /// Whether nothing shuts the instance down.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.down.is_none()
    }
}

/// What becomes of those of `instances` that are shut down in the end, by id.
///
/// Of `context` it takes the launchers, the memories, the Spot requests, what EC2 refuses and what tagwarden has stopped.
/// Whatever else is counted down or announced already does not matter.
#[must_use]
pub fn prospects(
    policy: &Policy,
    settings: &Settings,
    instances: &[Instance],
    context: &PlanContext,
    now: DateTime<Utc>,
) -> BTreeMap<String, Prospects> {
    // Without a budget nothing is ever shut down.
    let has_budget = settings.max_destructive > 0 || !settings.safeguards.hold(Safeguard::Budget);
    if policy.hold().is_some() || !has_budget {
        return BTreeMap::new();
    }
    let future = Future::new(policy, settings, instances, context, now);
    let all = instances.iter().map(|it| (it.id.clone(), future.of(it)));
    all.filter(|(_, prospects)| !prospects.most.is_clear() || !prospects.least.is_clear())
        .collect()
}

/// The time after which nothing is waited for any more.
struct Future<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    /// The same settings, without what only delays.
    patient: Settings,
    context: PlanContext,
    now: DateTime<Utc>,
}

impl<'a> Future<'a> {
    fn new(
        policy: &'a Policy,
        settings: &'a Settings,
        instances: &[Instance],
        context: &PlanContext,
        now: DateTime<Utc>,
    ) -> Self {
        let patient = Settings {
            mode: Mode::DryRun,
            grace: TimeDelta::zero(),
            notice: TimeDelta::zero(),
            ..settings.clone()
        };
        // An exemption that cannot be read protects for some days only.
        let days = i64::try_from(UNREADABLE_PROTECTS_DAYS).unwrap_or(i64::MAX);
        let protection = TimeDelta::try_days(days.saturating_add(1)).unwrap_or_default();
        let long_ago = now.checked_sub_signed(protection).unwrap_or(now);
        let reported = instances.iter().map(|it| (it.id.clone(), long_ago));
        // What tagwarden has stopped is terminated in the end. All other countdowns begin again. Those that begin now are
        // in every plan; those that run are not.
        let stopped = context.countdowns.iter().map(|(id, running)| {
            let running = running.iter().filter(|(_, it)| it.is_after_stop);
            let running = running.map(|(name, countdown)| (name.clone(), *countdown));
            (id.clone(), running.collect::<BTreeMap<_, _>>())
        });
        let countdowns: BTreeMap<_, _> = stopped.collect();
        let begun = countdowns.values().flat_map(BTreeMap::keys).cloned();
        let context = PlanContext {
            begun: begun.collect(),
            countdowns,
            launchers: context.launchers.clone(),
            refused: context.refused.clone(),
            one_time_spot: context.one_time_spot.clone(),
            unreadable_exemptions: reported.collect(),
            memories: context.memories.clone(),
            mandate: context.mandate.clone(),
            ..PlanContext::default()
        };
        Self {
            policy,
            settings,
            patient,
            context,
            now,
        }
    }

    fn of(&self, instance: &Instance) -> Prospects {
        let first = self.plan(instance);
        let settled = first.settled.iter().map(|(step, _)| step);
        if first.shutdowns.is_empty() && !settled.clone().any(|step| step.remedy.is_shutdown()) {
            return Prospects::default();
        }
        // A run that writes a tag shuts nothing down, and what is written may be the tag of a manager.
        let known: Vec<&Act> = first.tags.iter().collect();
        let unsettled: Vec<&Step> = settled.collect();
        let tagged = with_tags(instance, &known, &[]);
        let most_tagged = with_tags(instance, &known, &unsettled);
        let most = self.prospect(&self.plan(&tagged));
        let least = if most_tagged.tags == tagged.tags {
            most
        } else {
            self.prospect(&self.plan(&most_tagged))
        };
        Prospects { least, most }
    }

    fn plan(&self, instance: &Instance) -> Plan {
        // An exemption ends by itself.
        let end = Exemption::of(instance, self.now).and_then(|it| it.end());
        let now = end.map_or(self.now, |end| end.max(self.now));
        let instance = slice::from_ref(instance);
        plan(self.policy, &self.patient, instance, &self.context, now)
    }

    /// What `plan`, which is of one instance, comes to.
    fn prospect(&self, plan: &Plan) -> Prospect {
        let due = plan.shutdowns.values().map(|act| &act.step);
        let delayed = plan.settled.iter();
        let delayed = delayed
            .filter(|(step, outcome)| step.remedy.is_shutdown() && outcome.only_delays())
            .map(|(step, _)| step);
        let shutdowns = due.chain(delayed).map(|step| self.prospect_of(step));
        shutdowns.reduce(Prospect::both).unwrap_or_default()
    }

    fn prospect_of(&self, step: &Step) -> Prospect {
        let settings = self.settings;
        let after_stop = settings
            .terminate_after
            .map(|days| Terms::of_stopped(settings, days));
        let is_stopped_first = step.cause == Cause::Untagged
            && step.remedy == Remedy::Terminate
            && settings.untagged == Untagged::Stop;
        let terms = after_stop.clone().filter(|_| is_stopped_first);
        let terms =
            terms.unwrap_or_else(|| Terms::for_cause(self.policy, settings, None, &step.cause));
        let down = lead(&terms);
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
        }
    }
}

impl Prospect {
    /// What comes of two shutdowns that both stand: each at its time.
    fn both(self, other: Self) -> Self {
        let first = if other.down < self.down { other } else { self };
        let sooner = |one: Option<TimeDelta>, other: Option<TimeDelta>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            down: first.down,
            terminated: sooner(self.terminated, other.terminated),
            notice: first.notice,
        }
    }
}

/// How long the shutdown takes, counted from the first look.
fn lead(terms: &Terms) -> TimeDelta {
    later(terms.grace, terms.wait.max(terms.notice))
}

fn later(one: TimeDelta, other: TimeDelta) -> TimeDelta {
    one.checked_add(&other).unwrap_or(TimeDelta::MAX)
}

/// `instance` with the tags that `acts` write, and with some name where `names` wait for one.
fn with_tags(instance: &Instance, acts: &[&Act], names: &[&Step]) -> Instance {
    let mut instance = instance.clone();
    for act in acts {
        if let (Some(key), Some(value)) = (act.tag_key(), act.tag_value()) {
            instance.tags.insert(key.to_owned(), value.to_owned());
        }
    }
    for step in names {
        if let (Remedy::TagLauncher, Some(key)) = (&step.remedy, step.cause.tag_key()) {
            instance.tags.insert(key.to_owned(), UNDEFINED.to_owned());
        }
    }
    instance
}

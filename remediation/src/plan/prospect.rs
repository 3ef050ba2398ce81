//! What becomes of an instance in the end, if nobody but tagwarden touches it. Pure.
//!
//! A plan says what one run does. The budget, the grace period, a notice or a second look only delay a shutdown: a later
//! run does it. A [`Prospect`] looks through all of them, past the end of an exemption and past end dates, and at what
//! the tags that are written until then do to the conditions of rules. What only a person can change does prevent a
//! shutdown: a manager, a protection, a permission that the settings do not give.
//!
//! | module | what it holds |
//! |---|---|
//! | `world` | what is not known of an instance: each thing that it could be is a world of its own |
//! | `future` | what becomes of the instance in one world |

mod future;
mod world;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::policy::PolicyExamples;
use tagwarden_core::{Policy, Resource};

use super::PlanContext;
use crate::safeguard::Safeguard;
use crate::settings::Settings;
use future::Outlook;

/// The shutdowns that an instance faces, and how much warning it gets.
///
/// Times are those between the first look that could find the reason and the shutdown, by the settings and end dates
/// alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// Until it is stopped or terminated, whichever comes first; `None`: it is neither.
    pub down: Option<TimeDelta>,
    /// Until it is terminated; `None`: it is not.
    pub terminated: Option<TimeDelta>,
    /// How long before its first shutdown the last notice must have been accepted; `None`: there is no shutdown.
    pub notice: Option<TimeDelta>,
    /// How long before its first shutdown the first notice goes out; `None`: there is no shutdown.
    pub first_notice: Option<TimeDelta>,
    /// What must happen before its first shutdown, beside the looks and notices that every shutdown needs.
    pub after: Option<Awaited>,
}

/// What must happen before a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// An end date passes. This is the first moment after it.
    EndDate(DateTime<Utc>),
    /// An exemption ends.
    ExemptionEnd,
    /// tagwarden writes tags, with which another rule applies.
    Tags,
}

/// What an instance faces, in each of the worlds in which it may be. There are several only where something is not known
/// yet: who launched the instance, what a description leaves out, the tags of its subnet or VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prospects {
    /// The least of all worlds.
    pub least: Prospect,
    /// The most of all worlds.
    pub most: Prospect,
    /// By the name of the world. Forecasts by the same [`PolicyExamples`] have the same names.
    pub worlds: BTreeMap<String, Prospect>,
}

impl Prospect {
    /// Whether nothing shuts the instance down.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.down.is_none()
    }

    /// What comes of two shutdowns that both stand: each at its time.
    fn both(self, other: Self) -> Self {
        let is_later = match (self.down, other.down) {
            (Some(one), Some(other)) => other < one,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let first = if is_later { other } else { self };
        Self {
            terminated: sooner(self.terminated, other.terminated),
            ..first
        }
    }

    /// The worse of what two worlds have.
    fn worse(self, other: Self) -> Self {
        let both = self.both(other);
        Self {
            notice: sooner(self.notice, other.notice),
            first_notice: sooner(self.first_notice, other.first_notice),
            ..both
        }
    }

    /// The better of what two worlds have.
    fn better(self, other: Self) -> Self {
        if self.is_clear() || other.is_clear() {
            return Self::default();
        }
        let later = |one: Option<TimeDelta>, other: Option<TimeDelta>| Some(one?.max(other?));
        Self {
            down: later(self.down, other.down),
            terminated: later(self.terminated, other.terminated),
            notice: later(self.notice, other.notice),
            first_notice: later(self.first_notice, other.first_notice),
            after: self.after.or(other.after),
        }
    }
}

fn sooner(one: Option<TimeDelta>, other: Option<TimeDelta>) -> Option<TimeDelta> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What becomes of those of `instances` that are shut down in the end, by id.
///
/// Of `context` it takes the launchers, the memories, the sources, the Spot requests, what EC2 refuses and what tagwarden
/// has stopped. Whatever else is counted down or announced already does not matter. `examples` are those of `policy`, and
/// of a policy that it is compared with.
#[must_use]
pub fn prospects(
    policy: &Policy,
    settings: &Settings,
    instances: &[Resource],
    context: &PlanContext,
    examples: &PolicyExamples,
    now: DateTime<Utc>,
) -> BTreeMap<String, Prospects> {
    // Without a budget nothing is ever shut down.
    let has_budget = settings.max_destructive > 0 || !settings.safeguards.hold(Safeguard::Budget);
    if policy.hold().is_some() || !has_budget {
        return BTreeMap::new();
    }
    let outlook = Outlook::new(policy, settings, context, now);
    let instances = instances.iter().filter(|it| it.kind.may_shut_down());
    let all = instances.map(|it| {
        let worlds = outlook.worlds(it, examples);
        (it.id.clone(), Prospects::of(worlds))
    });
    all.filter(|(_, prospects)| !prospects.most.is_clear())
        .collect()
}

impl Prospects {
    fn of(worlds: BTreeMap<String, Prospect>) -> Self {
        let all = || worlds.values().copied();
        Self {
            least: all().reduce(Prospect::better).unwrap_or_default(),
            most: all().reduce(Prospect::worse).unwrap_or_default(),
            worlds,
        }
    }
}

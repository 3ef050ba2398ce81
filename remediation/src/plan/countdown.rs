//! Countdowns: how long a reason for a shutdown has stood, and who was told.
//!
//! A shutdown needs two looks that agree, by two runs, at least the grace period apart. The first begins the countdown;
//! each later one that still finds the reason confirms it; any look that finds the reason gone deletes it. So an
//! instance that loses its tags for a minute is safe, and so is one whose tags EC2 is slow to show.
//!
//! ```text
//! begun ──grace──▶ notice ──wait──▶ day ──▶ shutdown
//! ```
//!
//! A termination of what tagwarden stopped is one more countdown: its wait is `TAGWARDEN_TERMINATE_AFTER_DAYS`.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_core::policy::Notice;
use tagwarden_core::{DefectName, Policy, Resource, Shutdown, ShutdownTarget, TagRule};

use super::{Cause, Step};
use crate::safeguard::Safeguard;
use crate::settings::{Settings, Untagged};

/// How long a countdown stands unconfirmed before it starts over, because the reason may have been gone in between.
const STALE_AFTER: TimeDelta = TimeDelta::days(1);

/// The same for a countdown that takes a day or longer. Sweeps may be a week apart.
const LONG_STALE_AFTER: TimeDelta = TimeDelta::days(8);

/// How old the last confirmation is before it is written again. Each look confirms, but few need to write.
const CONFIRM_AFTER: TimeDelta = TimeDelta::hours(6);

/// The same for a countdown that takes a day or longer.
const LONG_CONFIRM_AFTER: TimeDelta = TimeDelta::days(1);

/// How long a countdown is remembered after its last confirmation.
pub(crate) const REMEMBERED: TimeDelta = TimeDelta::days(9);

/// How long before the termination of an instance that tagwarden stopped its notice must have been accepted at least.
const AFTER_STOP: TimeDelta = TimeDelta::hours(24);

/// What is counted down: one shutdown of one instance for one reason. The rule is not part of it, because rules may be
/// renumbered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountdownName {
    /// `i-…`.
    pub instance_id: String,
    /// The shutdown. A stronger one starts over.
    pub shutdown: Shutdown,
    /// What is wrong.
    pub reason: CountdownReason,
}

/// What is wrong with an instance, as far as a countdown knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CountdownReason {
    /// It has no tags.
    Untagged,
    /// A tag has a defect.
    Tag {
        /// The defect. Another one starts over.
        defect: DefectName,
        /// The tag's key.
        key: String,
    },
}

/// How long one reason has stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Countdown {
    /// When a run first saw it.
    pub since: DateTime<Utc>,
    /// When a run last noted that it saw it. Absent in what the first versions wrote.
    #[serde(default)]
    pub seen_at: Option<DateTime<Utc>>,
    /// When the last notice was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<DateTime<Utc>>,
    /// The day that this notice named. Absent in what older versions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<DateTime<Utc>>,
    /// The end of the end date that it is for. Another end starts it over. Absent in what counts down anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateTime<Utc>>,
    /// Whether it began as tagwarden stopped the instance. Its termination counts from there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_after_stop: bool,
}

/// What a countdown must wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long the reason must have stood, and the instance must have run since it was last started.
    pub(crate) grace: TimeDelta,
    /// How much longer: the longest time of a notice, or the days between a stop and a termination.
    pub(crate) wait: TimeDelta,
    /// How long before the shutdown the last notice must have been accepted. Zero: none is needed.
    pub(crate) notice: TimeDelta,
    /// How long before the day notices go out, the longest first; the last is `notice`. None are needed without it.
    pub(crate) times: Vec<TimeDelta>,
    /// The day, where it does not depend on the countdown: the end of an end date.
    pub(crate) end: Option<DateTime<Utc>>,
    /// Whether a start of the instance starts everything over: so with a termination of what was stopped.
    pub(crate) is_over_once_started: bool,
    /// Whether it starts over if no run confirms it for too long: always, except in a test.
    pub(crate) goes_stale: bool,
}

/// How far a countdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountdownStage {
    /// The shutdown may happen, since then.
    Due(DateTime<Utc>),
    /// Not yet.
    Waiting {
        /// The next moment at which there is something to do: to announce it, or to do it.
        next: DateTime<Utc>,
        /// When the shutdown may happen at the earliest.
        day: DateTime<Utc>,
    },
    /// Not yet, and a notice is needed now.
    Announce {
        /// When the shutdown may happen, if the notice is accepted now.
        day: DateTime<Utc>,
        /// When the next notice is needed, or else the day.
        next: DateTime<Utc>,
        /// For when the notice was meant.
        meant_for: DateTime<Utc>,
    },
}

impl Terms {
    /// The terms of a shutdown of an untagged instance, or by a rule with this `notice`.
    pub(crate) fn of(settings: &Settings, notice: Option<&Notice>) -> Self {
        let zero = TimeDelta::zero();
        let shortest = notice.map_or(zero, Notice::shortest);
        let longest = notice.map_or(zero, Notice::longest);
        let required = required_notice(settings, settings.notice.max(shortest));
        Self {
            grace: if settings.safeguards.hold(Safeguard::Grace) {
                settings.grace
            } else {
                TimeDelta::zero()
            },
            wait: settings.notice.max(longest),
            notice: required,
            times: times(notice, required),
            end: None,
            is_over_once_started: false,
            goes_stale: settings.safeguards.hold(Safeguard::Confirmation),
        }
    }

    /// The terms of a shutdown once an end date has passed, whose end is `end`.
    pub(crate) fn of_end(settings: &Settings, notice: Option<&Notice>, end: DateTime<Utc>) -> Self {
        Self {
            end: Some(end),
            ..Self::of(settings, notice)
        }
    }

    /// The terms of the termination of a stopped instance, `terminate_after` its stop.
    pub(crate) fn of_stopped(settings: &Settings, terminate_after: TimeDelta) -> Self {
        Self {
            grace: TimeDelta::zero(),
            wait: terminate_after.max(settings.notice),
            notice: required_notice(settings, settings.notice.max(AFTER_STOP)),
            times: times(
                None,
                required_notice(settings, settings.notice.max(AFTER_STOP)),
            ),
            end: None,
            is_over_once_started: true,
            goes_stale: settings.safeguards.hold(Safeguard::Confirmation),
        }
    }

    /// The terms of a shutdown of `instance` for `cause`: those of [`Terms::of_stopped`] for the termination of what was
    /// stopped because it is untagged.
    pub(crate) fn for_shutdown(
        policy: &Policy,
        settings: &Settings,
        instance: &Resource,
        cause: &Cause,
        is_stop: bool,
    ) -> Self {
        let stops_first = settings.untagged == Untagged::Stop && *cause == Cause::Untagged;
        match settings.terminate_after {
            Some(days) if stops_first && !is_stop && instance.state.is_stopped() => {
                Self::of_stopped(settings, days)
            }
            _ => Self::for_cause(policy, settings, Some(instance), cause),
        }
    }

    /// The terms of a shutdown for `cause`, whose end date is that of `instance`.
    pub(crate) fn for_cause(
        policy: &Policy,
        settings: &Settings,
        instance: Option<&Resource>,
        cause: &Cause,
    ) -> Self {
        let mut rules = policy.rules().iter();
        let rule = rules.find(|rule| Some(rule.id) == cause.rule_id());
        let notice = rule.and_then(TagRule::notice);
        let end = rule.zip(instance).and_then(|(rule, instance)| {
            let value = instance.tags.get(&rule.tag_key)?;
            rule.end_of(value)
        });
        match end.filter(|_| cause.defect() == Some(DefectName::Expired)) {
            Some(end) => Self::of_end(settings, notice, end),
            None => Self::of(settings, notice),
        }
    }

    fn is_long(&self) -> bool {
        self.grace.max(self.wait) >= TimeDelta::days(1)
    }

    /// Whether nothing is waited for, so that no earlier look is needed.
    pub(crate) fn is_at_once(&self) -> bool {
        self.grace <= TimeDelta::zero() && self.wait <= TimeDelta::zero()
    }

    /// How long before its day the first notice of it goes out.
    pub(crate) fn first_notice(&self) -> TimeDelta {
        self.times.first().copied().unwrap_or_default()
    }
}

impl Countdown {
    /// A countdown that begins at `now`.
    #[must_use]
    pub fn starting(now: DateTime<Utc>) -> Self {
        Self {
            since: now,
            seen_at: Some(now),
            reminded_at: None,
            day: None,
            end: None,
            is_after_stop: false,
        }
    }

    /// A countdown of the termination of an instance that tagwarden has stopped at `now`.
    #[must_use]
    pub fn after_stop(now: DateTime<Utc>) -> Self {
        Self {
            is_after_stop: true,
            ..Self::starting(now)
        }
    }

    /// The same, for an end date whose end is `end`.
    #[must_use]
    pub(crate) fn for_end(self, end: Option<DateTime<Utc>>) -> Self {
        Self { end, ..self }
    }

    /// The same, seen again at `now`.
    #[must_use]
    pub(crate) fn seen(self, now: DateTime<Utc>) -> Self {
        Self {
            seen_at: Some(now),
            ..self
        }
    }

    /// The same after a notice that names `day` was accepted at `now`.
    #[must_use]
    pub(crate) fn announced(self, now: DateTime<Utc>, day: DateTime<Utc>) -> Self {
        Self {
            seen_at: Some(now),
            reminded_at: Some(now),
            day: Some(day),
            ..self
        }
    }

    /// When it was last noted that the reason stands.
    pub(crate) fn seen_at(&self) -> DateTime<Utc> {
        self.seen_at.unwrap_or(self.since)
    }

    /// Whether it still counts at `now`, for an instance that was last started at `started_at`.
    pub(crate) fn holds(
        &self,
        terms: &Terms,
        started_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        let stale_after = if terms.is_long() {
            LONG_STALE_AFTER
        } else {
            STALE_AFTER
        };
        let is_restarted =
            terms.is_over_once_started && started_at.is_some_and(|at| at > self.since);
        let is_stale = terms.goes_stale && now - self.seen_at() > stale_after;
        // A date that moves closer has its notice anew.
        let is_moved = self.end != terms.end;
        !(is_stale || is_moved || is_restarted)
    }

    /// Whether the look of `now` is worth noting.
    pub(crate) fn needs_confirmation(&self, terms: &Terms, now: DateTime<Utc>) -> bool {
        let after = if terms.is_long() {
            LONG_CONFIRM_AFTER
        } else {
            CONFIRM_AFTER
        };
        now - self.seen_at() > after
    }

    /// How far it is at `now`, for an instance that was last started at `started_at`.
    pub(crate) fn stage(
        &self,
        terms: &Terms,
        started_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> CountdownStage {
        // A start in between starts the grace period and the last notice over, not the whole wait.
        let restarted_at = started_at.filter(|at| *at > self.since);
        let graced = later(self.since, terms.grace);
        let mut day = match terms.end {
            Some(end) => end.max(graced),
            None => later(graced, terms.wait),
        };
        if let Some(at) = restarted_at {
            day = day.max(later(at, terms.grace));
        }
        if terms.notice > TimeDelta::zero() {
            let notice = self
                .reminded_at
                .filter(|noticed_at| restarted_at.is_none_or(|at| *noticed_at >= at));
            let moments = || terms.times.iter().map(|time| earlier(day, *time));
            let next = moments().filter(|at| *at > now).min();
            if let Some(meant_for) = moments().filter(|at| *at <= now).max() {
                let is_needed = match notice {
                    Some(noticed_at) => noticed_at < meant_for,
                    // A time that had passed when it began is left out, unless it is the last.
                    None => meant_for >= self.since || next.is_none(),
                };
                if is_needed {
                    let named = self.day.filter(|_| notice.is_some());
                    let day = day.max(later(now, terms.notice)).max(named.unwrap_or(day));
                    return CountdownStage::Announce {
                        day,
                        next: next.unwrap_or(day),
                        meant_for,
                    };
                }
            }
            let Some(noticed_at) = notice else {
                let next = next.unwrap_or(day);
                return CountdownStage::Waiting { next, day };
            };
            day = day
                .max(later(noticed_at, terms.notice))
                .max(self.day.unwrap_or(day));
            if let Some(next) = next {
                return CountdownStage::Waiting { next, day };
            }
        }
        // Nothing happens before the day that a notice named, also if no notice is needed any more.
        day = day.max(self.day.unwrap_or(day));
        if now >= day {
            CountdownStage::Due(day)
        } else {
            CountdownStage::Waiting { next: day, day }
        }
    }
}

impl From<&Cause> for CountdownReason {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Untagged => Self::Untagged,
            Cause::Tag {
                tag_key, defect, ..
            } => Self::Tag {
                defect: *defect,
                key: tag_key.clone(),
            },
        }
    }
}

impl CountdownName {
    /// The countdown to the shutdown of `target` for `reason`.
    pub(crate) fn of_target(
        target: ShutdownTarget<'_>,
        shutdown: Shutdown,
        reason: CountdownReason,
    ) -> Self {
        Self {
            instance_id: target.resource().id.clone(),
            shutdown,
            reason,
        }
    }

    /// The termination of an instance that is stopped and untagged.
    pub(crate) fn of_stopped(instance_id: &str) -> Self {
        Self {
            instance_id: instance_id.to_owned(),
            shutdown: Shutdown::Terminate,
            reason: CountdownReason::Untagged,
        }
    }

    /// Whether it counts down what `step` wants.
    pub(crate) fn is_of(&self, step: &Step) -> bool {
        self.instance_id == step.instance_id && self.reason == CountdownReason::from(&step.cause)
    }
}

impl CountdownReason {
    /// Whether a tag is what is missing, so that a look may be wrong that EC2 answered without tags.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Untagged => true,
            Self::Tag { defect, .. } => *defect == DefectName::Missing,
        }
    }

    /// As [`is_absence`](Self::is_absence), also of a reason under a rule that may apply because a tag is not there.
    pub(crate) fn rests_on_absence(&self, policy: &Policy) -> bool {
        let has_conditions = match self {
            Self::Untagged => false,
            Self::Tag { key, .. } => policy.has_conditions_on_tags(key),
        };
        self.is_absence() || has_conditions
    }

    /// The reason whose [`Display`](fmt::Display) is `text`; `None` if there is none.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        if text == "untagged" {
            return Some(Self::Untagged);
        }
        let (defect, key) = text.split_once('#')?;
        let defect = DefectName::from_name(defect)?;
        let key = key.to_owned();
        Some(Self::Tag { defect, key })
    }
}

/// As the ledger stores it: `untagged`, or `missing#Owner`.
impl fmt::Display for CountdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untagged => f.write_str("untagged"),
            Self::Tag { defect, key } => write!(f, "{defect}#{key}"),
        }
    }
}

fn required_notice(settings: &Settings, notice: TimeDelta) -> TimeDelta {
    if settings.safeguards.hold(Safeguard::Notice) {
        notice
    } else {
        TimeDelta::zero()
    }
}

/// The times of `notice` that leave `required`, the least time for the last notice, and that itself.
fn times(notice: Option<&Notice>, required: TimeDelta) -> Vec<TimeDelta> {
    if required <= TimeDelta::zero() {
        return Vec::new();
    }
    let times = notice.map_or(&[][..], Notice::times).iter().copied();
    let earlier = times.filter(|time| *time > required);
    earlier.chain([required]).collect()
}

fn later(at: DateTime<Utc>, time: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(time)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn earlier(at: DateTime<Utc>, time: TimeDelta) -> DateTime<Utc> {
    at.checked_sub_signed(time).unwrap_or(at)
}

#[cfg(test)]
mod tests;

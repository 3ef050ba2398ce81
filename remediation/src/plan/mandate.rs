//! What a run may do at most, because a person has agreed to no more. Pure.
//!
//! The functions have no mandate: they do what the policy asks for. `tagwarden apply` holds its run to what it showed.
//! The run still looks at everything itself, so it may do less.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_core::policy::Notice;
use tagwarden_core::{DefectName, Policy, Shutdown, TagRule};

use super::{
    Act, Cause, CountdownName, CountdownReason, Outcome, Plan, Reason, Remedy, RemedyName, Step,
};

/// What a run may do at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mandate {
    /// What is asked for. The rest is left out, and not reported.
    pub focus: Focus,
    /// What was agreed to; `None`: all that is asked for.
    pub agreed: Option<Agreed>,
}

/// The part of the instances and the steps that is asked for. Of each set one must fit; an empty set asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// `i-…`.
    pub instances: BTreeSet<String>,
    /// The keys of the tags that something is wrong with. What is done about an instance without any tags has no key.
    pub tag_keys: BTreeSet<String>,
    /// What is done.
    pub remedies: BTreeSet<RemedyName>,
}

/// The changes that a person has agreed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The values of tags, by instance and key.
    pub tags: BTreeMap<(String, String), String>,
    /// Those of `tags` whose value is not that of the rule's function: what was shown must be what would be written now.
    pub fixed: BTreeSet<(String, String)>,
    /// The shutdowns that may be done.
    pub shutdowns: BTreeSet<CountdownName>,
    /// The end dates of those of `shutdowns` that are for one, as their tags had them. Another date is another shutdown.
    pub dates: BTreeMap<CountdownName, String>,
    /// The shutdowns that may only begin to be counted down.
    pub countdowns: BTreeSet<CountdownName>,
    /// The shutdowns that were shown as refused, and why: they stay refused.
    pub refused: BTreeMap<CountdownName, Reason>,
}

impl Focus {
    /// Whether everything is asked for.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `step` is asked for.
    #[must_use]
    pub fn covers(&self, step: &Step) -> bool {
        let remedy = RemedyName::of(&step.remedy);
        self.has(&step.instance_id, step.cause.tag_key(), remedy)
    }

    fn covers_countdown(&self, name: &CountdownName) -> bool {
        let key = match &name.reason {
            CountdownReason::Untagged => None,
            CountdownReason::Tag { key, .. } => Some(key.as_str()),
        };
        let remedy = match name.shutdown {
            Shutdown::Stop => RemedyName::Stop,
            Shutdown::Terminate => RemedyName::Terminate,
        };
        self.has(&name.instance_id, key, Some(remedy))
    }

    fn has(&self, instance: &str, key: Option<&str>, remedy: Option<RemedyName>) -> bool {
        (self.instances.is_empty() || self.instances.contains(instance))
            && (self.tag_keys.is_empty() || key.is_some_and(|key| self.tag_keys.contains(key)))
            && (self.remedies.is_empty() || remedy.is_some_and(|it| self.remedies.contains(&it)))
    }
}

impl Mandate {
    /// Leaves out of `plan` what is not asked for, and settles what was not agreed to.
    pub(super) fn bind(&self, plan: &mut Plan, policy: &Policy, now: DateTime<Utc>) {
        self.narrow(plan);
        if let Some(agreed) = &self.agreed {
            agreed.bind_tags(plan, policy, now);
            agreed.bind_shutdowns(plan);
        }
    }

    fn narrow(&self, plan: &mut Plan) {
        let focus = &self.focus;
        if focus.is_everything() {
            return;
        }
        plan.tags.retain(|act| focus.covers(&act.step));
        plan.shutdowns.retain(|_, act| focus.covers(&act.step));
        plan.reported.retain(|step| focus.covers(step));
        plan.settled.retain(|(step, _)| focus.covers(step));
        plan.standing
            .retain(|_, (name, _)| focus.covers_countdown(name));
        plan.countdowns
            .retain(|name, _| focus.covers_countdown(name));
        plan.notices.retain(|name, _| focus.covers_countdown(name));
    }
}

impl Agreed {
    /// Whether nothing may be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.shutdowns.is_empty()
    }

    fn bind_tags(&self, plan: &mut Plan, policy: &Policy, now: DateTime<Utc>) {
        for mut act in std::mem::take(&mut plan.tags) {
            let name = act
                .tag_key()
                .map(|key| (act.instance_id().to_owned(), key.to_owned()));
            let agreed = name.as_ref().and_then(|name| self.tags.get(name));
            let is_same = agreed.is_some_and(|value| act.tag_value() == Some(value));
            // The value of a function grows older, and the one that was shown is written. What somebody meant, or a source
            // has, is not the function's.
            let was_fixed = name.is_some_and(|name| self.fixed.contains(&name));
            let renewed = agreed.filter(|value| {
                !was_fixed && is_timed(&act.step) && is_in_time(policy, &act, value, now)
            });
            match (&mut act.step.remedy, renewed) {
                _ if is_same => {}
                (Remedy::Tag { value, .. }, Some(agreed)) => value.clone_from(agreed),
                _ => {
                    plan.settled.push((act.step, not_agreed()));
                    continue;
                }
            }
            plan.tags.push(act);
        }
    }

    /// Whether the end date that `act` is for is the one that was agreed to.
    fn has_date(&self, act: &Act, name: &CountdownName) -> bool {
        let key = match &name.reason {
            CountdownReason::Tag { defect, key } if *defect == DefectName::Expired => key,
            _ => return true,
        };
        let agreed = self.dates.get(name);
        agreed.is_some() && agreed == act.tags_before.get(key)
    }

    fn bind_shutdowns(&self, plan: &mut Plan) {
        let is_agreed = |act: &Act| {
            let name = CountdownName::of(&act.step);
            name.is_some_and(|name| self.shutdowns.contains(&name) && self.has_date(act, &name))
        };
        let left_out = plan.shutdowns.extract_if(.., |_, act| !is_agreed(act));
        for (_, act) in left_out {
            plan.standing.remove(act.instance_id());
            let refused = CountdownName::of(&act.step).and_then(|name| self.refused.get(&name));
            let outcome = refused.map_or_else(not_agreed, |why| Outcome::Refused(why.clone()));
            plan.settled.push((act.step, outcome));
        }
        // What another run counts down already goes on.
        let may_begin =
            |name: &CountdownName| self.countdowns.contains(name) || self.shutdowns.contains(name);
        let begins = plan
            .countdowns
            .extract_if(.., |name, change| change.has_begun && !may_begin(name));
        let begins: BTreeSet<CountdownName> = begins.map(|(name, _)| name).collect();
        plan.notices.retain(|name, _| !begins.contains(name));
        for (step, outcome) in &mut plan.settled {
            if CountdownName::of(step).is_some_and(|name| begins.contains(&name)) {
                *outcome = not_agreed();
            }
        }
    }
}

/// Whether the step writes the value of the rule's function.
fn is_timed(step: &Step) -> bool {
    match &step.remedy {
        Remedy::Tag {
            origin: Some(origin),
            ..
        } => origin.is_function(),
        _ => false,
    }
}

/// Whether an end date that was agreed to is not within the notice of its rule by now. Any other value is in time.
fn is_in_time(policy: &Policy, act: &Act, value: &str, now: DateTime<Utc>) -> bool {
    let mut rules = policy.rules().iter();
    let rule = rules.find(|rule| Some(rule.id) == act.rule_id());
    let end = rule.and_then(|rule| rule.end_of(value));
    let notice = rule.and_then(TagRule::notice).map(Notice::longest);
    end.is_none_or(|end| end > now && end - now >= notice.unwrap_or_default())
}

impl CountdownName {
    /// What counts `step` down; `None` if it shuts nothing down.
    #[must_use]
    pub fn of(step: &Step) -> Option<Self> {
        let shutdown = match step.remedy {
            Remedy::Stop { .. } => Shutdown::Stop,
            Remedy::Terminate => Shutdown::Terminate,
            Remedy::Tag { .. }
            | Remedy::TagLauncher
            | Remedy::TagFromSource { .. }
            | Remedy::Notify { .. } => return None,
        };
        Some(Self {
            instance_id: step.instance_id.clone(),
            shutdown,
            reason: CountdownReason::from(&step.cause),
        })
    }

    /// What is wrong, with the tag's key where it is a tag: as [`Cause::name`] and [`Cause::tag_key`] say it.
    #[must_use]
    pub fn cause(&self) -> (&'static str, Option<&str>) {
        match &self.reason {
            CountdownReason::Untagged => (Cause::Untagged.name(), None),
            CountdownReason::Tag { defect, key } => (defect.as_str(), Some(key)),
        }
    }
}

fn not_agreed() -> Outcome {
    Outcome::Deferred(Reason::NotInPlan)
}

#[cfg(test)]
mod tests;

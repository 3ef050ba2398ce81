//! One instance: what is wrong with it, who launched it, and what the plan does to it.

use std::collections::BTreeSet;

use tagwarden_core::likeness::is_blank;
use tagwarden_core::{Action, DefectName, Policy, TagRule};
use tagwarden_remediation::plan::{Outcome, Reason, Remedy, UNDEFINED};
use tagwarden_remediation::report::Entry;

use crate::forecast::{Forecast, InstanceForecast, StepGroup, VerdictName, group};

/// An instance on the page.
#[derive(Debug)]
pub struct InstanceView<'a> {
    /// What the rule would say of it and the remediation would do about it.
    pub forecast: &'a InstanceForecast<'a>,
    /// Who launched it, as far as that is known.
    pub launcher: Option<&'a str>,
    /// What the plan does to it: several things, one or none.
    pub effects: BTreeSet<Effect>,
    /// Whether it is compliant after the plan; `None` if it is gone by then, or the policy does not apply to it.
    pub is_compliant_after: Option<bool>,
}

/// What the plan does to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It is terminated.
    Terminate,
    /// It is stopped.
    Stop,
    /// A person must act: a step is refused, failed or only reported, or the instance is non-compliant and there is no
    /// step.
    Person,
    /// Something is left for a later run.
    Later,
    /// It gets tags.
    Tag,
}

/// The state of a rule's tag on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagState {
    /// Nothing is wrong.
    InOrder,
    /// The tag is missing.
    Missing,
    /// The tag is there without a value.
    Empty,
    /// The end date has passed.
    Expired,
    /// The value is not an end date, or not another that the rule allows.
    NotAllowed,
}

/// The instances of a forecast under its policy, by id.
pub fn views<'a>(forecast: &'a Forecast<'a>, policy: &Policy) -> Vec<InstanceView<'a>> {
    let look_up = launcher_rule(policy);
    let instances = forecast.instances.values();
    instances
        .map(|forecast| InstanceView {
            launcher: look_up.and_then(|rule| launcher(forecast, rule)),
            effects: effects(forecast),
            is_compliant_after: is_compliant_after(forecast),
            forecast,
        })
        .collect()
}

/// The rule whose tag names who launched an instance: the first, if there are several.
pub fn launcher_rule(policy: &Policy) -> Option<&TagRule> {
    let mut rules = policy.rules().iter();
    rules.find(|rule| rule.action == Action::UserLookup)
}

impl InstanceView<'_> {
    /// Whether it is compliant; `None` where the policy does not apply.
    pub fn is_compliant(&self) -> Option<bool> {
        match self.forecast.verdict() {
            VerdictName::Compliant => Some(true),
            VerdictName::NonCompliant => Some(false),
            VerdictName::NotApplicable => None,
        }
    }

    /// The state of a rule's tag.
    pub fn tag_state(&self, rule: &TagRule) -> TagState {
        let mut findings = self.forecast.assessment.findings.iter();
        let found = findings.find(|finding| finding.rule.id == rule.id);
        found.map_or(TagState::InOrder, |finding| match finding.defect.name() {
            DefectName::Missing => TagState::Missing,
            DefectName::Empty => TagState::Empty,
            DefectName::Expired => TagState::Expired,
            DefectName::NotAllowed | DefectName::Unreadable => TagState::NotAllowed,
        })
    }
}

/// The tag's value, or the one that would be written.
fn launcher<'a>(forecast: &'a InstanceForecast<'a>, rule: &TagRule) -> Option<&'a str> {
    let tag = forecast.instance.tags.get(&rule.tag_key);
    let found = forecast.entries.iter().find_map(|entry| {
        let is_of_rule = entry.step.cause.rule_id() == Some(rule.id);
        match &entry.step.remedy {
            Remedy::Tag { value, .. } if is_of_rule => Some(value),
            _ => None,
        }
    });
    let named = tag.filter(|value| !is_blank(value)).or(found);
    named.map(String::as_str).filter(|name| *name != UNDEFINED)
}

fn effects(forecast: &InstanceForecast<'_>) -> BTreeSet<Effect> {
    let mut effects: BTreeSet<Effect> = forecast.entries.iter().map(effect).collect();
    if effects.is_empty() && forecast.verdict() == VerdictName::NonCompliant {
        effects.insert(Effect::Person);
    }
    effects
}

/// What one step does to its instance.
pub fn effect(entry: &Entry) -> Effect {
    match group(entry) {
        StepGroup::Terminate => Effect::Terminate,
        StepGroup::Stop => Effect::Stop,
        StepGroup::Tag => Effect::Tag,
        StepGroup::Later => Effect::Later,
        // The next hour has a budget of its own.
        StepGroup::Refused if matches!(entry.outcome, Outcome::Refused(Reason::Budget { .. })) => {
            Effect::Later
        }
        StepGroup::Notify | StepGroup::Refused | StepGroup::Failed => Effect::Person,
    }
}

fn is_compliant_after(forecast: &InstanceForecast<'_>) -> Option<bool> {
    if forecast.verdict() == VerdictName::NotApplicable
        || forecast.entries_in(StepGroup::Terminate).next().is_some()
    {
        return None;
    }
    if forecast.assessment.is_untagged {
        return Some(false);
    }
    let is_written = |rule: &TagRule| {
        let mut written = forecast.entries_in(StepGroup::Tag);
        written.any(|entry| entry.step.cause.rule_id() == Some(rule.id))
    };
    let findings = forecast.assessment.findings.iter();
    let mut violations = findings.filter(|finding| finding.is_violation());
    Some(violations.all(|finding| is_written(finding.rule)))
}

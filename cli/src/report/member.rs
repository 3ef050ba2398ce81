//! One instance: what is wrong with it, who launched it, and what becomes of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tagwarden_core::{Action, Assessment, DefectName, Policy, Scope, TagRule, assess};
use tagwarden_remediation::plan::{Outcome, Reason, Remedy, UNDEFINED};
use tagwarden_remediation::report::Entry;

use crate::plan::forecast::{Forecast, Group, Plan, Verdict, group};

/// An instance on the page.
#[derive(Debug)]
pub struct Member<'a> {
    /// What is said of it and planned for it.
    pub forecast: &'a Forecast<'a>,
    /// What is wrong with it, and what the policy says of it.
    pub assessment: Assessment<'a>,
    /// Who launched it, as far as that is known.
    pub launcher: Option<&'a str>,
    /// What becomes of it; it can be several things, and none.
    pub fates: BTreeSet<Fate>,
    /// Whether it is compliant once the plan is carried out; `None` if it is gone by then, or was not judged at all.
    pub is_compliant_after: Option<bool>,
}

/// What becomes of an instance if the plan is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is terminated.
    Terminate,
    /// It is stopped.
    Stop,
    /// Nothing that tagwarden may do: refused, failed, only to be reported, or nothing at all though it is
    /// non-compliant.
    Person,
    /// Something is left for a later run.
    Later,
    /// It gets tags.
    Tag,
}

/// What an instance has of a rule's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is wrong.
    InOrder,
    /// The tag is missing.
    Missing,
    /// The tag is there without a value.
    Empty,
}

/// The members of a plan, by id.
pub fn members<'a>(
    plan: &'a Plan<'a>,
    policy: &'a Policy,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Vec<Member<'a>> {
    let look_up = look_up_rule(policy);
    let forecasts = plan.forecasts.values();
    forecasts
        .map(|forecast| {
            let assessment = assess(policy, scope, forecast.instance, now);
            Member {
                launcher: look_up.and_then(|rule| launcher(forecast, rule)),
                fates: fates(forecast),
                is_compliant_after: is_compliant_after(forecast, &assessment),
                assessment,
                forecast,
            }
        })
        .collect()
}

/// The rule whose tag names who launched an instance: the first, if there are several.
pub fn look_up_rule(policy: &Policy) -> Option<&TagRule> {
    let mut rules = policy.rules().iter();
    rules.find(|rule| rule.action == Action::UserLookup)
}

impl Member<'_> {
    /// Whether it is compliant; `None` where the policy does not apply.
    pub fn is_compliant(&self) -> Option<bool> {
        match self.forecast.verdict {
            Verdict::Compliant => Some(true),
            Verdict::NonCompliant => Some(false),
            Verdict::NotApplicable => None,
        }
    }

    /// How it stands with a rule.
    pub fn standing(&self, rule: &TagRule) -> Standing {
        let mut findings = self.assessment.findings.iter();
        let found = findings.find(|finding| finding.rule.id == rule.id);
        found.map_or(Standing::InOrder, |finding| match finding.defect.name() {
            DefectName::Missing => Standing::Missing,
            DefectName::Empty => Standing::Empty,
        })
    }
}

/// The tag's value, or the one that would be written.
fn launcher<'a>(forecast: &'a Forecast<'a>, rule: &TagRule) -> Option<&'a str> {
    let tag = forecast.instance.tags.get(&rule.tag_key);
    let found = forecast.entries.iter().find_map(|entry| {
        let is_of_rule = entry.step.cause.rule_id() == Some(rule.id);
        match &entry.step.remedy {
            Remedy::Tag { value, .. } if is_of_rule => Some(value),
            _ => None,
        }
    });
    let named = tag.filter(|value| !value.is_empty()).or(found);
    named.map(String::as_str).filter(|name| *name != UNDEFINED)
}

fn fates(forecast: &Forecast<'_>) -> BTreeSet<Fate> {
    let mut fates: BTreeSet<Fate> = forecast.entries.iter().map(fate).collect();
    if fates.is_empty() && forecast.verdict == Verdict::NonCompliant {
        fates.insert(Fate::Person);
    }
    fates
}

/// What becomes of the instance by one step.
pub fn fate(entry: &Entry) -> Fate {
    match group(entry) {
        Group::Terminate => Fate::Terminate,
        Group::Stop => Fate::Stop,
        Group::Tag => Fate::Tag,
        Group::Later => Fate::Later,
        // The next hour has a budget of its own.
        Group::Refused if matches!(entry.outcome, Outcome::Refused(Reason::Budget { .. })) => {
            Fate::Later
        }
        Group::Notify | Group::Refused | Group::Failed => Fate::Person,
    }
}

fn is_compliant_after(forecast: &Forecast<'_>, assessment: &Assessment<'_>) -> Option<bool> {
    if forecast.verdict == Verdict::NotApplicable
        || forecast.entries_in(Group::Terminate).next().is_some()
    {
        return None;
    }
    if assessment.is_untagged {
        return Some(false);
    }
    let is_written = |rule: &TagRule| {
        let mut written = forecast.entries_in(Group::Tag);
        written.any(|entry| entry.step.cause.rule_id() == Some(rule.id))
    };
    let mut required = assessment
        .findings
        .iter()
        .filter(|finding| finding.rule.required);
    Some(required.all(|finding| is_written(finding.rule)))
}

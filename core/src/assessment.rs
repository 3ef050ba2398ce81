//! The one decision everything else follows from: what the policy says of an instance.

use chrono::{DateTime, NaiveDate, Utc};

use crate::policy::Action;
use crate::{Exemption, Instance, Policy, Scope, State, TagRule};

/// What AWS Config is told of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Nothing required is missing.
    Compliant,
    /// The instance is untagged, or a required rule has a finding.
    NonCompliant,
    /// The policy does not reach the instance, or leaves it alone, or the instance is gone.
    NotApplicable(NotApplicable<'a>),
}

/// Why the policy has nothing to say of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotApplicable<'a> {
    /// It is in a VPC that is not in scope.
    OutOfScope,
    /// It is shutting down or terminated.
    Gone(State),
    /// Its tag exempts it for now, see [`Exemption`].
    Exempt {
        /// The last day of it, to its end in UTC.
        until: NaiveDate,
        /// Why.
        reason: &'a str,
    },
}

/// One thing that is wrong with one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<'a> {
    /// It has no tags at all. Tags that AWS put there count as tags.
    Untagged,
    /// A rule's tag is missing or empty.
    Tag {
        /// The rule.
        rule: &'a TagRule,
        /// What is wrong with its tag.
        defect: Defect<'a>,
    },
}

/// What is wrong with a rule's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect<'a> {
    /// The instance has no tag of that key.
    Missing {
        /// A key it does have that differs only in case or surrounding blanks; most often a typing error.
        near_miss: Option<&'a str>,
    },
    /// The tag is there, its value is empty.
    Empty,
}

/// The findings of one instance and the verdict they lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// What Config is told.
    pub verdict: Verdict<'a>,
    /// What is wrong, in the order of the rules; those of rules that are not required are here too.
    /// Empty where the policy does not apply.
    pub findings: Vec<Finding<'a>>,
    /// What its exemption tag says, if it has one; `None` too where it is gone or out of scope.
    pub exemption: Option<Exemption<'a>>,
}

impl Finding<'_> {
    /// Whether this finding makes its instance `NON_COMPLIANT`.
    #[must_use]
    pub fn is_required(&self) -> bool {
        match self {
            Self::Untagged => true,
            Self::Tag { rule, .. } => rule.required,
        }
    }
}

/// Says what `policy` says of `instance` at `now`. Pure: the same values always give the same answer.
///
/// A compliant instance costs no allocation.
#[must_use]
pub fn assess<'a>(
    policy: &'a Policy,
    scope: &Scope,
    instance: &'a Instance,
    now: DateTime<Utc>,
) -> Assessment<'a> {
    if instance.state.is_gone() {
        return not_applicable(NotApplicable::Gone(instance.state), None);
    }
    if !scope.covers(instance) {
        return not_applicable(NotApplicable::OutOfScope, None);
    }
    let exemption = Exemption::of(instance, now);
    if let Some(Exemption::Holds { until, reason }) = exemption {
        return not_applicable(NotApplicable::Exempt { until, reason }, exemption);
    }
    let findings = findings(policy, instance);
    let verdict = if findings.iter().any(Finding::is_required) {
        Verdict::NonCompliant
    } else {
        Verdict::Compliant
    };
    Assessment {
        verdict,
        findings,
        exemption,
    }
}

fn not_applicable<'a>(why: NotApplicable<'a>, exemption: Option<Exemption<'a>>) -> Assessment<'a> {
    Assessment {
        verdict: Verdict::NotApplicable(why),
        findings: Vec::new(),
        exemption,
    }
}

fn findings<'a>(policy: &'a Policy, instance: &'a Instance) -> Vec<Finding<'a>> {
    if instance.tags.is_empty() {
        return vec![Finding::Untagged];
    }
    policy
        .rules()
        .iter()
        .filter_map(|rule| {
            let defect = defect(rule, instance)?;
            Some(Finding::Tag { rule, defect })
        })
        .collect()
}

fn defect<'a>(rule: &TagRule, instance: &'a Instance) -> Option<Defect<'a>> {
    match instance.tags.get(&rule.tag_key) {
        Some(value) if value.is_empty() => Some(Defect::Empty),
        Some(_) => None,
        // Nobody asked for the tag: a default for it is only a default for an empty value.
        None if !rule.required && matches!(rule.action, Action::Update { .. }) => None,
        None => Some(Defect::Missing {
            near_miss: near_miss(&rule.tag_key, instance),
        }),
    }
}

fn near_miss<'a>(key: &str, instance: &'a Instance) -> Option<&'a str> {
    let wanted = key.trim();
    instance
        .tags
        .keys()
        .map(String::as_str)
        .find(|candidate| same_but_for_case(candidate.trim(), wanted))
}

fn same_but_for_case(left: &str, right: &str) -> bool {
    // Nearly every key is ASCII, and comparing those costs a tenth.
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars()
        .flat_map(char::to_lowercase)
        .eq(right.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests;

//! The decision that everything else follows from: what the policy says about an instance.

use chrono::{DateTime, NaiveDate, Utc};

use crate::policy::Defect;
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

/// What is wrong with one rule's tag on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: &'a TagRule,
    /// What is wrong with its tag.
    pub defect: Defect<'a>,
}

/// The findings of one instance and the verdict they lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// What Config is told.
    pub verdict: Verdict<'a>,
    /// Whether the instance has no tags at all. Tags that AWS put there count as tags. One remedy for the whole instance
    /// then replaces those of the findings. False where the policy does not apply.
    pub is_untagged: bool,
    /// What is wrong, rule by rule in their order; those of rules that are not required are here too.
    /// Empty where the policy does not apply.
    pub findings: Vec<Finding<'a>>,
    /// What its exemption tag says, if it has one; `None` too where it is gone or out of scope.
    pub exemption: Option<Exemption<'a>>,
}

impl Assessment<'_> {
    /// Whether anything is wrong with the instance, whatever that does to its verdict.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.is_untagged || !self.findings.is_empty()
    }
}

/// Judges `instance` by `policy` at `now`. Pure: the same values always give the same answer.
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
    let is_untagged = instance.tags.is_empty();
    let findings = findings(policy, instance);
    let verdict = if is_untagged || findings.iter().any(|finding| finding.rule.required) {
        Verdict::NonCompliant
    } else {
        Verdict::Compliant
    };
    Assessment {
        verdict,
        is_untagged,
        findings,
        exemption,
    }
}

fn not_applicable<'a>(why: NotApplicable<'a>, exemption: Option<Exemption<'a>>) -> Assessment<'a> {
    Assessment {
        verdict: Verdict::NotApplicable(why),
        is_untagged: false,
        findings: Vec::new(),
        exemption,
    }
}

fn findings<'a>(policy: &'a Policy, instance: &'a Instance) -> Vec<Finding<'a>> {
    let mut findings = Vec::new();
    for rule in policy.rules() {
        let Some(defect) = rule.defect(instance) else {
            continue;
        };
        // A defect that the rule does not mind is no finding.
        if rule.remedy(defect.name()).is_none() {
            continue;
        }
        if findings.is_empty() {
            // Most instances have no finding and allocate nothing. The others allocate once.
            findings.reserve_exact(policy.rules().len());
        }
        findings.push(Finding { rule, defect });
    }
    findings
}

#[cfg(test)]
mod tests;

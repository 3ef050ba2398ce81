//! Assesses a resource: its findings under a policy, and the verdict that follows from them.

use chrono::{DateTime, NaiveDate, Utc};

use crate::exemption::Exemption;
use crate::policy::{Coverage, Defect, Policy, RuleChoice, TagRule, UndecidedRule};
use crate::resource::{Kind, Resource, State, TagKnowledge};
use crate::scope::Scope;

/// The result that the Config rule reports for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No finding is a violation: see [`Defect::is_violation`].
    Compliant,
    /// The instance is untagged, or a finding is a violation.
    NonCompliant,
    /// The instance is out of scope, exempt or gone, or no rule is for it.
    NotApplicable(NotApplicable<'a>),
}

/// Why the policy does not apply to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotApplicable<'a> {
    /// It is not in a VPC that the policy covers. A volume is where its instance is, and nowhere if it is detached.
    OutOfScope,
    /// It is shutting down or terminated, or is deleted or being deleted.
    Gone(State),
    /// Its tag exempts it for now: see [`Exemption`].
    Exempt {
        /// The last day of the exemption, which holds to the end of that day in UTC.
        until: NaiveDate,
        /// The reason; never blank.
        reason: &'a str,
    },
    /// No rule of the policy is for it: see [`When`](crate::policy::RuleConditions).
    NoRule,
}

/// A defect under a rule, on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: &'a TagRule,
    /// The defect of its tag.
    pub defect: Defect<'a>,
}

impl Finding<'_> {
    /// Whether it makes the instance `NON_COMPLIANT`.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        self.defect.is_violation(self.rule)
    }
}

/// A rule that applies to an instance of which it is not known whether its tag has a defect, because the tag is not known.
/// Only an instance that does not exist yet has such tags: see [`UnknownTags`](crate::resource::UnknownTags).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTag<'a> {
    /// The rule.
    pub rule: &'a TagRule,
    /// Whether the tag is there, so that only its value is not known.
    pub is_there: bool,
}

/// The findings of one instance and the verdict they lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// What the resource is.
    pub kind: Kind,
    /// The result for Config.
    pub verdict: Verdict<'a>,
    /// Whether it is an instance and has no tags, not even tags that AWS wrote. One remedy for the whole instance then
    /// replaces those of the findings. `false` if the policy does not apply.
    pub is_untagged: bool,
    /// The findings in the order of the rules, including those of rules that are not required. Empty if the policy does
    /// not apply.
    pub findings: Vec<Finding<'a>>,
    /// The rules of which it is not known whether they apply: nothing is known of their tags, and they change no verdict.
    pub unknown: Vec<UndecidedRule<'a>>,
    /// The rules that apply, and of whose tags it is not known whether they have a defect: they change no verdict.
    pub unknown_tags: Vec<UnknownTag<'a>>,
    /// The exemption of the instance; `None` if it has no exemption tag, is gone or is out of scope.
    pub exemption: Option<Exemption<'a>>,
}

impl Assessment<'_> {
    /// Whether the instance is untagged or has a finding. It can still be compliant.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.is_untagged || !self.findings.is_empty()
    }
}

/// Assesses `instance` by `policy` at `now`. The same values always give the same assessment.
///
/// An instance without findings costs no allocation.
#[must_use]
pub fn assess<'a>(
    policy: &'a Policy,
    scope: &Scope,
    instance: &'a Resource,
    now: DateTime<Utc>,
) -> Assessment<'a> {
    let kind = instance.kind;
    // Gone and out of scope come before the exemption, because they do not end.
    if instance.state.is_gone() {
        return not_applicable(kind, NotApplicable::Gone(instance.state), None);
    }
    if !scope.covers(instance) {
        return not_applicable(kind, NotApplicable::OutOfScope, None);
    }
    let exemption = Exemption::of(instance, now);
    if let Some(Exemption::Holds { until, reason }) = exemption {
        return not_applicable(kind, NotApplicable::Exempt { until, reason }, exemption);
    }
    let Judged {
        findings,
        unknown,
        unknown_tags,
        coverage,
    } = judge(policy, instance, now);
    let is_bare = instance.kind.untagged_counts()
        && instance.tags.is_empty()
        && instance.details.unknown_tags.is_none();
    let coverage = if is_bare {
        policy.covers_untagged(instance)
    } else {
        coverage
    };
    if coverage == Coverage::No {
        return not_applicable(kind, NotApplicable::NoRule, exemption);
    }
    let is_untagged = is_bare && coverage == Coverage::Yes;
    let verdict = if is_untagged || findings.iter().any(Finding::is_violation) {
        Verdict::NonCompliant
    } else {
        Verdict::Compliant
    };
    Assessment {
        kind,
        verdict,
        is_untagged,
        findings,
        unknown,
        unknown_tags,
        exemption,
    }
}

fn not_applicable<'a>(
    kind: Kind,
    why: NotApplicable<'a>,
    exemption: Option<Exemption<'a>>,
) -> Assessment<'a> {
    Assessment {
        kind,
        verdict: Verdict::NotApplicable(why),
        is_untagged: false,
        findings: Vec::new(),
        unknown: Vec::new(),
        unknown_tags: Vec::new(),
        exemption,
    }
}

/// What the rules say of an instance.
struct Judged<'a> {
    findings: Vec<Finding<'a>>,
    unknown: Vec<UndecidedRule<'a>>,
    unknown_tags: Vec<UnknownTag<'a>>,
    /// Whether any rule applies.
    coverage: Coverage,
}

fn judge<'a>(policy: &'a Policy, instance: &'a Resource, now: DateTime<Utc>) -> Judged<'a> {
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    let mut unknown_tags = Vec::new();
    let mut coverage = Coverage::No;
    for choice in policy.choices(instance) {
        let rule = match choice {
            RuleChoice::Rule(rule) => rule,
            RuleChoice::Nothing => continue,
            RuleChoice::Unknown(undecided) => {
                unknown.push(undecided);
                continue;
            }
        };
        coverage = Coverage::Yes;
        if let Some(is_there) = unknown_tag(instance, &rule.tag_key) {
            unknown_tags.push(UnknownTag { rule, is_there });
            continue;
        }
        let Some(defect) = rule.defect(instance, policy.rules(), now) else {
            continue;
        };
        // A defect without a remedy is not a finding.
        if rule.remedy(instance.kind, defect).is_none() {
            continue;
        }
        if findings.is_empty() {
            // Most instances have no finding and allocate nothing. The others allocate once.
            findings.reserve_exact(policy.rules().len());
        }
        findings.push(Finding { rule, defect });
    }
    if policy.has_several_rules_for_a_key() {
        findings.sort_unstable_by_key(|finding| finding.rule.id);
    }
    if coverage == Coverage::No && !unknown.is_empty() {
        coverage = Coverage::Unknown;
    }
    Judged {
        findings,
        unknown,
        unknown_tags,
        coverage,
    }
}

/// Whether the tag `key` of `instance` is there, if its value is not known; `None` if all of it is known.
fn unknown_tag(instance: &Resource, key: &str) -> Option<bool> {
    // Nearly every instance ends here.
    let unknown = &instance.details.unknown_tags;
    if unknown.is_none() || instance.tags.contains_key(key) {
        return None;
    }
    match unknown.of(key) {
        TagKnowledge::Known => None,
        TagKnowledge::ValueUnknown => Some(true),
        TagKnowledge::Unknown => Some(false),
    }
}

#[cfg(test)]
mod tests;

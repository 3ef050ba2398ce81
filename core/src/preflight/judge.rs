//! What the engine finds in a resource before it is launched, and how bad that is.
//!
//! | level | what |
//! |---|---|
//! | error | what makes an instance `NON_COMPLIANT`, and the remediation does not fill in |
//! | warning | what may be an error: a tag or a condition is not known yet |
//! | note | what the remediation would fill in, and what is only reported |

use crate::exemption::{EXEMPTION_KEY, is_exemption_like};
use crate::policy::{ConditionDoubt, UndecidedRule};
use crate::resource::TagKnowledge;
use crate::wording::{correction, excerpt, rule_defect};
use crate::{
    Defect, DefectName, Finding, NotApplicable, Policy, Resource, Scope, TagRule, UnknownTag,
    Verdict, assess,
};
use chrono::{DateTime, Utc};

use super::filling::filling;
use super::finding::{
    DEFECTIVE, EMPTY, FindingKind, FindingLevel, FoundRule, JudgedResource, MISSING,
    PreflightFinding, UNDECIDED, UNKNOWN, UNTAGGED,
};
use super::launch::PlannedLaunch;
use super::repair::{hint, repair};

/// What a resource is judged by.
#[derive(Clone, Copy, Debug)]
pub struct PreflightRules<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The VPCs that the policy covers.
    pub scope: &'a Scope,
    /// The time of the judgement, for end dates and exemptions.
    pub at: DateTime<Utc>,
}

impl PreflightRules<'_> {
    /// Judges a resource.
    #[must_use]
    pub fn judge(&self, resource: &PlannedLaunch) -> JudgedResource {
        let instance = resource.instance();
        let every_vpc = Scope::default();
        let is_vpc_doubtful = self.scope.vpc_ids().len() > 0 && instance.vpc_id.is_none();
        let scope = if is_vpc_doubtful {
            &every_vpc
        } else {
            self.scope
        };
        let assessment = assess(self.policy, scope, &instance, self.at);
        if let Verdict::NotApplicable(why) = assessment.verdict {
            return JudgedResource {
                not_applicable: Some(not_applicable(why, resource)),
                ..JudgedResource::default()
            };
        }
        let judge = Judge {
            rules: *self,
            resource,
            instance: &instance,
        };
        let mut findings = Vec::new();
        if assessment.is_untagged {
            findings.push(judge.untagged());
        }
        let found = assessment.findings.iter().map(|it| judge.finding(it));
        // The remediation fills nothing in on an instance without tags: it has one remedy.
        findings
            .extend(found.filter(|it| !assessment.is_untagged || it.level == FindingLevel::Error));
        let unknown = assessment.unknown_tags.iter();
        findings.extend(unknown.filter_map(|it| judge.unknown_tag(it)));
        let undecided = assessment.unknown.iter();
        findings.extend(undecided.filter_map(|it| judge.undecided(it)));
        if findings.iter().all(|it| it.level == FindingLevel::Note) {
            findings.extend(judge.perhaps_untagged(assessment.is_untagged));
        }
        let doubts = doubts(&instance, is_vpc_doubtful);
        if !doubts.is_empty() {
            for finding in &mut findings {
                finding.level = finding.level.max(FindingLevel::Warning);
            }
        }
        findings.sort_by_key(|it| (it.level, it.rule.as_ref().map(|rule| rule.id)));
        JudgedResource {
            findings,
            doubts,
            not_applicable: None,
        }
    }
}

/// Judges one resource.
struct Judge<'a> {
    rules: PreflightRules<'a>,
    resource: &'a PlannedLaunch,
    instance: &'a Resource,
}

impl Judge<'_> {
    fn untagged(&self) -> PreflightFinding {
        let message = match &self.resource.lost {
            Some(lost) => format!("the instance will have no tags at all: {}", lost.why),
            None => "the instance will have no tags at all".to_owned(),
        };
        let rules = self.rules.policy.rules_for(self.instance);
        let missing = Defect::Missing { near_miss: None };
        PreflightFinding {
            level: FindingLevel::Error,
            kind: UNTAGGED,
            rule: None,
            message,
            fixes: rules
                .filter(|rule| rule.required)
                .filter_map(|rule| {
                    repair(
                        rule,
                        missing,
                        self.resource,
                        self.instance,
                        self.rules.policy.rules(),
                    )
                })
                .collect(),
        }
    }

    /// The warning for an instance of which it is not known whether it has any tags, or whether a rule is for it.
    fn perhaps_untagged(&self, is_untagged: bool) -> Option<PreflightFinding> {
        let counts = self.instance.kind.untagged_counts();
        if is_untagged || !counts || !self.instance.tags.is_empty() {
            return None;
        }
        let unknown = &self.instance.details.unknown_tags;
        if !unknown.keys.is_empty() {
            return None;
        }
        let message = if unknown.is_none() {
            "the instance will have no tags at all, and whether a rule is for it is not known before the launch"
        } else {
            "whether the instance will have any tags is not known before the launch"
        };
        Some(PreflightFinding {
            level: FindingLevel::Warning,
            kind: UNTAGGED,
            rule: None,
            message: message.to_owned(),
            fixes: Vec::new(),
        })
    }

    fn finding(&self, finding: &Finding<'_>) -> PreflightFinding {
        let Finding { rule, defect } = finding;
        let mut message = rule_defect(defect.name(), &rule.tag_key, rule.id);
        if let Some(correction) = self.correction(rule, *defect) {
            message = format!("{message}: {correction}");
        }
        if let Some(lost) = &self.resource.lost
            && lost.keys.contains(&rule.tag_key)
        {
            message = format!("{message}: {}", lost.why);
        }
        let filled = self.filling(rule, *defect);
        let level = self.level(rule, *defect);
        match &filled {
            Some(how) => message = format!("{message}; the remediation would write {how}"),
            None if level == FindingLevel::Note => message.push_str("; this is only reported"),
            None => {}
        }
        PreflightFinding {
            level,
            kind: kind(defect.name()),
            rule: Some(found(rule, Some(defect.name()))),
            message,
            fixes: repair(
                rule,
                *defect,
                self.resource,
                self.instance,
                self.rules.policy.rules(),
            )
            .into_iter()
            .collect(),
        }
    }

    /// What to write, without what must not be shown.
    fn correction(&self, rule: &TagRule, defect: Defect<'_>) -> Option<String> {
        let tags = &self.resource.tags;
        match defect {
            Defect::Missing { near_miss: Some(_) } if !tags.shows_keys() => {
                Some("it has a tag with nearly that key".to_owned())
            }
            Defect::Missing { .. } | Defect::Empty { .. } => {
                let is_filled = self.filling(rule, defect).is_some();
                let values = || hint(rule).filter(|_| !is_filled);
                correction(rule, defect).or_else(values)
            }
            _ if tags.is_secret(&rule.tag_key) => {
                Some("its value is sensitive and not shown".to_owned())
            }
            _ => correction(rule, defect),
        }
    }

    /// What the remediation would write, if it would.
    fn filling(&self, rule: &TagRule, defect: Defect<'_>) -> Option<String> {
        filling(
            rule,
            defect,
            self.resource,
            self.instance,
            self.rules.policy,
        )
    }

    fn level(&self, rule: &TagRule, defect: Defect<'_>) -> FindingLevel {
        if defect.is_violation(rule) && self.filling(rule, defect).is_none() {
            FindingLevel::Error
        } else {
            FindingLevel::Note
        }
    }

    /// The finding of a tag that is not known; `None` if nothing can be wrong with it but an empty value.
    fn unknown_tag(&self, tag: &UnknownTag<'_>) -> Option<PreflightFinding> {
        let rule = tag.rule;
        let level = self.level_of_unknown(rule, tag.is_there)?;
        let key = excerpt(&rule.tag_key);
        let what = if tag.is_there {
            format!("the value of tag {key} is not known before the launch")
        } else {
            format!("whether there is a tag {key} is not known before the launch")
        };
        let limit = limit(rule);
        Some(PreflightFinding {
            level,
            kind: UNKNOWN,
            rule: Some(found(rule, None)),
            message: format!("{what} (rule {}){limit}", rule.id),
            fixes: Vec::new(),
        })
    }

    /// How bad a tag can be that is not known.
    fn level_of_unknown(&self, rule: &TagRule, is_there: bool) -> Option<FindingLevel> {
        let is_restricted = rule.options.allowed.is_some() || rule.options.end_date.is_some();
        if is_restricted {
            return Some(FindingLevel::Warning);
        }
        if is_there {
            return None;
        }
        let missing = Defect::Missing { near_miss: None };
        rule.remedy(self.instance.kind, missing)?;
        Some(match self.level(rule, missing) {
            FindingLevel::Error => FindingLevel::Warning,
            level => level,
        })
    }

    /// The finding of a rule that may apply; `None` if nothing is wrong whether it does or not.
    fn undecided(&self, undecided: &UndecidedRule<'_>) -> Option<PreflightFinding> {
        let UndecidedRule {
            rule,
            condition,
            doubt,
        } = undecided;
        let policy = self.rules.policy;
        let unknown = &self.instance.details.unknown_tags;
        let key = &rule.tag_key;
        // A later rule for the key applies if this one does not.
        let candidates = policy.rules().iter();
        let candidates = candidates.filter(|it| it.tag_key == *key && it.id >= rule.id);
        let level = candidates.filter_map(|rule| {
            if !self.instance.tags.contains_key(key) {
                match unknown.of(key) {
                    TagKnowledge::Known => {}
                    TagKnowledge::ValueUnknown => return self.level_of_unknown(rule, true),
                    TagKnowledge::Unknown => return self.level_of_unknown(rule, false),
                }
            }
            let defect = rule.defect(self.instance, policy.rules(), self.rules.at)?;
            rule.remedy(self.instance.kind, defect)?;
            Some(self.level(rule, defect).max(FindingLevel::Warning))
        });
        let level = level.min()?;
        let tags = &self.resource.tags;
        let is_secret = condition.tag_key().is_none_or(|key| tags.is_secret(key));
        let because = match doubt {
            ConditionDoubt::NotKnown => String::new(),
            ConditionDoubt::NearValue(_) if is_secret => {
                ", because the value is nearly right".to_owned()
            }
            ConditionDoubt::NearKey(_) if !tags.shows_keys() => {
                ", because a tag has nearly that key".to_owned()
            }
            doubt => format!(", because {doubt}"),
        };
        let before = if because.is_empty() {
            " before the launch"
        } else {
            ""
        };
        Some(PreflightFinding {
            level,
            kind: UNDECIDED,
            rule: Some(found(rule, None)),
            message: format!(
                "rule {} for tag {} may apply: whether {condition} holds is not known{before}{because}",
                rule.id,
                excerpt(key)
            ),
            fixes: Vec::new(),
        })
    }
}

fn found(rule: &TagRule, defect: Option<DefectName>) -> FoundRule {
    FoundRule {
        id: rule.id,
        tag_key: rule.tag_key.clone(),
        defect,
    }
}

fn kind(defect: DefectName) -> FindingKind {
    match defect {
        DefectName::Missing => MISSING,
        DefectName::Empty => EMPTY,
        DefectName::Unreadable | DefectName::Expired | DefectName::NotAllowed => DEFECTIVE,
    }
}

fn not_applicable(why: NotApplicable<'_>, resource: &PlannedLaunch) -> String {
    match why {
        NotApplicable::OutOfScope => "it is not in a VPC that the policy covers".to_owned(),
        NotApplicable::Exempt { .. } if resource.tags.is_secret(EXEMPTION_KEY) => {
            "it is exempt".to_owned()
        }
        NotApplicable::Exempt { until, .. } => format!("it is exempt until {until}"),
        NotApplicable::NoRule => "no rule is for it".to_owned(),
        NotApplicable::Gone(state) => format!("it is {state}"),
    }
}

fn doubts(instance: &Resource, is_vpc_doubtful: bool) -> Vec<String> {
    let mut doubts = Vec::new();
    if is_vpc_doubtful {
        let doubt = "whether the policy covers its VPC is not known before the launch: say which VPC it is with --vpc-id";
        doubts.push(doubt.to_owned());
    }
    let unknown = &instance.details.unknown_tags;
    let mut keys = unknown.keys.iter().chain(&unknown.doubtful);
    if let Some(key) = keys.find(|key| is_exemption_like(key)) {
        let doubt = format!(
            "whether it is exempt is not known before the launch: it may have the tag {key}"
        );
        doubts.push(doubt);
    }
    doubts
}

/// What values the rule asks for.
fn limit(rule: &TagRule) -> String {
    match hint(rule) {
        Some(hint) => format!(": {hint}"),
        None => String::new(),
    }
}

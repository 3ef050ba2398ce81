//! What the remediation would write in the place of a defect.

use crate::likeness::is_blank;
use crate::policy::{NearMissValue, Source};
use crate::resource::TagKnowledge;
use crate::wording::excerpt;
use crate::{Action, Defect, Policy, Resource, RuleRemedy, TagRule};

use super::launch::PlannedLaunch;

/// What the remediation would write about `defect`, in words; `None` if it writes nothing.
pub fn filling(
    rule: &TagRule,
    defect: Defect<'_>,
    resource: &PlannedLaunch,
    instance: &Resource,
    policy: &Policy,
) -> Option<String> {
    let own = match rule.remedy(instance.kind, defect)? {
        RuleRemedy::Report | RuleRemedy::ShutDown(_) => return None,
        RuleRemedy::WriteLauncher => return Some("who launched it".to_owned()),
        RuleRemedy::WriteFunction(function) => Some(function.to_string()),
        RuleRemedy::Write(value) => value.map(excerpt),
    };
    match rule.near_miss_value(instance, policy.rules()) {
        NearMissValue::Absent => {}
        NearMissValue::Means {
            tag: (key, value), ..
        } => {
            let tags = &resource.tags;
            return Some(if tags.is_secret(key) {
                "the value of the tag with nearly that key".to_owned()
            } else {
                format!("{}, the value of its tag {}", excerpt(value), excerpt(key))
            });
        }
        NearMissValue::NotAllowed { .. } | NearMissValue::Conflict { .. } => return None,
    }
    let sources = rule.options.from.iter();
    let sources: Vec<String> = sources
        .filter(|source| may_have(source, rule, instance))
        .map(ToString::to_string)
        .collect();
    match (sources.is_empty(), own) {
        (true, own) => own,
        (false, Some(own)) => Some(format!(
            "the value of {}, or else {own}",
            sources.join(" or ")
        )),
        (false, None) => Some(format!("the value of {}", sources.join(" or "))),
    }
}

/// Whether a source may have a value for the rule's tag.
fn may_have(source: &Source, rule: &TagRule, instance: &Resource) -> bool {
    match source {
        Source::Tag(key) => {
            let unknown = &instance.details.unknown_tags;
            let may_be_there = unknown.of(key) != TagKnowledge::Known;
            let value = instance.tags.get(key);
            value.map_or(may_be_there, |it| !is_blank(it) && rule.allows(it))
        }
        // Only what is attached to an instance takes values from one.
        Source::Instance => instance.kind.attached_by().is_some(),
        Source::Subnet | Source::Vpc | Source::Launcher => true,
    }
}

/// The value that a rule writes where nothing else says one.
pub fn default_of(rule: &TagRule) -> Option<&str> {
    match &rule.action {
        Action::Update { value } => value.as_deref(),
        _ => None,
    }
}

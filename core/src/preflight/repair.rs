//! The tag that repairs a finding.

use crate::policy::{NearMissValue, Pattern};
use crate::{Action, Defect, Resource, TagRule};

use super::filling::default_of;
use super::fix::FixTag;
use super::launch::PlannedLaunch;

/// The most characters of a list of values in a hint.
const MAX_HINT: usize = 80;

/// The tag to write in the place of `defect`; `None` if only the remediation can know its value.
pub fn repair(
    rule: &TagRule,
    defect: Defect<'_>,
    resource: &PlannedLaunch,
    instance: &Resource,
    rules: &[TagRule],
) -> Option<FixTag> {
    let allowed = rule.options.allowed.as_ref();
    let shown = |key: &str, value: &str| (!resource.tags.is_secret(key)).then(|| value.to_owned());
    let value = match defect {
        Defect::Missing { .. } | Defect::Empty { .. } => {
            match rule.near_miss_value(instance, rules) {
                NearMissValue::Means { tag, value } => shown(tag.0, value),
                _ if matches!(rule.action, Action::UserLookup | Action::Function(_)) => {
                    return None;
                }
                _ => default_of(rule)
                    .or_else(|| only_value(rule))
                    .map(ToOwned::to_owned),
            }
        }
        Defect::NotAllowed { value, .. } | Defect::Unreadable { value } => {
            let nearest = allowed.and_then(|allowed| allowed.nearest(value));
            nearest.and_then(|nearest| shown(&rule.tag_key, nearest))
        }
        Defect::Expired { .. } | Defect::TooFar { .. } => None,
    };
    let hint = match &value {
        Some(_) => None,
        None => Some(hint(rule).unwrap_or_else(|| "fill in".to_owned())),
    };
    Some(FixTag {
        key: rule.tag_key.clone(),
        value,
        hint,
    })
}

/// The value of a rule that allows only one.
fn only_value(rule: &TagRule) -> Option<&str> {
    let patterns = rule.options.allowed.as_ref()?.patterns();
    let [only] = patterns else {
        return None;
    };
    if rule.options.end_date.is_some() {
        return None;
    }
    only.as_literal()
}

/// Which values a rule asks for: `one of Prod, Stage`; `None` if it allows every value.
pub fn hint(rule: &TagRule) -> Option<String> {
    let allowed = rule.options.allowed.as_ref();
    let values = allowed.map(|allowed| list(allowed.patterns()));
    if let Some(end_date) = &rule.options.end_date {
        let date = match end_date.at_most {
            Some(days) => format!("a date such as 2026-12-31, at most {days} days ahead"),
            None => "a date such as 2026-12-31".to_owned(),
        };
        return Some(match values {
            Some(values) => format!("{date}, or {values}"),
            None => date,
        });
    }
    values.map(|values| format!("one of {values}"))
}

fn list(patterns: &[Pattern]) -> String {
    let mut text = String::new();
    for pattern in patterns {
        let separator = if text.is_empty() { "" } else { ", " };
        let shown = crate::wording::excerpt(&pattern.to_string());
        if text.chars().count() + shown.chars().count() > MAX_HINT {
            text.push_str(", …");
            break;
        }
        text.push_str(separator);
        text.push_str(&shown);
    }
    text
}

//! Warns about rules that are valid, and that stand in each other's way.

use tagwarden_core::policy::Condition;
use tagwarden_core::{Action, Policy, TagRule};

use super::rows::{FileRule, FileRules};
use crate::text::problem::TextProblem;

/// Warns about conditions of rules that contradict other rules, or their own.
pub fn lint(policy: &Policy, rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    for rule in policy.rules() {
        if let Some((message, help)) = ends_at_once(rule) {
            problems.extend(warning(rules, rule, "WhenExpired", message, help));
        }
        let Some(when) = &rule.options.when else {
            continue;
        };
        for condition in when.conditions() {
            let warnings = [
                own_key(rule, condition),
                filled_by_another(policy, rule, condition),
            ];
            for (message, help) in warnings.into_iter().flatten() {
                problems.extend(warning(rules, rule, "When", message, help));
            }
        }
    }
}

/// A rule whose condition needs its own tag: the tag is never missing where the rule applies.
fn own_key(rule: &TagRule, condition: &Condition) -> Option<(String, String)> {
    let is_own = condition.tag_key() == Some(rule.tag_key.as_str());
    (is_own && condition.needs_presence()).then(|| {
        let message = format!(
            "rule {} is only for resources that have the tag {:?}, so it never finds the tag missing",
            rule.id, rule.tag_key
        );
        let help = "remove the condition on the rule's own key".to_owned();
        (message, help)
    })
}

/// A shutdown whose condition asks for a tag that tagwarden itself writes.
fn filled_by_another(
    policy: &Policy,
    rule: &TagRule,
    condition: &Condition,
) -> Option<(String, String)> {
    let key = condition.tag_key().filter(|key| *key != rule.tag_key)?;
    if !rule.may_shut_down() || !condition.needs_presence() {
        return None;
    }
    let writes = |it: &&TagRule| {
        let is_filled = matches!(
            it.action,
            Action::Update { .. } | Action::UserLookup | Action::Function(_)
        );
        it.tag_key == key && is_filled
    };
    let other = policy.rules().iter().find(writes)?;
    let message = format!(
        "rule {} shuts down by the tag {key:?}, which rule {} fills in",
        rule.id, other.id
    );
    let help =
        "what tagwarden wrote itself would be a reason for a shutdown at the next look".to_owned();
    Some((message, help))
}

/// A rule whose own default is over at the end of the day on which it is written.
fn ends_at_once(rule: &TagRule) -> Option<(String, String)> {
    rule.options.end_date.as_ref()?;
    let Action::Function(function) = &rule.action else {
        return None;
    };
    (function.days_ahead() <= 0).then(|| {
        let message = format!(
            "rule {} fills in {function} as an end date, which has passed the next day",
            rule.id
        );
        (message, "use a later date, such as today()+30d".to_owned())
    })
}

/// A warning at the rule's conditions.
fn warning(
    rules: &FileRules<'_>,
    rule: &TagRule,
    attribute: &str,
    message: String,
    help: String,
) -> Option<TextProblem> {
    let has_id = |row: &&FileRule<'_>| {
        let id = row.item.get("RuleId").and_then(|id| id.as_n().ok());
        id.and_then(|id| id.parse::<i64>().ok()) == Some(rule.id)
    };
    let row = rules.rows.iter().find(has_id)?;
    let span = row.entry(attribute)?.value.span.clone();
    Some(TextProblem::warning(span, message).help(help))
}

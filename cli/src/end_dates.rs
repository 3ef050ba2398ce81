//! What changes for the dates that tagwarden itself filled in, once a policy acts on end dates.

use tagwarden_core::{Action, Policy, TagRule};

/// A warning for each key whose tag becomes an end date although tagwarden filled it in with the present day: all those
/// dates have passed.
pub fn newly_ending(before: &Policy, after: &Policy) -> Vec<String> {
    let ends = |policy: &Policy, key: &str| {
        let mut rules = policy.rules().iter();
        rules.any(|rule| rule.tag_key == key && rule.options.end_date.is_some())
    };
    let new = after.rules().iter();
    let new = new.filter(|rule| rule.options.end_date.is_some());
    let new = new.filter(|rule| !ends(before, &rule.tag_key));
    let warning = |rule: &TagRule| {
        let mut rules = before.rules().iter();
        let (filled, default) = rules.find_map(|it| match &it.action {
            Action::Function(function) if it.tag_key == rule.tag_key => {
                (function.days_ahead() <= 0).then_some((it.id, function))
            }
            _ => None,
        })?;
        Some(format!(
            "Rule {} makes {} an end date. Rule {filled} filled it in with {default}, and all those dates have passed: \
             each instance is due after its notice. `tagwarden undo --tag {}` takes back what tagwarden wrote.",
            rule.id, rule.tag_key, rule.tag_key
        ))
    };
    new.filter_map(warning).collect()
}

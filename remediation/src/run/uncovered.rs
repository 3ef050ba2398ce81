//! Says which rules are for kinds of resources that the function does not cover.

use tagwarden_core::{Kind, Kinds, Policy};

/// Which rules of `policy` are for kinds that are not `covered`, and what to do; `None` if no rule is.
pub(super) fn note(policy: &Policy, covered: Kinds) -> Option<String> {
    let uncovered = policy.kinds().without(covered)?;
    let rules = policy.rules().iter();
    let ids: Vec<String> = rules
        .filter(|rule| rule.options.kinds.without(covered).is_some())
        .map(|rule| rule.id.to_string())
        .collect();
    let (rules, are) = match ids.as_slice() {
        [_] => ("Rule", "is"),
        _ => ("Rules", "are"),
    };
    // The parameter names them as AWS Config does.
    let types: Vec<&str> = uncovered.iter().map(Kind::config_type).collect();
    Some(format!(
        "{rules} {} of the policy {are} for {nouns}, which this stack does not cover: add {types} to its parameter \
         ResourceTypes.",
        ids.join(", "),
        nouns = uncovered.nouns(),
        types = types.join(" and "),
    ))
}

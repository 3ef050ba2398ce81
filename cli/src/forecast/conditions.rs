//! What the conditions of rules decided.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use tagwarden_core::policy::RuleStanding;
use tagwarden_core::{Policy, Resource, TagRule, Verdict};

use crate::words::thousands;

/// The most instances that are named in a note.
const MOST_NAMED: usize = 3;

/// What a rule is to an instance, and which condition decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingView {
    rule_id: i64,
    /// `applies`, `fails`, `undecided` or `behind`.
    standing: &'static str,
    /// As a sentence.
    why: String,
}

/// What each rule is to `instance`: the rules that have a condition, and those behind them. Empty for a policy without
/// conditions.
pub fn standings(policy: &Policy, instance: &Resource) -> Vec<StandingView> {
    let rules = policy.rules().iter();
    let conditional = rules.filter(|rule| is_conditional(policy, rule));
    let view = |rule: &TagRule| {
        let standing = policy.standing(rule, instance);
        StandingView {
            rule_id: rule.id,
            standing: match standing {
                RuleStanding::Applies => "applies",
                RuleStanding::OtherKind(_) => "other-kind",
                RuleStanding::Fails(_) => "fails",
                RuleStanding::Undecided(..) => "undecided",
                RuleStanding::Behind(_) => "behind",
            },
            why: format!("rule {} {standing}", rule.id),
        }
    };
    conditional.map(view).collect()
}

/// Whether a condition decides if `rule` applies: its own, or one of an earlier rule for its key.
fn is_conditional(policy: &Policy, rule: &TagRule) -> bool {
    let mut of_key = policy
        .rules()
        .iter()
        .filter(|it| it.tag_key == rule.tag_key);
    rule.options.when.is_some() || of_key.any(|it| it.options.when.is_some())
}

/// A line for each rule that a condition decides: how many of `instances` it is for, and of which that is not known.
pub fn notes<'a>(
    policy: &'a Policy,
    instances: &(impl Iterator<Item = &'a Resource> + Clone),
) -> Vec<String> {
    let rules = policy.rules().iter();
    let conditional = rules.filter(|rule| is_conditional(policy, rule));
    let note = |rule: &TagRule| {
        let (mut all, mut applying) = (0_usize, 0_usize);
        let mut unknown: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for instance in instances.clone() {
            all += 1;
            match policy.standing(rule, instance) {
                RuleStanding::Applies => applying += 1,
                RuleStanding::Undecided(condition, doubt) => {
                    let why = format!("whether {condition} holds, because {doubt}");
                    unknown.entry(why).or_default().push(&instance.id);
                }
                RuleStanding::OtherKind(_) | RuleStanding::Fails(_) | RuleStanding::Behind(_) => {}
            }
        }
        let condition = match &rule.options.when {
            Some(when) => format!("{when}"),
            None => "no earlier rule for the tag is".to_owned(),
        };
        let mut note = format!(
            "Rule {} ({}) is for {} of {} instances: {condition}.",
            rule.id,
            rule.tag_key,
            thousands(applying),
            thousands(all)
        );
        for (why, ids) in unknown {
            let shown = ids.get(..MOST_NAMED.min(ids.len())).unwrap_or_default();
            let more = match ids.len() - shown.len() {
                0 => String::new(),
                more => format!(" and {} more", thousands(more)),
            };
            let ids = shown.join(", ");
            let _ = write!(note, " It is not known of {ids}{more} {why}.");
        }
        note
    };
    conditional.map(note).collect()
}

/// Whether no rule is the only reason why the policy does not apply, or it applies.
pub fn is_judged(verdict: Verdict<'_>) -> bool {
    match verdict {
        Verdict::Compliant | Verdict::NonCompliant => true,
        Verdict::NotApplicable(why) => why == tagwarden_core::NotApplicable::NoRule,
    }
}

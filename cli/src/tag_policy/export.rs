//! Rules as a tag policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tagwarden_core::policy::Pattern;
use tagwarden_core::{Action, Kind, Policy, TagRule};

use super::type_of;

/// The most characters of a tag policy.
///
/// See [Quotas for AWS Organizations](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const LONGEST: usize = 10_000;

/// A tag policy, and what does not fit into it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedPolicy {
    /// The policy, as it is attached.
    pub document: Value,
    /// What does not fit, each a whole sentence.
    pub notes: Vec<String>,
}

/// Makes a tag policy of the rules.
pub fn export(policy: &Policy) -> ExportedPolicy {
    let mut by_key: BTreeMap<&str, Vec<&TagRule>> = BTreeMap::new();
    for rule in policy.rules() {
        by_key.entry(&rule.tag_key).or_default().push(rule);
    }
    let mut notes = Vec::new();
    let mut tags = Map::new();
    // In the order of the rules.
    let mut done = BTreeSet::new();
    for rule in policy.rules() {
        let key = rule.tag_key.as_str();
        if !done.insert(key) {
            continue;
        }
        let rules = by_key.get(key).map(Vec::as_slice).unwrap_or_default();
        if let Some(why) = left_out(rules) {
            notes.push(format!("{key} is left out, because {why}."));
            continue;
        }
        let name = key.to_lowercase();
        if tags.contains_key(&name) {
            notes.push(format!(
                "{key} is left out, because a tag policy has one key for all its spellings."
            ));
            continue;
        }
        tags.insert(name, of_rules(rule, rules, &mut notes));
    }
    notes.extend(policy_notes(policy));
    let document = json!({ "tags": tags });
    let length = document.to_string().chars().count();
    if length > LONGEST {
        notes.push(format!(
            "The policy has {length} characters without blanks, and AWS takes {LONGEST}: attach it in parts."
        ));
    }
    ExportedPolicy { document, notes }
}

/// Why a key with these rules has no place in a tag policy.
fn left_out(rules: &[&TagRule]) -> Option<&'static str> {
    let is_conditional = |rule: &&TagRule| rule.options.when.is_some();
    if rules.iter().any(is_conditional) {
        return Some("a tag policy has no conditions (When)");
    }
    let values = |rule: &TagRule| {
        (
            rule.options.allowed.clone(),
            rule.options.end_date.is_some(),
        )
    };
    let mut all = Kind::ALL
        .into_iter()
        .filter_map(|kind| rule_for(kind, rules));
    let first = all.next().map(values);
    if all.any(|rule| Some(values(rule)) != first) {
        return Some("a tag policy has no values of their own for volumes (ResourceTypes)");
    }
    None
}

/// The rule of a key that applies to a kind, of rules without conditions: the first.
fn rule_for<'a>(kind: Kind, rules: &[&'a TagRule]) -> Option<&'a TagRule> {
    let mut rules = rules.iter().copied();
    rules.find(|rule| rule.options.kinds.contains(kind))
}

/// What the rules of a key say of it, of which `rule` says which values it has.
fn of_rules(rule: &TagRule, rules: &[&TagRule], notes: &mut Vec<String>) -> Value {
    let key = &rule.tag_key;
    let assign = |value: Value| json!({ "@@assign": value });
    let mut tag = Map::new();
    tag.insert("tag_key".to_owned(), assign(json!(key)));
    if rule.options.end_date.is_some() {
        notes.push(format!(
            "{key} has an end date, and a tag policy takes every value of it."
        ));
    } else if let Some(allowed) = &rule.options.allowed {
        let patterns = allowed.patterns();
        let values = patterns.iter().map(Pattern::with_one_star);
        match values.collect::<Option<Vec<String>>>() {
            Some(values) => {
                tag.insert("tag_value".to_owned(), assign(json!(values)));
            }
            None => notes.push(format!(
                "{key} allows patterns that a tag policy does not have (?, several *, a star itself), so that it takes every value."
            )),
        }
    }
    let is_required = |kind: &Kind| rule_for(*kind, rules).is_some_and(|rule| rule.required);
    let required = Kind::ALL.into_iter().filter(is_required);
    let required: Vec<&str> = required.map(type_of).collect();
    if !required.is_empty() {
        tag.insert(
            "report_required_tag_for".to_owned(),
            assign(json!(required)),
        );
    }
    Value::Object(tag)
}

/// What the policy has beside rules.
fn policy_notes(policy: &Policy) -> Vec<String> {
    let mut notes = Vec::new();
    let rules = policy.rules().iter();
    let acting = rules.filter(|it| it.action != Action::Notify || !it.options.from.is_empty());
    let acting: Vec<String> = acting.map(|rule| rule.id.to_string()).collect();
    if !acting.is_empty() {
        notes.push(format!(
            "A tag policy writes nothing and shuts nothing down: the actions and sources of the rules {} are left out.",
            acting.join(", ")
        ));
    }
    if !policy.who_rows().is_empty() {
        notes.push("Who rows have no place in a tag policy.".to_owned());
    }
    if policy.hold().is_some() {
        notes.push("The hold has no place in a tag policy.".to_owned());
    }
    if policy.report_template().is_some() {
        notes.push("The report's template has no place in a tag policy.".to_owned());
    }
    notes
}

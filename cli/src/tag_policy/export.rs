//! Rules as a tag policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tagwarden_core::policy::Pattern;
use tagwarden_core::{Action, Policy, TagRule};

/// The most characters of a tag policy.
///
/// See [Quotas for AWS Organizations](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const LONGEST: usize = 10_000;

/// The type for which a required key is required.
const INSTANCE: &str = "ec2:instance";

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
        tags.insert(name, of_rule(rule, &mut notes));
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
    None
}

fn of_rule(rule: &TagRule, notes: &mut Vec<String>) -> Value {
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
    if rule.required {
        let required = assign(json!([INSTANCE]));
        tag.insert("report_required_tag_for".to_owned(), required);
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

//! A tag policy as rules.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use tagwarden_aws::policy_table::{Item, row};
use tagwarden_core::Policy;
use tagwarden_core::policy::Pattern;

use super::INSTANCES;
use crate::policy_file::rows::format_row;
use crate::words::count;

const EFFECTIVE: &str = "Give the effective policy: `aws organizations describe-effective-policy --policy-type TAG_POLICY \
                         --query EffectivePolicy.PolicyContent --output text`.";

/// The operators of a policy before inheritance that change what another policy says.
const CHANGES: [&str; 2] = ["@@append", "@@remove"];

/// A tag policy as rules, and what does not fit.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedPolicy {
    /// The rows of the policy, in the order of the keys.
    pub items: Vec<Item>,
    /// What does not fit, each a whole sentence.
    pub notes: Vec<String>,
}

/// What the policy says of one key.
struct TagKeyPolicy {
    key: String,
    /// `None`: any value.
    values: Option<Vec<String>>,
    required_for: Vec<String>,
    enforced_for: Vec<String>,
}

/// Makes rules of the tag policy in `text`.
///
/// # Errors
/// The text is not an effective tag policy: what is wrong with it, and what to do.
pub fn import(text: &str) -> Result<ImportedPolicy, (String, &'static str)> {
    let document: Value = serde_json::from_str(text)
        .map_err(|error| (format!("is not valid JSON: {error}"), EFFECTIVE))?;
    let document = content(document)?;
    let tags = document.get("tags").and_then(Value::as_object);
    let Some(tags) = tags else {
        return Err((
            "is not a tag policy: it has no \"tags\"".to_owned(),
            EFFECTIVE,
        ));
    };
    let mut imported = ImportedPolicy {
        items: Vec::new(),
        notes: Vec::new(),
    };
    let mut keys = BTreeSet::new();
    for (name, member) in tags.iter().filter(|(name, _)| !name.starts_with("@@")) {
        let of_key = of_key(name, member, &mut imported.notes)?;
        if keys.insert(of_key.key.to_lowercase()) {
            imported.add(of_key);
        } else {
            let note = format!("{name} is left out, because the policy has its key twice.");
            imported.notes.push(note);
        }
    }
    if !imported.items.iter().any(is_required) {
        let note = "An instance without any tags is NON_COMPLIANT, although the tag policy requires no key of it.";
        imported.notes.push(note.to_owned());
    }
    let has_values = imported
        .items
        .iter()
        .any(|item| item.contains_key("Allowed"));
    if has_values {
        imported.items.push(format_row("2"));
    }
    Ok(imported)
}

/// The policy itself, which the answer of `DescribeEffectivePolicy` has as a text.
fn content(document: Value) -> Result<Value, (String, &'static str)> {
    let inner = document.get("EffectivePolicy").unwrap_or(&document);
    match inner.get("PolicyContent").and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).map_err(|error| {
            (
                format!("has a PolicyContent that is not valid JSON: {error}"),
                EFFECTIVE,
            )
        }),
        None => Ok(document),
    }
}

fn of_key(
    name: &str,
    member: &Value,
    notes: &mut Vec<String>,
) -> Result<TagKeyPolicy, (String, &'static str)> {
    let Some(member) = member.as_object() else {
        return Err((
            format!("is not a tag policy: {name:?} is not an object"),
            EFFECTIVE,
        ));
    };
    let known = [
        "tag_key",
        "tag_value",
        "report_required_tag_for",
        "enforced_for",
    ];
    for other in member.keys() {
        if !known.contains(&other.as_str()) && !other.starts_with("@@") {
            notes.push(format!("{name}: {other:?} is not known, and is left out."));
        }
    }
    let list = |what: &str| texts(name, what, member);
    let key = list("tag_key")?.and_then(|keys| keys.into_iter().next());
    Ok(TagKeyPolicy {
        // Without tag_key, the key is the name in lower case.
        key: key.unwrap_or_else(|| name.to_lowercase()),
        values: list("tag_value")?,
        required_for: list("report_required_tag_for")?.unwrap_or_default(),
        enforced_for: list("enforced_for")?.unwrap_or_default(),
    })
}

/// The texts of a member, in the form of an effective policy or in that of `@@assign`; `None` if it is not there.
fn texts(
    name: &str,
    what: &str,
    member: &Map<String, Value>,
) -> Result<Option<Vec<String>>, (String, &'static str)> {
    let Some(value) = member.get(what) else {
        return Ok(None);
    };
    let value = match value.as_object() {
        None => value,
        Some(operators) => {
            if let Some(change) = CHANGES.iter().find(|it| operators.contains_key(**it)) {
                let what = format!(
                    "is not an effective tag policy: {what} of {name:?} has {change}, which changes the policy above it"
                );
                return Err((what, EFFECTIVE));
            }
            match operators.get("@@assign") {
                Some(value) => value,
                None => return Ok(None),
            }
        }
    };
    let wrong = || {
        let what =
            format!("is not a tag policy: {what} of {name:?} is not a text or a list of texts");
        (what, EFFECTIVE)
    };
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    match value {
        Value::Array(values) => {
            let texts = values.iter().map(text).collect::<Option<Vec<String>>>();
            texts.map(Some).ok_or_else(wrong)
        }
        value => text(value).map(|it| Some(vec![it])).ok_or_else(wrong),
    }
}

impl ImportedPolicy {
    fn add(&mut self, of_key: TagKeyPolicy) {
        let TagKeyPolicy {
            key,
            values,
            required_for,
            enforced_for,
        } = of_key;
        let is_instance = |it: &&String| INSTANCES.contains(&it.as_str());
        let is_required = required_for.iter().any(|it| is_instance(&it));
        let others: Vec<&str> = required_for
            .iter()
            .filter(|it| !is_instance(it))
            .map(String::as_str)
            .collect();
        if !others.is_empty() {
            self.notes.push(format!(
                "{key} is required for {}, which the rules do not judge: {}.",
                count(others.len(), "other type"),
                others.join(", ")
            ));
        }
        if !enforced_for.is_empty() {
            self.notes.push(format!(
                "{key} is enforced for {}: AWS refuses other values there, and tagwarden reports them.",
                enforced_for.join(", ")
            ));
        }
        if values.as_ref().is_some_and(Vec::is_empty) {
            self.notes.push(format!(
                "{key} has an empty list of values, so that every value is allowed."
            ));
        }
        let values = values.filter(|values| !values.is_empty());
        let id = self.items.len() + 1;
        let mut rule = item([
            ("RuleId", AttributeValue::N(id.to_string())),
            ("TagKey", AttributeValue::S(key.clone())),
            ("Action", AttributeValue::S("Notify".to_owned())),
            (
                "Required",
                AttributeValue::S(if is_required { "Y" } else { "N" }.to_owned()),
            ),
        ]);
        if let Some(values) = values {
            let values = values.iter();
            let patterns = values.map(|value| AttributeValue::S(Pattern::of_starred(value)));
            rule.insert("Allowed".to_owned(), AttributeValue::L(patterns.collect()));
        }
        match self.problem(&rule) {
            None => self.items.push(rule),
            Some(problem) => self.notes.push(format!(
                "{key} cannot be a rule, and is left out: {problem}."
            )),
        }
    }

    /// Why the rule cannot be in one policy with those before it.
    fn problem(&self, rule: &Item) -> Option<String> {
        let format = format_row("2");
        let items = self.items.iter().chain([rule, &format]);
        let invalid = Policy::from_rows(items.map(|item| row(item.clone()))).err()?;
        Some(invalid.to_string())
    }
}

fn is_required(rule: &Item) -> bool {
    rule.get("Required") == Some(&AttributeValue::S("Y".to_owned()))
}

fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    let attributes = attributes.into_iter();
    attributes
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<HashMap<_, _>>()
}

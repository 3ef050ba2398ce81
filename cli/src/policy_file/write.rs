//! From the table's items to a file.

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use clap::ValueEnum;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tagwarden::aws::policy_table::Item;
use tagwarden::policy::ATTRIBUTES;

use super::node::{Kind, plain};
use super::value::{self, UnknownType};

/// The two formats of a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum Format {
    Yaml,
    Json,
}

/// An item that no file can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attribute {attribute:?} of rule {rule} {source}")]
pub struct Unwritable {
    rule: String,
    attribute: String,
    source: UnknownType,
}

/// The items by rising `RuleId` as the text of a file, which reads back as the same items.
///
/// # Errors
/// An attribute has a type that DynamoDB did not have when this was written.
pub fn write(items: &[Item], format: Format) -> Result<String, Unwritable> {
    let mut items: Vec<&Item> = items.iter().collect();
    items.sort_by_key(|item| order(item));
    let rules = items.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    Ok(match format {
        Format::Yaml => yaml(&rules),
        // Nothing in it can fail to be JSON.
        Format::Json => serde_json::to_string_pretty(&File { rules }).unwrap_or_default() + "\n",
    })
}

/// Rules by their ids; what has none comes last.
pub fn order(item: &Item) -> (bool, i64, String) {
    let id = id(item);
    let number = id.parse::<i64>();
    (number.is_err(), number.unwrap_or_default(), id)
}

/// The rule's id as messages say it.
pub fn id(item: &Item) -> String {
    match item.get("RuleId") {
        Some(AttributeValue::N(id) | AttributeValue::S(id)) => id.clone(),
        _ => "?".to_owned(),
    }
}

/// One rule, its attributes in the order in which people write them.
struct Rule(Vec<(String, Value)>);

#[derive(Serialize)]
struct File {
    rules: Vec<Rule>,
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn rule(item: &Item) -> Result<Rule, Unwritable> {
    let mut names: Vec<&String> = item.keys().collect();
    names.sort_by_key(|name| (rank(name), *name));
    let attributes = names.into_iter().filter_map(|name| {
        let value = item.get(name)?;
        Some(match value::to_json(value) {
            Ok(value) => Ok((name.clone(), value)),
            Err(source) => Err(Unwritable {
                rule: id(item),
                attribute: name.clone(),
                source,
            }),
        })
    });
    attributes.collect::<Result<_, _>>().map(Rule)
}

/// Where an attribute comes among the others: tagwarden's own first.
pub fn rank(name: &str) -> usize {
    let known = ATTRIBUTES.iter().position(|known| *known == name);
    known.unwrap_or(ATTRIBUTES.len())
}

/// One attribute a line; lists and mappings as JSON, which YAML includes.
fn yaml(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return "rules: []\n".to_owned();
    }
    let mut text = "rules:\n".to_owned();
    for Rule(attributes) in rules {
        for (position, (name, value)) in attributes.iter().enumerate() {
            let indent = if position == 0 { "  - " } else { "    " };
            text.push_str(indent);
            text.push_str(&scalar(name));
            text.push_str(": ");
            text.push_str(&inline(value));
            text.push('\n');
        }
    }
    text
}

/// A value on one line of YAML.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => printable(&other.to_string()),
    }
}

/// A text, in quotes where it needs them.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        printable(&Value::from(text).to_string())
    }
}

/// Words that programs which read YAML 1.1 take for booleans, in any case.
const BOOLEANS: [&str; 6] = ["yes", "no", "on", "off", "true", "false"];

/// Whether a text needs no quotes, in any version of YAML. Y and N go without: no program of note takes them for
/// more than texts.
fn is_plain(text: &str) -> bool {
    let is_word =
        |character: char| character.is_ascii_alphanumeric() || " _-./@()+".contains(character);
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !text.ends_with(' ')
        && text.chars().all(is_word)
        && !BOOLEANS.contains(&text.to_lowercase().as_str())
        && matches!(plain(text), Kind::Text(_))
}

/// JSON with what YAML does not let stand as it is, escaped.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
    text
}

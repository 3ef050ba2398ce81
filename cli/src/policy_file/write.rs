//! Writes the table's items as a file.

use std::fmt::Write as _;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use clap::ValueEnum;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tagwarden_aws::policy_table::{Item, row};
use tagwarden_core::policy::{
    FORMAT_ATTRIBUTE, HOLD_ATTRIBUTE, LETTER_TEMPLATE_ATTRIBUTE, PolicyFormat, RowKind,
    TEMPLATE_ATTRIBUTE, needs_format_2, own_attributes,
};

use super::rows::{FORMAT_ID, HOLD_ID, kind};
use super::value::{self, UnknownType};
use crate::output;
use crate::text::node::{NodeKind, plain};

/// The two formats of a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum FileFormat {
    Yaml,
    Json,
}

impl FileFormat {
    /// The format that was asked for, or else the one that the name of the file says; YAML by default.
    pub fn of(asked: Option<Self>, file: Option<&Path>) -> Self {
        let is_json = |path: &Path| {
            let extension = path.extension();
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
        };
        match asked {
            Some(format) => format,
            None if file.is_some_and(is_json) => Self::Json,
            None => Self::Yaml,
        }
    }
}

/// An item that a file cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attribute {attribute:?} of rule {rule} {source}")]
pub struct Unwritable {
    rule: String,
    attribute: String,
    source: UnknownType,
}

/// The items by ascending `RuleId` as the text of a file, which reads back as the same items.
///
/// # Errors
/// An attribute has a type that DynamoDB did not have when this was written.
pub fn write(items: &[Item], format: FileFormat) -> Result<String, Unwritable> {
    let mut items: Vec<&Item> = items.iter().collect();
    items.sort_by_key(|item| order(item));
    // A second template makes the table invalid, and stays among the rules, where `check` finds it.
    let mut take = |wanted: RowKind| {
        let position = items.iter().position(|item| kind(item) == wanted)?;
        Some(items.remove(position))
    };
    let template = take(RowKind::Template).map(rule);
    let letter = take(RowKind::LetterTemplate);
    let hold = take(RowKind::Hold).map(|item| single(item, HOLD_ATTRIBUTE, HOLD_ID));
    let stated = take(RowKind::Format).map(|item| single(item, FORMAT_ATTRIBUTE, FORMAT_ID));
    // Columns of an older table may have the names of newer attributes. The file must not give them their meaning.
    let is_older = stated.is_none()
        && items
            .iter()
            .copied()
            .chain(letter)
            .any(|item| needs_format_2(&row(item.clone())));
    let older = is_older.then(|| SingleRow::Value(PolicyFormat::V1.number().into()));
    let letter = letter.map(rule);
    let (who, rules): (Vec<&Item>, Vec<&Item>) = items
        .into_iter()
        .partition(|item| kind(item) == RowKind::Who);
    let file = File {
        rules: rules.into_iter().map(rule).collect::<Result<_, _>>()?,
        who: who.into_iter().map(rule).collect::<Result<_, _>>()?,
        report: template.transpose()?,
        letter: letter.transpose()?,
        hold: hold.transpose()?,
        format: stated.transpose()?.or(older),
    };
    Ok(match format {
        FileFormat::Yaml => yaml(&file),
        // Everything in it can be written as JSON.
        FileFormat::Json => json(&file),
    })
}

/// The order of rules: by id, those without an id last.
pub fn order(item: &Item) -> (bool, i64, String) {
    let id = id(item);
    let number = id.parse::<i64>();
    (number.is_err(), number.unwrap_or_default(), id)
}

/// The rule's id, for messages.
pub fn id(item: &Item) -> String {
    match item.get("RuleId") {
        Some(AttributeValue::N(id) | AttributeValue::S(id)) => id.clone(),
        _ => "?".to_owned(),
    }
}

/// One rule, with its attributes in the order in which people write them.
struct Rule(Vec<(String, Value)>);

#[derive(Serialize)]
struct File {
    rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    who: Vec<Rule>,
    /// The row of the report's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Rule>,
    /// The row of the letters' template.
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<SingleRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<SingleRow>,
}

/// A row of which there is one, with one attribute: the hold, the format.
#[derive(Serialize)]
#[serde(untagged)]
enum SingleRow {
    /// The attribute's value, where the row has nothing else and the usual id.
    Value(Value),
    Row(Rule),
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

fn single(item: &Item, attribute: &str, usual_id: &str) -> Result<SingleRow, Unwritable> {
    let value = item
        .get(attribute)
        .and_then(|value| value::to_json(value).ok());
    let is_short = item.len() == 2 && id(item) == usual_id;
    Ok(match value {
        Some(value @ Value::String(_)) if is_short && attribute == HOLD_ATTRIBUTE => {
            SingleRow::Value(value)
        }
        // The file's `format: 1` means that the table has no such row.
        Some(value @ Value::Number(_))
            if is_short && attribute == FORMAT_ATTRIBUTE && value != PolicyFormat::V1.number() =>
        {
            SingleRow::Value(value)
        }
        _ => SingleRow::Row(rule(item)?),
    })
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

/// The position of an attribute among the others: tagwarden's own come first.
pub fn rank(name: &str) -> usize {
    let position = own_attributes().position(|known| known == name);
    position.unwrap_or_else(|| own_attributes().count())
}

fn json(file: &File) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = output::write_json(&mut bytes, file);
    String::from_utf8(bytes).unwrap_or_default()
}

/// The file as YAML: one attribute a line, lists and mappings as JSON, which YAML includes.
fn yaml(file: &File) -> String {
    let mut text = "rules:".to_owned();
    text.push_str(if file.rules.is_empty() { " []\n" } else { "\n" });
    add_list(&mut text, &file.rules);
    if !file.who.is_empty() {
        text.push_str("who:\n");
        add_list(&mut text, &file.who);
    }
    let templates = [
        ("report", &file.report, TEMPLATE_ATTRIBUTE),
        ("letter", &file.letter, LETTER_TEMPLATE_ATTRIBUTE),
    ];
    for (section, row, template) in templates {
        let Some(Rule(attributes)) = row else {
            continue;
        };
        let _ = writeln!(text, "{section}:");
        for (name, value) in attributes {
            let block = value.as_str().filter(|_| name == template);
            let value = block
                .and_then(block_scalar)
                .unwrap_or_else(|| inline(value));
            let _ = writeln!(text, "  {}: {value}", scalar(name));
        }
    }
    for (name, single) in [("hold", &file.hold), ("format", &file.format)] {
        match single {
            Some(SingleRow::Value(value)) => {
                let _ = writeln!(text, "{name}: {}", inline(value));
            }
            Some(SingleRow::Row(Rule(attributes))) => {
                let _ = writeln!(text, "{name}:");
                for (name, value) in attributes {
                    let _ = writeln!(text, "  {}: {}", scalar(name), inline(value));
                }
            }
            None => {}
        }
    }
    text
}

/// Adds rows as the members of a list.
fn add_list(text: &mut String, rows: &[Rule]) {
    for Rule(attributes) in rows {
        for (position, (name, value)) in attributes.iter().enumerate() {
            let indent = if position == 0 { "  - " } else { "    " };
            let _ = writeln!(text, "{indent}{}: {}", scalar(name), inline(value));
        }
    }
}

/// A text of several lines as a block (`|`) inside a mapping that is indented by two; `None` if YAML would not return it
/// unchanged.
///
/// See [Literal style](https://yaml.org/spec/1.2.2/#812-literal-style) and
/// [its chomping](https://yaml.org/spec/1.2.2/#8112-block-chomping-indicator).
fn block_scalar(text: &str) -> Option<String> {
    let (body, header) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    let is_block = text.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && body
            .chars()
            .all(|it| it == '\n' || it == '\t' || is_printable(it))
        && body
            .lines()
            .all(|line| line.is_empty() || !line.trim().is_empty());
    is_block.then(|| {
        let lines = body.split('\n').map(|line| match line {
            "" => String::new(),
            line => format!("    {line}"),
        });
        let lines: Vec<String> = lines.collect();
        format!("{header}\n{}", lines.join("\n"))
    })
}

/// A value on one line of YAML.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => printable(&other.to_string()),
    }
}

/// A text, in quotes if it needs them.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        printable(&Value::from(text).to_string())
    }
}

/// Words that YAML 1.1 takes for booleans, in any case.
const BOOLEANS: [&str; 6] = ["yes", "no", "on", "off", "true", "false"];

/// Whether a text needs no quotes in any version of YAML. Y and N need none, because the usual programs take them for
/// texts.
fn is_plain(text: &str) -> bool {
    let is_word =
        |character: char| character.is_ascii_alphanumeric() || " _-./@()+".contains(character);
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !text.ends_with(' ')
        && text.chars().all(is_word)
        && !BOOLEANS.contains(&text.to_lowercase().as_str())
        && matches!(plain(text), NodeKind::Text(_))
}

/// JSON with the characters escaped that YAML does not allow, or that nobody would see.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_printable(character) {
            text.push(character);
        } else {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        }
    }
    text
}

/// Whether YAML allows the character on one line, unescaped, and a person sees it.
fn is_printable(character: char) -> bool {
    !matches!(
        character,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'
            | '\u{ffff}'
    )
}

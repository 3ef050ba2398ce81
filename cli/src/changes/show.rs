//! Changes, shown to people and to programs. The text is styled; the output stream strips the styles where they are not
//! wanted.

use std::fmt::{Display, Write as _};

use aws_sdk_dynamodb::types::AttributeValue;
use owo_colors::OwoColorize;
use serde_json::{Map, Value, json};
use tagwarden_aws::policy_table::{Item, row};
use tagwarden_core::Policy;
use tagwarden_core::policy::{
    FORMAT_ATTRIBUTE, LETTER_TEMPLATE_ATTRIBUTE, RowKind, TEMPLATE_ATTRIBUTE,
};

use super::{Changes, RuleChange};
use crate::end_dates::newly_ending;
use crate::policy_file::rows::{describe_rows, kind};
use crate::policy_file::value;
use crate::policy_file::write::{id, inline, rank};
use crate::words::{count, is_deceptive, printable_line};

/// The changes, rule by rule, and the rows that stay.
pub fn text(changes: &Changes) -> String {
    let mut text = String::new();
    for change in &changes.steps {
        let _ = writeln!(text, "{}", headline(change));
        let lines = lines(change);
        // Whoever can write to the table names attributes.
        let width = lines
            .iter()
            .map(|line| line.shown_name().chars().count())
            .max();
        for line in &lines {
            let name = format!("{:1$}", line.shown_name(), width.unwrap_or_default());
            match line.template() {
                Some(lines) => {
                    let _ = writeln!(text, "      {} {}", line.mark(), line.shown_name());
                    text.push_str(&lines);
                }
                None => {
                    let _ = writeln!(text, "      {} {name}  {}", line.mark(), line.values());
                }
            }
        }
    }
    if !changes.is_empty() {
        text.push('\n');
    }
    if !changes.kept.is_empty() {
        let names = names(&changes.kept);
        let _ = writeln!(text, "Only in the table, and kept: {names}.\n");
    }
    for warning in warnings(changes) {
        let _ = writeln!(text, "{} {warning}\n", "warning:".yellow().bold());
    }
    text
}

/// What the changes do beyond the rows, where a person may not expect it.
fn warnings(changes: &Changes) -> Vec<String> {
    let policy = |items: Vec<Item>| Policy::from_rows(items.into_iter().map(row)).ok();
    match (policy(changes.before()), policy(changes.after())) {
        (Some(before), Some(after)) => newly_ending(&before, &after),
        _ => Vec::new(),
    }
}

/// `rule 1 (ProjectCode), rule 2 (CreatedBy)`.
pub fn names(items: &[Item]) -> String {
    let names: Vec<String> = items.iter().map(title).collect();
    names.join(", ")
}

/// `1 rule to add, 1 to change, 0 to delete`.
pub fn tally(changes: &Changes) -> String {
    let (others, rules): (Vec<&RuleChange>, Vec<&RuleChange>) = changes
        .steps
        .iter()
        .partition(|change| kind(row_of(change)) != RowKind::Rule);
    let number = |wanted: fn(&RuleChange) -> bool| {
        let rules = rules.iter();
        rules.filter(|change| wanted(change)).count()
    };
    let others = others.iter().map(|change| {
        let what = kind(row_of(change)).describe();
        let how = match change {
            RuleChange::Add(_) => "add",
            RuleChange::Alter { .. } => "change",
            RuleChange::Delete(_) => "delete",
        };
        format!("; {what} to {how}")
    });
    let and: String = others.collect();
    format!(
        "{} to add, {} to change, {} to delete{and}",
        count(
            number(|change| matches!(change, RuleChange::Add(_))),
            "rule"
        ),
        number(|change| matches!(change, RuleChange::Alter { .. })),
        number(|change| matches!(change, RuleChange::Delete(_))),
    )
}

/// The number of rows that change: `2 rules`, `2 rules and the report's template`.
pub fn rows_of(changes: &Changes) -> String {
    describe_rows(changes.steps.iter().map(row_of))
}

/// Whether the table gets the row of a format, which older functions refuse.
pub fn adds_format(changes: &Changes) -> bool {
    let has_format = |item: &Item| kind(item) == RowKind::Format;
    let before = changes.steps.iter().filter_map(|change| match change {
        RuleChange::Add(_) => None,
        RuleChange::Delete(item) | RuleChange::Alter { before: item, .. } => Some(item),
    });
    let mut before = before.chain(&changes.kept).chain(&changes.unchanged);
    !before.any(has_format) && changes.after().iter().any(has_format)
}

/// The row before the change, or after it if it is added.
fn row_of(change: &RuleChange) -> &Item {
    match change {
        RuleChange::Add(item)
        | RuleChange::Delete(item)
        | RuleChange::Alter { before: item, .. } => item,
    }
}

/// The changes as JSON: `changes` (ruleId, change, attributes with their values before and after) and `onlyInTable`.
pub fn json(changes: &Changes) -> Map<String, Value> {
    let list: Vec<Value> = changes.steps.iter().map(change_json).collect();
    let kept = changes.kept.iter().map(id_json);
    let mut map = Map::new();
    map.insert("changes".to_owned(), list.into());
    map.insert("onlyInTable".to_owned(), kept.collect());
    let warnings = warnings(changes);
    if !warnings.is_empty() {
        map.insert("warnings".to_owned(), warnings.into());
    }
    map
}

fn change_json(change: &RuleChange) -> Value {
    let item = row_of(change);
    let kind = match change {
        RuleChange::Add(_) => "add",
        RuleChange::Alter { .. } => "change",
        RuleChange::Delete(_) => "delete",
    };
    let attributes: Map<String, Value> = lines(change)
        .into_iter()
        .map(|line| {
            // An absent value has no member, because `null` would be DynamoDB's.
            let mut values = Map::new();
            for (name, value) in [("before", line.before), ("after", line.after)] {
                if let Some(value) = value {
                    values.insert(name.to_owned(), value);
                }
            }
            (line.name, values.into())
        })
        .collect();
    json!({ "ruleId": id_json(item), "change": kind, "attributes": attributes })
}

fn id_json(item: &Item) -> Value {
    item.get("RuleId").map_or(Value::Null, written)
}

fn headline(change: &RuleChange) -> String {
    let mark = match change {
        RuleChange::Add(_) => "+".green().to_string(),
        RuleChange::Alter { .. } => "~".yellow().to_string(),
        RuleChange::Delete(_) => "-".red().to_string(),
    };
    format!("  {mark} {}", title(row_of(change)).bold())
}

/// `rule 1 (ProjectCode)`, `row 1000 (the report's template)`, `row 0 (a hold)`.
fn title(item: &Item) -> String {
    let id = printable_line(&id(item));
    match (kind(item), item.get("TagKey")) {
        (RowKind::Format, _) => {
            let number = item.get(FORMAT_ATTRIBUTE).map(written);
            let number = number.map_or_else(String::new, |number| inline(&number));
            format!("row {id} (format {number})")
        }
        (
            kind @ (RowKind::Template | RowKind::LetterTemplate | RowKind::Hold | RowKind::Who),
            _,
        ) => format!("row {id} ({})", kind.describe()),
        (RowKind::Rule, Some(key @ AttributeValue::S(_))) => {
            format!("rule {id} ({})", inline(&written(key)))
        }
        _ => format!("rule {id}"),
    }
}

/// One attribute's change.
struct Line {
    name: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Line {
    fn shown_name(&self) -> String {
        printable_line(&self.name)
    }

    fn mark(&self) -> String {
        match (&self.before, &self.after) {
            (None, _) => "+".green().to_string(),
            (_, None) => "-".red().to_string(),
            _ => "~".yellow().to_string(),
        }
    }

    /// The lines of a template that change, without the equal lines at its beginning and its end.
    fn template(&self) -> Option<String> {
        let lines = |value: &Option<Value>| match value {
            None => Some(Vec::new()),
            Some(Value::String(text)) => Some(text.lines().map(ToOwned::to_owned).collect()),
            Some(_) => None,
        };
        let (before, after): (Vec<String>, Vec<String>) =
            (lines(&self.before)?, lines(&self.after)?);
        let is_template = [TEMPLATE_ATTRIBUTE, LETTER_TEMPLATE_ATTRIBUTE];
        if !is_template.contains(&self.name.as_str()) || before == after {
            return None;
        }
        let same = |(one, other): &(&String, &String)| one == other;
        let first = before.iter().zip(&after).take_while(same).count();
        let shorter = before.len().min(after.len()) - first;
        let (ends, other_ends) = (before.iter().rev(), after.iter().rev());
        let last = ends.zip(other_ends).take(shorter).take_while(same).count();
        let middle = |lines: &[String]| lines.get(first..lines.len() - last).map(<[_]>::to_vec);
        let mut text = String::new();
        if first > 0 {
            let _ = writeln!(text, "          from line {}:", first + 1);
        }
        for (mark, lines) in [("-", middle(&before)?), ("+", middle(&after)?)] {
            for line in lines {
                let line = inline_text(&line);
                let line = format!("{mark} {line}");
                let line = line.trim_end();
                let _ = match mark {
                    "-" => writeln!(text, "          {}", line.red()),
                    _ => writeln!(text, "          {}", line.green()),
                };
            }
        }
        Some(text)
    }

    fn values(&self) -> Box<dyn Display> {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                Box::new(format!("{} -> {}", inline(before), inline(after)))
            }
            (Some(value), None) | (None, Some(value)) => Box::new(inline(value)),
            (None, None) => Box::new(""),
        }
    }
}

/// The attributes that change, in the order in which people write them. Of a row that is added or deleted, all but its
/// id.
fn lines(change: &RuleChange) -> Vec<Line> {
    let none = Item::new();
    let after = change.after().unwrap_or_default();
    let before = match change {
        RuleChange::Add(_) => &none,
        RuleChange::Alter { before, .. } | RuleChange::Delete(before) => before,
    };
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_by_key(|name| (rank(name), *name));
    names.dedup();
    names
        .into_iter()
        .filter(|name| *name != "RuleId" && before.get(*name) != after.get(*name))
        .map(|name| Line {
            name: name.clone(),
            before: before.get(name).map(written),
            after: after.get(name).map(written),
        })
        .collect()
}

/// The value as the file holds it, or the error if a file cannot hold it.
fn written(value: &AttributeValue) -> Value {
    value::to_json(value).unwrap_or_else(|error| json!(format!("({error})")))
}

/// A line of a template without control characters.
fn inline_text(line: &str) -> String {
    let shown = |character: char| {
        if is_deceptive(character) {
            ' '
        } else {
            character
        }
    };
    line.chars().map(shown).collect()
}

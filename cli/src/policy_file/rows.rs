//! The rows of a policy file, found in its text.

use aws_sdk_dynamodb::types::AttributeValue;
use tagwarden_aws::policy_table::{Item, row};
use tagwarden_core::policy::{
    ATTRIBUTES, FORMAT_ATTRIBUTE, HOLD_ATTRIBUTE, LETTER_TEMPLATE_ATTRIBUTE, PolicyFormat, RowKind,
    TEMPLATE_ATTRIBUTE, needs_format_2,
};

use super::value;
use crate::text::node::{Node, NodeEntry, NodeKind};
use crate::text::problem::TextProblem;
use crate::text::suggestion;
use crate::words::count;

/// The number of rows: `3 rules`, `3 rules and the report's template`, `3 rules, the report's template and a hold`.
pub fn describe_rows<'a>(items: impl IntoIterator<Item = &'a Item>) -> String {
    let (mut rules, mut who) = (0, 0);
    let (mut has_template, mut has_letters, mut has_hold, mut has_format) =
        (false, false, false, false);
    for item in items {
        match kind(item) {
            RowKind::Template => has_template = true,
            RowKind::LetterTemplate => has_letters = true,
            RowKind::Hold => has_hold = true,
            RowKind::Format => has_format = true,
            RowKind::Rule => rules += 1,
            RowKind::Who => who += 1,
        }
    }
    let others = [
        has_template.then_some("the report's template"),
        has_letters.then_some("the letters' template"),
        has_hold.then_some("a hold"),
        has_format.then_some("the table's format"),
    ];
    let mut parts: Vec<String> = others
        .into_iter()
        .flatten()
        .map(ToOwned::to_owned)
        .collect();
    if who > 0 {
        parts.insert(0, count(who, "who row"));
    }
    if rules > 0 || parts.is_empty() {
        parts.insert(0, count(rules, "rule"));
    }
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

/// What the row is.
pub fn kind(item: &Item) -> RowKind {
    RowKind::of(&row(item.clone()))
}

/// The id of a hold that a file gives as a text, without a row of its own.
pub const HOLD_ID: &str = "0";

/// The id of the format's row that a file does not give.
pub const FORMAT_ID: &str = "-1";

/// The row that gives the table's format, where a file does not say more of it than the number.
pub fn format_row(number: &str) -> Item {
    let id = ("RuleId", AttributeValue::N(FORMAT_ID.to_owned()));
    let number = (FORMAT_ATTRIBUTE, AttributeValue::N(number.to_owned()));
    [id, number]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The rows of a file.
pub struct FileRules<'a> {
    /// The list, where a problem of an empty list is shown.
    pub node: &'a Node,
    pub rows: Vec<FileRule<'a>>,
    /// Whether every member of the list is a row.
    pub is_complete: bool,
    /// Whether the file is of the newer format.
    pub has_format: bool,
    /// Whether the file leaves its format to what it uses: it does not say `format: 1`.
    pub may_be_newer: bool,
}

/// One row, and its place.
pub struct FileRule<'a> {
    pub entries: &'a [NodeEntry],
    pub node: &'a Node,
    pub item: Item,
}

impl<'a> FileRule<'a> {
    pub fn entry(&self, name: &str) -> Option<&'a NodeEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The attribute's value, if it is a text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match &self.entry(name)?.value.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The names allowed at the top of a file: the rules, the who rows, the templates of the report and of letters, the hold, the
/// format, and the schema for editors.
const TOP: [&str; 7] = [
    "rules", "who", "report", "letter", "hold", "format", "$schema",
];

pub const SHAPE: &str = "a policy file looks like this:\n  rules:\n    - RuleId: 1\n      TagKey: ProjectCode\n      \
                     Action: Update\n      Required: Y\n      Default: Proj007";

/// Finds the rows. Returns `None`, and adds a problem, where the file does not have the shape of a policy.
pub fn find<'a>(root: &'a Node, problems: &mut Vec<TextProblem>) -> Option<FileRules<'a>> {
    let NodeKind::Map(entries) = &root.kind else {
        if !root.is_unreadable() {
            let message = format!("a policy file is a mapping, this is {}", root.describe());
            problems.push(TextProblem::error(root.span.clone(), message).help(SHAPE));
        }
        return None;
    };
    let has_rules = entries.iter().any(|entry| entry.name == "rules");
    let mut has_seen_shape = false;
    for entry in entries {
        if !TOP.contains(&entry.name.as_str()) {
            let message = format!(
                "{:?} does not belong at the top of a policy file",
                entry.name
            );
            let problem = TextProblem::error(entry.name_span.clone(), message);
            problems.push(
                match suggestion::nearest(
                    &entry.name,
                    &["rules", "who", "report", "letter", "hold", "format"],
                ) {
                    Some(meant) if !has_rules || meant != "rules" => {
                        problem.help(format!("did you mean {meant}?"))
                    }
                    _ if has_seen_shape => problem,
                    _ => {
                        has_seen_shape = true;
                        problem.help(SHAPE)
                    }
                },
            );
        }
    }
    let Some(rules) = entries.iter().find(|entry| entry.name == "rules") else {
        if entries.is_empty() {
            let problem = TextProblem::error(root.span.clone(), "the file has no rules".to_owned());
            problems.push(problem.help(SHAPE));
        }
        return None;
    };
    let nodes: &[Node] = match &rules.value.kind {
        NodeKind::List(nodes) => nodes,
        // `rules:` with nothing after it.
        NodeKind::Null => &[],
        NodeKind::Unreadable => return None,
        _ => {
            let message = format!("rules must be a list, this is {}", rules.value.describe());
            problems.push(TextProblem::error(rules.name_span.clone(), message).help(SHAPE));
            return None;
        }
    };
    let mut rows = Vec::new();
    add_rows(nodes, "a rule", SHAPE, &mut rows, problems);
    let mut is_complete = rows.len() == nodes.len();
    if let Some(entry) = entries.iter().find(|entry| entry.name == "who") {
        is_complete &= add_who_rows(entry, &mut rows, problems);
    }
    for of in [REPORT, LETTER] {
        let entry = entries.iter().find(|entry| entry.name == of.section);
        rows.extend(entry.and_then(|entry| template(entry, of, problems)));
    }
    let brake = entries.iter().find(|entry| entry.name == "hold");
    rows.extend(brake.and_then(|entry| hold(entry, problems)));
    let stated = entries.iter().find(|entry| entry.name == "format");
    match stated {
        Some(entry) => rows.extend(format(entry, problems)),
        // A file is of format 2 when it uses an attribute that only format 2 has.
        None if rows
            .iter()
            .any(|rule| needs_format_2(&row(rule.item.clone())))
            && !rows.iter().any(|rule| kind(&rule.item) == RowKind::Format) =>
        {
            rows.push(FileRule {
                entries: &[],
                node: &rules.value,
                item: format_row(&PolicyFormat::V2.number().to_string()),
            });
        }
        None => {}
    }
    Some(FileRules {
        node: &rules.value,
        is_complete,
        has_format: rows.iter().any(|rule| kind(&rule.item) == RowKind::Format),
        may_be_newer: stated.is_none(),
        rows,
    })
}

const WHO_SHAPE: &str = "who rows look like this:\n  who:\n    - RuleId: 100\n      Who: [ann@example.com, team-*]\n      \
                         Tags: {CostCenter: \"4711\"}";

/// Adds the rows of `who:`. Gives whether each could be read.
fn add_who_rows<'a>(
    entry: &'a NodeEntry,
    rows: &mut Vec<FileRule<'a>>,
    problems: &mut Vec<TextProblem>,
) -> bool {
    let nodes = match &entry.value.kind {
        NodeKind::List(nodes) => nodes,
        NodeKind::Unreadable => return false,
        _ => {
            let message = format!("who must be a list, this is {}", entry.value.describe());
            problems.push(TextProblem::error(entry.name_span.clone(), message).help(WHO_SHAPE));
            return true;
        }
    };
    let before = rows.len();
    add_rows(nodes, "a who row", WHO_SHAPE, rows, problems);
    for row in rows.iter().skip(before) {
        if kind(&row.item) != RowKind::Who {
            let message = "a who row needs Who, and no attribute of another row";
            let problem = TextProblem::error(row.node.span.clone(), message.to_owned());
            problems.push(problem.help(WHO_SHAPE));
        }
    }
    rows.len() - before == nodes.len()
}

/// Adds a row for each node that is a mapping, and a problem for each other one. `what` a row is, for sentences.
fn add_rows<'a>(
    nodes: &'a [Node],
    what: &str,
    shape: &str,
    rows: &mut Vec<FileRule<'a>>,
    problems: &mut Vec<TextProblem>,
) {
    for node in nodes {
        match &node.kind {
            NodeKind::Map(entries) => rows.push(FileRule {
                entries,
                node,
                item: item(entries, problems),
            }),
            NodeKind::Unreadable => {}
            _ => {
                let message = format!("{what} is a mapping, this is {}", node.describe());
                problems.push(TextProblem::error(node.span.clone(), message).help(shape));
            }
        }
    }
}

/// A section of a file that is a row with a template.
#[derive(Clone, Copy)]
struct TemplateSection {
    section: &'static str,
    kind: RowKind,
    attribute: &'static str,
    shape: &'static str,
}

const REPORT: TemplateSection = TemplateSection {
    section: "report",
    kind: RowKind::Template,
    attribute: TEMPLATE_ATTRIBUTE,
    shape: "the report's template looks like this:\n  report:\n    RuleId: 1000\n    ReportTemplate: |\n      \
            {{ heading }}",
};

const LETTER: TemplateSection = TemplateSection {
    section: "letter",
    kind: RowKind::LetterTemplate,
    attribute: LETTER_TEMPLATE_ATTRIBUTE,
    shape: "the letters' template looks like this:\n  letter:\n    RuleId: 1001\n    LetterTemplate: |\n      \
            {{ heading }}",
};

/// The row of a template. Returns `None`, and adds a problem, where it is not a template.
fn template<'a>(
    entry: &'a NodeEntry,
    of: TemplateSection,
    problems: &mut Vec<TextProblem>,
) -> Option<FileRule<'a>> {
    let TemplateSection {
        section,
        attribute,
        shape,
        ..
    } = of;
    let node = &entry.value;
    let NodeKind::Map(entries) = &node.kind else {
        if !node.is_unreadable() {
            let message = format!("{section} must be a mapping, this is {}", node.describe());
            problems.push(TextProblem::error(entry.name_span.clone(), message).help(shape));
        }
        return None;
    };
    let rule = FileRule {
        entries,
        node,
        item: item(entries, problems),
    };
    if kind(&rule.item) == of.kind {
        return Some(rule);
    }
    let has_value = |entry: &&NodeEntry| match &entry.value.kind {
        NodeKind::Null => false,
        NodeKind::Text(text) => !text.trim().is_empty(),
        _ => true,
    };
    let of_rule = |entry: &&NodeEntry| {
        entry.name != "RuleId" && ATTRIBUTES.contains(&entry.name.as_str()) && has_value(entry)
    };
    if let Some(other) = entries.iter().find(of_rule) {
        let message = format!("{} belongs to a rule, and this is not a rule", other.name);
        problems.push(TextProblem::error(other.name_span.clone(), message).help(shape));
    } else {
        let misspelt = entries.iter().find(|entry| {
            !ATTRIBUTES.contains(&entry.name.as_str())
                && suggestion::nearest(&entry.name, &[attribute]).is_some()
        });
        let span = misspelt.map_or(&entry.name_span, |entry| &entry.name_span);
        let message = format!("{attribute} is missing");
        problems.push(TextProblem::error(span.clone(), message).help(shape));
    }
    None
}

const HOLD_SHAPE: &str = "a hold looks like this:\n  hold: the network is being moved";

/// The row of the hold: a reason, or a mapping where the row has an id of its own. Returns `None`, and adds a problem,
/// where it is not a hold.
fn hold<'a>(entry: &'a NodeEntry, problems: &mut Vec<TextProblem>) -> Option<FileRule<'a>> {
    let node = &entry.value;
    let (entries, item): (&[NodeEntry], Item) = match &node.kind {
        NodeKind::Unreadable => return None,
        NodeKind::Text(reason) => {
            let id = AttributeValue::N(HOLD_ID.to_owned());
            let reason = AttributeValue::S(reason.clone());
            let item = [("RuleId", id), (HOLD_ATTRIBUTE, reason)];
            let item = item.map(|(name, value)| (name.to_owned(), value));
            (&[], item.into())
        }
        NodeKind::Map(entries) => (entries, item(entries, problems)),
        _ => {
            let message = format!("hold must be a reason, this is {}", node.describe());
            problems.push(TextProblem::error(entry.name_span.clone(), message).help(HOLD_SHAPE));
            return None;
        }
    };
    if kind(&item) == RowKind::Hold {
        return Some(FileRule {
            entries,
            node,
            item,
        });
    }
    let message =
        format!("hold needs RuleId and {HOLD_ATTRIBUTE}, and no attribute of another row");
    problems.push(TextProblem::error(entry.name_span.clone(), message).help(HOLD_SHAPE));
    None
}

const FORMAT_SHAPE: &str = "a format looks like this:\n  format: 2";

/// The row of the format: a number, or a mapping where the row has an id of its own. Returns `None` for the older
/// format, which has no row. Adds a problem where it is not a format.
fn format<'a>(entry: &'a NodeEntry, problems: &mut Vec<TextProblem>) -> Option<FileRule<'a>> {
    let node = &entry.value;
    let (entries, item): (&[NodeEntry], Item) = match &node.kind {
        NodeKind::Unreadable => return None,
        NodeKind::Number(number) if *number == PolicyFormat::V1.number().to_string() => {
            return None;
        }
        NodeKind::Number(number) => (&[], format_row(number)),
        NodeKind::Map(entries) => (entries, item(entries, problems)),
        _ => {
            let message = format!("format must be a number, this is {}", node.describe());
            let problem = TextProblem::error(entry.name_span.clone(), message);
            problems.push(problem.help(FORMAT_SHAPE));
            return None;
        }
    };
    if kind(&item) == RowKind::Format {
        return Some(FileRule {
            entries,
            node,
            item,
        });
    }
    let message =
        format!("format needs RuleId and {FORMAT_ATTRIBUTE}, and no attribute of another row");
    problems.push(TextProblem::error(entry.name_span.clone(), message).help(FORMAT_SHAPE));
    None
}

/// The row as the table holds it.
fn item(entries: &[NodeEntry], problems: &mut Vec<TextProblem>) -> Item {
    entries
        .iter()
        .map(|entry| {
            // Programs that read YAML 1.1 take Y and N for booleans, and write them as such.
            let value = match (entry.name.as_str(), &entry.value.kind) {
                ("Required", NodeKind::Bool(true)) => AttributeValue::S("Y".to_owned()),
                ("Required", NodeKind::Bool(false)) => AttributeValue::S("N".to_owned()),
                _ => value::from_node(&entry.value, problems),
            };
            (entry.name.clone(), value)
        })
        .collect()
}

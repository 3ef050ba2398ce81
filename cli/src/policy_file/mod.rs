//! The policy as a file: the table's rows, in YAML or JSON.
//!
//! | module | what it holds |
//! |---|---|
//! | [`node`] | the text as a tree whose parts know their places |
//! | [`number`], [`value`] | DynamoDB's values in the file, either way |
//! | [`lint`] | what is wrong with the rules: what the engine says, put in its place, and what it cannot know |
//! | [`suggestion`] | what was meant |
//! | [`problem`] | a problem, and how it is shown |
//! | [`mod@write`] | from the table's items to a file |

mod lint;
mod node;
mod number;
mod problem;
mod suggestion;
pub mod value;
pub mod write;

use std::io::{self, Write};
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use tagwarden_aws::policy_table::{Item, row};
use tagwarden_core::policy::{ATTRIBUTES, TEMPLATE_ATTRIBUTE, is_template_row};

use crate::exit::{Exit, Failure};
use node::{Entry, Kind, Node};
pub use problem::{Problem, Severity};

/// A file that was read, sound or not.
#[derive(Debug)]
pub struct PolicyFile {
    /// The path, as it was typed.
    pub path: String,
    /// What the file holds.
    pub text: String,
    /// The rows, in the file's order; of a file with errors, what could be read of them.
    pub items: Vec<Item>,
    /// Everything that is wrong, in the file's order.
    pub problems: Vec<Problem>,
}

impl PolicyFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be opened, or is no text. What is wrong with the policy in it is in
    /// [`PolicyFile::problems`].
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what_next = match error.kind() {
                io::ErrorKind::NotFound => {
                    "Look at the path. `tagwarden pull FILE` writes a file from the policy table."
                }
                io::ErrorKind::InvalidData => "A policy file is UTF-8 text: save it as such.",
                _ => "Look at the file and who may read it, then run the command again.",
            };
            Failure::new(&format!("{name:?} cannot be read: {error}"), what_next)
        })?;
        Ok(Self::read(name, text))
    }

    /// Checks a text.
    pub fn read(path: String, text: String) -> Self {
        let mut problems = Vec::new();
        let mut items = Vec::new();
        match node::read(&text, &mut problems) {
            Err(problem) => problems.push(problem),
            Ok(root) => {
                if let Some(rules) = rules(&root, &mut problems) {
                    lint::lint(&rules, &root, &text, &mut problems);
                    items = rules.rows.into_iter().map(|rule| rule.item).collect();
                }
            }
        }
        problems.sort_by_key(|problem| (problem.span.start, problem.severity));
        Self {
            path,
            text,
            items,
            problems,
        }
    }

    /// How many problems are so bad.
    pub fn count(&self, severity: Severity) -> usize {
        let problems = self.problems.iter();
        problems
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// Whether the file is a policy.
    pub fn is_sound(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// Writes the problems, each with its place, and one line that counts them.
    pub fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(out, "{}\n", problem.show(&self.path, &self.text))?;
        }
        writeln!(out, "{}", self.summary())
    }

    /// The line that counts: `policy.yaml: 3 rules, 1 warning`.
    fn summary(&self) -> String {
        let rules = rows(&self.items);
        let errors = count(self.count(Severity::Error), "error");
        let warnings = count(self.count(Severity::Warning), "warning");
        let found = match (self.is_sound(), self.problems.is_empty()) {
            (_, true) => format!("{rules}, no problems"),
            (true, false) => format!("{rules}, {warnings}"),
            (false, _) if self.count(Severity::Warning) == 0 => errors,
            (false, _) => format!("{errors}, {warnings}"),
        };
        format!("{}: {found}", self.path)
    }

    /// The file if it is a policy; otherwise its problems go to standard error.
    ///
    /// # Errors
    /// The file is no policy: the exit status to end with.
    pub fn sound(self) -> Result<Self, Exit> {
        if self.is_sound() {
            return Ok(self);
        }
        let mut err = anstream::stderr().lock();
        // Where even this cannot be written there is nobody left to tell.
        let _ = self.show(&mut err);
        let _ = writeln!(
            err,
            "\nNothing was done. Mend the file; `tagwarden check {}` looks at it again.",
            self.path
        );
        Err(Exit::Failed)
    }
}

/// `1 rule`, `2 rules`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// What the rows are: `3 rules`, `3 rules and the report's template`.
pub fn rows<'a>(items: impl IntoIterator<Item = &'a Item>) -> String {
    let (templates, rules): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| is_template(item));
    match (rules.len(), templates.is_empty()) {
        (number, true) => count(number, "rule"),
        (0, false) => "the report's template".to_owned(),
        (number, false) => format!("{} and the report's template", count(number, "rule")),
    }
}

/// Whether the row holds the report's template, and is no rule.
pub fn is_template(item: &Item) -> bool {
    item.contains_key(TEMPLATE_ATTRIBUTE) && is_template_row(&row(item.clone()))
}

/// The rows of a file.
struct Rules<'a> {
    /// Where they begin: what an empty list is shown with.
    node: &'a Node,
    rows: Vec<Rule<'a>>,
    /// Whether everything in the list is a row.
    is_complete: bool,
}

/// One row, and where it is.
struct Rule<'a> {
    entries: &'a [Entry],
    node: &'a Node,
    item: Item,
}

impl<'a> Rule<'a> {
    fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The attribute's text, where it is one.
    fn text(&self, name: &str) -> Option<&'a str> {
        match &self.entry(name)?.value.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What may stand at the top of a file: the rules, the report's template, and the schema that editors go by.
const TOP: [&str; 3] = ["rules", "report", "$schema"];

const SHAPE: &str = "a policy file looks like this:\n  rules:\n    - RuleId: 1\n      TagKey: ProjectCode\n      \
                     Action: Update\n      Required: Y\n      Default: Proj007";

/// Finds the rows; `None` where the file has no shape to find them in, which is then a problem.
fn rules<'a>(root: &'a Node, problems: &mut Vec<Problem>) -> Option<Rules<'a>> {
    let Kind::Map(entries) = &root.kind else {
        if !root.is_unreadable() {
            let message = format!("a policy file is a mapping, this is {}", root.describe());
            problems.push(Problem::error(root.span.clone(), message).help(SHAPE));
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
            let problem = Problem::error(entry.name_span.clone(), message);
            problems.push(
                match suggestion::nearest(&entry.name, &["rules", "report"]) {
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
            let problem = Problem::error(root.span.clone(), "the file has no rules".to_owned());
            problems.push(problem.help(SHAPE));
        }
        return None;
    };
    let nodes: &[Node] = match &rules.value.kind {
        Kind::List(nodes) => nodes,
        // `rules:` and nothing after it.
        Kind::Null => &[],
        Kind::Unreadable => return None,
        _ => {
            let message = format!("rules must be a list, this is {}", rules.value.describe());
            problems.push(Problem::error(rules.name_span.clone(), message).help(SHAPE));
            return None;
        }
    };
    let mut rows = Vec::new();
    for node in nodes {
        match &node.kind {
            Kind::Map(entries) => rows.push(Rule {
                entries,
                node,
                item: item(entries, problems),
            }),
            Kind::Unreadable => {}
            _ => {
                let message = format!("a rule is a mapping, this is {}", node.describe());
                problems.push(Problem::error(node.span.clone(), message).help(SHAPE));
            }
        }
    }
    let is_complete = rows.len() == nodes.len();
    let report = entries.iter().find(|entry| entry.name == "report");
    rows.extend(report.and_then(|report| template(report, problems)));
    Some(Rules {
        node: &rules.value,
        is_complete,
        rows,
    })
}

const REPORT_SHAPE: &str = "the report's template looks like this:\n  report:\n    RuleId: 1000\n    \
                            ReportTemplate: |\n      {{ heading }}";

/// The row of the report's template; `None` where it is none, which is then a problem.
fn template<'a>(report: &'a Entry, problems: &mut Vec<Problem>) -> Option<Rule<'a>> {
    let node = &report.value;
    let Kind::Map(entries) = &node.kind else {
        if !node.is_unreadable() {
            let message = format!("report must be a mapping, this is {}", node.describe());
            problems.push(Problem::error(report.name_span.clone(), message).help(REPORT_SHAPE));
        }
        return None;
    };
    let rule = Rule {
        entries,
        node,
        item: item(entries, problems),
    };
    if is_template(&rule.item) {
        return Some(rule);
    }
    let says = |entry: &&Entry| match &entry.value.kind {
        Kind::Null => false,
        Kind::Text(text) => !text.trim().is_empty(),
        _ => true,
    };
    let of_rule = |entry: &&Entry| {
        entry.name != "RuleId" && ATTRIBUTES.contains(&entry.name.as_str()) && says(entry)
    };
    if let Some(entry) = entries.iter().find(of_rule) {
        let message = format!("{} belongs to a rule, and this is none", entry.name);
        problems.push(Problem::error(entry.name_span.clone(), message).help(REPORT_SHAPE));
    } else {
        let misspelt = entries.iter().find(|entry| {
            !ATTRIBUTES.contains(&entry.name.as_str())
                && suggestion::nearest(&entry.name, &[TEMPLATE_ATTRIBUTE]).is_some()
        });
        let span = misspelt.map_or(&report.name_span, |entry| &entry.name_span);
        let message = format!("{TEMPLATE_ATTRIBUTE} is missing");
        problems.push(Problem::error(span.clone(), message).help(REPORT_SHAPE));
    }
    None
}

/// The row as the table has it.
fn item(entries: &[Entry], problems: &mut Vec<Problem>) -> Item {
    entries
        .iter()
        .map(|entry| {
            // Programs that read YAML 1.1 take Y and N for booleans, and write them so.
            let value = match (entry.name.as_str(), &entry.value.kind) {
                ("Required", Kind::Bool(true)) => AttributeValue::S("Y".to_owned()),
                ("Required", Kind::Bool(false)) => AttributeValue::S("N".to_owned()),
                _ => value::from_node(&entry.value, problems),
            };
            (entry.name.clone(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests;

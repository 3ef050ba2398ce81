//! The policy as a file: the table's rows, in YAML or JSON.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rows`] | finds the rows in the text of a file |
//! | [`lint`] | finds the problems of the rows: the engine's, at their places, and what the engine cannot know |
//! | [`keys`] | finds what is wrong with tag keys and their values |
//! | `relations` | warns about rules that stand in each other's way |
//! | [`value`], [`number`] | converts values between the file and DynamoDB |
//! | [`mod@write`] | writes the table's items as a file |

mod keys;
mod lint;
mod number;
mod relations;
pub mod rows;
pub mod value;
pub mod write;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use tagwarden_aws::policy_table::Item;

use crate::exit::{CommandError, Exit};
use crate::output;
use crate::stream;
use crate::text::node;
use crate::text::problem::{Severity, TextProblem};
use crate::words::{count, printable_line};

/// A policy file, valid or not.
#[derive(Debug)]
pub struct PolicyFile {
    /// The path, as it was typed.
    pub path: String,
    /// The text of the file.
    pub text: String,
    /// The rows, in the file's order. Of a file with errors, those that could be read.
    pub items: Vec<Item>,
    /// All problems, in the file's order.
    pub problems: Vec<TextProblem>,
}

impl PolicyFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a text. Problems of the policy in it are in [`PolicyFile::problems`].
    pub fn open(path: &Path) -> Result<Self, CommandError> {
        let text = stream::read(path).map_err(|error| {
            let (what, what_next) = unreadable(&error);
            CommandError::new(&format!("{:?} {what}", stream::name(path)), what_next)
        })?;
        Ok(Self::read(stream::name(path), text))
    }

    /// Reads and checks a file. That it cannot be read is a problem of the file, too.
    pub fn open_or_blame(path: &Path) -> Self {
        match stream::read(path) {
            Ok(text) => Self::read(stream::name(path), text),
            Err(error) => {
                let (what, what_next) = unreadable(&error);
                Self {
                    path: stream::name(path),
                    text: String::new(),
                    items: Vec::new(),
                    problems: vec![
                        TextProblem::error(0..0, format!("the file {what}")).help(what_next),
                    ],
                }
            }
        }
    }

    /// Checks a text.
    pub fn read(path: String, text: String) -> Self {
        let mut problems = Vec::new();
        let mut items = Vec::new();
        match node::read(&text, &mut problems) {
            Err(problem) => problems.push(problem),
            Ok(root) => {
                if let Some(rules) = rows::find(&root, &mut problems) {
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

    /// Where each rule is, in bytes of the text, by its id.
    pub fn rule_places(&self) -> BTreeMap<i64, Range<usize>> {
        let mut places = BTreeMap::new();
        // Its problems are known.
        let mut ignored = Vec::new();
        if let Ok(root) = node::read(&self.text, &mut ignored)
            && let Some(rules) = rows::find(&root, &mut ignored)
        {
            for rule in &rules.rows {
                if let Some(AttributeValue::N(id)) = rule.item.get("RuleId")
                    && let Ok(id) = id.parse()
                {
                    places.insert(id, rule.node.span.clone());
                }
            }
        }
        places
    }

    /// The number of problems of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        let problems = self.problems.iter();
        problems
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// Whether the file is a policy.
    pub fn is_valid(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// The problems, each at its place, and one line that counts them; styled.
    pub fn show(&self) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            let _ = writeln!(
                text,
                "{}\n",
                problem.show(&printable_line(&self.path), &self.text)
            );
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    /// The line that counts: `policy.yaml: 3 rules, 1 warning`.
    fn summary(&self) -> String {
        let rules = rows::describe_rows(&self.items);
        let errors = count(self.count(Severity::Error), "error");
        let warnings = count(self.count(Severity::Warning), "warning");
        let found = match (self.is_valid(), self.problems.is_empty()) {
            (_, true) => format!("{rules}, no problems"),
            (true, false) => format!("{rules}, {warnings}"),
            (false, _) if self.count(Severity::Warning) == 0 => errors,
            (false, _) => format!("{errors}, {warnings}"),
        };
        format!("{}: {found}", printable_line(&self.path))
    }

    /// The file, if it is a policy. Otherwise its problems go to standard error.
    ///
    /// # Errors
    /// The file has problems.
    pub fn valid(self) -> Result<Self, CommandError> {
        if self.is_valid() {
            return Ok(self);
        }
        output::note(format_args!(
            "{}\nNothing was done. Fix the file; `tagwarden check {}` checks it again.",
            self.show(),
            printable_line(&self.path)
        ));
        Err(CommandError::AlreadyShown(Exit::Failed))
    }
}

/// Why a file cannot be read, and what to do.
fn unreadable(error: &io::Error) -> (String, &'static str) {
    let what_next = match error.kind() {
        io::ErrorKind::NotFound => {
            "Check the path. `tagwarden pull FILE` writes a file from the policy table."
        }
        io::ErrorKind::InvalidData => {
            "A policy file must be a text, in UTF-8 or in UTF-16 with a byte-order mark."
        }
        io::ErrorKind::IsADirectory => "Name the files in it.",
        _ => "Check the file and its permissions, then run the command again.",
    };
    (format!("cannot be read: {error}"), what_next)
}

#[cfg(test)]
mod tests;

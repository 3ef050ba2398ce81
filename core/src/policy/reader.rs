//! Reads one row of the policy table and collects its problems.

use std::borrow::Cow;

use serde_json::Value;

use super::list;
use super::pattern::{InvalidPattern, Pattern};
use super::problem::{Problem, ProblemKind};
use super::row::{HOLD_ATTRIBUTE, Row, RowKind, has, is_foreign_attribute, is_own_attribute};
use crate::likeness::is_blank;

/// Reads one row and collects its problems.
pub(super) struct Reader {
    position: usize,
    pub(super) row: Row,
    pub(super) id: Option<i64>,
    pub(super) kind: RowKind,
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    /// Begins to read the row at `position` of the table: its id and what it is.
    pub(super) fn new(position: usize, row: Row) -> Self {
        let mut reader = Self {
            position,
            kind: RowKind::of(&row),
            row,
            id: None,
            problems: Vec::new(),
        };
        match reader.row.get("RuleId") {
            None | Some(Value::Null) => reader.problem("RuleId", ProblemKind::Missing),
            Some(value) => {
                reader.id = value.as_i64();
                if reader.id.is_none() {
                    let kind = wrong_type("whole number (N)", value);
                    reader.problem("RuleId", kind);
                }
            }
        }
        reader
    }

    /// A problem for each attribute that the row must not have in format 2: one that tagwarden does not know, and one of
    /// another kind of row.
    pub(super) fn check_attributes(&mut self) {
        let names: Vec<String> = self.row.keys().cloned().collect();
        for name in names {
            let is_own = name == "RuleId" || self.kind.attributes().any(|own| own == name);
            if is_own || is_foreign_attribute(&name) {
                continue;
            }
            if !is_own_attribute(&name) {
                self.problem(name, ProblemKind::UnknownAttribute);
            } else if has(&self.row, &name) && !self.has_problem_with(&name) {
                self.problem(name, ProblemKind::InRow(self.kind.describe()));
            }
        }
    }

    /// A brake or a format that stands in another row may have been meant for this row only, so it is a problem.
    pub(super) fn check_alone(&mut self, attribute: &'static str) {
        if has(&self.row, attribute) {
            let row = self.kind.describe();
            let kind = match attribute {
                HOLD_ATTRIBUTE => ProblemKind::HoldInRow(row),
                _ => ProblemKind::InRow(row),
            };
            self.problem(attribute, kind);
        }
    }

    /// The text of a required attribute.
    pub(super) fn text(&mut self, attribute: &'static str) -> Option<String> {
        let text = self.optional_text(attribute);
        if text.is_none() && !self.has_problem_with(attribute) {
            self.problem(attribute, ProblemKind::Missing);
        }
        text
    }

    /// The text of an old attribute. Blank texts count as absent, because the console writes them for attributes that
    /// people leave empty.
    pub(super) fn optional_text(&mut self, attribute: &'static str) -> Option<String> {
        if !has(&self.row, attribute) {
            return None;
        }
        match self.row.get(attribute)? {
            Value::String(text) => Some(text.clone()),
            other => {
                let kind = wrong_type("string (S)", other);
                self.problem(attribute, kind);
                None
            }
        }
    }

    /// The parts of a list of format 2: the members of a list or string set, or the parts of one text between commas.
    /// `None` if the row does not have the attribute, or if the attribute has a problem. A list that says nothing is a
    /// problem, because it could be taken for *no limit*.
    pub(super) fn list(&mut self, attribute: &'static str) -> Option<Vec<String>> {
        let value = self.row.get(attribute)?;
        let parts: Result<Vec<String>, ProblemKind> = match value {
            Value::Null => Ok(Vec::new()),
            Value::String(text) => Ok(list::split(text, ',').map(ToOwned::to_owned).collect()),
            Value::Array(members) => members
                .iter()
                .map(|member| match member {
                    Value::String(text) => Ok(text.clone()),
                    other => Err(wrong_type("list of strings (S)", other)),
                })
                .collect(),
            other => Err(wrong_type("list of strings, or a string (S)", other)),
        };
        let parts = match parts {
            Ok(parts) if parts.is_empty() || parts.iter().any(|part| is_blank(part)) => {
                Err(ProblemKind::SaysNothing)
            }
            parts => parts,
        };
        match parts {
            Ok(parts) => Some(parts),
            Err(kind) => {
                self.problem(attribute, kind);
                None
            }
        }
    }

    /// The text of an attribute of format 2. `None` if the row does not have it, or if it has a problem. A text that says
    /// nothing is a problem.
    pub(super) fn newer_text(&mut self, attribute: &'static str) -> Option<String> {
        let kind = match self.row.get(attribute)? {
            Value::String(text) if !is_blank(text) => return Some(text.clone()),
            Value::String(_) | Value::Null => ProblemKind::SaysNothing,
            other => wrong_type("string (S)", other),
        };
        self.problem(attribute, kind);
        None
    }

    /// The patterns of a [list](Self::list). Every part that is not a pattern is a problem.
    pub(super) fn patterns(&mut self, attribute: &'static str) -> Option<Vec<Pattern>> {
        let parts = self.list(attribute)?;
        let mut patterns = Vec::with_capacity(parts.len());
        for part in &parts {
            match part.parse::<Pattern>() {
                Ok(pattern) if pattern.as_literal().is_some_and(is_blank) => {
                    self.problem(attribute, ProblemKind::SaysNothing);
                }
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.problem(attribute, error.into()),
            }
        }
        (patterns.len() == parts.len()).then_some(patterns)
    }

    pub(super) fn check_length(&mut self, attribute: &'static str, length: usize, limit: usize) {
        if length > limit {
            self.problem(attribute, ProblemKind::TooLong { length, limit });
        }
    }

    pub(super) fn has_problem_with(&self, attribute: &str) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| problem.attribute.as_deref() == Some(attribute))
    }

    pub(super) fn problem(&mut self, attribute: impl Into<Cow<'static, str>>, kind: ProblemKind) {
        self.problems.push(Problem {
            row: Some(self.position),
            rule_id: self.id,
            attribute: Some(attribute.into()),
            kind,
        });
    }
}

impl From<InvalidPattern> for ProblemKind {
    fn from(error: InvalidPattern) -> Self {
        Self::Pattern(error)
    }
}

pub(super) fn wrong_type(expected: &'static str, found: &Value) -> ProblemKind {
    ProblemKind::WrongType {
        expected,
        found: found.to_string(),
    }
}

//! Validates the rows of the policy table: reads them into rules, or names every problem.

use std::collections::BTreeMap;

use serde_json::Value;

use super::function::Function;
use super::key::{MAX_KEY_CHARS, MAX_VALUE_CHARS, is_own_key, is_reserved_key};
use super::problem::{InvalidPolicy, Problem, ProblemKind};
use super::row::{HOLD_ATTRIBUTE, Row, TEMPLATE_ATTRIBUTE, has, is_hold_row, is_template_row};
use super::rule::{Action, TagRule};
use super::table::{Policy, ReportTemplate};
use crate::likeness::is_blank;

impl Policy {
    /// Validates the rows of a policy table.
    ///
    /// Takes the rows in any order, and ignores attributes that tagwarden does not know.
    ///
    /// # Errors
    /// [`InvalidPolicy`] with every problem of every row, in the order of the rule ids. A table without rules is a
    /// problem.
    pub fn from_rows<I>(rows: I) -> Result<Self, InvalidPolicy>
    where
        I: IntoIterator<Item = Row>,
    {
        validate(rows)
    }
}

/// Gives the policy of `rows`, or every problem that they have.
fn validate<I>(rows: I) -> Result<Policy, InvalidPolicy>
where
    I: IntoIterator<Item = Row>,
{
    let rows = rows.into_iter().enumerate();
    let mut rows: Vec<Reader> = rows.map(|(at, row)| Reader::new(at, row)).collect();
    // Sorted by id, so that the rules and the problems come in that order and repeated ids are neighbours.
    rows.sort_by_key(|row| row.id);

    let mut problems = Vec::new();
    let is_rule = |row: &Reader| !is_template_row(&row.row) && !is_hold_row(&row.row);
    if !rows.iter().any(is_rule) {
        problems.push(Problem {
            row: None,
            rule_id: None,
            attribute: None,
            kind: ProblemKind::EmptyTable,
        });
    }
    let mut rules = Vec::new();
    let mut report_template: Option<ReportTemplate> = None;
    let mut hold: Option<String> = None;
    let mut hold_id = None;
    let mut rule_of_key = BTreeMap::new();
    let mut previous_id = None;
    for mut row in rows {
        if row.id.is_some() && row.id == previous_id {
            row.problem("RuleId", ProblemKind::RepeatedId);
        }
        previous_id = row.id;
        if is_template_row(&row.row) {
            let first = report_template.as_ref().map(|template| template.row_id);
            let template = row.template(first);
            report_template = report_template.or(template);
        } else if is_hold_row(&row.row) {
            let reason = row.hold(hold_id);
            hold_id = hold_id.or(row.id);
            hold = hold.or(reason);
        } else {
            rules.extend(row.rule(&mut rule_of_key));
        }
        problems.append(&mut row.problems);
    }
    if problems.is_empty() {
        Ok(Policy {
            rules,
            report_template,
            hold,
        })
    } else {
        Err(InvalidPolicy { problems })
    }
}

/// Reads one row and collects its problems.
struct Reader {
    position: usize,
    row: Row,
    id: Option<i64>,
    problems: Vec<Problem>,
}

impl Reader {
    fn new(position: usize, row: Row) -> Self {
        let mut reader = Self {
            position,
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

    /// The template, if the row is valid. `first` is the row that already has one.
    fn template(&mut self, first: Option<i64>) -> Option<ReportTemplate> {
        let text = self.text(TEMPLATE_ATTRIBUTE)?;
        self.check_no_hold("the report's template");
        if let Some(first) = first {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::RepeatedTemplate { first });
        }
        Some(ReportTemplate {
            row_id: self.id?,
            text,
        })
    }

    /// The reason of the hold, if the row is valid. `first` is the row that already has one.
    fn hold(&mut self, first: Option<i64>) -> Option<String> {
        let reason = self.optional_text(HOLD_ATTRIBUTE);
        let reason = reason.filter(|reason| !is_blank(reason));
        if reason.is_none() && !self.has_problem_with(HOLD_ATTRIBUTE) {
            self.problem(HOLD_ATTRIBUTE, ProblemKind::NoReason);
        }
        if let Some(first) = first {
            self.problem(HOLD_ATTRIBUTE, ProblemKind::RepeatedHold { first });
        }
        reason
    }

    /// A brake that stands in another row may have been meant for this row only, so it is a problem.
    fn check_no_hold(&mut self, row: &'static str) {
        if has(&self.row, HOLD_ATTRIBUTE) {
            self.problem(HOLD_ATTRIBUTE, ProblemKind::HoldInRow(row));
        }
    }

    /// The rule, if the row is valid. `rule_of_key` holds the first rule of each tag key.
    fn rule(&mut self, rule_of_key: &mut BTreeMap<String, i64>) -> Option<TagRule> {
        let tag_key = self.tag_key(rule_of_key);
        let required = self.required();
        let action = self.action();
        if has(&self.row, TEMPLATE_ATTRIBUTE) {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::TemplateInRule);
        }
        self.check_no_hold("a rule");
        Some(TagRule {
            id: self.id?,
            tag_key: tag_key?,
            required: required?,
            action: action?,
        })
    }

    fn tag_key(&mut self, rule_of_key: &mut BTreeMap<String, i64>) -> Option<String> {
        let key = self.text("TagKey")?;
        if is_reserved_key(&key) {
            self.problem("TagKey", ProblemKind::ReservedKey(key.clone()));
        }
        if is_own_key(&key) {
            self.problem("TagKey", ProblemKind::OwnKey(key.clone()));
        }
        self.check_length("TagKey", &key, MAX_KEY_CHARS);
        if let Some(first) = rule_of_key.get(&key).copied() {
            let key = key.clone();
            self.problem("TagKey", ProblemKind::RepeatedKey { key, first });
        } else if let Some(id) = self.id {
            rule_of_key.insert(key.clone(), id);
        }
        Some(key)
    }

    fn required(&mut self) -> Option<bool> {
        match self.text("Required")?.as_str() {
            "Y" => Some(true),
            "N" => Some(false),
            other => {
                self.problem("Required", ProblemKind::NotYesOrNo(other.to_owned()));
                None
            }
        }
    }

    fn action(&mut self) -> Option<Action> {
        // Checked for every action, because a value that EC2 cannot store is always a mistake.
        let default = self.optional_text("Default");
        // Zero-width characters alone would be written, and found empty again at every look.
        let default = default.filter(|value| !is_blank(value));
        if let Some(value) = &default {
            self.check_length("Default", value, MAX_VALUE_CHARS);
        }
        match self.text("Action")?.as_str() {
            "Update" => {
                // An attribute of the wrong type already has its problem.
                if default.is_none() && !self.has_problem_with("Default") {
                    self.problem("Default", ProblemKind::NoDefault);
                }
                default.map(|value| Action::Update { value })
            }
            "Function" => match default.unwrap_or_default().parse::<Function>() {
                Ok(function) => Some(Action::Function(function)),
                Err(error) => {
                    if !self.has_problem_with("Default") {
                        self.problem("Default", error.into());
                    }
                    None
                }
            },
            "UserLookup" => Some(Action::UserLookup),
            "Notify" => Some(Action::Notify),
            "Stop" => Some(Action::Stop),
            "Terminate" => Some(Action::Terminate),
            other => {
                self.problem("Action", ProblemKind::UnknownAction(other.to_owned()));
                None
            }
        }
    }

    /// The text of a required attribute.
    fn text(&mut self, attribute: &'static str) -> Option<String> {
        let text = self.optional_text(attribute);
        if text.is_none() && !self.has_problem_with(attribute) {
            self.problem(attribute, ProblemKind::Missing);
        }
        text
    }

    /// The text of an optional attribute. Blank texts count as absent, because the console writes them for attributes that
    /// people leave empty.
    fn optional_text(&mut self, attribute: &'static str) -> Option<String> {
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

    fn check_length(&mut self, attribute: &'static str, text: &str, limit: usize) {
        let length = text.chars().count();
        if length > limit {
            self.problem(attribute, ProblemKind::TooLong { length, limit });
        }
    }

    fn has_problem_with(&self, attribute: &str) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.attribute == Some(attribute))
    }

    fn problem(&mut self, attribute: &'static str, kind: ProblemKind) {
        self.problems.push(Problem {
            row: Some(self.position),
            rule_id: self.id,
            attribute: Some(attribute),
            kind,
        });
    }
}

fn wrong_type(expected: &'static str, found: &Value) -> ProblemKind {
    ProblemKind::WrongType {
        expected,
        found: found.to_string(),
    }
}

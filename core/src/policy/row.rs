//! Validates the rows of the policy table: reads them into rules, or names every problem.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{
    Action, Function, FunctionError, InvalidPolicy, MAX_KEY_CHARS, MAX_VALUE_CHARS, Policy,
    ReportTemplate, TEMPLATE_ATTRIBUTE, TagRule, is_own_key, is_reserved_key, is_template_row,
};

/// One row of the policy table: attribute names and values. A DynamoDB number is a JSON number.
pub type Row = Map<String, Value>;

/// One problem of the policy table, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The position of the row among those given, from 0; `None` for a problem of the whole table.
    pub row: Option<usize>,
    /// The `RuleId`; `None` if the row has none that can be read.
    pub rule_id: Option<i64>,
    /// The attribute; `None` for a problem of the whole table.
    pub attribute: Option<&'static str>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// The kinds of problems that a policy table can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The table holds no rules.
    #[error("the table has no rules")]
    EmptyTable,
    /// A required attribute is absent or blank.
    #[error("is missing")]
    Missing,
    /// An attribute has the wrong DynamoDB type.
    #[error("must be a {expected}, found {found}")]
    WrongType {
        /// The type that it must have.
        expected: &'static str,
        /// The value that it has, as JSON.
        found: String,
    },
    /// `Action` is not one of [`Action::NAMES`].
    #[error("{0:?} is not an action: use Update, UserLookup, Function, Notify, Stop or Terminate")]
    UnknownAction(String),
    /// `Required` is neither Y nor N.
    #[error("must be Y or N, found {0:?}")]
    NotYesOrNo(String),
    /// Two rules have the same tag key.
    #[error("{key:?} already has a rule: rule {first}")]
    RepeatedKey {
        /// The tag key.
        key: String,
        /// The first rule with that key.
        first: i64,
    },
    /// Two rows have the same id. A policy file can have this problem; a table cannot.
    #[error("is also used by another rule")]
    RepeatedId,
    /// A rule has the report's template.
    #[error("must be in a row of its own: this row is a rule")]
    TemplateInRule,
    /// Two rows have the report's template.
    #[error("is in the table twice: row {first} also has it")]
    RepeatedTemplate {
        /// The first row with a template.
        first: i64,
    },
    /// A key or value has more characters than EC2 allows.
    #[error("must have at most {limit} characters, found {length}")]
    TooLong {
        /// The number of characters it has.
        length: usize,
        /// The most characters it may have.
        limit: usize,
    },
    /// The key is reserved for AWS.
    #[error("{0:?} begins with aws:, which is reserved for AWS")]
    ReservedKey(String),
    /// The key is reserved for tagwarden.
    #[error("{0:?} begins with tagwarden:, which is reserved for tagwarden")]
    OwnKey(String),
    /// `Action` is Update and `Default` is absent or blank.
    #[error("is missing: Action Update needs the value to write")]
    NoDefault,
    /// `Action` is Function and `Default` is not a function.
    #[error(transparent)]
    Function(#[from] FunctionError),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.rule_id {
            write!(f, "rule {id}: ")?;
        }
        if let Some(attribute) = self.attribute {
            write!(f, "{attribute} ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// Gives the policy of `rows`, or every problem that they have.
pub(super) fn validate<I>(rows: I) -> Result<Policy, InvalidPolicy>
where
    I: IntoIterator<Item = Row>,
{
    let rows = rows.into_iter().enumerate();
    let mut rows: Vec<Reader> = rows.map(|(at, row)| Reader::new(at, row)).collect();
    // Sorted by id, so that the rules and the problems come in that order and repeated ids are neighbours.
    rows.sort_by_key(|row| row.id);

    let mut problems = Vec::new();
    if rows.iter().all(|row| is_template_row(&row.row)) {
        problems.push(Problem {
            row: None,
            rule_id: None,
            attribute: None,
            kind: ProblemKind::EmptyTable,
        });
    }
    let mut rules = Vec::new();
    let mut report_template: Option<ReportTemplate> = None;
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
        } else {
            rules.extend(row.rule(&mut rule_of_key));
        }
        problems.append(&mut row.problems);
    }
    if problems.is_empty() {
        Ok(Policy {
            rules,
            report_template,
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
        if let Some(first) = first {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::RepeatedTemplate { first });
        }
        Some(ReportTemplate {
            row_id: self.id?,
            text,
        })
    }

    /// The rule, if the row is valid. `rule_of_key` holds the first rule of each tag key.
    fn rule(&mut self, rule_of_key: &mut BTreeMap<String, i64>) -> Option<TagRule> {
        let tag_key = self.tag_key(rule_of_key);
        let required = self.required();
        let action = self.action();
        if has(&self.row, TEMPLATE_ATTRIBUTE) {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::TemplateInRule);
        }
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

/// Whether the row has the attribute with a value that is not blank.
pub(super) fn has(row: &Row, attribute: &str) -> bool {
    match row.get(attribute) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(_) => true,
    }
}

fn wrong_type(expected: &'static str, found: &Value) -> ProblemKind {
    ProblemKind::WrongType {
        expected,
        found: found.to_string(),
    }
}

//! From the rows of the table to rules, or to the list of everything that is wrong with them.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{
    Action, Function, FunctionError, InvalidPolicy, MAX_KEY_CHARS, MAX_VALUE_CHARS, Policy,
    ReportTemplate, TEMPLATE_ATTRIBUTE, TagRule, is_own_key, is_reserved_key, is_template_row,
};

/// One item of the policy table as read: attribute name to value, with a DynamoDB number as a JSON number.
pub type Row = Map<String, Value>;

/// One thing that is wrong with the table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which of the rows handed in, counted from 0; `None` for the table as a whole.
    pub row: Option<usize>,
    /// The rule, where the row says which it is.
    pub rule_id: Option<i64>,
    /// The attribute at fault; `None` for the table or the row as a whole.
    pub attribute: Option<&'static str>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What can be wrong with a policy table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The table holds no rules.
    #[error("the table has no rules")]
    EmptyTable,
    /// An attribute that the row cannot do without is absent or empty.
    #[error("is missing")]
    Missing,
    /// An attribute has the wrong DynamoDB type.
    #[error("must be a {expected}, found {found}")]
    WrongType {
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// No such action.
    #[error("{0:?} is not an action: use Update, UserLookup, Function, Notify, Stop or Terminate")]
    UnknownAction(String),
    /// Neither Y nor N.
    #[error("{0:?} is neither Y nor N")]
    NotYesOrNo(String),
    /// Two rules for one tag.
    #[error("{key:?} has a rule already: rule {first}")]
    RepeatedKey {
        /// The tag key.
        key: String,
        /// The rule that has it first.
        first: i64,
    },
    /// Two rows with one id (a policy file can have that, a table cannot).
    #[error("is used by another rule too")]
    RepeatedId,
    /// A row is a rule, and carries the report's template as well.
    #[error("belongs in a row of its own: this one is a rule")]
    TemplateInRule,
    /// Two rows with a template of the report.
    #[error("is in the table twice: row {first} has it too")]
    RepeatedTemplate {
        /// The row that has it first.
        first: i64,
    },
    /// Over EC2's limit of characters.
    #[error("has {length} characters, EC2 allows {limit}")]
    TooLong {
        /// Characters it has.
        length: usize,
        /// Characters it may have.
        limit: usize,
    },
    /// A key only AWS may write.
    #[error("{0:?} begins with aws:, which AWS keeps for itself")]
    ReservedKey(String),
    /// A key that means something to tagwarden itself.
    #[error("{0:?} begins with tagwarden:, which tagwarden keeps for itself")]
    OwnKey(String),
    /// `Action` = Update has nothing to write.
    #[error("is missing: Action Update needs the value to write")]
    NoDefault,
    /// `Action` = Function has no function to work out.
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

/// Every rule by rising id and the report's template, or every problem.
pub(super) fn validate<I>(rows: I) -> Result<Policy, InvalidPolicy>
where
    I: IntoIterator<Item = Row>,
{
    let rows = rows.into_iter().enumerate();
    let mut rows: Vec<Reader> = rows.map(|(at, row)| Reader::new(at, row)).collect();
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

/// Reads one row, gathering what is wrong with it.
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

    /// The template, if the row is sound; `first` is the row that has one already.
    fn template(&mut self, first: Option<i64>) -> Option<ReportTemplate> {
        let text = self.text(TEMPLATE_ATTRIBUTE);
        let text = text?;
        if let Some(first) = first {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::RepeatedTemplate { first });
        }
        Some(ReportTemplate {
            row_id: self.id?,
            text,
        })
    }

    /// The rule, if the row is sound; `rule_of_key` remembers which rule claimed which tag.
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
        // The value is checked under every action: one that EC2 cannot store is never what was meant.
        let default = self.optional_text("Default");
        if let Some(value) = &default {
            self.check_length("Default", value, MAX_VALUE_CHARS);
        }
        match self.text("Action")?.as_str() {
            "Update" => {
                // An attribute of the wrong type has been named as such already.
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

    /// A text that must be there.
    fn text(&mut self, attribute: &'static str) -> Option<String> {
        let text = self.optional_text(attribute);
        if text.is_none() && !self.has_problem_with(attribute) {
            self.problem(attribute, ProblemKind::Missing);
        }
        text
    }

    /// A text that may be absent; empty and blank texts count as absent, as the console writes them.
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

/// Whether the attribute is there and says something.
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

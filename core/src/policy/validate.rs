//! Validates the rows of the policy table: reads them into rules, or names every problem.

use super::format::PolicyFormat;
use super::function::Function;
use super::key::{MAX_KEY_CHARS, MAX_VALUE_CHARS, is_own_key, is_reserved_key};
use super::options::RuleOptions;
use super::problem::{InvalidPolicy, Problem, ProblemKind};
use super::reader::{Reader, wrong_type};
use super::row::{
    FORMAT_ATTRIBUTE, HOLD_ATTRIBUTE, LETTER_TEMPLATE_ATTRIBUTE, Row, RowKind, TEMPLATE_ATTRIBUTE,
    has,
};
use super::rule::{Action, TagRule};
use super::rules_of_keys::RulesOfKeys;
use super::several::EarlierRules;
use super::table::{LetterTemplate, Policy, ReportTemplate};
use crate::exemption::is_exemption_like;
use crate::likeness::{has_hidden_characters, is_blank};

impl Policy {
    /// Validates the rows of a policy table.
    ///
    /// Takes the rows in any order. Without a format row, attributes that tagwarden does not know are ignored: see
    /// [`PolicyFormat`].
    ///
    /// # Errors
    /// [`InvalidPolicy`] with every problem of every row, in the order of the rule ids. A table without rules is a
    /// problem. A table of a format that this version does not read has this one problem, because its rows may mean
    /// anything.
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

    // The format comes first, because it says what the other rows mean.
    let format = format(&mut rows)?;
    let mut problems = Vec::new();
    for row in &mut rows {
        // Before format 2, a row without a tag key was a broken rule.
        let is_newer = matches!(row.kind, RowKind::Who | RowKind::LetterTemplate);
        if is_newer && format == PolicyFormat::V1 {
            row.kind = RowKind::Rule;
        }
    }
    if !rows.iter().any(|row| row.kind == RowKind::Rule) {
        problems.push(Problem {
            row: None,
            rule_id: None,
            attribute: None,
            kind: ProblemKind::EmptyTable,
        });
    }
    let mut rules = Vec::new();
    let mut report_template: Option<ReportTemplate> = None;
    let mut letter_template: Option<LetterTemplate> = None;
    let mut hold: Option<String> = None;
    let mut hold_id = None;
    let mut who_rows = Vec::new();
    let mut earlier = EarlierRules::default();
    let mut previous_id = None;
    for mut row in rows {
        if row.id.is_some() && row.id == previous_id {
            row.problem("RuleId", ProblemKind::RepeatedId);
        }
        previous_id = row.id;
        match row.kind {
            RowKind::Format => {}
            RowKind::Template => {
                let first = report_template.as_ref().map(|template| template.row_id);
                let template = row.template(first);
                report_template = report_template.or(template);
            }
            RowKind::LetterTemplate => {
                let first = letter_template.as_ref().map(|template| template.row_id);
                let template = row.letter_template(first);
                letter_template = letter_template.or(template);
            }
            RowKind::Hold => {
                let reason = row.hold(hold_id);
                hold_id = hold_id.or(row.id);
                hold = hold.or(reason);
            }
            RowKind::Who => who_rows.extend(row.who()),
            RowKind::Rule => rules.extend(row.rule(format, &mut earlier)),
        }
        if format >= PolicyFormat::V2 {
            row.check_attributes();
        }
        problems.append(&mut row.problems);
    }
    if problems.is_empty() {
        Ok(Policy {
            format,
            rules_of_keys: RulesOfKeys::of(&rules),
            rules,
            report_template,
            letter_template,
            hold,
            who_rows,
        })
    } else {
        Err(InvalidPolicy { problems })
    }
}

/// The format of the table. The format row has its problems afterwards.
fn format(rows: &mut [Reader]) -> Result<PolicyFormat, InvalidPolicy> {
    let mut first = None;
    for row in rows.iter_mut().filter(|row| row.kind == RowKind::Format) {
        let newest = PolicyFormat::NEWEST.number();
        let value = row.row.get(FORMAT_ATTRIBUTE).cloned().unwrap_or_default();
        match value.as_i64() {
            Some(number) if number > newest => {
                row.problem(FORMAT_ATTRIBUTE, ProblemKind::NewerFormat(number));
                let mut problems = std::mem::take(&mut row.problems);
                problems.retain(|it| matches!(it.kind, ProblemKind::NewerFormat(_)));
                return Err(InvalidPolicy { problems });
            }
            Some(number) if number == newest => {}
            Some(number) => row.problem(FORMAT_ATTRIBUTE, ProblemKind::NotAFormat(number)),
            None => {
                let kind = wrong_type("whole number (N)", &value);
                row.problem(FORMAT_ATTRIBUTE, kind);
            }
        }
        if let Some(first) = first {
            row.problem(FORMAT_ATTRIBUTE, ProblemKind::RepeatedFormat { first });
        }
        first = first.or(row.id);
    }
    // A format that cannot be read was meant as one, so the other rows are read strictly too.
    let has_format = rows.iter().any(|row| row.kind == RowKind::Format);
    Ok(if has_format {
        PolicyFormat::V2
    } else {
        PolicyFormat::V1
    })
}

impl Reader {
    /// The template, if the row is valid. `first` is the row that already has one.
    fn template(&mut self, first: Option<i64>) -> Option<ReportTemplate> {
        let text = self.text(TEMPLATE_ATTRIBUTE)?;
        self.check_alone(HOLD_ATTRIBUTE);
        self.check_alone(FORMAT_ATTRIBUTE);
        if let Some(first) = first {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::RepeatedTemplate { first });
        }
        Some(ReportTemplate {
            row_id: self.id?,
            text,
        })
    }

    /// The letters' template, if the row is valid. `first` is the row that already has one.
    fn letter_template(&mut self, first: Option<i64>) -> Option<LetterTemplate> {
        let text = self.newer_text(LETTER_TEMPLATE_ATTRIBUTE);
        if let Some(first) = first {
            let kind = ProblemKind::RepeatedTemplate { first };
            self.problem(LETTER_TEMPLATE_ATTRIBUTE, kind);
        }
        Some(LetterTemplate {
            row_id: self.id?,
            text: text?,
        })
    }

    /// The reason of the hold, if the row is valid. `first` is the row that already has one.
    fn hold(&mut self, first: Option<i64>) -> Option<String> {
        let reason = self.optional_text(HOLD_ATTRIBUTE);
        let reason = reason.filter(|reason| !is_blank(reason));
        if reason.is_none() && !self.has_problem_with(HOLD_ATTRIBUTE) {
            self.problem(HOLD_ATTRIBUTE, ProblemKind::NoReason);
        }
        self.check_alone(FORMAT_ATTRIBUTE);
        if let Some(first) = first {
            self.problem(HOLD_ATTRIBUTE, ProblemKind::RepeatedHold { first });
        }
        reason
    }

    /// The rule, if the row is valid. `earlier` holds those before it.
    fn rule(&mut self, format: PolicyFormat, earlier: &mut EarlierRules) -> Option<TagRule> {
        let tag_key = self.tag_key(format);
        let required = self.required();
        let action = self.action(format);
        let mut options = match format {
            PolicyFormat::V1 => RuleOptions::default(),
            PolicyFormat::V2 => self.options(),
        };
        self.check_end_date(action.as_ref(), &mut options);
        if options.end_date.is_none() {
            self.check_default_is_allowed(action.as_ref(), &options);
        }
        self.check_kinds(action.as_ref(), &options);
        if has(&self.row, TEMPLATE_ATTRIBUTE) {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::TemplateInRule);
        }
        self.check_alone(HOLD_ATTRIBUTE);
        self.check_alone(FORMAT_ATTRIBUTE);
        if let Some(key) = &tag_key {
            self.check_several(key, &options, earlier);
        }
        Some(TagRule {
            id: self.id?,
            tag_key: tag_key?,
            required: required?,
            action: action?,
            options,
        })
    }

    fn tag_key(&mut self, format: PolicyFormat) -> Option<String> {
        let key = self.text("TagKey")?;
        if is_reserved_key(&key) {
            self.problem("TagKey", ProblemKind::ReservedKey(key.clone()));
        }
        if is_own_key(&key) {
            self.problem("TagKey", ProblemKind::OwnKey(key.clone()));
        }
        // Older tables may have such keys, and keep their meaning.
        if format >= PolicyFormat::V2 {
            if has_hidden_characters(&key) {
                self.problem("TagKey", ProblemKind::HiddenCharacters(key.clone()));
            }
            if is_exemption_like(&key) && !is_own_key(&key) {
                self.problem("TagKey", ProblemKind::ExemptionKey(key.clone()));
            }
        }
        self.check_length("TagKey", key.chars().count(), MAX_KEY_CHARS);
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

    fn action(&mut self, format: PolicyFormat) -> Option<Action> {
        // Checked for every action, because a value that EC2 cannot store is always a mistake.
        let default = self.optional_text("Default");
        // Zero-width characters alone would be written, and found empty again at every look.
        let default = default.filter(|value| !is_blank(value));
        if let Some(value) = &default {
            self.check_length("Default", value.chars().count(), MAX_VALUE_CHARS);
        }
        match self.text("Action")?.as_str() {
            "Update" => {
                // An attribute of the wrong type already has its problem.
                let has_source = format >= PolicyFormat::V2 && self.row.contains_key("From");
                if default.is_none() && !has_source && !self.has_problem_with("Default") {
                    self.problem("Default", ProblemKind::NoDefault);
                }
                let is_sound = default.is_some() || has_source;
                is_sound.then_some(Action::Update { value: default })
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
}

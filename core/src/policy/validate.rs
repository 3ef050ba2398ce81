//! Validates the rows of the policy table: reads them into rules, or names every problem.

use std::collections::BTreeMap;

use super::allowed::AllowedValues;
use super::format::PolicyFormat;
use super::function::Function;
use super::key::{MAX_KEY_CHARS, MAX_VALUE_CHARS, is_own_key, is_reserved_key};
use super::options::RuleOptions;
use super::pattern::Pattern;
use super::problem::{InvalidPolicy, Problem, ProblemKind};
use super::reader::{Reader, wrong_type};
use super::row::{FORMAT_ATTRIBUTE, HOLD_ATTRIBUTE, Row, RowKind, TEMPLATE_ATTRIBUTE, has};
use super::rule::{Action, TagRule};
use super::source::Source;
use super::table::{Policy, ReportTemplate};
use super::who::{Contact, WhoRow};
use crate::exemption::is_exemption_like;
use crate::likeness::{has_hidden_characters, is_blank};

/// Days for which the value of a function is tried against the values that its rule allows.
const SAMPLE_DAYS: [&str; 4] = [
    "2026-01-31T00:00:00Z",
    "2027-06-09T09:05:00Z",
    "2028-02-29T12:00:00Z",
    "2031-10-20T23:59:59Z",
];

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
        if row.kind == RowKind::Who && format == PolicyFormat::V1 {
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
    let mut hold: Option<String> = None;
    let mut hold_id = None;
    let mut who_rows = Vec::new();
    let mut rule_of_key = BTreeMap::new();
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
            RowKind::Hold => {
                let reason = row.hold(hold_id);
                hold_id = hold_id.or(row.id);
                hold = hold.or(reason);
            }
            RowKind::Who => who_rows.extend(row.who()),
            RowKind::Rule => rules.extend(row.rule(format, &mut rule_of_key)),
        }
        if format >= PolicyFormat::V2 {
            row.check_attributes();
        }
        problems.append(&mut row.problems);
    }
    if problems.is_empty() {
        Ok(Policy {
            format,
            rules,
            report_template,
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

    /// The rule, if the row is valid. `rule_of_key` holds the first rule of each tag key.
    fn rule(
        &mut self,
        format: PolicyFormat,
        rule_of_key: &mut BTreeMap<String, i64>,
    ) -> Option<TagRule> {
        let tag_key = self.tag_key(format, rule_of_key);
        let required = self.required();
        let action = self.action(format);
        let options = match format {
            PolicyFormat::V1 => RuleOptions::default(),
            PolicyFormat::V2 => self.options(),
        };
        self.check_default_is_allowed(action.as_ref(), &options);
        if has(&self.row, TEMPLATE_ATTRIBUTE) {
            self.problem(TEMPLATE_ATTRIBUTE, ProblemKind::TemplateInRule);
        }
        self.check_alone(HOLD_ATTRIBUTE);
        self.check_alone(FORMAT_ATTRIBUTE);
        Some(TagRule {
            id: self.id?,
            tag_key: tag_key?,
            required: required?,
            action: action?,
            options,
        })
    }

    /// The attributes that only format 2 has.
    fn options(&mut self) -> RuleOptions {
        RuleOptions {
            allowed: self.allowed(),
            from: self.sources().unwrap_or_default(),
        }
    }

    fn sources(&mut self) -> Option<Vec<Source>> {
        let parts = self.list("From")?;
        let own_key = self.row.get("TagKey").and_then(serde_json::Value::as_str);
        let own_key = own_key.map(ToOwned::to_owned);
        let mut sources = Vec::with_capacity(parts.len());
        for part in &parts {
            match part.parse::<Source>() {
                Ok(Source::Tag(key)) if Some(&key) == own_key.as_ref() => {
                    self.problem("From", ProblemKind::OwnSource(key));
                }
                Ok(source) => sources.push(source),
                Err(error) => self.problem("From", error.into()),
            }
        }
        // A name is a fact, and the other actions write nothing.
        let action = self.row.get("Action").and_then(serde_json::Value::as_str);
        if let Some(action @ ("UserLookup" | "Notify" | "Stop" | "Terminate")) = action {
            let action = action.to_owned();
            self.problem("From", ProblemKind::SourceUnused(action));
        }
        Some(sources)
    }

    /// The who row, if it is valid.
    fn who(&mut self) -> Option<WhoRow> {
        let who = self.patterns("Who");
        let contact = self
            .newer_text("Contact")
            .map(|text| text.parse::<Contact>());
        let contact = match contact.transpose() {
            Ok(contact) => contact,
            Err(error) => {
                self.problem("Contact", error.into());
                None
            }
        };
        let tags = self.launcher_tags();
        if !self.row.contains_key("Contact") && !self.row.contains_key("Tags") {
            self.problem("Who", ProblemKind::WhoSaysNothing);
        }
        Some(WhoRow {
            row_id: self.id?,
            who: who?,
            contact,
            tags,
        })
    }

    /// The tags of a who row, by key.
    fn launcher_tags(&mut self) -> Option<BTreeMap<String, String>> {
        let members = match self.row.get("Tags")? {
            serde_json::Value::Object(members) => members.clone(),
            serde_json::Value::Null => serde_json::Map::new(),
            other => {
                let kind = wrong_type("map of strings (M)", other);
                self.problem("Tags", kind);
                return None;
            }
        };
        if members.is_empty() {
            self.problem("Tags", ProblemKind::SaysNothing);
        }
        let mut tags = BTreeMap::new();
        for (key, value) in members {
            self.check_length("Tags", key.chars().count(), MAX_KEY_CHARS);
            if key.is_empty()
                || is_reserved_key(&key)
                || is_exemption_like(&key)
                || is_own_key(&key)
                || has_hidden_characters(&key)
            {
                self.problem("Tags", ProblemKind::UnwritableKey(key));
                continue;
            }
            match value {
                serde_json::Value::String(text) if is_blank(&text) => {
                    self.problem("Tags", ProblemKind::SaysNothing);
                }
                serde_json::Value::String(text) => {
                    self.check_length("Tags", text.chars().count(), MAX_VALUE_CHARS);
                    tags.insert(key, text);
                }
                other => {
                    let kind = wrong_type("map of strings (M)", &other);
                    self.problem("Tags", kind);
                }
            }
        }
        Some(tags)
    }

    fn allowed(&mut self) -> Option<AllowedValues> {
        let patterns = self.patterns("Allowed")?;
        let longest = patterns.iter().map(Pattern::shortest).max();
        self.check_length("Allowed", longest.unwrap_or_default(), MAX_VALUE_CHARS);
        AllowedValues::new(patterns)
    }

    /// What a rule would write must be a value that the rule allows. A function's value depends on the day, so one of many
    /// days is enough.
    fn check_default_is_allowed(&mut self, action: Option<&Action>, options: &RuleOptions) {
        let Some(allowed) = &options.allowed else {
            return;
        };
        let (value, is_allowed) = match action {
            Some(Action::Update { value: Some(value) }) => (value.clone(), allowed.allows(value)),
            Some(Action::Function(function)) => {
                let mut days = SAMPLE_DAYS.iter().filter_map(|day| day.parse().ok());
                let is_allowed = days.any(|day| allowed.allows(&function.value(day)));
                (function.to_string(), is_allowed)
            }
            _ => return,
        };
        if !is_allowed {
            let nearest = allowed.nearest(&value).map(ToOwned::to_owned);
            self.problem("Default", ProblemKind::DefaultNotAllowed { value, nearest });
        }
    }

    fn tag_key(
        &mut self,
        format: PolicyFormat,
        rule_of_key: &mut BTreeMap<String, i64>,
    ) -> Option<String> {
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

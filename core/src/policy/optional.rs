//! Reads what only format 2 has: the optional attributes of a rule, and who rows.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::allowed::AllowedValues;
use super::condition::RuleConditions;
use super::key::{MAX_KEY_CHARS, MAX_VALUE_CHARS, is_own_key, is_reserved_key};
use super::options::RuleOptions;
use super::pattern::Pattern;
use super::problem::ProblemKind;
use super::reader::{Reader, wrong_type};
use super::rule::Action;
use super::source::Source;
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

impl Reader {
    /// The attributes that only format 2 has.
    pub(super) fn options(&mut self) -> RuleOptions {
        RuleOptions {
            allowed: self.allowed(),
            from: self.sources().unwrap_or_default(),
            when: self.when(),
            kinds: self.kinds().unwrap_or_default(),
            end_date: self.end_date(),
            notice: self.notice(),
        }
    }

    fn when(&mut self) -> Option<RuleConditions> {
        let texts: Vec<String> = match self.row.get("When")? {
            Value::Array(_) => self.list("When")?,
            // Commas separate the values of one condition.
            Value::Null => Vec::new(),
            Value::String(text) => vec![text.clone()],
            other => {
                let kind = wrong_type("string (S), or a list of strings", other);
                self.problem("When", kind);
                return None;
            }
        };
        match RuleConditions::of(texts.iter().map(String::as_str)) {
            Ok(when) => Some(when),
            Err(error) => {
                self.problem("When", error.into());
                None
            }
        }
    }

    fn sources(&mut self) -> Option<Vec<Source>> {
        let parts = self.list("From")?;
        let own_key = self.row.get("TagKey").and_then(Value::as_str);
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
        let action = self.row.get("Action").and_then(Value::as_str);
        if let Some(action @ ("UserLookup" | "Notify" | "Stop" | "Terminate")) = action {
            let action = action.to_owned();
            self.problem("From", ProblemKind::SourceUnused(action));
        }
        Some(sources)
    }

    /// The who row, if it is valid.
    pub(super) fn who(&mut self) -> Option<WhoRow> {
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
            Value::Object(members) => members.clone(),
            Value::Null => Map::new(),
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
                Value::String(text) if is_blank(&text) => {
                    self.problem("Tags", ProblemKind::SaysNothing);
                }
                Value::String(text) => {
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
    pub(super) fn check_default_is_allowed(
        &mut self,
        action: Option<&Action>,
        options: &RuleOptions,
    ) {
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
}

//! A letter as SNS takes it.

use std::collections::BTreeSet;

use serde_json::json;

use super::context::LetterContext;
use super::draft::{Letter, LetterEntry, LetterReader, name};
use super::kind::LetterKind;
use super::{chat, document, template, view};
use crate::report::TemplateError;

/// The most bytes of a message with its attributes. SNS takes 256 KiB.
const LIMIT: usize = 250 * 1024;

/// The most bytes of the text, so that mail programs show all of it.
const TEXT_LIMIT: usize = 96 * 1024;

/// The protocols whose subscribers are programs. `https` is what chat applications subscribe with.
const PROGRAMS: [&str; 3] = ["sqs", "lambda", "http"];

/// A letter as SNS takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterMessage {
    /// The subject of the mail.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// The message, in the structure `json`.
    pub body: String,
    /// The attributes: name, type and value.
    pub attributes: Vec<(&'static str, &'static str, String)>,
    /// Why the text is the built-in one, where the policy table has a template of its own.
    pub problem: Option<String>,
    /// The names of what it tells: fewer than the letter's where there is no room for all.
    pub names: BTreeSet<String>,
}

impl Letter<'_> {
    /// The letter as SNS takes it. Where a message has no room for all entries, the others stay untold. `problem` says why
    /// administrators get an owner's letter.
    #[must_use]
    pub fn message(&self, context: LetterContext<'_>, problem: Option<&str>) -> LetterMessage {
        // Only owners' letters have words of their own: the digest is what the report is.
        let mut wording = context.wording;
        if self.reader == LetterReader::Admins {
            wording = None;
        }
        let mut broken = None;
        let mut number = self.entries.len();
        loop {
            let shown = self.entries.get(..number).unwrap_or_default();
            let text = match wording {
                None => view::text(self, shown, context, problem),
                Some(own) => match own.text(&template::view(self, shown, context, problem)) {
                    Ok(text) if number > 1 || text.len() <= TEXT_LIMIT => text,
                    other => {
                        let error = other.err().unwrap_or_else(TemplateError::too_large);
                        broken = Some(own.broken(&error));
                        wording = None;
                        number = self.entries.len();
                        continue;
                    }
                },
            };
            let document = document::json(self, shown, context, problem);
            let mut body = json!({
                "default": text,
                "https": chat::card(self, context, problem).to_string(),
            });
            if let Some(body) = body.as_object_mut() {
                let programs = PROGRAMS
                    .iter()
                    .map(|it| ((*it).to_owned(), json!(document)));
                body.extend(programs);
            }
            let body = body.to_string();
            // Escaped, a text may take six times its bytes.
            if body.len() > LIMIT
                && number <= 1
                && let Some(own) = wording.take()
            {
                broken = Some(own.broken(&TemplateError::too_large()));
                number = self.entries.len();
                continue;
            }
            if (body.len() <= LIMIT && text.len() <= TEXT_LIMIT) || number <= 1 {
                return LetterMessage {
                    subject: self.subject(),
                    text,
                    body,
                    attributes: self.attributes(problem),
                    problem: broken,
                    names: self.names_of(shown),
                };
            }
            number /= 2;
        }
    }

    fn names_of(&self, shown: &[LetterEntry<'_>]) -> BTreeSet<String> {
        if shown.len() == self.entries.len() {
            return self.names.clone();
        }
        let LetterReader::Owner(owner) = &self.reader else {
            return BTreeSet::new();
        };
        let key = owner.to_lowercase();
        let names = shown.iter();
        names
            .map(|it| format!("{key} {}", name(self.report, it.entry)))
            .collect()
    }

    fn attributes(&self, problem: Option<&str>) -> Vec<(&'static str, &'static str, String)> {
        const TEXT: &str = "String";
        let audience = match &self.reader {
            LetterReader::Owner(_) if problem.is_none() => "owner",
            LetterReader::Owner(_) | LetterReader::Admins => "admins",
        };
        let kinds: Vec<&str> = self.kinds().into_iter().map(LetterKind::name).collect();
        let mut attributes = vec![
            ("audience", TEXT, audience.to_owned()),
            ("mode", TEXT, self.report.mode.name().to_owned()),
        ];
        if !kinds.is_empty() {
            attributes.push(("kind", "String.Array", json!(kinds).to_string()));
        }
        if let LetterReader::Owner(owner) = &self.reader {
            attributes.push(("owner", TEXT, crate::report::text::printable(owner)));
        }
        if let Some(account) = &self.report.origin.sender.account {
            attributes.push(("account", TEXT, account.clone()));
        }
        attributes
    }
}

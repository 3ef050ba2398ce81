//! Letters: what one owner is told of their resources.
//!
//! Pure: a report, the policy and the present go in, letters come out. A letter has three forms, because SNS gives each
//! protocol its own: text for mail, JSON for programs, and a card for chat applications.
//!
//! | module | what it holds |
//! |---|---|
//! | `kind` | what a letter is about, and what a reader can do |
//! | `keep` | the tag that keeps a resource, and the command that sets it |
//! | `view` | what a letter's template sees, and its text |
//! | `document` | the JSON for programs |
//! | `chat` | the card for Slack and Teams |

mod chat;
mod document;
mod keep;
mod kind;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use tagwarden_core::Policy;

use crate::plan::Outcome;
use crate::report::{Entry, Report};

pub use keep::Keep;
pub use kind::LetterKind;

/// The most bytes of a message with its attributes. SNS takes 256 KiB.
const LIMIT: usize = 250 * 1024;

/// The most bytes of the text, so that mail programs show all of it.
const TEXT_LIMIT: usize = 96 * 1024;

/// The protocols whose subscribers are programs. `https` is what chat applications subscribe with.
const PROGRAMS: [&str; 3] = ["sqs", "lambda", "http"];

/// Who reads a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The owner with this name.
    Owner(String),
    /// The administrators: the digest of a report.
    Admins,
}

/// What one reader is told.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// Who reads it.
    pub reader: Reader,
    /// The report that it is of.
    pub report: &'a Report,
    /// What it tells, in order: by kind, then by resource. Each needs the same reader.
    pub entries: Vec<LetterEntry<'a>>,
    /// The day of the first notice among them, or else today: the thread in chat.
    pub thread_day: NaiveDate,
    /// The names by which the ledger remembers that this reader was told of the entries.
    pub names: BTreeSet<String>,
}

/// One entry of a letter.
#[derive(Clone, Debug)]
pub struct LetterEntry<'a> {
    /// What it is about.
    pub kind: LetterKind,
    /// The report's entry.
    pub entry: &'a Entry,
    /// What keeps the resource, where anything does.
    pub keep: Option<Keep>,
}

/// What letters need beside the report.
#[derive(Clone, Copy, Debug)]
pub struct LetterContext<'a> {
    /// The policy, which says which tags keep a resource.
    pub policy: &'a Policy,
    /// Where the resources are; none: no links.
    pub region: Option<&'a str>,
    /// The present.
    pub now: DateTime<Utc>,
}

/// A letter as SNS takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterMessage {
    /// The subject of the mail.
    pub subject: String,
    /// The message, in the structure `json`.
    pub body: String,
    /// The attributes: name, type and value.
    pub attributes: Vec<(&'static str, &'static str, String)>,
    /// The names of what it tells: fewer than the letter's where there is no room for all.
    pub names: BTreeSet<String>,
}

/// The letters to the owners of the resources of `report`: one for each, with what they were not told yet by `told`, which
/// are [names](Letter::names).
#[must_use]
pub fn letters<'a>(
    report: &'a Report,
    context: LetterContext<'_>,
    told: &BTreeSet<String>,
) -> Vec<Letter<'a>> {
    let mut by_owner: BTreeMap<String, Letter<'a>> = BTreeMap::new();
    for entry in &report.entries {
        let subject = report.subject(entry);
        let owner = subject.and_then(|it| it.owner.as_ref());
        let (Some(kind), Some(owner)) = (LetterKind::of(entry), owner) else {
            continue;
        };
        let key = owner.key();
        let name = format!("{key} {}", name(report, entry));
        if told.contains(&name) {
            continue;
        }
        let letter = by_owner.entry(key).or_insert_with(|| Letter {
            reader: Reader::Owner(owner.name.clone()),
            report,
            entries: Vec::new(),
            thread_day: context.now.date_naive(),
            names: BTreeSet::new(),
        });
        if let Some(day) = subject.and_then(|it| it.counted_since) {
            letter.thread_day = letter.thread_day.min(day);
        }
        letter.names.insert(name);
        letter.entries.push(LetterEntry {
            kind,
            entry,
            keep: Keep::of(entry, kind, &owner.name, context),
        });
    }
    let mut letters: Vec<Letter<'a>> = by_owner.into_values().collect();
    for letter in &mut letters {
        letter
            .entries
            .sort_by(|left, right| left.place().cmp(&right.place()));
    }
    letters
}

/// The name of an entry for one reader. What changed a resource is named by its run, so that it is told once although two
/// runs may report it.
fn name(report: &Report, entry: &Entry) -> String {
    entry.name().unwrap_or_else(|| {
        let run = entry.done_by.as_ref().unwrap_or(&report.run_id);
        let rule = entry.step.cause.rule_id().unwrap_or_default();
        format!("{} {rule} {run}", entry.step.instance_id)
    })
}

impl LetterEntry<'_> {
    fn place(&self) -> (LetterKind, &str, Option<i64>) {
        let step = &self.entry.step;
        (self.kind, &step.instance_id, step.cause.rule_id())
    }
}

impl Letter<'_> {
    /// The letter as SNS takes it. Where a message has no room for all entries, the others stay untold. `problem` says why
    /// administrators get an owner's letter.
    #[must_use]
    pub fn message(&self, context: LetterContext<'_>, problem: Option<&str>) -> LetterMessage {
        let mut number = self.entries.len();
        loop {
            let shown = self.entries.get(..number).unwrap_or_default();
            let text = view::text(self, shown, context, problem);
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
            if (body.len() <= LIMIT && text.len() <= TEXT_LIMIT) || number <= 1 {
                return LetterMessage {
                    subject: self.subject(),
                    body,
                    attributes: self.attributes(problem),
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
        let Reader::Owner(owner) = &self.reader else {
            return BTreeSet::new();
        };
        let key = owner.to_lowercase();
        let names = shown.iter();
        names
            .map(|it| format!("{key} {}", name(self.report, it.entry)))
            .collect()
    }

    /// What the letter is about: each kind of its entries once.
    fn kinds(&self) -> BTreeSet<LetterKind> {
        self.entries.iter().map(|it| it.kind).collect()
    }

    /// How many resources the letter is about.
    fn count(&self) -> usize {
        let ids = self.entries.iter().map(|it| &it.entry.step.instance_id);
        ids.collect::<BTreeSet<_>>().len()
    }

    fn attributes(&self, problem: Option<&str>) -> Vec<(&'static str, &'static str, String)> {
        const TEXT: &str = "String";
        let audience = match &self.reader {
            Reader::Owner(_) if problem.is_none() => "owner",
            Reader::Owner(_) | Reader::Admins => "admins",
        };
        let kinds: Vec<&str> = self.kinds().into_iter().map(LetterKind::name).collect();
        let mut attributes = vec![
            ("audience", TEXT, audience.to_owned()),
            ("mode", TEXT, self.report.mode.name().to_owned()),
        ];
        if !kinds.is_empty() {
            attributes.push(("kind", "String.Array", json!(kinds).to_string()));
        }
        if let Reader::Owner(owner) = &self.reader {
            attributes.push(("owner", TEXT, crate::report::text::printable(owner)));
        }
        if let Some(account) = &self.report.origin.sender.account {
            attributes.push(("account", TEXT, account.clone()));
        }
        attributes
    }

    /// The digest of `report` for administrators.
    #[must_use]
    pub fn digest<'a>(report: &'a Report, context: LetterContext<'_>) -> Letter<'a> {
        let news = report.news().into_iter();
        let entries = news.filter_map(|entry| {
            let kind = LetterKind::of(entry).or_else(|| {
                let needs_person = matches!(
                    entry.outcome,
                    Outcome::Failed(_) | Outcome::Unclear(_) | Outcome::Refused(_)
                );
                needs_person.then_some(LetterKind::ActionNeeded)
            })?;
            let keep = None;
            Some(LetterEntry { kind, entry, keep })
        });
        let mut entries: Vec<LetterEntry<'a>> = entries.collect();
        entries.sort_by(|left, right| left.place().cmp(&right.place()));
        Letter {
            reader: Reader::Admins,
            report,
            entries,
            thread_day: context.now.date_naive(),
            names: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests;

//! What one reader is told, before it has a form.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::context::LetterContext;
use super::keep::Keep;
use super::kind::LetterKind;
use crate::plan::{Outcome, Reason};
use crate::report::{Entry, Report};

/// Who reads a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterReader {
    /// The owner with this name.
    Owner(String),
    /// The administrators: the digest of a report.
    Admins,
}

/// What one reader is told.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// Who reads it.
    pub reader: LetterReader,
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
            reader: LetterReader::Owner(owner.name.clone()),
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
/// runs may report it. The budget is one piece of news for administrators, but an owner must know of each resource.
pub(super) fn name(report: &Report, entry: &Entry) -> String {
    if let Outcome::Refused(reason @ Reason::Budget { .. }) = &entry.outcome {
        let rule = entry.step.cause.rule_id().unwrap_or_default();
        return format!("{} {rule} {}", entry.step.instance_id, reason.name());
    }
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
    /// What the letter is about: each kind of its entries once.
    pub(super) fn kinds(&self) -> BTreeSet<LetterKind> {
        self.entries.iter().map(|it| it.kind).collect()
    }

    /// How many resources the letter is about.
    pub(super) fn count(&self) -> usize {
        let ids = self.entries.iter().map(|it| &it.entry.step.instance_id);
        ids.collect::<BTreeSet<_>>().len()
    }

    /// What is left of the letter once its owner was told what has the names `told`; `None`: nothing.
    #[must_use]
    pub fn without(&self, told: &BTreeSet<String>) -> Option<Self> {
        let LetterReader::Owner(owner) = &self.reader else {
            return None;
        };
        let key = owner.to_lowercase();
        let is_told =
            |it: &LetterEntry<'_>| told.contains(&format!("{key} {}", name(self.report, it.entry)));
        let mut rest = self.clone();
        rest.entries.retain(|it| !is_told(it));
        rest.names.retain(|name| !told.contains(name));
        (!rest.entries.is_empty()).then_some(rest)
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
            reader: LetterReader::Admins,
            report,
            entries,
            thread_day: context.now.date_naive(),
            names: BTreeSet::new(),
        }
    }
}

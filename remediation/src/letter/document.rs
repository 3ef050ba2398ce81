//! A letter as programs read it. It has no `instanceIds`, so that it triggers no remediation.

use serde::Serialize;

use super::context::LetterContext;
use super::draft::{Letter, LetterEntry, LetterReader};
use super::kind::LetterKind;
use super::view::link;
use crate::report::EntryDocument;
use crate::run_id::RunId;
use crate::settings::Mode;

/// The version of the JSON's form.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterDocument<'a> {
    version: u32,
    audience: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    run_id: &'a RunId,
    mode: Mode,
    kinds: Vec<&'static str>,
    thread_id: String,
    /// How many entries the letter has no room for.
    left: usize,
    /// Why administrators get an owner's letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    undelivered: Option<&'a str>,
    entries: Vec<LetterEntryDocument<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterEntryDocument<'a> {
    kind: &'static str,
    #[serde(flatten)]
    entry: EntryDocument<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<KeepDocument<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeepDocument<'a> {
    tags: Vec<TagDocument<'a>>,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    console_link: Option<String>,
}

#[derive(Serialize)]
struct TagDocument<'a> {
    key: &'a str,
    value: &'a str,
}

/// The JSON that shows these entries of `letter`.
pub(super) fn json(
    letter: &Letter<'_>,
    shown: &[LetterEntry<'_>],
    context: LetterContext<'_>,
    problem: Option<&str>,
) -> String {
    let entries = shown.iter().map(|it| LetterEntryDocument {
        kind: it.kind.name(),
        entry: letter.report.document(it.entry, context.region),
        keep: it.keep.as_ref().map(|keep| KeepDocument {
            tags: keep
                .tags
                .iter()
                .map(|(key, value)| TagDocument { key, value })
                .collect(),
            command: &keep.command,
            console_link: link(it, context),
        }),
    });
    let (audience, owner) = match &letter.reader {
        LetterReader::Owner(owner) if problem.is_none() => ("owner", Some(owner.as_str())),
        LetterReader::Owner(owner) => ("admins", Some(owner.as_str())),
        LetterReader::Admins => ("admins", None),
    };
    let document = LetterDocument {
        version: VERSION,
        audience,
        owner,
        run_id: &letter.report.run_id,
        mode: letter.report.mode,
        kinds: letter.kinds().into_iter().map(LetterKind::name).collect(),
        thread_id: letter.thread_id(),
        left: letter.entries.len() - shown.len(),
        undelivered: problem,
        entries: entries.collect(),
    };
    serde_json::to_string(&document).unwrap_or_default()
}

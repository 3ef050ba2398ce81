//! What a letter's template sees, and whether a template is sound. `docs/letters.md` describes each member.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use tagwarden_core::Policy;
use tagwarden_core::owner::{Owner, OwnerSource};

use super::context::LetterContext;
use super::draft::{Letter, LetterEntry, LetterReader, letters};
use super::kind::LetterKind;
use super::view::{closing, exempt, link, sentence};
use crate::report::sample;
use crate::report::template::Template;
use crate::report::text::{moment, printable};
use crate::report::{Report, TemplateError};
use crate::settings::Mode;

/// A letter as its text shows it. Every member is there always: what does not apply is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LetterView<'a> {
    heading: String,
    owner: Option<String>,
    mode: Mode,
    dry_run: bool,
    run_id: &'a str,
    account: Option<&'a str>,
    region: Option<&'a str>,
    place: String,
    groups: Vec<LetterGroupView<'a>>,
    left: usize,
    exempt: Option<String>,
    closing: Option<String>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct LetterGroupView<'a> {
    kind: &'static str,
    title: &'static str,
    entries: Vec<LetterEntryView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterEntryView<'a> {
    instance_id: &'a str,
    name: Option<String>,
    finding: &'static str,
    rule_id: Option<i64>,
    tag_key: Option<&'a str>,
    remedy: &'static str,
    tag_value: Option<String>,
    outcome: &'static str,
    reason: Option<String>,
    launcher: Option<String>,
    due_at: Option<String>,
    line: String,
    link: Option<String>,
    keep: Option<KeepView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeepView {
    /// `To keep it`, or `To set it right`.
    title: &'static str,
    tags: Vec<KeepTagView>,
    allowed: Vec<String>,
    /// How many more values are allowed than `allowed` has.
    allowed_left: usize,
    command: String,
}

#[derive(Serialize)]
struct KeepTagView {
    key: String,
    value: String,
}

/// What a template sees of these entries of `letter`. `problem` says why administrators get an owner's letter.
pub(super) fn view<'a>(
    letter: &'a Letter<'_>,
    shown: &'a [LetterEntry<'_>],
    context: LetterContext<'a>,
    problem: Option<&str>,
) -> LetterView<'a> {
    let mode = letter.report.mode;
    let mut groups: Vec<LetterGroupView<'a>> = Vec::new();
    let mut last = None;
    for it in shown {
        if last != Some(it.kind) {
            groups.push(LetterGroupView {
                kind: it.kind.name(),
                title: it.kind.title(mode),
                entries: Vec::new(),
            });
            last = Some(it.kind);
        }
        if let Some(group) = groups.last_mut() {
            group.entries.push(entry(letter, it, context));
        }
    }
    LetterView {
        heading: letter.heading(),
        owner: match &letter.reader {
            LetterReader::Owner(owner) => Some(printable(owner)),
            LetterReader::Admins => None,
        },
        mode,
        dry_run: mode == Mode::DryRun,
        run_id: letter.report.run_id.as_str(),
        account: letter.report.origin.sender.account.as_deref(),
        region: context.region,
        place: letter.place(context),
        groups,
        left: letter.entries.len() - shown.len(),
        exempt: exempt(letter),
        closing: closing(letter),
        problem: problem.map(printable),
    }
}

fn entry<'a>(
    letter: &'a Letter<'_>,
    it: &'a LetterEntry<'_>,
    context: LetterContext<'_>,
) -> LetterEntryView<'a> {
    let entry = it.entry;
    let subject = letter.report.subject(entry);
    let text = |text: Option<&String>| text.map(|it| printable(it));
    LetterEntryView {
        instance_id: &entry.step.instance_id,
        name: text(subject.and_then(|it| it.name.as_ref())),
        finding: entry.step.cause.name(),
        rule_id: entry.step.cause.rule_id(),
        tag_key: entry.step.cause.tag_key(),
        remedy: entry.step.remedy.name(),
        tag_value: entry.tag_value().map(printable),
        outcome: entry.outcome.name(),
        reason: entry.reason().as_deref().map(printable),
        launcher: text(subject.and_then(|it| it.launcher.as_ref())),
        due_at: entry.due_at().map(|at| moment(at).to_string()),
        line: sentence(letter, it),
        link: link(it, context),
        keep: it.keep.as_ref().map(|keep| KeepView {
            title: match it.kind {
                LetterKind::Notice | LetterKind::Shutdown => "To keep it",
                LetterKind::ActionNeeded | LetterKind::Tagged => "To set it right",
            },
            tags: keep
                .tags
                .iter()
                .map(|(key, value)| KeepTagView {
                    key: printable(key),
                    value: printable(value),
                })
                .collect(),
            allowed: keep.allowed.iter().map(|it| printable(it)).collect(),
            allowed_left: keep.allowed_left,
            command: printable(&keep.command),
        }),
    }
}

/// Checks a template as `tagwarden check` does: it compiles, and makes texts of letters that hold something of everything, in
/// which every variable that it asks for is there.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_letter_template(source: &str) -> Result<(), TemplateError> {
    let template = Template::compile_strictly(source)?;
    with_samples(|view| template.render(view).map(drop))
}

/// Calls `each` with letters in which every kind and optional member comes up.
fn with_samples<E>(mut each: impl FnMut(&LetterView<'_>) -> Result<(), E>) -> Result<(), E> {
    let rows = [
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "Allowed": "team-a, team-b"}),
        json!({"RuleId": -1, "PolicyFormat": 2}),
    ];
    let rows = rows.into_iter().filter_map(|row| match row {
        Value::Object(row) => Some(row),
        _ => None,
    });
    let Ok(policy) = Policy::from_rows(rows) else {
        return Ok(());
    };
    let mut enforced = sample::report(Mode::Enforce, sample::enforced());
    let mut dry_run = sample::report(Mode::DryRun, sample::dry_run());
    for report in [&mut enforced, &mut dry_run] {
        give_owners(report);
    }
    for (report, region, problem) in [
        (&enforced, Some("eu-west-1"), None),
        (&dry_run, None, Some("the topic refused it")),
    ] {
        let context = LetterContext {
            policy: &policy,
            region,
            wording: None,
            now: report.run_id.started_at(),
        };
        for letter in letters(report, context, &BTreeSet::new()) {
            let half = letter.entries.len() / 2;
            for number in [letter.entries.len(), half] {
                let shown = letter.entries.get(..number).unwrap_or_default();
                each(&view(&letter, shown, context, problem))?;
            }
        }
    }
    Ok(())
}

/// Lets one owner have all resources of a sample, so that a letter has all of its entries.
fn give_owners(report: &mut Report) {
    for entry in &report.entries {
        let id = entry.step.instance_id.clone();
        let subject = report.subjects.entry(id).or_default();
        subject.owner = Some(Owner {
            name: "team-shop".to_owned(),
            source: OwnerSource::Tag("Owner".to_owned()),
        });
    }
}

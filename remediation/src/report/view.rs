//! What a template sees of a report. `docs/report.md` describes each member.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::section::{Section, advice};
use super::{Entry, Report, ReportContext, ReportCounts, changes, console, text};
use crate::plan::{Outcome, Reason, Remedy};
use crate::run_id::RunId;
use crate::settings::Mode;

/// A report as its text shows it. Every member is there always: what does not apply is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View<'a> {
    heading: &'static str,
    mode: Mode,
    dry_run: bool,
    run_id: &'a str,
    region: Option<&'a str>,
    /// Always 1: the text is one. Templates of the time when it came in parts ask for both.
    part: usize,
    parts: usize,
    groups: Vec<GroupView<'a>>,
    summary: ReportCounts,
    repeated: usize,
    closing: &'a str,
    history: Option<&'a str>,
    problem: Option<&'a str>,
    rest: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupView<'a> {
    name: &'static str,
    title: &'static str,
    /// In this text.
    instances: usize,
    instances_in_all: usize,
    blocks: Vec<Block>,
    entries: Vec<EntryView<'a>>,
}

/// Lines that belong together, and what is said of them once.
#[derive(Serialize)]
struct Block {
    lines: Vec<String>,
    about: Option<String>,
    link: Option<String>,
    advice: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView<'a> {
    instance_id: &'a str,
    finding: &'static str,
    rule_id: Option<i64>,
    tag_key: Option<&'a str>,
    remedy: &'static str,
    tag_value: Option<String>,
    value_origin: Option<String>,
    outcome: &'static str,
    reason: Option<String>,
    run_id: Option<&'a str>,
    name: Option<String>,
    owner: Option<String>,
    launcher: Option<String>,
    account: Option<&'a str>,
    due_at: Option<String>,
    line: String,
    link: Option<String>,
    advice: Option<String>,
}

/// What all parts of a report have in common.
#[derive(Debug)]
pub(super) struct ReportFrame<'a> {
    pub(super) report: &'a Report,
    pub(super) context: ReportContext<'a>,
    pub(super) counts: ReportCounts,
    /// How many entries are in no part, because they were reported before.
    pub(super) repeated: usize,
    /// What is wrong with the template that is not used.
    pub(super) problem: Option<String>,
    /// How to see what the text leaves out.
    pub(super) rest: Option<String>,
    closing: String,
    history: Option<String>,
    /// How many instances there are in each group.
    instances: BTreeMap<Section, usize>,
}

fn closing(report: &Report, counts: &ReportCounts, repeated: usize) -> String {
    let mut closing = text::closing(report.mode, counts, repeated);
    for note in &report.notes {
        closing = format!("{closing}\n\n{note}");
    }
    if !report.undelivered.is_empty() {
        closing = format!("{closing}\n\n{}", text::undelivered(&report.undelivered));
    }
    if let Some(problem) = &report.letter_problem {
        closing = format!("{closing}\n\n{problem}");
    }
    if report.changes.is_empty() {
        return closing;
    }
    format!("{closing}\n\n{}", changes::lines(&report.changes))
}

impl<'a> ReportFrame<'a> {
    /// The frame of a report with these `news`.
    pub(super) fn new(report: &'a Report, context: ReportContext<'a>, news: &[&Entry]) -> Self {
        let counts = report.counts();
        let repeated = report.entries.len() - news.len();
        let instances = by_group(news).into_iter();
        let instances = instances.map(|(group, entries)| (group, count_instances(&entries)));
        Self {
            report,
            context,
            counts,
            repeated,
            problem: None,
            rest: None,
            closing: closing(report, &counts, repeated),
            history: history(report, &context),
            instances: instances.collect(),
        }
    }

    /// What a template sees of a text that shows `entries`, which are in order.
    pub(super) fn view(&self, entries: &[&'a Entry]) -> View<'_> {
        let groups = by_group(entries).into_iter();
        let groups = groups.map(|(group, entries)| self.group(group, &entries));
        View {
            heading: text::HEADING,
            mode: self.report.mode,
            dry_run: self.report.mode == Mode::DryRun,
            run_id: self.report.run_id.as_str(),
            region: self.context.region,
            part: 1,
            parts: 1,
            groups: groups.collect(),
            summary: self.counts,
            repeated: self.repeated,
            closing: &self.closing,
            history: self.history.as_deref(),
            problem: self.problem.as_deref(),
            rest: self.rest.as_deref(),
        }
    }

    fn group(&self, group: Section, entries: &[&'a Entry]) -> GroupView<'a> {
        let instances = count_instances(entries);
        GroupView {
            name: group.name(),
            title: group.title(self.report.mode),
            instances,
            instances_in_all: self.instances.get(&group).copied().unwrap_or(instances),
            blocks: self.blocks(group, entries),
            entries: entries.iter().map(|entry| self.entry(entry)).collect(),
        }
    }

    /// The lines of `entries`: one link for the lines of an instance, one advice for all those it is right for.
    fn blocks(&self, group: Section, entries: &[&Entry]) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut previous: Option<&Entry> = None;
        for &entry in entries {
            let is_over_budget = |entry: &Entry| budget(entry).is_some();
            if previous.is_some_and(is_over_budget) && is_over_budget(entry) {
                continue;
            }
            let advice = advice(entry);
            let is_same = |previous: &Entry| {
                group.has_links() && previous.step.instance_id == entry.step.instance_id
            };
            match blocks.last_mut() {
                Some(last) if last.advice == advice && previous.is_some_and(is_same) => {
                    last.lines.push(text::line(entry));
                }
                last => {
                    if let Some(last) = last.filter(|last| last.advice == advice) {
                        last.advice = None;
                    }
                    blocks.push(match budget(entry) {
                        Some(reason) => Block {
                            lines: vec![over_budget(entries, reason)],
                            about: None,
                            link: None,
                            advice,
                        },
                        None => Block {
                            lines: vec![text::line(entry)],
                            about: self.about(entry).filter(|_| group.has_links()),
                            link: self.link(entry).filter(|_| group.has_links()),
                            advice,
                        },
                    });
                }
            }
            previous = Some(entry);
        }
        blocks
    }

    fn entry(&self, entry: &'a Entry) -> EntryView<'a> {
        let subject = self.report.subject(entry);
        let owner = subject.and_then(|it| it.owner.as_ref());
        let printable = |text: &String| text::printable(text);
        EntryView {
            instance_id: &entry.step.instance_id,
            finding: entry.step.cause.name(),
            rule_id: entry.step.cause.rule_id(),
            tag_key: entry.step.cause.tag_key(),
            remedy: entry.step.remedy.name(),
            tag_value: entry.tag_value().map(text::printable),
            value_origin: entry.origin().map(|it| text::printable(&it.to_string())),
            outcome: entry.outcome.name(),
            reason: entry.reason().as_deref().map(text::printable),
            run_id: entry.done_by.as_ref().map(RunId::as_str),
            name: subject.and_then(|it| it.name.as_ref()).map(printable),
            owner: owner.map(|it| printable(&it.name)),
            launcher: subject.and_then(|it| it.launcher.as_ref()).map(printable),
            account: self.report.origin.sender.account.as_deref(),
            due_at: entry.due_at().map(|at| text::moment(at).to_string()),
            line: text::line(entry),
            link: self.link(entry),
            advice: advice(entry),
        }
    }

    /// The lines below the entries.
    pub(super) fn closing(&self) -> &str {
        &self.closing
    }

    /// Whom the entry concerns.
    pub(super) fn about(&self, entry: &Entry) -> Option<String> {
        self.report.subject(entry)?.describe()
    }

    /// The instance's page in the console.
    pub(super) fn link(&self, entry: &Entry) -> Option<String> {
        console::page(self.context.region?, &entry.step.instance_id)
    }
}

/// How to see what this run wrote down; `None` where it wrote nothing down.
fn history(report: &Report, context: &ReportContext<'_>) -> Option<String> {
    let table = context.ledger_table?;
    let is_act = |entry: &Entry| {
        entry.outcome == Outcome::Done
            && entry.done_by.is_none()
            && !matches!(entry.step.remedy, Remedy::Notify { .. })
    };
    if !report.entries.iter().any(is_act) {
        return None;
    }
    let region = context.region.map(|region| format!(" --region {region}"));
    Some(format!(
        "tagwarden history --run {} --ledger-table {table}{}",
        report.run_id,
        region.unwrap_or_default()
    ))
}

fn by_group<'a>(entries: &[&'a Entry]) -> BTreeMap<Section, Vec<&'a Entry>> {
    let mut groups: BTreeMap<Section, Vec<&Entry>> = BTreeMap::new();
    for &entry in entries {
        groups.entry(Section::of(entry)).or_default().push(entry);
    }
    groups
}

fn count_instances(entries: &[&Entry]) -> usize {
    let ids = entries.iter().map(|entry| &entry.step.instance_id);
    ids.collect::<BTreeSet<_>>().len()
}

/// The budget that keeps the instance from its end.
pub(super) fn budget(entry: &Entry) -> Option<&Reason> {
    match &entry.outcome {
        Outcome::Refused(reason @ Reason::Budget { .. }) => Some(reason),
        _ => None,
    }
}

/// The one line of all of `entries` that are over the budget.
fn over_budget(entries: &[&Entry], reason: &Reason) -> String {
    let over = entries.iter().filter(|entry| budget(entry).is_some());
    let ids: Vec<&str> = over.map(|entry| entry.step.instance_id.as_str()).collect();
    text::over_budget(&ids, reason)
}

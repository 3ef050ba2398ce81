//! A plan, told to people and to programs.

mod machine;
mod markdown;
pub mod rows;
mod text;

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;
use tagwarden_remediation::report::Entry;

use super::compare::{Change, Comparison};
use super::forecast::{Counts, Forecast, Group, Plan, Verdict, group};
use crate::document;
use crate::policy_file::count;

pub use machine::head;

/// How a plan is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum Output {
    #[default]
    Text,
    Json,
    Csv,
    Markdown,
}

/// The order of instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum Sort {
    #[default]
    Id,
    Name,
    Launched,
    Vpc,
    Verdict,
}

/// What a plan is of, and how it is to be told.
#[derive(Debug)]
pub struct Frame {
    /// Where the instances are from, such as `fleet.json`.
    pub from: String,
    /// Where the policy is from.
    pub policy: String,
    /// Where the policy is from that it is compared with.
    pub against: Option<String>,
    /// At which moment.
    pub at: DateTime<Utc>,
    /// What cannot be known, each a whole sentence.
    pub notes: Vec<String>,
    pub sort: Sort,
    /// Whether every instance is told for itself.
    pub all: bool,
}

/// Writes a plan: `counts` are of all of it, `plan` may be a part.
pub fn write_plan(
    out: &mut dyn Write,
    frame: &Frame,
    counts: Counts,
    plan: &Plan<'_>,
    output: Output,
) -> io::Result<()> {
    match output {
        Output::Text => out.write_all(text::plan(frame, counts, plan).as_bytes()),
        Output::Markdown => out.write_all(markdown::plan(frame, counts, plan).as_bytes()),
        Output::Json => document::write(out, &machine::plan(frame, counts, plan)),
        Output::Csv => machine::plan_csv(out, frame, plan),
    }
}

/// Writes what changes from one plan to another.
pub fn write_comparison(
    out: &mut dyn Write,
    frame: &Frame,
    comparison: &Comparison<'_>,
    output: Output,
) -> io::Result<()> {
    match output {
        Output::Text => out.write_all(text::comparison(frame, comparison).as_bytes()),
        Output::Markdown => out.write_all(markdown::comparison(frame, comparison).as_bytes()),
        Output::Json => document::write(out, &machine::comparison(frame, comparison)),
        Output::Csv => machine::comparison_csv(out, frame, comparison),
    }
}

impl Frame {
    fn sorted<'p, 'a>(&self, plan: &'p Plan<'a>) -> Vec<&'p Forecast<'a>> {
        let mut forecasts: Vec<_> = plan.forecasts.values().collect();
        forecasts.sort_by(|left, right| self.order(left, right));
        forecasts
    }

    fn sorted_changes<'c, 'a>(&self, comparison: &'c Comparison<'a>) -> Vec<Change<'c, 'a>> {
        let mut changes: Vec<_> = comparison.changes().collect();
        changes.sort_by(|left, right| self.order(left.after, right.after));
        changes
    }

    /// They come by id, which a stable sort keeps for what is otherwise the same.
    fn order(&self, left: &Forecast<'_>, right: &Forecast<'_>) -> std::cmp::Ordering {
        let (one, other) = (left.instance, right.instance);
        match self.sort {
            Sort::Id => one.id.cmp(&other.id),
            Sort::Name => {
                (left.name().is_none(), left.name()).cmp(&(right.name().is_none(), right.name()))
            }
            Sort::Launched => one.launched_at.cmp(&other.launched_at),
            Sort::Vpc => one.vpc_id.cmp(&other.vpc_id),
            Sort::Verdict => left.verdict.cmp(&right.verdict),
        }
    }

    /// `13 instances of fleet.json under policy.yaml, as of 2026-11-23 12:00 UTC`.
    fn headline(&self, instances: usize) -> String {
        let instances = count(instances, "instance");
        let (from, policy) = (&self.from, &self.policy);
        let at = self.at.format("%Y-%m-%d %H:%M");
        match &self.against {
            None => format!("{instances} of {from} under {policy}, as of {at} UTC"),
            Some(against) => {
                format!("{instances} of {from}: {policy} against {against}, as of {at} UTC")
            }
        }
    }

    fn time(&self) -> String {
        self.at.to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

/// `2 compliant, 10 non-compliant, 1 not applicable`.
fn verdicts(counts: &Counts) -> String {
    format!(
        "{} compliant, {} non-compliant, {} not applicable",
        counts.compliant, counts.non_compliant, counts.not_applicable
    )
}

/// `Plan: 3 instances to tag, 0 to stop, 1 to terminate`, and what else there is.
fn tally(counts: &Counts) -> String {
    let rest: Vec<String> = [
        (counts.notified, "reported only"),
        (counts.deferred, "left for later"),
        (counts.refused, "refused"),
        (counts.failed, "failed"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    let rest = match rest.as_slice() {
        [] => String::new(),
        rest => format!(" Besides, {}.", rest.join(", ")),
    };
    if counts.has_changes() {
        format!(
            "Plan: {} to tag, {} to stop, {} to terminate.{rest}",
            count(counts.would_tag, "instance"),
            counts.would_stop,
            counts.would_terminate
        )
    } else {
        format!("Nothing to do: no instance would be changed.{rest}")
    }
}

/// `3 of 13 instances change. Newly non-compliant 2, compliant 0, …`.
fn tally_of_changes(instances: usize, changes: &[Change<'_, '_>]) -> String {
    if changes.is_empty() {
        return "No instance changes its verdict or what is done about it.".to_owned();
    }
    let becomes = |verdict| changes.iter().filter(|it| it.becomes(verdict)).count();
    format!(
        "{} of {} change. Newly non-compliant {}, compliant {}, not applicable {}; to be stopped or terminated {}, no \
         longer {}.",
        changes.len(),
        count(instances, "instance"),
        becomes(Verdict::NonCompliant),
        becomes(Verdict::Compliant),
        becomes(Verdict::NotApplicable),
        changes.iter().filter(|it| it.is_new_end()).count(),
        changes.iter().filter(|it| it.is_end_no_more()).count(),
    )
}

/// The verdict, or both where it changes.
fn verdict(change: Change<'_, '_>) -> String {
    let (before, after) = (change.before.verdict, change.after.verdict);
    if before == after {
        after.as_str().to_owned()
    } else {
        format!("{} -> {}", before.as_str(), after.as_str())
    }
}

/// What comes and goes, a line each: `+ tag Owner = "ann"`, `- terminate (refused)`.
fn moves(change: Change<'_, '_>) -> Vec<(char, String)> {
    let told = |sign: char| {
        move |entry: &Entry| {
            let what = rows::what(entry);
            let told = match group(entry) {
                Group::Tag | Group::Stop | Group::Terminate => what,
                Group::Notify => "reported".to_owned(),
                Group::Later => format!("{what} (left for later)"),
                Group::Refused => format!("{what} (refused)"),
                Group::Failed => format!("{what} (failed)"),
            };
            (sign, told)
        }
    };
    let gained = change.gained().map(told('+'));
    gained.chain(change.lost().map(told('-'))).collect()
}

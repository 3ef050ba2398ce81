//! What every form of a plan shows: its headline, its order, its sums.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use tagwarden_remediation::plan::{Awaited, Prospect};
use tagwarden_remediation::report::Entry;

use crate::aws::access::AwsAccess;
use crate::forecast::compare::{Comparison, Harm, InstanceChange};
use crate::forecast::endings::{EndingRow, Endings};
use crate::forecast::inputs::Inputs;
use crate::forecast::{
    Forecast, ForecastCounts, InstanceForecast, StepGroup, VerdictName, group, rows,
};
use crate::pipeline::FilePlace;
use crate::when::rfc3339;
use crate::words::{count, duration, on_one_line, printable_line};

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

/// What a plan is made of, and how it is shown.
#[derive(Debug)]
pub struct PlanView {
    /// Where the instances come from, such as `fleet.json`.
    pub from: String,
    /// The account that was read. `None` if everything comes from files.
    pub access: Option<AwsAccess>,
    /// Whether the instances come from a file.
    is_recorded: bool,
    /// Where the policy comes from.
    pub policy: String,
    /// Where the policy to compare with comes from.
    pub against: Option<String>,
    pub at: DateTime<Utc>,
    /// What cannot be known, each a whole sentence.
    pub notes: Vec<String>,
    pub sort: Sort,
    /// Whether each instance has a row, also where many are alike.
    pub all: bool,
    /// What ends when; `None` if no rule has end dates.
    pub endings: Option<Endings>,
    /// Where the rules are, if the policy is a file.
    pub places: Option<RulePlaces>,
    /// The instances for which the command ends with 2.
    pub failing: BTreeSet<String>,
    /// The instances that are shut down in the end, or newly so.
    pub ending: BTreeSet<String>,
}

/// Where the rules of a policy file are.
#[derive(Clone, Debug)]
pub struct RulePlaces {
    pub path: String,
    /// By the rules' ids.
    pub rules: BTreeMap<i64, FilePlace>,
}

impl PlanView {
    pub fn new(inputs: &Inputs, sort: Sort, all: bool) -> Self {
        Self {
            from: inputs.from.clone(),
            is_recorded: inputs.is_recorded,
            access: inputs.access.clone(),
            policy: inputs.policy.name.clone(),
            against: inputs.against.as_ref().map(|against| against.name.clone()),
            at: inputs.at,
            notes: inputs.notes.clone(),
            sort,
            all,
            endings: None,
            places: None,
            failing: BTreeSet::new(),
            ending: BTreeSet::new(),
        }
    }

    pub fn sorted<'f, 'a>(&self, forecast: &'f Forecast<'a>) -> Vec<&'f InstanceForecast<'a>> {
        let mut instances: Vec<_> = forecast.instances.values().collect();
        instances.sort_by(|left, right| self.order(left, right));
        instances
    }

    pub fn sorted_changes<'c, 'a>(
        &self,
        comparison: &'c Comparison<'a>,
    ) -> Vec<InstanceChange<'c, 'a>> {
        self.in_order(comparison.shown())
    }

    /// The numbers of the changes, shown or not.
    pub fn change_tally(&self, comparison: &Comparison<'_>) -> ChangeTally {
        let shown = comparison.shown().count();
        ChangeTally::new(&self.all_changes(comparison), shown)
    }

    /// All changes, also those that are not shown.
    pub fn all_changes<'c, 'a>(
        &self,
        comparison: &'c Comparison<'a>,
    ) -> Vec<InstanceChange<'c, 'a>> {
        self.in_order(comparison.changes())
    }

    fn in_order<'c, 'a>(
        &self,
        changes: impl Iterator<Item = InstanceChange<'c, 'a>>,
    ) -> Vec<InstanceChange<'c, 'a>> {
        let mut changes: Vec<_> = changes.collect();
        changes.sort_by(|left, right| self.order(left.after, right.after));
        changes
    }

    /// Instances come by id, and a stable sort keeps that order for equal ones.
    fn order(&self, left: &InstanceForecast<'_>, right: &InstanceForecast<'_>) -> Ordering {
        let (one, other) = (left.instance, right.instance);
        match self.sort {
            Sort::Id => one.id.cmp(&other.id),
            Sort::Name => {
                (left.name().is_none(), left.name()).cmp(&(right.name().is_none(), right.name()))
            }
            Sort::Launched => one.launched_at.cmp(&other.launched_at),
            Sort::Vpc => one.vpc_id.cmp(&other.vpc_id),
            Sort::Verdict => left.verdict().cmp(&right.verdict()),
        }
    }

    /// `13 instances of fleet.json under policy.yaml, as of 2026-11-23 12:00 UTC`. Of an account, with how people know it
    /// from others.
    pub fn headline(&self, counts: &ForecastCounts) -> String {
        let instances = looked_at(counts);
        let (from, policy) = (printable_line(&self.from), printable_line(&self.policy));
        let at = self.at.format("%Y-%m-%d %H:%M");
        let (from, also) = match &self.access {
            None => (from, String::new()),
            Some(access) if self.is_recorded => (from, format!("; read from AWS: {access}")),
            Some(access) => (access.to_string(), String::new()),
        };
        match &self.against {
            None => format!("{instances} of {from} under {policy}, as of {at} UTC{also}"),
            Some(against) => {
                let against = printable_line(against);
                format!("{instances} of {from}: {policy} against {against}, as of {at} UTC{also}")
            }
        }
    }

    pub fn time(&self) -> String {
        rfc3339(self.at)
    }
}

/// The cells of an end date: `2026-12-31, in 3 days`, the instance, and what is done.
pub fn ending(row: &EndingRow) -> [String; 3] {
    let id = printable_line(&row.id);
    let instance = match &row.name {
        Some(name) => format!("{id} ({})", on_one_line(name)),
        None => id,
    };
    let key = on_one_line(&row.tag_key);
    let what = match row.what {
        what @ ("stopped" | "terminated") => {
            format!("{what}, unless {key} is set to a later date")
        }
        what => format!("{what} (by {key})"),
    };
    let when = format!("{}, {}", on_one_line(&row.date), row.left);
    [when, instance, what]
}

/// How many end dates are not shown, as a sentence.
pub fn more_endings(more: usize) -> String {
    format!("{} later (--all).", count(more, "end date"))
}

/// `2 compliant, 10 non-compliant, 1 not applicable`.
pub fn verdicts(counts: &ForecastCounts) -> String {
    format!(
        "{} compliant, {} non-compliant, {} not applicable",
        counts.compliant, counts.non_compliant, counts.not_applicable
    )
}

/// `Plan: 3 instances to tag, 0 to stop, 2 to terminate (1 of them later). Also: 1 refused.`
pub fn tally(counts: &ForecastCounts) -> String {
    let rest: Vec<String> = [
        (counts.notified, "reported only"),
        (counts.deferred_other, "left for later"),
        (counts.refused_other, "refused"),
        (counts.failed, "failed"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    let rest = match rest.as_slice() {
        [] => String::new(),
        rest => format!(" Also: {}.", rest.join(", ")),
    };
    if counts.has_changes() {
        format!(
            "Plan: {} to tag, {} to stop{}, {} to terminate{}.{rest}",
            count(counts.would_tag, noun(counts)),
            counts.would_stop,
            later(counts.would_stop, counts.delayed_stop),
            counts.would_terminate,
            later(counts.would_terminate, counts.delayed_terminate),
        )
    } else {
        format!("Nothing to do: no {} would be changed.{rest}", noun(counts))
    }
}

/// `2 instances`, or `2 instances and 3 volumes`.
fn looked_at(counts: &ForecastCounts) -> String {
    let instances = count(counts.instances, "instance");
    match counts.volumes {
        0 => instances,
        volumes => format!("{instances} and {}", count(volumes, "volume")),
    }
}

/// What the numbers are numbers of.
fn noun(counts: &ForecastCounts) -> &'static str {
    match counts.volumes {
        0 => "instance",
        _ => "resource",
    }
}

/// ` (2 of them later)`; nothing where none of `all` is only delayed.
fn later(all: usize, delayed: usize) -> String {
    match delayed {
        0 => String::new(),
        _ if delayed == all => " (later)".to_owned(),
        _ => format!(" ({delayed} of them later)"),
    }
}

/// Numbers of changes, of one place or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeTally {
    pub changes: usize,
    /// Those that are not shown.
    hidden: usize,
    /// Newly non-compliant, compliant, not applicable.
    newly: [usize; 3],
    /// To be stopped or terminated, and no longer so.
    ended: usize,
    spared: usize,
    /// In the order of [`WORSE`].
    worse: [usize; 3],
}

/// What is worse without a new shutdown.
const WORSE: [(Harm, &str); 3] = [
    (Harm::Terminated, "terminated instead of stopped"),
    (Harm::Sooner, "shut down sooner"),
    (Harm::LessNotice, "shut down with less notice"),
];

impl ChangeTally {
    /// The numbers of `changes`, of which `shown` are shown.
    pub fn new(changes: &[InstanceChange<'_, '_>], shown: usize) -> Self {
        let becomes = |verdict| changes.iter().filter(|it| it.becomes(verdict)).count();
        let harmed = |harm| changes.iter().filter(|it| it.harm() == Some(harm)).count();
        Self {
            changes: changes.len(),
            hidden: changes.len().saturating_sub(shown),
            newly: [
                VerdictName::NonCompliant,
                VerdictName::Compliant,
                VerdictName::NotApplicable,
            ]
            .map(becomes),
            ended: harmed(Harm::New),
            spared: changes.iter().filter(|it| it.is_lost_shutdown()).count(),
            worse: WORSE.map(|(harm, _)| harmed(harm)),
        }
    }

    /// How many changes are destructive.
    pub fn destructive(&self) -> usize {
        self.ended + self.worse.iter().sum::<usize>()
    }
}

impl AddAssign for ChangeTally {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.hidden += other.hidden;
        self.ended += other.ended;
        self.spared += other.spared;
        for (sum, number) in self.newly.iter_mut().zip(other.newly) {
            *sum += number;
        }
        for (sum, number) in self.worse.iter_mut().zip(other.worse) {
            *sum += number;
        }
    }
}

/// `3 of 13 instances change. Newly non-compliant 2, compliant 0, …`.
pub fn tally_of_changes(counts: &ForecastCounts, tally: &ChangeTally) -> String {
    if tally.changes == 0 {
        let noun = noun(counts);
        return format!("No {noun} changes its verdict or what is done about it.");
    }
    let worse: Vec<String> = WORSE
        .iter()
        .zip(tally.worse)
        .filter(|(_, number)| *number > 0)
        .map(|((_, what), number)| format!(", {what} {number}"))
        .collect();
    let worse = worse.concat();
    let hidden = match tally.hidden {
        0 => String::new(),
        hidden => format!(" {} not shown (--only).", count(hidden, "change")),
    };
    let [non_compliant, compliant, not_applicable] = tally.newly;
    format!(
        "{} of {} change. Newly non-compliant {non_compliant}, compliant {compliant}, not applicable {not_applicable}; to be \
         stopped or terminated {}, no longer {}{worse}.{hidden}",
        tally.changes,
        looked_at(counts),
        tally.ended,
        tally.spared,
    )
}

/// The verdict, or both verdicts where it changes.
pub fn verdict(change: InstanceChange<'_, '_>) -> String {
    let (before, after) = (change.before.verdict(), change.after.verdict());
    if before == after {
        after.as_str().to_owned()
    } else {
        format!("{} -> {}", before.as_str(), after.as_str())
    }
}

/// The steps that come and go, a line each: `+ tag Owner = "ann"`, `- terminate (refused)`.
pub fn moves(change: InstanceChange<'_, '_>) -> Vec<(char, String)> {
    let line = |sign: char| {
        move |entry: &Entry| {
            let what = rows::what(entry);
            let line = match group(entry) {
                StepGroup::Tag | StepGroup::Stop | StepGroup::Terminate => what,
                StepGroup::Notify => "reported".to_owned(),
                StepGroup::Later => format!("{what} (left for later)"),
                StepGroup::Refused => format!("{what} (refused)"),
                StepGroup::Failed => format!("{what} (failed)"),
            };
            (sign, line)
        }
    };
    let gained = change.gained().map(line('+'));
    let moves = gained.chain(change.lost().map(line('-')));
    let moves: Vec<_> = moves.chain(times(change)).collect();
    // A run of now does nothing about an exempt instance, nor about an end date that has not passed.
    if let (true, Some((_, _, after))) = (moves.is_empty(), change.worst()) {
        let is_terminated = after.terminated.is_some();
        let what = if is_terminated { "terminate" } else { "stop" };
        return vec![('+', format!("{what} ({})", awaited(after)))];
    }
    moves
}

/// When a shutdown comes that no run of now does.
fn awaited(prospect: Prospect) -> String {
    match prospect.after {
        Some(Awaited::EndDate(end)) => {
            // The first moment after it.
            let last = end - TimeDelta::nanoseconds(1);
            format!("once its end date has passed, {}", last.date_naive())
        }
        Some(Awaited::ExemptionEnd) => "once its exemption has ended".to_owned(),
        Some(Awaited::Tags) => "once the missing tags are written".to_owned(),
        None => "in one of the cases that are not known".to_owned(),
    }
}

/// The times that get shorter, a line each: `~ terminate after 15 minutes, not 1 day`.
fn times(change: InstanceChange<'_, '_>) -> Vec<(char, String)> {
    let (least, most) = (change.before.prospects.least, change.after.prospects.most);
    let worst = change.worst().map(|(_, before, after)| (before, after));
    let (before, after) = worst.unwrap_or((least, most));
    if before.is_clear() {
        return Vec::new();
    }
    let is_stopped_first = after.down != after.terminated;
    let first = if is_stopped_first {
        "stop"
    } else {
        "terminate"
    };
    let second = is_stopped_first.then_some(("terminate", after.terminated, before.terminated));
    let mut lines = Vec::new();
    let all = [(first, after.down, before.down)].into_iter().chain(second);
    for (what, after, before) in all {
        match (after.map(duration), before.map(duration)) {
            (Some(text), Some(old)) if after < before => {
                lines.push(('~', format!("{what} after {text}, not {old}")));
            }
            (Some(text), None) => lines.push(('+', format!("{what} after {text}"))),
            _ => {}
        }
    }
    let notices = [
        (after.notice, before.notice),
        (after.first_notice, before.first_notice),
    ];
    let shorter = notices.into_iter().find_map(|(after, before)| {
        let (after, before) = after.zip(before)?;
        (after < before).then_some((after, before))
    });
    if let Some((after, before)) = shorter {
        let line = if after.is_zero() {
            format!("{first} without the notice of {}", duration(before))
        } else {
            format!(
                "{first} with a notice of {}, not {}",
                duration(after),
                duration(before)
            )
        };
        lines.push(('~', line));
    }
    lines
}

//! A plan as data: what the rule would say of each instance, and what the remediation would do about it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::Serialize;
use tagwarden_core::annotation::annotation;
use tagwarden_core::{Instance, Policy, Scope, assess};
use tagwarden_remediation::plan::{Outcome, Remedy};
use tagwarden_remediation::report::{Entry, Report};

/// What a policy means to a fleet.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Every instance, by id.
    pub forecasts: BTreeMap<&'a str, Forecast<'a>>,
}

/// What a policy means to one instance.
#[derive(Debug)]
pub struct Forecast<'a> {
    pub instance: &'a Instance,
    pub verdict: Verdict,
    /// What AWS Config would show with the verdict.
    pub annotation: Option<String>,
    /// What would be done about it, and what not, and why.
    pub entries: Vec<Entry>,
}

/// What AWS Config would be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    NonCompliant,
    Compliant,
    NotApplicable,
}

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Tag,
    Stop,
    Terminate,
    Notify,
    Later,
    Refused,
    Failed,
}

/// What can be asked for alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum Only {
    Noncompliant,
    Compliant,
    NotApplicable,
    Tag,
    Stop,
    Terminate,
    Notify,
    Later,
    Refused,
    Failed,
}

/// How many instances: one can count in several groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub instances: usize,
    pub compliant: usize,
    pub non_compliant: usize,
    pub not_applicable: usize,
    pub would_tag: usize,
    pub would_stop: usize,
    pub would_terminate: usize,
    pub notified: usize,
    pub deferred: usize,
    pub refused: usize,
    pub failed: usize,
}

impl<'a> Plan<'a> {
    /// Puts together what `policy` says of each of `instances`, and the `report` of what would be done.
    pub fn new(
        policy: &Policy,
        scope: &Scope,
        instances: &'a [Instance],
        report: Report,
        now: DateTime<Utc>,
    ) -> Self {
        let mut entries_of: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in report.entries {
            let id = entry.step.instance_id.clone();
            entries_of.entry(id).or_default().push(entry);
        }
        let forecasts = instances.iter().map(|instance| {
            let assessment = assess(policy, scope, instance, now);
            let forecast = Forecast {
                instance,
                verdict: assessment.verdict.into(),
                annotation: annotation(&assessment),
                entries: entries_of.remove(&instance.id).unwrap_or_default(),
            };
            (instance.id.as_str(), forecast)
        });
        Self {
            forecasts: forecasts.collect(),
        }
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for forecast in self.forecasts.values() {
            counts.instances += 1;
            *match forecast.verdict {
                Verdict::Compliant => &mut counts.compliant,
                Verdict::NonCompliant => &mut counts.non_compliant,
                Verdict::NotApplicable => &mut counts.not_applicable,
            } += 1;
            let groups: BTreeSet<Group> = forecast.entries.iter().map(group).collect();
            for group in groups {
                *match group {
                    Group::Tag => &mut counts.would_tag,
                    Group::Stop => &mut counts.would_stop,
                    Group::Terminate => &mut counts.would_terminate,
                    Group::Notify => &mut counts.notified,
                    Group::Later => &mut counts.deferred,
                    Group::Refused => &mut counts.refused,
                    Group::Failed => &mut counts.failed,
                } += 1;
            }
        }
        counts
    }

    /// The same, of what was asked for alone: instances with one of the verdicts, and steps in one of the groups.
    pub fn only(mut self, only: &[Only]) -> Self {
        let verdicts: Vec<Verdict> = only.iter().filter_map(|only| only.verdict()).collect();
        let groups: Vec<Group> = only.iter().filter_map(|only| only.group()).collect();
        self.forecasts.retain(|_, forecast| {
            if !groups.is_empty() {
                forecast
                    .entries
                    .retain(|entry| groups.contains(&group(entry)));
            }
            (verdicts.is_empty() || verdicts.contains(&forecast.verdict))
                && (groups.is_empty() || !forecast.entries.is_empty())
        });
        self
    }
}

impl Counts {
    /// Whether any instance would be changed.
    pub fn has_changes(&self) -> bool {
        self.would_tag > 0 || self.has_ends()
    }

    /// Whether any instance would be stopped or terminated.
    pub fn has_ends(&self) -> bool {
        self.would_stop + self.would_terminate > 0
    }
}

impl Forecast<'_> {
    /// The tag `Name`, by which people know instances.
    pub fn name(&self) -> Option<&str> {
        let name = self.instance.tags.get("Name")?;
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    /// The entries of one group.
    pub fn entries_in(&self, wanted: Group) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| group(entry) == wanted)
    }
}

/// What becomes of it.
pub fn group(entry: &Entry) -> Group {
    match (&entry.outcome, &entry.step.remedy) {
        (Outcome::Deferred(_), _) => Group::Later,
        (Outcome::Refused(_), _) => Group::Refused,
        (Outcome::Failed(_), _) => Group::Failed,
        (_, Remedy::Notify) => Group::Notify,
        (_, Remedy::Tag { .. } | Remedy::TagLauncher) => Group::Tag,
        (_, Remedy::Stop { .. }) => Group::Stop,
        (_, Remedy::Terminate) => Group::Terminate,
    }
}

impl Group {
    pub const ALL: [Self; 7] = [
        Self::Terminate,
        Self::Stop,
        Self::Tag,
        Self::Notify,
        Self::Later,
        Self::Refused,
        Self::Failed,
    ];

    /// What stands above its steps.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tag => "Will tag",
            Self::Stop => "Will stop",
            Self::Terminate => "Will terminate",
            Self::Notify => "Reported only",
            Self::Later => "Left for later",
            Self::Refused => "Refused",
            Self::Failed => "Failed",
        }
    }
}

impl Verdict {
    /// AWS Config's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant => "NON_COMPLIANT",
            Self::NotApplicable => "NOT_APPLICABLE",
        }
    }
}

impl From<tagwarden_core::Verdict<'_>> for Verdict {
    fn from(verdict: tagwarden_core::Verdict<'_>) -> Self {
        match verdict {
            tagwarden_core::Verdict::Compliant => Self::Compliant,
            tagwarden_core::Verdict::NonCompliant => Self::NonCompliant,
            tagwarden_core::Verdict::NotApplicable(_) => Self::NotApplicable,
        }
    }
}

impl Only {
    /// The verdict that it stands for.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Noncompliant => Some(Verdict::NonCompliant),
            Self::Compliant => Some(Verdict::Compliant),
            Self::NotApplicable => Some(Verdict::NotApplicable),
            _ => None,
        }
    }

    /// The group that it stands for.
    pub fn group(self) -> Option<Group> {
        match self {
            Self::Noncompliant | Self::Compliant | Self::NotApplicable => None,
            Self::Tag => Some(Group::Tag),
            Self::Stop => Some(Group::Stop),
            Self::Terminate => Some(Group::Terminate),
            Self::Notify => Some(Group::Notify),
            Self::Later => Some(Group::Later),
            Self::Refused => Some(Group::Refused),
            Self::Failed => Some(Group::Failed),
        }
    }
}

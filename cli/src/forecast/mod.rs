//! A forecast: what the rule would say of each instance, and what the remediation would do about it.
//!
//! ```text
//! AWS or files ──▶ inputs ──▶ Forecast ──▶ compare, rows
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`inputs`] | reads everything: instances, launches, policies |
//! | [`explained`] | the same for a few instances, and the engine's explanations of them |
//! | [`sources`] | where everything comes from, as options |
//! | [`found`] | the same, wherever in many places the instances are |
//! | [`settings`] | the remediation's settings, as options |
//! | [`recording`] | instances and launches that were recorded with the AWS CLI |
//! | [`compare`] | what changes when one policy replaces another |
//! | [`policies`] | where policies come from |
//! | [`places`] | the inputs of many places, one after the other |
//! | `conditions` | what the conditions of rules decided |
//! | [`endings`] | what ends when |
//! | [`rows`] | steps in words, like ones in one row |
//! | [`trouble`] | what to do when a call or a run fails |
//!
//! [`Forecast::new`] plans, and reads nothing.

pub mod compare;
mod conditions;
pub mod endings;
pub mod explained;
mod fleet;
pub mod found;
pub mod inputs;
mod notes;
pub mod places;
pub mod policies;
mod recording;
pub mod rows;
pub mod settings;
pub mod sources;
pub mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use clap::ValueEnum;
use serde::Serialize;
use tagwarden_core::annotation::annotation;
use tagwarden_core::{Assessment, Kind, Resource, Verdict, assess};
use tagwarden_remediation::plan::{Outcome, Prospects, Remedy};
use tagwarden_remediation::report::Entry;

use conditions::StandingView;
use inputs::{Inputs, PolicyPlan};

/// What a policy means to a fleet.
#[derive(Debug)]
pub struct Forecast<'a> {
    /// Every instance, by id.
    pub instances: BTreeMap<&'a str, InstanceForecast<'a>>,
}

/// What a policy means to one instance.
#[derive(Clone, Debug)]
pub struct InstanceForecast<'a> {
    pub instance: &'a Resource,
    pub assessment: Assessment<'a>,
    /// What the rules with conditions are to it; empty for a policy without conditions.
    pub standings: Vec<StandingView>,
    /// What would be done about it, and what not, and why.
    pub entries: Vec<Entry>,
    /// What becomes of it in the end, if nobody but tagwarden touches it.
    pub prospects: Prospects,
}

/// The name of a [`Verdict`], in the order in which people want to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VerdictName {
    NonCompliant,
    Compliant,
    NotApplicable,
}

/// A group of steps that have the same effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepGroup {
    Tag,
    Stop,
    Terminate,
    Notify,
    Later,
    Refused,
    Failed,
}

/// What a person can ask to see alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum PlanFilter {
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

/// Numbers of instances. One instance can count in several groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastCounts {
    pub instances: usize,
    /// The others count these too.
    #[serde(skip_serializing_if = "is_zero")]
    pub volumes: usize,
    pub compliant: usize,
    pub non_compliant: usize,
    pub not_applicable: usize,
    pub would_tag: usize,
    /// Also where the stop is only delayed.
    pub would_stop: usize,
    /// Also where the termination is only delayed.
    pub would_terminate: usize,
    pub notified: usize,
    pub deferred: usize,
    pub refused: usize,
    pub failed: usize,
    /// Those of `would_stop` whose stop is only delayed: by the budget, the grace period, a notice or a second look.
    pub delayed_stop: usize,
    /// The same of `would_terminate`.
    pub delayed_terminate: usize,
    /// Those of `deferred` that have something left for later which is not a shutdown.
    #[serde(skip)]
    pub deferred_other: usize,
    /// Those of `refused` that have something refused which is not a delayed shutdown.
    #[serde(skip)]
    pub refused_other: usize,
}

impl AddAssign for ForecastCounts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            instances,
            volumes,
            compliant,
            non_compliant,
            not_applicable,
            would_tag,
            would_stop,
            would_terminate,
            notified,
            deferred,
            refused,
            failed,
            delayed_stop,
            delayed_terminate,
            deferred_other,
            refused_other,
        } = other;
        self.instances += instances;
        self.volumes += volumes;
        self.compliant += compliant;
        self.non_compliant += non_compliant;
        self.not_applicable += not_applicable;
        self.would_tag += would_tag;
        self.would_stop += would_stop;
        self.would_terminate += would_terminate;
        self.notified += notified;
        self.deferred += deferred;
        self.refused += refused;
        self.failed += failed;
        self.delayed_stop += delayed_stop;
        self.delayed_terminate += delayed_terminate;
        self.deferred_other += deferred_other;
        self.refused_other += refused_other;
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl<'a> Forecast<'a> {
    /// Assesses each instance by a policy, and adds what the remediation would do about it.
    pub fn new(inputs: &'a Inputs, plan: &'a PolicyPlan) -> Self {
        let mut entries_of: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for entry in &plan.report.entries {
            let entries = entries_of.entry(&entry.step.instance_id).or_default();
            entries.push(entry.clone());
        }
        let forecasts = inputs.instances.iter().map(|instance| {
            let id = instance.id.as_str();
            let forecast = InstanceForecast {
                instance,
                standings: conditions::standings(&plan.policy, instance),
                assessment: assess(
                    &plan.policy,
                    &plan.settings.policy.scope,
                    instance,
                    inputs.at,
                ),
                entries: entries_of.remove(id).unwrap_or_default(),
                prospects: plan.prospects.get(id).cloned().unwrap_or_default(),
            };
            (id, forecast)
        });
        Self {
            instances: forecasts.collect(),
        }
    }

    /// The forecast of one of its instances.
    pub fn of_one(&self, id: &str) -> Self {
        let one = self.instances.get_key_value(id);
        let one = one.map(|(id, forecast)| (*id, forecast.clone()));
        Self {
            instances: one.into_iter().collect(),
        }
    }

    pub fn counts(&self) -> ForecastCounts {
        let mut counts = ForecastCounts::default();
        for forecast in self.instances.values() {
            *match forecast.instance.kind {
                Kind::Instance => &mut counts.instances,
                Kind::Volume => &mut counts.volumes,
            } += 1;
            *match forecast.verdict() {
                VerdictName::Compliant => &mut counts.compliant,
                VerdictName::NonCompliant => &mut counts.non_compliant,
                VerdictName::NotApplicable => &mut counts.not_applicable,
            } += 1;
            let entries = forecast.entries.iter();
            let groups = entries.flat_map(|entry| [effect(entry), group_of_outcome(entry)]);
            let groups: BTreeSet<StepGroup> = groups.collect();
            for group in groups {
                *match group {
                    StepGroup::Tag => &mut counts.would_tag,
                    StepGroup::Stop => &mut counts.would_stop,
                    StepGroup::Terminate => &mut counts.would_terminate,
                    StepGroup::Notify => &mut counts.notified,
                    StepGroup::Later => &mut counts.deferred,
                    StepGroup::Refused => &mut counts.refused,
                    StepGroup::Failed => &mut counts.failed,
                } += 1;
            }
            let is_only_delayed = |wanted: StepGroup| {
                let mut shutdowns = forecast.entries.iter().filter(|it| effect(it) == wanted);
                let first = shutdowns.next();
                first.is_some_and(is_delayed_shutdown) && shutdowns.all(is_delayed_shutdown)
            };
            counts.delayed_stop += usize::from(is_only_delayed(StepGroup::Stop));
            counts.delayed_terminate += usize::from(is_only_delayed(StepGroup::Terminate));
            let has_other = |wanted: StepGroup| {
                forecast
                    .entries_in(wanted)
                    .any(|entry| !is_delayed_shutdown(entry))
            };
            counts.deferred_other += usize::from(has_other(StepGroup::Later));
            counts.refused_other += usize::from(has_other(StepGroup::Refused));
        }
        counts
    }

    /// Keeps what `filters` ask for: instances with one of the verdicts, and steps of one of the groups.
    pub fn only(mut self, filters: &[PlanFilter]) -> Self {
        let verdicts: Vec<VerdictName> = filters.iter().filter_map(|it| it.verdict()).collect();
        let groups: Vec<StepGroup> = filters.iter().filter_map(|it| it.group()).collect();
        self.instances.retain(|_, forecast| {
            if !groups.is_empty() {
                forecast
                    .entries
                    .retain(|entry| self::groups(entry).iter().any(|it| groups.contains(it)));
            }
            (verdicts.is_empty() || verdicts.contains(&forecast.verdict()))
                && (groups.is_empty() || !forecast.entries.is_empty())
        });
        self
    }
}

impl ForecastCounts {
    /// Whether any instance would be changed.
    pub fn has_changes(&self) -> bool {
        self.would_tag > 0 || self.has_shutdowns()
    }

    /// The instances that one run would stop, and those that it would terminate: without what is only delayed.
    pub fn shutdowns_now(&self) -> (usize, usize) {
        (
            self.would_stop - self.delayed_stop,
            self.would_terminate - self.delayed_terminate,
        )
    }

    /// Whether one run would change any instance.
    pub fn has_changes_now(&self) -> bool {
        self.would_tag > 0 || self.shutdowns_now() != (0, 0)
    }

    /// Whether any instance would be stopped or terminated, now or later.
    pub fn has_shutdowns(&self) -> bool {
        self.would_stop + self.would_terminate > 0
    }
}

impl InstanceForecast<'_> {
    /// The instance's tag `Name`, by which people know it.
    pub fn name(&self) -> Option<&str> {
        let name = self.instance.tags.get("Name")?;
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    pub fn verdict(&self) -> VerdictName {
        self.assessment.verdict.into()
    }

    /// What AWS Config would show beside the verdict.
    pub fn annotation(&self) -> Option<String> {
        annotation(&self.assessment)
    }

    /// The entries of one group.
    pub fn entries_in(&self, wanted: StepGroup) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| group(entry) == wanted)
    }
}

/// The group in which a step is shown. A shutdown that is only delayed is left for later, also where the report calls it
/// refused, as with the budget.
pub fn group(entry: &Entry) -> StepGroup {
    if is_delayed_shutdown(entry) {
        StepGroup::Later
    } else {
        group_of_outcome(entry)
    }
}

/// The group of what a step comes to: a shutdown that is only delayed is a shutdown.
pub fn effect(entry: &Entry) -> StepGroup {
    if is_delayed_shutdown(entry) {
        group_of_remedy(&entry.step.remedy)
    } else {
        group_of_outcome(entry)
    }
}

/// The groups in which a step is looked for.
fn groups(entry: &Entry) -> [StepGroup; 3] {
    [group(entry), effect(entry), group_of_outcome(entry)]
}

/// Whether a step is a shutdown that a later run does if nothing changes.
fn is_delayed_shutdown(entry: &Entry) -> bool {
    entry.step.remedy.is_shutdown() && entry.outcome.only_delays()
}

fn group_of_outcome(entry: &Entry) -> StepGroup {
    match &entry.outcome {
        Outcome::Deferred(_) => StepGroup::Later,
        Outcome::Refused(_) => StepGroup::Refused,
        Outcome::Failed(_) | Outcome::Unclear(_) => StepGroup::Failed,
        Outcome::Done | Outcome::WouldDo => group_of_remedy(&entry.step.remedy),
    }
}

fn group_of_remedy(remedy: &Remedy) -> StepGroup {
    match remedy {
        Remedy::Notify { .. } => StepGroup::Notify,
        Remedy::Tag { .. } | Remedy::TagLauncher | Remedy::TagFromSource { .. } => StepGroup::Tag,
        Remedy::Stop { .. } => StepGroup::Stop,
        Remedy::Terminate => StepGroup::Terminate,
    }
}

impl StepGroup {
    /// All groups, in the order in which people want to see them.
    pub const ALL: [Self; 7] = [
        Self::Terminate,
        Self::Stop,
        Self::Tag,
        Self::Notify,
        Self::Later,
        Self::Refused,
        Self::Failed,
    ];

    /// The heading above its steps.
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

impl VerdictName {
    /// AWS Config's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant => "NON_COMPLIANT",
            Self::NotApplicable => "NOT_APPLICABLE",
        }
    }
}

impl From<Verdict<'_>> for VerdictName {
    fn from(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Compliant => Self::Compliant,
            Verdict::NonCompliant => Self::NonCompliant,
            Verdict::NotApplicable(_) => Self::NotApplicable,
        }
    }
}

impl PlanFilter {
    fn verdict(self) -> Option<VerdictName> {
        match self {
            Self::Noncompliant => Some(VerdictName::NonCompliant),
            Self::Compliant => Some(VerdictName::Compliant),
            Self::NotApplicable => Some(VerdictName::NotApplicable),
            _ => None,
        }
    }

    fn group(self) -> Option<StepGroup> {
        match self {
            Self::Noncompliant | Self::Compliant | Self::NotApplicable => None,
            Self::Tag => Some(StepGroup::Tag),
            Self::Stop => Some(StepGroup::Stop),
            Self::Terminate => Some(StepGroup::Terminate),
            Self::Notify => Some(StepGroup::Notify),
            Self::Later => Some(StepGroup::Later),
            Self::Refused => Some(StepGroup::Refused),
            Self::Failed => Some(StepGroup::Failed),
        }
    }
}

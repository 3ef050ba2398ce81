//! Explains recorded instances, without AWS.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tagwarden_core::{Policy, Resource};

use super::facts::{BudgetLeft, Facts};
use super::{Explanations, LauncherSource};
use crate::launcher::RecordedLaunches;
use crate::on_demand::recorded_context;
use crate::plan::plan;
use crate::run::{Survey, is_nearly_all};
use crate::settings::{Mode, Settings};

/// What [`Remediation::explain`](crate::Remediation::explain) says, without AWS: of those of `instances` that `ids` name,
/// at the moment `now`. `instances` are the whole fleet, because the budget and suspicion depend on the others.
///
/// Leaves out what only AWS knows: which instances are protected, and what the ledger notes.
#[must_use]
pub fn explain_recorded(
    policy: &Policy,
    settings: &Settings,
    instances: &[Resource],
    ids: &BTreeSet<String>,
    launches: &RecordedLaunches,
    mode: Option<Mode>,
    now: DateTime<Utc>,
) -> Explanations {
    let survey = Survey::of(policy, settings, instances, now);
    let settings = Settings {
        mode: Mode::DryRun,
        ledger_table: None,
        ..settings.clone()
    };
    let number = survey.instances;
    let context = recorded_context(policy, &settings, survey, launches, now);
    let plan = plan(policy, &settings, instances, &context, now);
    let mut facts = Facts::new(policy, &settings, &context, plan, mode, now);
    facts.is_suspicion_known = true;
    facts.looked_up_in = LauncherSource::Recording;
    facts.budget = Some(BudgetLeft {
        left: settings.max_destructive,
        room_at: None,
    });
    let reasons = facts.plan.reasons.iter();
    let suspicious = reasons.filter(|(_, count)| is_nearly_all(**count, number));
    let an_hour_later = now.checked_add_signed(super::facts::AN_HOUR).unwrap_or(now);
    facts.suspected = suspicious
        .map(|(reason, _)| (reason.clone(), an_hour_later))
        .collect();
    let explained = instances.iter().filter(|it| ids.contains(&it.id));
    Explanations {
        instances: explained
            .map(|it| (it.id.clone(), facts.explain(it)))
            .collect(),
        notes: Vec::new(),
    }
}

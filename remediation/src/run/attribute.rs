//! Gathers what is known of the instances beside what they are: who launched them, and what the ledger notes.

use tagwarden_core::{Action, Policy};

use super::survey::Survey;
use crate::launcher::{Launcher, Unattributed};
use crate::plan::PlanContext;
use crate::remediation::{Remediation, RemediationError};
use crate::request::RunRequest;
use crate::settings::Untagged;

/// What is known of the instances of `survey`. The ledger is asked only where the plan may depend on it.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn attribute(
    home: &Remediation,
    policy: &Policy,
    survey: &Survey,
    request: &RunRequest,
) -> Result<PlanContext, RemediationError> {
    let mut context = PlanContext::default();
    if let Some(ledger) = &home.ledger {
        context.memories = ledger.memories(&survey.remembered).await?;
    }

    // What the ledger remembers, or an event says, is not looked up.
    let remembered = context.memories.iter().filter_map(|(id, memory)| {
        let name = memory.launcher()?.to_owned();
        Some((id.clone(), Launcher::Known(name)))
    });
    context.launchers = remembered.collect();
    context.launchers.extend(request.launchers.clone());
    let has_look_up = policy
        .rules()
        .iter()
        .any(|rule| rule.action == Action::UserLookup);
    let judged_by_rules = survey
        .untagged
        .values()
        .filter(|it| has_look_up && context.was_tagged(&it.id));
    let unattributed = survey.unattributed.iter().chain(judged_by_rules);
    let unattributed: Vec<Unattributed> = unattributed
        .filter(|it| !context.launchers.contains_key(&it.id))
        .cloned()
        .collect();
    let found = home.look_up.find(unattributed, request.deadline).await;
    context.launchers.extend(found);

    let Some(ledger) = &home.ledger else {
        return Ok(context);
    };
    let settings = &home.settings;
    if settings.terminate_after.is_some() && settings.untagged == Untagged::Stop {
        context.countdowns = ledger.countdowns(&survey.stopped_untagged).await?;
    }
    let mut actions = policy.rules().iter().map(|rule| &rule.action);
    let may_shut_down = actions.any(|action| matches!(action, Action::Stop | Action::Terminate))
        || (settings.untagged != Untagged::Notify && !survey.untagged.is_empty());
    if may_shut_down && !survey.with_findings.is_empty() {
        context.protected = ledger.protected().await?;
    }
    Ok(context)
}

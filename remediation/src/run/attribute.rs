//! Gathers what is known of the instances beside what they are: who launched them, and what the ledger notes.

use tagwarden_core::{Action, Policy};

use super::survey::Survey;
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
    // An event that says who launched an instance saves the look-up.
    let mut context = PlanContext {
        launchers: request.launchers.clone(),
        ..PlanContext::default()
    };
    let unattributed = survey.unattributed.iter();
    let unattributed = unattributed.filter(|it| !request.launchers.contains_key(&it.id));
    let found = home.look_up.find(unattributed.cloned(), request.deadline);
    context.launchers.extend(found.await);

    let Some(ledger) = &home.ledger else {
        return Ok(context);
    };
    let settings = &home.settings;
    if settings.terminate_after.is_some() && settings.untagged == Untagged::Stop {
        context.countdowns = ledger.countdowns(&survey.stopped_untagged).await?;
    }
    let mut actions = policy.rules().iter().map(|rule| &rule.action);
    let may_shut_down = actions.any(|action| matches!(action, Action::Stop | Action::Terminate))
        || (settings.untagged != Untagged::Notify && survey.has_untagged);
    if may_shut_down && !survey.with_findings.is_empty() {
        context.refused = ledger.refusals().await?;
    }
    Ok(context)
}

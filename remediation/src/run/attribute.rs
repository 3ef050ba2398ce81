//! Gathers what is known of the instances beside what they are: who launched them, and what the ledger notes.

use tagwarden_aws::AwsError;
use tagwarden_core::{Action, Policy};

use super::spot;
use super::survey::Survey;
use crate::ledger::{Ledger, RunningCountdowns};
use crate::plan::{PlanContext, StepFailure};
use crate::remediation::{Remediation, RemediationError};
use crate::request::{RunRequest, Target};
use crate::settings::{Mode, Untagged};

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
    let unattributed = unattributed
        .filter(|it| it.provisioned_by.is_some() || !request.launchers.contains_key(&it.id));
    let found = home.look_up.find(unattributed.cloned(), request.deadline);
    context.launchers.extend(found.await);
    context.one_time_spot = spot::one_time_requests(home, &survey.to_shut_down).await;

    let Some(ledger) = &home.ledger else {
        return Ok(context);
    };
    let settings = &home.settings;
    let mut actions = policy.rules().iter().map(|rule| &rule.action);
    let rules_shut_down = actions.any(|action| matches!(action, Action::Stop | Action::Terminate));
    let untagged_shut_down = settings.untagged != Untagged::Notify;
    // Countdowns are read after the first look, and also where that found nothing: it may have found a reason gone.
    if rules_shut_down || untagged_shut_down {
        match countdowns(home, ledger, survey, request).await {
            Ok(running) => context.countdowns = running,
            Err(error) => {
                tracing::error!("the countdowns cannot be read: {error}");
                context.countdown_failure = Some(StepFailure::from(&error));
            }
        }
    }
    let may_shut_down = rules_shut_down || (untagged_shut_down && survey.has_untagged);
    if may_shut_down && !survey.with_findings.is_empty() {
        context.refused = ledger.refusals().await?;
    }
    Ok(context)
}

/// The countdowns of the instances that `request` is about. A dry run asks only for those that its forecast needs.
async fn countdowns(
    home: &Remediation,
    ledger: &Ledger,
    survey: &Survey,
    request: &RunRequest,
) -> Result<RunningCountdowns, AwsError> {
    let settings = &home.settings;
    let stops_first = settings.terminate_after.is_some() && settings.untagged == Untagged::Stop;
    let enforces = settings.mode == Mode::Enforce;
    if !enforces && !stops_first {
        return Ok(RunningCountdowns::new());
    }
    let mut running = ledger.countdowns().await?;
    if let Target::Instances(ids) = &request.target {
        running.retain(|id, _| ids.contains(id));
    }
    if stops_first {
        let mut ids = survey.stopped_untagged();
        ids.retain(|id| !running.contains_key(id));
        running.extend(ledger.adopt_stopped(&ids, enforces).await?);
    }
    Ok(running)
}

//! Gathers what is known of the instances beside what they are: who launched them, and what the ledger notes.

use std::collections::BTreeMap;

use tagwarden_aws::AwsError;
use tagwarden_core::{Action, Policy, TagRule};

use super::survey::Survey;
use super::{attached, sources, spot};
use crate::launcher::{Launcher, Unattributed};
use crate::ledger::{Ledger, Standing};
use crate::plan::{PlanContext, StepFailure};
use crate::remediation::{Remediation, RemediationError};
use crate::request::{RunRequest, Target};
use crate::settings::{Mode, Untagged};

/// What is known of the instances of `survey`. The ledger is asked only where the plan may depend on it.
///
/// With `writes`, what older versions noted there is written anew as countdowns. Without it, nothing is written.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn attribute(
    home: &Remediation,
    policy: &Policy,
    survey: &Survey,
    request: &RunRequest,
    writes: bool,
) -> Result<PlanContext, RemediationError> {
    let mut context = PlanContext {
        mandate: home.mandate.clone(),
        ..PlanContext::default()
    };
    context.hosts = attached::read(home, policy, survey).await?;
    if let Some(ledger) = &home.ledger {
        let undefined = survey.undefined.iter().map(|it| &it.id);
        let ids = survey.remembered.iter().chain(undefined);
        let ids = ids.chain(&survey.launched_hosts);
        context.memories = ledger.memories(ids).await?;
    }

    let unreadable = context.memories.iter();
    let unreadable =
        unreadable.filter_map(|(id, it)| Some((id.clone(), it.unreadable_exemption_since()?)));
    context.unreadable_exemptions = unreadable.collect();

    // What the ledger remembers, or an event says, is not looked up.
    let remembered = context.memories.iter().filter_map(|(id, memory)| {
        let name = memory.launcher()?.to_owned();
        Some((id.clone(), Launcher::Known(name)))
    });
    context.launchers = remembered.collect();
    context.launchers.extend(request.launchers.clone());
    let rules = policy.rules().iter();
    let look_ups = rules.filter(|rule| rule.action == Action::UserLookup);
    let keys: Vec<&str> = look_ups.map(|rule| rule.tag_key.as_str()).collect();
    let has_look_up = !keys.is_empty();
    let now = home.clock.now();
    let is_own_undefined = |it: &&Unattributed| {
        let memory = context.memories.get(&it.id);
        memory.is_some_and(|memory| keys.iter().any(|key| memory.is_own_undefined(key, now)))
    };
    let undefined = survey.undefined.iter().filter(is_own_undefined);
    let judged_by_rules = survey
        .untagged
        .values()
        .filter(|it| has_look_up && context.was_tagged(&it.id));
    // Whom a shutdown concerns is looked up with the others: the same pages show both.
    let shut_down: Vec<Unattributed> = if writes {
        survey.to_shut_down.iter().map(Unattributed::from).collect()
    } else {
        Vec::new()
    };
    // A volume takes the launcher of its instance, unless the instance's tags name it.
    let hosts = survey.launched_hosts.iter();
    let hosts = hosts.filter_map(|id| context.hosts.get(id)?.as_ref());
    let unnamed = hosts.filter(|host| host.noted_launcher(policy).is_none());
    let of_hosts: Vec<Unattributed> = unnamed
        .map(|host| Unattributed::from(&host.instance))
        .collect();
    let unattributed = survey.unattributed.iter().chain(&of_hosts);
    let unattributed = unattributed.chain(judged_by_rules).chain(undefined);
    let unattributed = unattributed
        .chain(&shut_down)
        .filter(|it| it.provisioned_by.is_some() || !context.launchers.contains_key(&it.id))
        .map(|it| (it.id.clone(), it.clone()));
    let unattributed: BTreeMap<String, Unattributed> = unattributed.collect();
    let found = home
        .look_up
        .find(unattributed.into_values(), request.deadline)
        .await;
    context.launchers.extend(found);
    context.sources = sources::read(home, survey).await;
    context.one_time_spot =
        spot::one_time_requests(home, survey.to_shut_down.iter().chain(&survey.undated)).await;

    let Some(ledger) = &home.ledger else {
        return Ok(context);
    };
    let settings = &home.settings;
    let rules_shut_down = policy.rules().iter().any(TagRule::may_shut_down);
    let untagged_shut_down = settings.untagged != Untagged::Notify;
    // Countdowns are read after the first look, and also where that found nothing: it may have found a reason gone.
    match standing(home, ledger, survey, request, writes).await {
        Ok(standing) => {
            context.countdowns = standing.countdowns;
            context.paused = standing.paused;
        }
        Err(error) => {
            tracing::error!("the countdowns cannot be read: {error}");
            context.countdown_failure = Some(StepFailure::from(&error));
        }
    }
    let may_shut_down = rules_shut_down || (untagged_shut_down && !survey.untagged.is_empty());
    if may_shut_down && !survey.with_findings.is_empty() {
        // Without them an instance is tried once more that EC2 refuses, which does no harm.
        match ledger.refusals().await {
            Ok(refused) => context.refused = refused,
            Err(error) => tracing::error!("what EC2 refused is tried again: {error}"),
        }
    }
    Ok(context)
}

/// The countdowns and paused tags of the instances that `request` is about. A dry run asks only for what its forecast
/// needs.
async fn standing(
    home: &Remediation,
    ledger: &Ledger,
    survey: &Survey,
    request: &RunRequest,
    writes: bool,
) -> Result<Standing, AwsError> {
    let enforces = home.settings.mode == Mode::Enforce;
    if !enforces && !stops_first(home) {
        return Ok(Standing::default());
    }
    all_standing(home, ledger, survey, &request.target, writes && enforces).await
}

/// The countdowns and paused tags of the instances that `target` names, whatever the mode is.
pub(crate) async fn all_standing(
    home: &Remediation,
    ledger: &Ledger,
    survey: &Survey,
    target: &Target,
    writes: bool,
) -> Result<Standing, AwsError> {
    let mut standing = ledger.standing().await?;
    if let Target::Instances(ids) = target {
        standing.countdowns.retain(|id, _| ids.contains(id));
        standing.paused.retain(|id, _| ids.contains(id));
    }
    if stops_first(home) {
        let mut ids = survey.stopped_untagged();
        ids.retain(|id| !standing.countdowns.contains_key(id));
        let adopted = ledger.adopt_stopped(&ids, writes).await?;
        standing.countdowns.extend(adopted);
    }
    Ok(standing)
}

/// Whether an untagged instance is stopped first and terminated later.
fn stops_first(home: &Remediation) -> bool {
    let settings = &home.settings;
    settings.terminate_after.is_some() && settings.untagged == Untagged::Stop
}

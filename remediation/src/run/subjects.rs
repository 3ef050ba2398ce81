//! Says whom the steps of a plan concern, and remembers it.

use std::collections::{BTreeMap, BTreeSet};

use tagwarden_aws::resources;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::{Kind, Owner, Policy, Resource, State};

use crate::launcher::{Launcher, Unattributed};
use crate::ledger::Ledger;
use crate::plan::{Act, Memory, Plan, PlanContext, UNDEFINED, launched_id};
use crate::remediation::Remediation;
use crate::report::{Report, ReportSubject, Subjects};
use crate::request::RunRequest;

/// The subjects of `plan`, which is that of `instances`.
pub(super) fn subjects(
    home: &Remediation,
    policy: &Policy,
    context: &PlanContext,
    instances: &[Resource],
    plan: &Plan,
) -> Subjects {
    let acts = plan.tags.iter().chain(plan.shutdowns.values());
    let acts = acts.map(Act::instance_id);
    let settled = plan.settled.iter().map(|(step, _)| step);
    let steps = plan.reported.iter().chain(settled);
    let ids = acts.chain(steps.map(|step| step.instance_id.as_str()));
    let ids: BTreeSet<&str> = ids.collect();
    let concerned = instances.iter().filter(|it| ids.contains(it.id.as_str()));
    let subjects = concerned.map(|it| (it.id.clone(), subject(home, policy, context, it)));
    let mut subjects: Subjects = subjects.collect();

    let begun = plan.countdowns.iter();
    let begun = begun.map(|(name, change)| (&name.instance_id, change.new.since));
    let standing = plan.standing.iter();
    let standing = standing.map(|(id, (_, countdown))| (id, countdown.since));
    for (id, since) in begun.chain(standing) {
        if let Some(subject) = subjects.get_mut(id) {
            let day = since.date_naive();
            let first = subject.counted_since.map_or(day, |first| first.min(day));
            subject.counted_since = Some(first);
        }
    }
    subjects
}

/// Remembers who launched what waits for its shutdown, so that later looks at it need not ask CloudTrail.
///
/// What cannot be written is logged: it is looked up again.
pub(super) async fn remember_launchers(home: &Remediation, context: &PlanContext, plan: &Plan) {
    let waiting = plan
        .settled
        .iter()
        .filter(|(step, _)| step.remedy.is_shutdown());
    let new = waiting.filter_map(|(step, _)| {
        let id = &step.instance_id;
        let Some(Launcher::Known(name)) = context.launchers.get(id) else {
            return None;
        };
        let remembered = context.memories.get(id).and_then(Memory::launcher);
        (remembered != Some(name)).then(|| (id.clone(), name.clone()))
    });
    let new: BTreeMap<String, String> = new.collect();
    if let Some(ledger) = home.ledger.as_ref().filter(|_| !new.is_empty())
        && let Err(error) = ledger.remember_launchers(&new).await
    {
        tracing::error!("launchers are looked up again: {error}");
    }
}

/// Adds to `report` whom the acts of other runs concern that it reports in their place: their owners were not told. `tags`
/// are those with which instances were shut down.
///
/// Makes no call unless there is such an act on an instance that this run has no plan for. What cannot be asked is logged:
/// then nobody but the administrators is told.
pub(super) async fn add_recovered(
    home: &Remediation,
    ledger: &Ledger,
    policy: &Policy,
    request: &RunRequest,
    tags: &BTreeMap<String, BTreeMap<String, String>>,
    report: &mut Report,
) {
    let entries = report.entries.iter().filter(|it| it.done_by.is_some());
    let ids = entries.map(|it| &it.step.instance_id);
    let ids: BTreeSet<String> = ids
        .filter(|id| !report.subjects.contains_key(*id))
        .cloned()
        .collect();
    if ids.is_empty() {
        return;
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let live = resources::describe_unplaced(&home.ec2, &ids).await;
    let live = live.unwrap_or_else(|error| {
        tracing::warn!("whose instances other runs changed may not be known: {error}");
        Vec::new()
    });
    let mut live: BTreeMap<String, Resource> =
        live.into_iter().map(|it| (it.id.clone(), it)).collect();
    let instances = ids.into_iter().map(|id| {
        let kind = Kind::of_id(&id).unwrap_or_default();
        let gone = || Resource::new(kind, id.clone(), State::Terminated);
        let mut instance = live.remove(&id).unwrap_or_else(gone);
        if instance.tags.is_empty() {
            instance.tags = tags.get(&id).cloned().unwrap_or_default();
        }
        instance
    });
    let instances: Vec<Resource> = instances.collect();

    let mut context = PlanContext::default();
    match ledger.memories(instances.iter().map(|it| &it.id)).await {
        Ok(memories) => context.memories = memories,
        Err(error) => tracing::warn!("who launched instances may not be known: {error}"),
    }
    // Only those are looked up of which nothing else says whose they are.
    let is_nobodys = |it: &&Resource| {
        let subject = subject(home, policy, &context, it);
        subject.owner.is_none() && subject.launcher.is_none()
    };
    let launched = |it: &&Resource| it.kind.created_by().is_some();
    let nobodys = instances.iter().filter(launched).filter(is_nobodys);
    let nobodys: Vec<Unattributed> = nobodys.map(Unattributed::from).collect();
    context.launchers = home.look_up.find(nobodys, request.deadline).await;
    let subjects = instances.into_iter().map(|it| {
        let subject = subject(home, policy, &context, &it);
        (it.id, subject)
    });
    report.subjects.extend(subjects);
}

fn subject(
    home: &Remediation,
    policy: &Policy,
    context: &PlanContext,
    instance: &Resource,
) -> ReportSubject {
    let manager = instance.manager(&home.settings.manager_tags);
    let manager = manager.filter(|_| instance.kind.attached_by().is_some());
    let manager = manager.map(|it| format!("{it} ({})", it.fix()));
    let started = launched_id(instance);
    let looked_up = match started.and_then(|id| context.launchers.get(id)) {
        Some(Launcher::Known(name)) => Some(name.as_str()),
        _ => None,
    };
    let remembered = || context.memories.get(started?)?.launcher();
    let host = started.and_then(|id| context.hosts.get(id)?.as_ref());
    let noted = || {
        policy
            .noted_launcher(instance)
            .filter(|it| *it != UNDEFINED)
    };
    let noted_on_host = || host?.noted_launcher(policy);
    let launcher = looked_up.or_else(remembered);
    let launcher = launcher.or_else(noted).or_else(noted_on_host);
    let owner_tags = &home.settings.owner_tags;
    // A volume whose tags name nobody is its instance's owner's.
    let own = Owner::of(policy, owner_tags, instance, None);
    let of_host = || Owner::of(policy, owner_tags, &host?.instance, launcher);
    let owner = own
        .or_else(of_host)
        .or_else(|| Owner::of(policy, owner_tags, instance, launcher));
    ReportSubject {
        name: instance
            .tags
            .get("Name")
            .filter(|name| !is_blank(name))
            .cloned(),
        owner,
        launcher: launcher.map(ToOwned::to_owned),
        attached_to: instance.attached_to.clone(),
        manager,
        counted_since: None,
    }
}

//! Says whom the steps of a plan concern, and remembers it.

use std::collections::{BTreeMap, BTreeSet};

use tagwarden_core::likeness::is_blank;
use tagwarden_core::{Owner, Policy, Resource};

use crate::launcher::Launcher;
use crate::plan::{Act, Memory, Plan, PlanContext, UNDEFINED};
use crate::remediation::Remediation;
use crate::report::{ReportSubject, Subjects};

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

fn subject(
    home: &Remediation,
    policy: &Policy,
    context: &PlanContext,
    instance: &Resource,
) -> ReportSubject {
    let looked_up = match context.launchers.get(&instance.id) {
        Some(Launcher::Known(name)) => Some(name.as_str()),
        _ => None,
    };
    let remembered = || context.memories.get(&instance.id)?.launcher();
    let noted = || {
        policy
            .noted_launcher(instance)
            .filter(|it| *it != UNDEFINED)
    };
    let launcher = looked_up.or_else(remembered).or_else(noted);
    ReportSubject {
        name: instance
            .tags
            .get("Name")
            .filter(|name| !is_blank(name))
            .cloned(),
        owner: Owner::of(policy, &home.settings.owner_tags, instance, launcher),
        launcher: launcher.map(ToOwned::to_owned),
        counted_since: None,
    }
}

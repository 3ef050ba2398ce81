//! Begins, confirms and deletes countdowns, in the order that closes the gaps between runs: see
//! [`Ledger::countdowns`](crate::ledger::Ledger).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::{Policy, Resource};

use super::survey::Survey;
use super::truth;
use crate::ledger::Ledger;
use crate::plan::{
    Act, CountdownChange, CountdownName, CountdownReason, Outcome, Plan, PlanContext, Reason, plan,
};
use crate::remediation::{Remediation, RemediationError};
use crate::report::Report;
use crate::safeguard::Safeguard;
use crate::settings::Untagged;

/// What is due later than this waits for a sweep.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// When which instances must be looked at again.
pub(super) type WakeUps = BTreeMap<DateTime<Utc>, BTreeSet<String>>;

/// When the countdowns that a run has begun must be looked at again.
pub(super) type Begun = BTreeMap<CountdownName, DateTime<Utc>>;

/// Begins the countdowns of what the first look found, before the second look. From then on `context` has them.
///
/// # Errors
/// The ledger cannot be written.
pub(super) async fn begin(
    home: &Remediation,
    ledger: &Ledger,
    policy: &Policy,
    survey: &Survey,
    context: &mut PlanContext,
) -> Result<Begun, RemediationError> {
    let candidates: Vec<Resource> = survey.to_shut_down.clone();
    let first = plan(
        policy,
        &home.settings,
        &candidates,
        context,
        home.clock.now(),
    );

    // Only what would be counted or done needs a second source.
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let counted = first.countdowns.keys().chain(first.notices.keys());
    wanted.extend(
        counted
            .filter(|name| name.reason.rests_on_absence(policy))
            .map(|name| name.instance_id.as_str()),
    );
    let acts = first.shutdowns.values();
    wanted.extend(
        acts.filter(|act| act.is_for_absence(policy))
            .map(Act::instance_id),
    );
    let doubtful = candidates
        .iter()
        .filter(|it| wanted.contains(it.id.as_str()));
    let source = truth::ask(home, doubtful).await;
    context.doubt = source.doubt;

    // What the first look found gone is over, whatever the second finds.
    let seen: BTreeSet<&str> = candidates.iter().map(|it| it.id.as_str()).collect();
    let is_wanted = |reason: &CountdownReason| match reason {
        CountdownReason::Untagged => home.settings.untagged != Untagged::Notify,
        CountdownReason::Tag { key, .. } => {
            let mut rules = policy.rules().iter();
            rules.any(|rule| rule.tag_key == *key && rule.may_shut_down())
        }
    };
    for (id, running) in &mut context.countdowns {
        let over = running.extract_if(.., |name, _| {
            first.gone.contains_key(name)
                || (!seen.contains(id.as_str()) && is_wanted(&name.reason))
        });
        for (name, countdown) in over {
            // If it stays, the run cannot begin it anew, and does nothing by it.
            if let Err(error) = ledger.delete_countdown(&name, &countdown).await {
                tracing::error!("the countdown of {id} is not deleted: {error}");
            }
        }
    }
    context.countdowns.retain(|_, running| !running.is_empty());

    let mut begun = first.countdowns;
    begun.retain(|name, change| {
        let is_doubtful = context.doubt.is_some() || source.changed.contains(&name.instance_id);
        let is_moved = change.next.is_some() && !first.notices.contains_key(name);
        (change.has_begun || is_moved) && !(is_doubtful && name.reason.rests_on_absence(policy))
    });
    let mut times = Begun::new();
    for name in ledger.write_countdowns(&begun).await? {
        let Some(change) = begun.get(&name) else {
            continue;
        };
        if let Some(next) = change.next {
            times.insert(name.clone(), next);
        }
        let of_instance = context
            .countdowns
            .entry(name.instance_id.clone())
            .or_default();
        of_instance.insert(name.clone(), change.new);
        context.begun.insert(name);
    }
    Ok(times)
}

/// Confirms what the second look found again, and deletes what it did not. An act begins by its countdown as it is then.
///
/// What goes wrong is logged: the next look does it.
/// Gives when those must be looked at again that a message is sent for.
pub(super) async fn confirm(ledger: &Ledger, plan: &mut Plan) -> Begun {
    // A notice is noted once it is accepted. What begins now was hidden from the first look: a later one begins it.
    let confirmed = plan.countdowns.iter();
    let confirmed = confirmed
        .filter(|(name, change)| !change.has_begun && !plan.notices.contains_key(*name))
        .map(|(name, change)| (name.clone(), *change));
    let confirmed: BTreeMap<_, _> = confirmed.collect();
    let mut times = Begun::new();
    match ledger.write_countdowns(&confirmed).await {
        Ok(written) => {
            for name in &written {
                let standing = plan.standing.get_mut(&name.instance_id);
                if let (Some((due, countdown)), Some(change)) = (standing, confirmed.get(name))
                    && due == name
                {
                    *countdown = change.new;
                }
            }
            let next = |name: &CountdownName| confirmed.get(name)?.next;
            let messages = written
                .into_iter()
                .filter_map(|name| Some((next(&name)?, name)));
            times.extend(messages.map(|(at, name)| (name, at)));
        }
        Err(error) => tracing::error!("countdowns are not confirmed: {error}"),
    }
    for (name, countdown) in &plan.gone {
        if let Err(error) = ledger.delete_countdown(name, countdown).await {
            tracing::error!(
                "the countdown of {} is not deleted: {error}",
                name.instance_id
            );
        }
    }
    times
}

/// Notes that the notices of `plan` were accepted. Gives when their days come.
///
/// What goes wrong is logged: the next run announces it again.
pub(super) async fn note_announced(
    ledger: &Ledger,
    countdowns: &BTreeMap<CountdownName, CountdownChange>,
    notices: &BTreeMap<CountdownName, DateTime<Utc>>,
    now: DateTime<Utc>,
) -> WakeUps {
    let mut changes = BTreeMap::new();
    for (name, day) in notices {
        if let Some(change) = countdowns.get(name) {
            let mut change = *change;
            change.new = change.new.announced(now, *day);
            changes.insert(name.clone(), change);
        }
    }
    match ledger.write_countdowns(&changes).await {
        Ok(written) => {
            // The notice was accepted later than it was planned, and what follows moves by as much.
            let times = written.into_iter().filter_map(|name| {
                let change = countdowns.get(&name)?;
                let late = now - change.new.seen_at();
                Some((name, change.next? + late))
            });
            wake_ups(times, now)
        }
        Err(error) => {
            tracing::error!("accepted notices are not noted: {error}");
            WakeUps::new()
        }
    }
}

/// Refuses what must be announced, if the report would reach nobody.
pub(crate) async fn check_notices(home: &Remediation, plan: &mut Plan) {
    if plan.notices.is_empty() || !home.settings.safeguards.hold(Safeguard::Notice) {
        return;
    }
    let Err(why) = crate::notify::check_subscribers(home).await else {
        return;
    };
    let names = std::mem::take(&mut plan.notices);
    // Nobody subscribes for a message: a sweep tries again. A message for each look would be one more each time.
    for name in names.keys() {
        if let Some(change) = plan.countdowns.get_mut(name) {
            change.next = None;
        }
    }
    for (step, outcome) in &mut plan.settled {
        if outcome.is_notice() && names.keys().any(|name| name.is_of(step)) {
            *outcome = Outcome::Refused(Reason::NotAnnounced(why.clone()));
        }
    }
}

/// Adds when CloudTrail must show the launches that it does not show yet.
pub(super) fn add_launches(wake_ups: &mut WakeUps, report: &Report, now: DateTime<Utc>) {
    for entry in &report.entries {
        if let Outcome::Deferred(Reason::LaunchNotShown {
            age: Some(age),
            grace,
        }) = &entry.outcome
            && let Some(at) = now.checked_add_signed(*grace - *age)
        {
            // To the next minute, so that launches of the same minute come back by one message.
            let to_minute = 60_000 - at.timestamp_millis().rem_euclid(60_000);
            let at = at + TimeDelta::milliseconds(to_minute);
            let ids = wake_ups.entry(at).or_default();
            ids.insert(entry.step.instance_id.clone());
        }
    }
}

/// When which instances must be looked at again. What is due so late that a sweep comes first is left out.
pub(super) fn wake_ups(
    times: impl IntoIterator<Item = (CountdownName, DateTime<Utc>)>,
    now: DateTime<Utc>,
) -> WakeUps {
    let mut wake_ups = WakeUps::new();
    for (name, at) in times
        .into_iter()
        .filter(|(_, at)| *at - now <= LONGEST_WAIT)
    {
        wake_ups.entry(at).or_default().insert(name.instance_id);
    }
    wake_ups
}

//! The checks after a storm: the budget, the ledger, the effects and the reports agree.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tagwarden_aws::Clock;
use tagwarden_remediation::ledger::{Act, ActState, Batch, Ledger, RemedyName};

use crate::model::{Change, Effect, LEDGER_TABLES, Model, Run, StackNumber, Tally, is_exempt};
use crate::scenario::Deed;
use crate::world::{World, open_marks};

/// Checks a storm that was played.
///
/// # Errors
/// The violations found, one line each.
pub fn check(world: &World) -> Result<Tally, Vec<String>> {
    // The model saw harm during the storm and stopped it early, so the checks below would only add noise.
    let harm = world.model(|model| std::mem::take(&mut model.violations));
    if !harm.is_empty() {
        return Err(harm);
    }
    let batches = read_ledger(world);
    let storm = world.storm();
    let account = world.account();
    world.model(|model| {
        for (stack, setup) in storm.setups().enumerate() {
            check_budget(model, stack, setup.budget);
        }
        check_ledger_is_complete(model, account, &batches, world.stacks());
        check_effects_are_in_the_ledger(model, &batches);
        check_done_acts_were_seen(model, &batches);
        check_done_acts_were_reported(model, &batches);
        model.check_letters(&batches);
        let now = account.now();
        for stack in 0..world.stacks() {
            check_tags_are_complete(model, account, stack);
        }
        for instance in account.instances() {
            // tagwarden does not retry on the same day what EC2 refused for protection.
            let was_protected = model
                .deeds_after(&instance.id, 0)
                .any(|deed| matches!(deed, Deed::Protect(_)));
            let was_refused = was_protected || model.was_denied(&instance.id);
            let mut stacks = 0..world.stacks();
            if !was_refused && stacks.any(|stack| model.is_overdue(stack, &instance, now)) {
                model.violate(format!("a due shutdown was not done: {instance:?}"));
            }
        }
        let states = batches.iter().flat_map(|batch| &batch.acts);
        let mut tally = model.tally;
        for act in states {
            tally.begun += 1;
            match act.state {
                ActState::Spared => tally.spared += 1,
                ActState::Refused => tally.refused += 1,
                ActState::Failed | ActState::Abandoned => tally.failed += 1,
                ActState::Begun | ActState::Done => {}
            }
        }
        tally.storms = 1;
        if model.violations.is_empty() {
            Ok(tally)
        } else {
            Err(std::mem::take(&mut model.violations))
        }
    })
}

/// Reads the ledgers as `tagwarden history` does.
fn read_ledger(world: &World) -> Vec<Batch> {
    let config = world.account().sdk_config();
    let client = aws_sdk_dynamodb::Client::new(&config);
    let runtime = tagwarden_sandbox::paused_runtime().unwrap();
    let first = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
    let last = world.account().now().date_naive();
    let mut batches = Vec::new();
    for table in &LEDGER_TABLES[..world.stacks()] {
        let ledger = Ledger::new(client.clone(), Clock::of(&config), (*table).to_owned());
        runtime.block_on(async {
            for day in first.iter_days().take_while(|day| *day <= last) {
                batches.extend(ledger.batches_of(day).await.unwrap());
            }
        });
    }
    batches.sort_by_key(|batch| (batch.run_id.clone(), batch.number));
    batches
}

/// No hour had more shutdowns by a stack than its budget.
fn check_budget(model: &mut Model, stack: StackNumber, limit: usize) {
    let shutdowns = model.effects.iter().filter(|effect| effect.stack == stack);
    let shutdowns = shutdowns.filter(|effect| effect.change.remedy.is_destructive());
    let times: Vec<DateTime<Utc>> = shutdowns.map(|effect| effect.at).collect();
    let worst = (0..times.len())
        .map(|first| {
            let end = times[first] + TimeDelta::hours(1);
            (
                times[first],
                times[first..]
                    .iter()
                    .take_while(|time| **time <= end)
                    .count(),
            )
        })
        .max_by_key(|(_, count)| *count);
    if let Some((from, count)) = worst
        && count > limit
    {
        model.violate(format!(
            "in the hour from {from} on {count} instances were shut down, {limit} are allowed"
        ));
    }
}

/// No run is open, no act is left begun, and the ledger holds what was written.
fn check_ledger_is_complete(
    model: &mut Model,
    account: &tagwarden_sandbox::Account,
    batches: &[Batch],
    stacks: usize,
) {
    let open = open_marks(account, stacks);
    if open > 0 {
        model.violate(format!("{open} runs are still open"));
    }
    let written: Vec<&Batch> = model.ledger.values().collect();
    if written != batches.iter().collect::<Vec<_>>() {
        model.violate("the ledger does not hold what was written".to_owned());
    }
    for batch in batches {
        for act in &batch.acts {
            if act.state == ActState::Begun {
                model.violate(format!("run {} left an act begun: {act:?}", batch.run_id));
            }
        }
    }
}

/// Each change of an instance is in the ledger as done, exactly once, with the tags that its function had read before.
fn check_effects_are_in_the_ledger(model: &mut Model, batches: &[Batch]) {
    for effect in model.effects.clone() {
        let acts: Vec<&Act> = acts_of(model, batches, effect.run)
            .filter(|act| effect.change.is(act))
            .collect();
        let done = acts.iter().filter(|act| act.state == ActState::Done);
        let done: Vec<&&Act> = done.collect();
        match done.as_slice() {
            [act] => {
                if !effect.shown.iter().any(|tags| is_before(act, tags)) {
                    model.violate(format!(
                        "run {} recorded {:?} as the tags before, but had read {:?}",
                        effect.run, act.tags_before, effect.shown
                    ));
                }
            }
            // The run that recovered it could not see the effect, because people had undone it or EC2 hid it.
            [] if model.is_troubled(effect.run)
                && (is_undone(model, &effect) || is_hidden(model, &effect.change)) => {}
            // The answer was lost, and the call's next attempt was refused.
            [] if model.is_troubled(effect.run)
                && acts.iter().all(|act| was_settled_by_refusal(act))
                && is_refused(model, &effect.change) => {}
            // An undo looks after it has taken a tag away, and cannot tell whether somebody set the tag before or after.
            [] if effect.change.remedy == RemedyName::Untag
                && acts.iter().all(|act| act.state == ActState::Spared)
                && is_undone(model, &effect) => {}
            _ => model.violate(format!(
                "{} run {}: {:?} is {} times done in the ledger: {acts:?}",
                effect.at,
                effect.run,
                effect.change,
                done.len()
            )),
        }
    }
}

fn is_before(act: &Act, shown: &BTreeMap<String, String>) -> bool {
    match (&act.remedy, act.tag_key()) {
        (RemedyName::Tag | RemedyName::Untag, Some(key)) => {
            act.tags_before.get(key) == shown.get(key)
        }
        _ => act.tags_before == *shown,
    }
}

fn was_settled_by_refusal(act: &Act) -> bool {
    matches!(act.state, ActState::Failed | ActState::Refused)
}

/// Whether EC2 or a policy may have refused to repeat a change: a denial, or a protection, began at some time.
fn is_refused(model: &Model, change: &Change) -> bool {
    let id = &change.instance_id;
    let tag = change.tag.as_ref();
    model.was_denied(id)
        || tag.is_some_and(|(key, _)| model.was_denied(key))
        || model
            .deeds_after(id, 0)
            .any(|deed| deed == Deed::Protect(true))
}

/// Whether somebody has undone a change: people, an undo, functions after an undo, or another stack.
fn is_undone(model: &Model, effect: &Effect) -> bool {
    let change = &effect.change;
    let id = &change.instance_id;
    let Some((key, _)) = &change.tag else {
        let mut deeds = model.deeds_after(id, effect.sequence);
        return deeds.any(|deed| deed == Deed::Start);
    };
    let is_of_tag = |other: &Effect| {
        let tag = other.change.tag.as_ref();
        other.sequence > effect.sequence
            && other.change.instance_id == *id
            && tag.is_some_and(|(other, _)| other == key)
    };
    model.is_tag_undone(id, key, effect.sequence) || model.effects.iter().any(is_of_tag)
}

/// Whether a tag may not have shown although it was written: people took all tags away for a moment and set the old ones
/// again, or EC2's descriptions lagged behind.
fn is_hidden(model: &Model, change: &Change) -> bool {
    let is_it = |deed: Deed| matches!(deed, Deed::Flicker(_) | Deed::Lag(_));
    change.tag.is_some() && model.deeds_after(&change.instance_id, 0).any(is_it)
}

/// Each act that the ledger has as done was accepted by EC2. The exception: people, another stack or another undo did the
/// same, and the run that recovered the act could not tell the difference.
fn check_done_acts_were_seen(model: &mut Model, batches: &[Batch]) {
    for batch in batches {
        let run = model.run_of(batch.run_id.as_str());
        for act in batch.acts.iter().filter(|act| act.state == ActState::Done) {
            let is_seen = model
                .agreed
                .iter()
                .any(|agreed| agreed.run == run && agreed.change.is(act));
            let by_people = model.deeds_after(act.instance_id(), 0).any(|deed| {
                if act.remedy.is_destructive() {
                    deed == Deed::Terminate
                } else {
                    // It sets again what was there, which may be what tagwarden had written, or takes a tag away.
                    matches!(deed, Deed::Flicker(_))
                        || act.remedy == RemedyName::Untag
                            && (deed == Deed::UntagFully
                                || matches!(deed, Deed::Untag(key) if act.tag_key() == Some(key)))
                }
            });
            let by_others = model.agreed.iter().any(|agreed| {
                let is_other = agreed.stack != model.stack_of(run)
                    || agreed.change.remedy == RemedyName::Untag;
                // What another stack has terminated shows as stopped too.
                let is_ended = agreed.stack != model.stack_of(run)
                    && act.remedy.is_destructive()
                    && agreed.change.remedy.is_destructive()
                    && agreed.change.instance_id == act.instance_id();
                is_ended || is_other && agreed.change.is(act)
            });
            let is_unseen = act.remedy == RemedyName::Untag
                && act
                    .tag_key()
                    .is_some_and(|key| model.may_take_for_undone(run, act.instance_id(), key));
            if !(is_seen || is_unseen || (by_people || by_others) && model.is_troubled(run)) {
                model.violate(format!(
                    "run {} never did an act that the ledger has as done: {act:?}",
                    batch.run_id
                ));
            }
        }
    }
}

/// Each act of a function that was done was reported, and only once unless the reporting run was disturbed.
fn check_done_acts_were_reported(model: &mut Model, batches: &[Batch]) {
    for batch in batches {
        let run = model.run_of(batch.run_id.as_str());
        let done = batch.acts.iter().filter(|act| {
            // An undo answers the person who asked for it.
            act.state == ActState::Done && act.remedy != RemedyName::Untag
        });
        for act in done {
            let reported = model.reported.iter().filter(|reported| {
                reported.done_by == run
                    && reported.instance_id == act.instance_id()
                    && reported.rule_id == act.rule_id()
                    && reported.remedy == act.remedy.as_str()
            });
            let reported: Vec<Run> = reported.map(|reported| reported.by).collect();
            let (first, again) = match reported.as_slice() {
                [] => {
                    model.violate(format!(
                        "no report has an act of run {}: {act:?}",
                        batch.run_id
                    ));
                    continue;
                }
                [again @ .., first] => (first, again),
            };
            if !again.iter().all(|by| model.is_troubled(*by)) {
                model.violate(format!(
                    "an act of run {} was reported by runs {again:?} and {first}: {act:?}",
                    batch.run_id
                ));
            }
        }
    }
}

/// Every tag that a stack's policy fills in is there, whatever else was refused.
fn check_tags_are_complete(
    model: &mut Model,
    account: &tagwarden_sandbox::Account,
    stack: StackNumber,
) {
    let today = account.now().date_naive();
    for instance in account.instances() {
        let id = &instance.id;
        let is_excluded = instance.state.is_ending()
            || instance.tags.is_empty()
            || is_exempt(&instance, today)
            || !model.is_in_scope(stack, &instance)
            || model.was_denied(id);
        if is_excluded {
            continue;
        }
        for key in model.keys_to_fill_in(stack) {
            let is_unset = instance.tags.get(key).is_none_or(String::is_empty);
            // What people keep removing is left to them after a while.
            let removals = model.deeds_after(id, 0).filter(|deed| {
                matches!(deed, Deed::UntagFully | Deed::Flicker(_)) || *deed == Deed::Untag(key)
            });
            let removals = removals.count() + model.taken_by_other_stacks(stack, id, key);
            if is_unset && !model.was_denied(key) && removals < 3 {
                model.violate(format!("the tag {key} is still missing: {instance:?}"));
            }
        }
    }
}

fn acts_of<'a>(model: &'a Model, batches: &'a [Batch], run: Run) -> impl Iterator<Item = &'a Act> {
    let batches = batches.iter();
    let batches = batches.filter(move |batch| model.is_of(batch, run));
    batches.flat_map(|batch| &batch.acts)
}

//! The steps of an undo under way, and what becomes of each.

use std::collections::BTreeMap;

use super::{KeepReason, UndoStep};
use crate::plan::{Act, ActState};
use crate::run_id::RunId;

/// What was undone.
#[derive(Clone, Debug)]
pub struct UndoResult {
    /// The undo's own run, by which `tagwarden history` finds it; `None` if it began nothing.
    pub run_id: Option<RunId>,
    /// What became of each step, by instance and key.
    pub outcomes: Vec<(UndoStep, UndoOutcome)>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoOutcome {
    /// The tag is as it was before it was written.
    Done,
    /// It stays: something has changed since the plan was shown.
    Spared(KeepReason),
    /// It could not be done.
    Failed(String),
}

/// The id of an instance, and the key of one of its tags.
pub(super) type TagOnResource = (String, String);

pub(super) fn place(step: &UndoStep) -> TagOnResource {
    let (id, key) = step.written.place();
    (id.to_owned(), key.to_owned())
}

pub(super) fn act_place(act: &Act) -> Option<TagOnResource> {
    Some((act.instance_id().to_owned(), act.tag_key()?.to_owned()))
}

/// The steps of a plan, and what became of those that are settled.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) steps: BTreeMap<TagOnResource, (UndoStep, Option<UndoOutcome>)>,
}

impl Work {
    /// What is to be written down of those that are not settled.
    pub(super) fn acts(&self) -> Vec<Act> {
        let open = self.steps.values().filter(|(_, outcome)| outcome.is_none());
        open.map(|(step, _)| step.to_act()).collect()
    }

    /// The steps that are not settled.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &UndoStep> {
        let steps = self.steps.values();
        steps
            .filter(|(_, outcome)| outcome.is_none())
            .map(|(step, _)| step)
    }

    pub(super) fn settle(&mut self, act: &Act, outcome: UndoOutcome) {
        if let Some((_, settled)) = act_place(act).and_then(|place| self.steps.get_mut(&place)) {
            *settled = Some(outcome);
        }
    }

    pub(super) fn end(self, run_id: Option<RunId>) -> UndoResult {
        let outcomes = self.steps.into_values().map(|(step, outcome)| {
            let unsettled = || UndoOutcome::Failed("nothing is known of it".to_owned());
            (step, outcome.unwrap_or_else(unsettled))
        });
        UndoResult {
            run_id,
            outcomes: outcomes.collect(),
        }
    }
}

/// Notes in `act` what became of it.
pub(super) fn note(act: &mut Act, outcome: &UndoOutcome) {
    (act.state, act.why) = match outcome {
        UndoOutcome::Done => (ActState::Done, None),
        UndoOutcome::Spared(reason) => (ActState::Spared, Some(reason.to_string())),
        UndoOutcome::Failed(why) => (ActState::Failed, Some(why.clone())),
    };
}

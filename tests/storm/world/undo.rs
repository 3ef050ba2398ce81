//! People who take tags back, as `tagwarden undo` does.

use std::collections::BTreeSet;
use std::time::Duration;

use tagwarden_aws::Clock;
use tagwarden_remediation::ledger::{Ledger, Selection};
use tagwarden_remediation::undo::{KeptTag, Undo, UndoOutcome, UndoResult};
use tokio::time::{sleep, timeout};

use super::World;
use crate::model::{Run, StackNumber, UndoRequest};
use crate::scenario::UndoOf;

/// After this time a person gives up. An undo that is still at work then is killed.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long a person reads what would be undone, in seconds.
const READING: u64 = 40;

impl World {
    /// What a person asks for, as things are now.
    pub(super) fn request(&self, stack: StackNumber, of: UndoOf) -> UndoRequest {
        let mut request = UndoRequest::default();
        match of {
            UndoOf::Everything => {}
            UndoOf::Key(key) => request.key = Some(key),
            UndoOf::Instance(who) => request.instance_id = Some(self.instance_at(who)),
            UndoOf::Tag(who, key) => {
                request.instance_id = Some(self.instance_at(who));
                request.key = Some(key);
            }
            UndoOf::Run(number) => {
                let runs = self.model(|model| model.tagging_runs(stack));
                if !runs.is_empty() {
                    request.run = Some(runs[number % runs.len()].1);
                }
            }
        }
        request
    }

    /// Undoes what a person asks for, with every trouble that functions have, too.
    /// Gives what was shown to stay.
    pub(super) async fn undo(&self, stack: StackNumber, request: UndoRequest) -> Vec<KeptTag> {
        let function = self.function();
        let run = function.run;
        let now = self.account().now();
        let selection = self.selection(stack, &request);
        self.model(|model| model.undo_started(run, stack, request, now));
        let config = self.config_of(&function);
        let (ledger_table, policy_table) = {
            let stack = self.stack(stack);
            (stack.ledger_table.to_owned(), stack.policy_table.to_owned())
        };
        let client = aws_sdk_dynamodb::Client::new(&config);
        let ledger = Ledger::new(client, Clock::of(&config), ledger_table);
        let undo = Undo::new(&config, ledger, policy_table);
        let mut kept = Vec::new();
        let undone = timeout(PATIENCE, async {
            let shown = undo.preview(&selection).await.ok()?.plan;
            kept.clone_from(&shown.left);
            if shown.steps.is_empty() {
                return None;
            }
            let reads = self.state().chance.u64(..READING);
            sleep(Duration::from_secs(reads)).await;
            undo.execute(&selection, &shown).await.ok()
        });
        let undone = tokio::select! {
            biased;
            () = function.killed.notified() => Err(()),
            undone = undone => undone.map_err(drop),
        };
        self.model(|model| model.run_ended(run));
        match undone {
            Ok(Some(undone)) => self.judge_result(run, &undone),
            Ok(None) => {}
            Err(()) => {
                let mut state = self.state();
                state.model.tally.killed += 1;
                state.model.record_trouble(run);
            }
        }
        kept
    }

    fn selection(&self, stack: StackNumber, request: &UndoRequest) -> Selection {
        let runs = self.model(|model| model.tagging_runs(stack));
        let run_id = request.run.and_then(|selected| {
            let mut runs = runs.iter();
            let (id, _) = runs.find(|(_, run)| *run == selected)?;
            Some(id.parse().unwrap())
        });
        Selection {
            run_id,
            instance_ids: request.instance_id.iter().cloned().collect(),
            tag_keys: request.key.iter().map(|key| (*key).to_owned()).collect(),
            ..Selection::default()
        }
    }

    /// What is said to be done must have been requested.
    fn judge_result(&self, run: Run, undone: &UndoResult) {
        for (step, outcome) in &undone.outcomes {
            let written = &step.written;
            self.model(|model| match outcome {
                UndoOutcome::Done => {
                    let (id, key) = (&written.instance_id, &written.tag_key);
                    if !model.may_take_for_undone(run, id, key) {
                        model.violate(format!("undo {run} never did this: {step:?}"));
                    }
                }
                UndoOutcome::Spared(_) => model.tally.kept += 1,
                UndoOutcome::Failed(_) => {}
            });
        }
    }

    /// Takes everything back that a stack wrote, without trouble: nothing that can be taken back may be left.
    pub(super) async fn undo_everything(&self, stack: StackNumber) {
        let kept = self.undo(stack, UndoRequest::default()).await;
        let account = self.account();
        let ids: BTreeSet<String> = account.instances().into_iter().map(|it| it.id).collect();
        for id in ids {
            let Some(instance) = account.instance(&id) else {
                continue;
            };
            self.model(|model| {
                if instance.state.is_ending() || model.was_denied(&id) {
                    return;
                }
                let left = model.not_undone(stack, &instance);
                let left = left.into_iter().filter(|key| !model.was_denied(key));
                for key in left.collect::<Vec<_>>() {
                    let is_it = |kept: &&KeptTag| {
                        kept.written.instance_id == id && kept.written.tag_key == key
                    };
                    let why = kept.iter().find(is_it).map(|kept| &kept.reason);
                    model.violate(format!("the undo has left {key}, {why:?}: {instance:?}"));
                }
            });
        }
    }
}

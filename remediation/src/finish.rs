//! Finishes what other runs began and could not end: their functions were killed, or could not tell.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_aws::{AwsError, instances};
use tagwarden_core::Instance;

use crate::function::Remediation;
use crate::ledger::{
    Act, ActState, Batch, ClaimName, Claims, Ledger, RemedyName, RunId, Unfinished,
};
use crate::report::{Entry, Outcome, Report};

/// What is written of an act that was begun and not done.
const NOT_DONE: &str = "its function ended before it was done";

impl Remediation {
    /// Takes over the runs that ended before they told, looks how far they got, completes that in the ledger and adds
    /// it to `report`. Gives the runs taken over: they are to be closed once the report is told.
    ///
    /// What goes wrong is logged: the next run tries again.
    pub(crate) async fn finish_others(
        &self,
        ledger: &Ledger,
        run_id: &RunId,
        lease: DateTime<Utc>,
        report: &mut Report,
    ) -> Vec<RunId> {
        let unfinished = match ledger.take_over(run_id, lease).await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::error!("open runs cannot be read: {error}");
                return Vec::new();
            }
        };
        let mut finished = Vec::new();
        for mut run in unfinished {
            if let Err(error) = self.finish(ledger, &mut run).await {
                tracing::error!(run = run.run_id.as_str(), "cannot be finished: {error}");
                continue;
            }
            tracing::info!(run = run.run_id.as_str(), "finished what it began");
            let acts = run.batches.iter().flat_map(|batch| &batch.acts);
            report
                .entries
                .extend(acts.filter_map(|act| entry(act, &run.run_id)));
            finished.push(run.run_id);
        }
        finished
    }

    /// Says of every act that was only begun whether it was done.
    async fn finish(&self, ledger: &Ledger, run: &mut Unfinished) -> Result<(), AwsError> {
        let is_begun = |act: &Act| act.state == ActState::Begun;
        // The others are complete already.
        let (mut batches, complete): (Vec<Batch>, Vec<Batch>) = std::mem::take(&mut run.batches)
            .into_iter()
            .partition(|batch| batch.acts.iter().any(is_begun));
        let acts = batches.iter_mut().flat_map(|batch| &mut batch.acts);
        let begun: Vec<&mut Act> = acts.filter(|act| is_begun(act)).collect();
        let ids: BTreeSet<String> = begun.iter().map(|act| act.instance_id.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let live = instances::describe(&self.ec2, &ids).await?;
        let live: BTreeMap<&str, &Instance> = live.iter().map(|it| (it.id.as_str(), it)).collect();
        // After the look: what shows in it and nobody has claimed since is this run's.
        let claimed_by = ledger.claimed_by(&begun).await?;
        for act in begun {
            let by = claimed_by.get(&ClaimName::of(act));
            let is_overtaken = by.is_some_and(|by| *by != run.run_id);
            if !is_overtaken && is_done(act, live.get(act.instance_id.as_str()).copied()) {
                act.state = ActState::Done;
                act.why = None;
            } else {
                act.state = ActState::Failed;
                act.why.get_or_insert_with(|| NOT_DONE.to_owned());
            }
        }
        ledger.complete(&batches, Claims::Stay).await?;
        run.batches = complete;
        run.batches.extend(batches);
        Ok(())
    }
}

/// Whether the instance, as it is now, shows that `act` was done. One that does not exist any more was terminated.
fn is_done(act: &Act, live: Option<&Instance>) -> bool {
    let Some(live) = live else {
        return act.remedy.is_destructive();
    };
    let tag = act.tag_key.as_ref().and_then(|key| live.tags.get(key));
    match act.remedy {
        RemedyName::Tag => tag.is_some() && tag == act.tag_value.as_ref(),
        RemedyName::Untag => tag.is_none_or(String::is_empty),
        RemedyName::Stop => live.state.is_stopped() || live.state.is_gone(),
        RemedyName::Terminate => live.state.is_gone(),
    }
}

/// What there is to tell of another run's act. Of one that was not done there is nothing: whoever looks at the instance
/// next does it, or has.
fn entry(act: &Act, run_id: &RunId) -> Option<Entry> {
    let why = act.why.clone().unwrap_or_default();
    let outcome = match act.state {
        ActState::Done => Outcome::Done,
        ActState::Failed if why != NOT_DONE => Outcome::Failed(why),
        ActState::Failed | ActState::Begun | ActState::Spared | ActState::Refused => return None,
    };
    Some(Entry {
        step: act.step()?,
        outcome,
        done_by: Some(run_id.clone()),
    })
}

//! Recovers runs whose functions ended before they reported: finds out how far they got, and reports that.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use chrono::{DateTime, Utc};
use tagwarden_aws::{AwsError, resources, tags};
use tagwarden_core::{Kind, Resource};

use crate::ledger::{AbandonedRun, Batch, ClaimName, Claims, Ledger, Memories};
use crate::plan::{Act, ActState, Outcome, RemedyName, StepFailure};
use crate::remediation::Remediation;
use crate::report::{Entry, Report};
use crate::run_id::RunId;

/// The runs taken over: they are to be closed once the report is published.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) runs: Vec<RunId>,
    /// The tags that instances had when they were stopped or terminated, by id: EC2 may not show them any more.
    pub(super) tags: BTreeMap<String, BTreeMap<String, String>>,
}

/// Takes over the runs that ended before they reported, looks how far they got, completes that in the ledger and adds
/// it to `report`.
///
/// What goes wrong is logged: the next run tries again.
pub(super) async fn recover_abandoned_runs(
    home: &Remediation,
    ledger: &Ledger,
    run_id: &RunId,
    lease: DateTime<Utc>,
    report: &mut Report,
) -> Recovered {
    let mut recovered = Recovered::default();
    let abandoned = match ledger.take_over(run_id, lease).await {
        Ok(abandoned) => abandoned,
        Err(error) => {
            tracing::error!("open runs cannot be read: {error}");
            return recovered;
        }
    };
    for mut run in abandoned {
        if let Err(error) = complete(home, ledger, &mut run).await {
            tracing::error!(run = run.run_id.as_str(), "cannot be recovered: {error}");
            continue;
        }
        tracing::info!(run = run.run_id.as_str(), "recovered what it began");
        for act in run.batches.into_iter().flat_map(|batch| batch.acts) {
            if act.remedy.is_destructive() {
                let id = act.instance_id().to_owned();
                recovered.tags.insert(id, act.tags_before.clone());
            }
            report.entries.extend(entry(act, &run.run_id));
        }
        recovered.runs.push(run.run_id);
    }
    recovered
}

/// Says of every act that was only begun whether it was done.
async fn complete(
    home: &Remediation,
    ledger: &Ledger,
    run: &mut AbandonedRun,
) -> Result<(), AwsError> {
    // Only batches with an act that is still begun need completing.
    let is_begun = |act: &Act| act.state == ActState::Begun;
    let (mut batches, complete): (Vec<Batch>, Vec<Batch>) = mem::take(&mut run.batches)
        .into_iter()
        .partition(|batch| batch.acts.iter().any(is_begun));
    let acts = batches.iter_mut().flat_map(|batch| &mut batch.acts);
    let begun: Vec<&mut Act> = acts.filter(|act| is_begun(act)).collect();

    // The instances show what was done.
    let ids: BTreeSet<&str> = begun.iter().map(|act| act.instance_id()).collect();
    // What the function does not cover any more it may not read.
    let kinds = home.settings.policy.kinds;
    let is_own = |id: &&str| Kind::of_id(id).is_none_or(|kind| kinds.contains(kind));
    let ids: Vec<String> = ids
        .into_iter()
        .filter(is_own)
        .map(ToOwned::to_owned)
        .collect();
    let mut live = resources::describe_unplaced(&home.ec2, &ids).await?;
    add_left_out(home, &begun, &mut live).await;
    let live: BTreeMap<&str, &Resource> = live.iter().map(|it| (it.id.as_str(), it)).collect();

    // The claims are read after the instances: what shows and nobody has claimed since is this run's.
    let claimed_by = ledger.claimed_by(&begun).await?;
    for act in begun {
        let by = claimed_by.get(&ClaimName::of(act));
        let is_overtaken = by.is_some_and(|by| *by != run.run_id);
        if is_done(act, is_overtaken, live.get(act.instance_id()).copied()) {
            act.settle(&Outcome::Done);
        } else if act.why.is_none() {
            act.abandon();
        } else {
            act.state = ActState::Failed;
        }
    }
    let mut memories = Memories::new();
    ledger
        .complete(&batches, Claims::Stay, &mut memories)
        .await?;
    run.batches = complete;
    run.batches.extend(batches);
    Ok(())
}

/// Whether an act that was only begun was done, as the instance shows it. What another run has claimed since may be that
/// run's, except for a tag that is gone: that run wanted to write it, because it was gone already. If it counted as not
/// taken back, what was taken back would be restored.
fn is_done(act: &Act, is_overtaken: bool, live: Option<&Resource>) -> bool {
    let is_own = !is_overtaken || act.remedy == RemedyName::Untag;
    is_own && act.shows_on(live)
}

/// Adds the tags that DescribeTags shows to those of `live` that do not show a tag which was to be written:
/// DescribeInstances may leave tags out, and a tag that was written must not be recorded as abandoned.
///
/// What cannot be asked is logged: then the descriptions decide.
async fn add_left_out(home: &Remediation, begun: &[&mut Act], live: &mut [Resource]) {
    let described: BTreeMap<&str, &Resource> = live.iter().map(|it| (it.id.as_str(), it)).collect();
    let is_unshown = |act: &Act| {
        let instance = described.get(act.instance_id()).copied();
        act.remedy == RemedyName::Tag && instance.is_some() && !act.shows_on(instance)
    };
    let unshown = begun.iter().filter(|act| is_unshown(act));
    let ids: BTreeSet<String> = unshown.map(|act| act.instance_id().to_owned()).collect();
    if ids.is_empty() {
        return;
    }
    let ids: Vec<String> = ids.into_iter().collect();
    match tags::describe(&home.ec2, &ids).await {
        Ok(shown) => {
            for instance in live {
                for (key, value) in shown.get(&instance.id).into_iter().flatten() {
                    let tag = instance.tags.entry(key.clone());
                    tag.or_insert_with(|| value.clone());
                }
            }
        }
        Err(error) => tracing::warn!("a tag that was written may count as abandoned: {error}"),
    }
}

/// What there is to report of another run's act. An abandoned act is not reported, because the next run that
/// looks at the instance does it, or has done it.
fn entry(act: Act, run_id: &RunId) -> Option<Entry> {
    // An undo reports to the person who asked for it.
    if act.remedy == RemedyName::Untag {
        return None;
    }
    let outcome = match act.state {
        ActState::Done => Outcome::Done,
        ActState::Failed => Outcome::Failed(StepFailure {
            code: act.code,
            text: act.why.unwrap_or_default(),
        }),
        ActState::Abandoned | ActState::Begun | ActState::Spared | ActState::Refused => {
            return None;
        }
    };
    Some(Entry {
        step: act.step,
        outcome,
        done_by: Some(run_id.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tagwarden_core::{DefectName, State};

    use crate::plan::{Cause, Remedy, Step};

    #[rstest]
    #[case::written(RemedyName::Tag, Some("v"), false, true)]
    #[case::written_by_another(RemedyName::Tag, Some("v"), true, false)]
    #[case::not_written(RemedyName::Tag, None, false, false)]
    #[case::taken_back(RemedyName::Untag, None, false, true)]
    #[case::taken_back_and_claimed_to_write_it_again(RemedyName::Untag, None, true, true)]
    #[case::not_taken_back_or_written_again(RemedyName::Untag, Some("v"), true, false)]
    fn tells_what_was_done(
        #[case] remedy: RemedyName,
        #[case] now: Option<&str>,
        #[case] is_overtaken: bool,
        #[case] expected: bool,
    ) {
        let act = Act {
            step: Step {
                instance_id: "i-1".into(),
                cause: Cause::Tag {
                    rule_id: 1,
                    tag_key: "K".into(),
                    defect: DefectName::Missing,
                },
                remedy: Remedy::Tag {
                    value: "v".into(),
                    unknown: None,
                    origin: None,
                },
            },
            remedy,
            tags_before: BTreeMap::new(),
            state: ActState::Begun,
            why: None,
            code: None,
            undoes: None,
        };
        let live = Resource {
            tags: now
                .map(|value| ("K".into(), value.into()))
                .into_iter()
                .collect(),
            ..Resource::instance("i-1", State::Running)
        };
        assert_eq!(is_done(&act, is_overtaken, Some(&live)), expected);
    }
}

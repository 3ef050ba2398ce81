//! Plays the scenario: runs the functions' real handlers, through the real SDK, in a simulated account.

use std::time::Instant;

use chrono::TimeDelta;
use serde::Deserialize;
use tagwarden_sandbox::InstanceRecord;

use super::stage::{DemoError, GRACE, Stage};
use super::story::{CallCounts, LeftInstance, PublishedReport, SecondSweep, Story};
use super::{fleet, later};

/// Plays the whole demo.
pub fn play() -> Result<Story, DemoError> {
    let began = Instant::now();
    let stage = Stage::set()?;
    let mut story = tagwarden_sandbox::paused_runtime()?.block_on(chapters(&stage))?;
    story.wall_time_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(story)
}

async fn chapters(stage: &Stage) -> Result<Story, DemoError> {
    let before = stage.inspect().await?;
    let batch = stage.batch();
    let dry_run_report = stage.remedy(&stage.dry_run, batch.clone()).await?;
    let report = stage.remedy(&stage.enforce, batch).await?;
    // Between the first look and the second, somebody tags one of the two that are counted down.
    stage.account.advance(GRACE);
    stage.set_tag(fleet::LATE, "Name", fleet::LATE);
    let sweep_report = stage.remedy(&stage.enforce, stage.schedule()).await?;
    // Shutting an instance down takes a while.
    stage.account.advance(TimeDelta::minutes(1));
    let after = stage.inspect().await?;
    let second_sweep = sweep_again(stage).await?;
    let later = later::play(stage).await?;
    Ok(Story {
        account: stage.account.id().to_owned(),
        region: stage.account.region().to_owned(),
        vpc_id: fleet::VPC.to_owned(),
        policy: fleet::policy().to_vec(),
        before,
        left: left(stage, &report, &sweep_report)?,
        dry_run_report,
        report,
        sweep_report,
        after,
        second_sweep,
        later,
        calls: CallCounts::count(&stage.account.calls()),
        wall_time_ms: 0,
    })
}

async fn sweep_again(stage: &Stage) -> Result<SecondSweep, DemoError> {
    let calls_before = stage.account.calls().len();
    let before = stage.account.instances();
    stage.invoke(&stage.enforce, stage.schedule()).await?;
    Ok(SecondSweep {
        changed_instances: changed(&before, &stage.account.instances()),
        calls: CallCounts::count(stage.account.calls().iter().skip(calls_before)),
    })
}

/// The steps that `report` lists as not done, with the reasons, but for what `sweep` did.
fn left(
    stage: &Stage,
    report: &PublishedReport,
    sweep: &PublishedReport,
) -> Result<Vec<LeftInstance>, DemoError> {
    let (document, swept) = (
        Document::deserialize(&report.json)?,
        Document::deserialize(&sweep.json)?,
    );
    let left = document.entries.into_iter().filter_map(|entry| {
        // What the sweep says of the same step is newer.
        let mut swept = swept.entries.iter();
        let newer = swept.find(|it| it.instance_id == entry.instance_id);
        let entry = newer.cloned().unwrap_or(entry);
        if entry.outcome == "done" {
            return None;
        }
        let (_, member) = stage
            .members
            .iter()
            .find(|(id, _)| *id == entry.instance_id)?;
        Some(LeftInstance {
            instance_id: entry.instance_id,
            role: member.role,
            outcome: entry.outcome,
            reason: entry.reason?,
        })
    });
    Ok(left.collect())
}

/// The ids of the instances that have changed or no longer exist.
fn changed(before: &[InstanceRecord], after: &[InstanceRecord]) -> Vec<String> {
    before
        .iter()
        .filter(|instance| !after.contains(instance))
        .map(|instance| instance.id.clone())
        .collect()
}

/// The parts of a report that the demo reads.
#[derive(Deserialize)]
struct Document {
    entries: Vec<DocumentEntry>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentEntry {
    instance_id: String,
    outcome: String,
    #[serde(default)]
    reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use tagwarden_sandbox::{Account, Launch};

    use super::*;

    #[test]
    fn whatever_happens_to_an_instance_changes_it() {
        let account = Account::new();
        let ids: Vec<String> = (0..4).map(|_| account.launch(Launch::new())).collect();
        let before = account.instances();
        assert_eq!(changed(&before, &account.instances()), Vec::<String>::new());
        account.set_tag(&ids[0], "Owner", "ann");
        account.terminate(&ids[1]);
        account.forget(&ids[3]);
        assert_eq!(
            changed(&before, &account.instances()),
            [&*ids[0], &ids[1], &ids[3]]
        );
    }
}

//! The second chapter: the policy comes to say what values a tag may have, and that an instance ends.
//!
//! The policy is changed as people change it: `push` over the table, and `undo` of what the old rule wrote.

use aws_sdk_dynamodb::Client;
use chrono::TimeDelta;
use tagwarden_aws::Clock;
use tagwarden_aws::policy_table::read_items;
use tagwarden_core::settings::DEFAULT_POLICY_TABLE;
use tagwarden_remediation::ledger::{Ledger, Selection};
use tagwarden_remediation::undo::{Undo, UndoOutcome};

use super::fleet;
use super::stage::{DemoError, LEDGER_TABLE, Stage};
use super::story::{LaterChapter, PolicyChange};
use crate::changes::apply::apply;
use crate::changes::{Changes, show};
use crate::policy_file::PolicyFile;

/// How far back the undo goes. Each day costs a query.
const UNDO_SINCE: TimeDelta = TimeDelta::hours(1);

/// Plays the chapter.
///
/// # Errors
/// The policy cannot be written, the undo or a function fails, or a function publishes no report.
pub async fn play(stage: &Stage) -> Result<LaterChapter, DemoError> {
    let end = fleet::end_date(stage.began);
    let later = end + TimeDelta::days(30);
    // People see to what the reports say, at first to the one that is left.
    let until = format!("{later} kept for the audit");
    stage.set_tag(fleet::EXEMPT, "tagwarden:exempt-until", &until);
    let policy_change = push(stage).await?;
    let undone_tags = undo(stage).await?;
    let found = stage.inspect().await?;

    stage.advance_to(stage.began.date_naive() + TimeDelta::days(1));
    let notice_report = stage.remedy(&stage.enforce_ends, stage.schedule()).await?;

    stage.set_tag(fleet::MISSPELT, "Env", "Prod");
    stage.set_tag(fleet::EXTENDED, "Expires", &later.to_string());
    stage.advance_to(end + TimeDelta::days(1));
    let end_report = stage.remedy(&stage.enforce_ends, stage.schedule()).await?;
    Ok(LaterChapter {
        policy_change,
        undone_tags,
        found,
        notice_report,
        end_report,
    })
}

/// Makes the table like the new policy file.
async fn push(stage: &Stage) -> Result<PolicyChange, DemoError> {
    let file = PolicyFile::read("policy.yaml".to_owned(), fleet::NEW_POLICY.to_owned());
    if !file.is_valid() {
        return Err(DemoError::Push(file.show()));
    }
    let client = Client::new(&stage.account.sdk_config());
    let table = read_items(&client, DEFAULT_POLICY_TABLE).await?;
    let changes = Changes::between(table, &file.items, false);
    let written = apply(&client, DEFAULT_POLICY_TABLE, &changes.steps).await;
    written.map_err(|unapplied| DemoError::Push(format!("{:?}", unapplied.why)))?;
    Ok(PolicyChange {
        text: format!("{}{}.", show::text(&changes), show::tally(&changes)),
        json: show::json(&changes),
    })
}

/// Takes back the end dates that the old rule wrote. Gives their number.
async fn undo(stage: &Stage) -> Result<usize, DemoError> {
    let config = stage.account.sdk_config();
    let table = LEDGER_TABLE.to_owned();
    let ledger = Ledger::new(Client::new(&config), Clock::of(&config), table);
    let undo = Undo::new(&config, ledger, DEFAULT_POLICY_TABLE.to_owned());
    let selection = Selection {
        since: Some(stage.account.now() - UNDO_SINCE),
        tag_keys: ["Expires".to_owned()].into(),
        ..Selection::default()
    };
    let preview = undo.preview(&selection).await?;
    let undone = undo.execute(&selection, &preview.plan).await?;
    let outcomes = undone.outcomes.iter();
    let done = outcomes.filter(|(_, outcome)| *outcome == UndoOutcome::Done);
    Ok(done.count())
}

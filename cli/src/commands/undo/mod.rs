//! `tagwarden undo`: takes back tags that tagwarden wrote and that have not changed since.

mod show;

use std::io::{self, Write};

use tagwarden_remediation::ledger::Selection;
use tagwarden_remediation::undo::{Undo, UndoError, UndoOutcome, UndoPreview, UndoResult};

use crate::aws::{self, TableArgs};
use crate::consent::consent;
use crate::exit::{CommandError, Exit, heard};
use crate::ledger::{ActArgs, LedgerArgs, OpenLedger};
use crate::output::{self, OutputArgs, OutputForm};
use crate::warnings::Warnings;
use crate::words::count;

const LONG_ABOUT: &str = "\
Takes back tags that tagwarden wrote and that are unchanged

Shows the tags, asks, and then undoes them: a tag that was missing is deleted,
a tag that was empty becomes empty again. A tag stays if its value has changed,
if a later run wrote it again, if it is the last tag of the instance, or if the
policy would stop or terminate the instance without it. Stops and terminations
cannot be undone; they are listed.

EC2 compares the value when it deletes a tag, so a new value is never lost. The
undo is in the ledger too, as a run of its own.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden undo --run 20261123T120000Z-1a2b3c4d --dry-run
  tagwarden undo --instance i-0a1b2c3d4e5f60718 --tag CreatedBy
  tagwarden undo --tag Expires
  tagwarden undo --since 2h --yes --profile prod --region eu-west-1

The JSON document:
  version              the version of this document
  ledgerTable, region  where the ledger is
  runId                the undo's own run; null if it wrote nothing
  tags                 the tags to undo: instanceId, tagKey, value (as written),
                       before (null: the tag was missing), ruleId, runId, at,
                       askedBy (the rule that still asks for the tag, or null),
                       outcome (planned, done, spared or failed), why
  left                 the tags that stay: instanceId, tagKey, value, ruleId,
                       runId, at, reason, why
  ends                 the stops and terminations, which cannot be undone:
                       instanceId, remedy, runId, at, state (the current state;
                       null: the instance no longer exists)
  policyProblem        why the policy cannot be read, or null

Exit status:
  0    done, or nothing to do
  1    something failed, or the answer was no; the message says what was done
  64   the command line is wrong";

/// Takes back tags that tagwarden wrote and that are unchanged
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
// What clap makes of the group is wider than a small terminal.
#[command(
    override_usage = "tagwarden undo [OPTIONS] <--run ID|--instance ID|--tag KEY|--since WHEN>"
)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["run", "instance", "tag", "since"]))]
pub struct Args {
    #[command(flatten)]
    acts: ActArgs,

    /// Only tags of this key (repeatable)
    #[arg(long, value_name = "KEY")]
    tag: Vec<String>,

    /// Do it without asking
    #[arg(long, short)]
    yes: bool,

    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,

    #[command(flatten)]
    form: OutputArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Previews, shows, asks, and undoes.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    aws::runtime()?.block_on(async {
        let mut ledger = args.ledger.open().await?;
        let table = args.table.name(&mut ledger.access.variables)?;
        let undo = Undo::new(&ledger.access.config, ledger.inner.clone(), table);
        let selection = args.selection(&ledger);
        let look = undo.preview(&selection).await;
        let look = look.map_err(|error| failure(&ledger, &error))?;
        let announced = heard(args.announce(&ledger, &look))?;
        let undone = if look.plan.steps.is_empty() || args.dry_run {
            None
        } else {
            let tags = count(look.plan.steps.len(), "tag");
            let instances = count(look.plan.instances(), "instance");
            if !args.yes {
                let question = format!("Undo {tags} on {instances} in {}?", ledger.access);
                consent(&question, "Nothing was undone.", announced)?;
            }
            let warnings = Warnings::default();
            let collecting = warnings.collect();
            let undone = undo.execute(&selection, &look.plan).await;
            drop(collecting);
            warnings.show();
            let undone =
                undone.map_err(|error| failure(&ledger, &error).after("Nothing was undone."))?;
            Some(undone)
        };
        let shown = heard(args.show(&ledger, &look, undone.as_ref()));
        let ended = undone.map_or(Ok(Exit::Done), |undone| end(&undone))?;
        shown.map(|_| ended)
    })
}

impl Args {
    fn selection(&self, ledger: &OpenLedger) -> Selection {
        Selection {
            tag_keys: self.tag.iter().cloned().collect(),
            ..self.acts.selection(ledger.clock.now())
        }
    }

    /// Shows the plan. With `--output json`, the plan goes to standard error, and only if the command asks for consent.
    fn announce(&self, ledger: &OpenLedger, look: &UndoPreview) -> io::Result<()> {
        let text = show::plan(ledger, look);
        match self.form.output {
            OutputForm::Text => output::print(&text),
            OutputForm::Json if self.yes || self.dry_run || look.plan.steps.is_empty() => Ok(()),
            OutputForm::Json => anstream::stderr().write_all(text.as_bytes()),
        }
    }

    /// Shows what was done; as JSON, with the plan that led to it.
    fn show(
        &self,
        ledger: &OpenLedger,
        look: &UndoPreview,
        undone: Option<&UndoResult>,
    ) -> io::Result<()> {
        match (self.form.output, undone) {
            (OutputForm::Text, None) => Ok(()),
            (OutputForm::Text, Some(undone)) => output::print(&show::outcome(undone)),
            (OutputForm::Json, _) => {
                let mut members = ledger.to_json();
                members.append(&mut show::json(look, undone));
                output::print_json(members)
            }
        }
    }
}

/// The result of the command: an error if the undo of a tag failed.
fn end(undone: &UndoResult) -> Result<Exit, CommandError> {
    let failures = undone
        .outcomes
        .iter()
        .filter_map(|(_, outcome)| match outcome {
            UndoOutcome::Failed(why) => Some(why),
            _ => None,
        });
    let failures: Vec<&String> = failures.collect();
    let Some(why) = failures.first() else {
        return Ok(Exit::Done);
    };
    let all = count(undone.outcomes.len(), "tag");
    Err(CommandError::new(
        &format!("{} of {all} could not be undone: {why}", failures.len()),
        "Fix the cause (docs/ledger.md lists the permissions that an undo needs), then run the command again for \
         the rest.",
    ))
}

fn failure(ledger: &OpenLedger, error: &UndoError) -> CommandError {
    match error {
        UndoError::UnknownRun(run_id) => ledger.unknown_run(run_id),
        UndoError::Aws(error) => ledger.failure(error),
    }
}

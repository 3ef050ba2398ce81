//! `tagwarden history`: what was done, from the ledger.

mod acts;
mod show;

use std::io::{self, Write};

use chrono::TimeDelta;
use clap::ValueEnum;
use tagwarden_remediation::ledger::{Act, ActState, RunId, Selection};

use crate::aws;
use crate::exit::{CommandError, Exit, heard};
use crate::ledger::{ActArgs, LedgerArgs, OpenLedger};
use crate::output;

use acts::History;

const LONG_ABOUT: &str = "\
Shows what tagwarden did, from its ledger

The ledger has every tag that was written, every stop and every termination.
tagwarden writes an act to the ledger before it does it, and adds the outcome
after. Dry runs are not in the ledger, because they change nothing. Acts are
kept for 400 days. Without --run and --since, shows the last 24 hours.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden history --ledger-table tagwarden-LedgerTable-1ABC2DEF3GHI
  tagwarden history --since 7d --state refused --state failed
  tagwarden history --instance i-0a1b2c3d4e5f60718 --since 2026-11-01
  tagwarden history --since 30d --output csv > acts.csv

The JSON document:
  version              the version of this document
  ledgerTable, region  where the ledger is
  since, until         the period; until is null if it ends now
  acts                 oldest first: at, runId, trigger, instanceId, remedy
                       (tag, stop, terminate or untag), ruleId, tagKey,
                       tagValue, tagsBefore, state, why, undoes (the run that
                       an untag undoes); a member that does not apply is null

Exit status:
  0    done, whether or not there were acts
  1    something failed; the message says what to do next
  64   the command line is wrong";

/// The default of `--since`: how long ago the first act shown was started.
const USUAL: TimeDelta = TimeDelta::hours(24);

/// Shows what tagwarden did, from its ledger
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    #[command(flatten)]
    acts: ActArgs,

    // Doc comments would have to be sentences.
    #[arg(
        long,
        value_name = "TRIGGER",
        value_parser = ["compliance-change", "configuration-change", "countdown", "launch", "request", "schedule", "apply", "undo"],
        hide_possible_values = true,
        help = "Only acts of this trigger: compliance-change, launch,\nconfiguration-change, countdown, request, schedule,\napply, undo"
    )]
    trigger: Option<String>,

    #[arg(
        long,
        value_enum,
        value_name = "STATE",
        hide_possible_values = true,
        help = "Only acts in this state: begun, done, spared, refused\nor failed (repeatable)"
    )]
    state: Vec<State>,

    /// What to write: text, json or csv
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    output: HistoryForm,

    #[command(flatten)]
    ledger: LedgerArgs,
}

/// The state of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum State {
    Begun,
    Done,
    Spared,
    Refused,
    Failed,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum HistoryForm {
    #[default]
    Text,
    Json,
    Csv,
}

/// Reads the ledger and writes the acts to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    aws::runtime()?.block_on(async {
        let ledger = args.ledger.open().await?;
        let history = read(args, &ledger).await?;
        heard(write(&ledger, &history, args.output))?;
        Ok(Exit::Done)
    })
}

async fn read(args: &Args, ledger: &OpenLedger) -> Result<History, CommandError> {
    let now = ledger.clock.now();
    let mut selection = Selection {
        trigger: args.trigger.clone(),
        states: args.state.iter().map(|state| (*state).into()).collect(),
        ..args.acts.selection(now)
    };
    let run_started = selection.run_id.as_ref().map(RunId::started_at);
    let usual = || now.checked_sub_signed(USUAL).unwrap_or(now);
    let since = selection.since.or(run_started).unwrap_or_else(usual);
    let since = since.max(ledger.inner.oldest());
    if selection.until.is_some_and(|until| until <= since) {
        return Err(CommandError::new(
            &"--until must be later than --since",
            "Set --since to an earlier time. Without --since, the last 24 hours are shown.",
        ));
    }
    let mut batches = match &selection.run_id {
        Some(run_id) => ledger.inner.batches(run_id).await,
        None => ledger.inner.batches_since(since).await,
    }
    .map_err(|error| ledger.failure(&error))?;
    if let Some(run_id) = selection.run_id.as_ref().filter(|_| batches.is_empty()) {
        return Err(ledger.unknown_run(run_id));
    }
    // With --run, all acts of the run are shown, unless a time is given as well.
    if run_started.is_none() {
        selection.since = selection.since.or(Some(since));
    }
    for batch in &mut batches {
        let acts = std::mem::take(&mut batch.acts);
        let taken = |act: &Act| selection.takes(batch, act);
        batch.acts = acts.into_iter().filter(taken).collect();
    }
    batches.retain(|batch| !batch.acts.is_empty());
    Ok(History {
        run_id: selection.run_id,
        since,
        until: selection.until,
        batches,
    })
}

fn write(ledger: &OpenLedger, history: &History, output: HistoryForm) -> io::Result<()> {
    let told = match output {
        HistoryForm::Text => show::text(ledger, history).into_bytes(),
        HistoryForm::Csv => show::csv(history)?,
        HistoryForm::Json => {
            let mut members = ledger.to_json();
            members.append(&mut show::json(history));
            return output::print_json(members);
        }
    };
    if output == HistoryForm::Csv {
        // Byte for byte: anstream would take parts of values for styles.
        let mut out = io::stdout().lock();
        out.write_all(&told)?;
        return out.flush();
    }
    let mut out = anstream::stdout().lock();
    out.write_all(&told)?;
    out.flush()
}

impl From<State> for ActState {
    fn from(state: State) -> Self {
        match state {
            State::Begun => Self::Begun,
            State::Done => Self::Done,
            State::Spared => Self::Spared,
            State::Refused => Self::Refused,
            State::Failed => Self::Failed,
        }
    }
}

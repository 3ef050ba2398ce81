//! `tagwarden apply`: one sweep from here, as the function would make it.

mod interrupt;
mod progress;
mod tell;

use std::io::{self, Write};

use aws_config::SdkConfig;
use tagwarden_remediation::on_demand::SweepResult;
use tagwarden_remediation::plan::Outcome;
use tagwarden_remediation::progress::Monitor;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, RemediationError};
use tokio::runtime::Runtime;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::cli::{Output, OutputArgs};
use crate::consent::consent;
use crate::document;
use crate::exit::{Exit, Failure};
use crate::plan::forecast::Counts;
use crate::plan::settings::{SettingArgs, topic_arn};
use crate::plan::show::{self, Frame, Sort};
use crate::plan::source::{Judged, Look, adaptive};
use crate::plan::trouble;
use crate::policy_file::count;
use crate::warnings::Warnings;
use interrupt::Interrupt;
use tell::Ended;

const LONG_ABOUT: &str = "\
Does what the policy table asks for, once: a sweep from here

Shows the plan, asks, and then does what the function's scheduled sweep does,
with its safeguards: policy and instances are read again right before anything
is done, what is young, owned, exempt or protected is left alone, and every act
is in the ledger before it is done, and counts for the hour's limit. Without a
ledger nothing is stopped or terminated.

Ctrl-C ends it cleanly: nothing more is begun, what was begun is completed, and
the report says what was done. A second Ctrl-C ends it at once; the next run, of
this command or of the function, then looks how far it got.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden apply --ledger-table tagwarden-LedgerTable-1ABC2DEF3GHI
  tagwarden apply --untagged notify --yes --profile prod --region eu-west-1
  tagwarden apply --max-destructive-per-hour 0      (tags only)
  tagwarden apply --yes --output json | jq -r '.steps[] | .instanceId'

The JSON document, unless it fails before anything is done:
  version, at, from, policy, notes
               as in the document of `plan`
  planned      counts of instances before, as there
  runId        the run, for `history` and `undo`; null: there was nothing to do
  counts       of instances: tagged, stopped, terminated, notified, deferred,
               refused, failed and others
  steps        what was done and what was left, as in the function's report
  interrupted  whether it was ended before its time
  unpublished  why the topic was not told, or null
  warnings     what else did not go as it should have

Exit status:
  0    done, or nothing to do
  1    something failed, or the answer was no; the message says what was done
  2    the command line is wrong
  130  it was interrupted; the report says what was done before";

/// Does what the policy table asks for, once
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,

    /// Name every instance, also where many are alike
    #[arg(long)]
    all: bool,

    /// Publish the report to this SNS topic as well
    #[arg(long, value_name = "ARN", value_parser = topic_arn)]
    topic_arn: Option<String>,

    #[command(flatten)]
    form: OutputArgs,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Looks, shows, asks, does.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let runtime = aws::runtime()?;
    let topic = args.topic_arn.as_deref();
    let settings = args.settings.settings(&args.table, Mode::Enforce, topic)?;
    let config = adaptive(&runtime.block_on(args.aws.load())?);
    let remediation = Remediation::new(&config, settings.clone());
    let look = runtime.block_on(Look::of_account(&config, &settings, &remediation))?;
    let frame = args.frame(&look);
    let planned = args.announce(&frame, &look)?;
    let warnings = Warnings::default();
    let tell = |swept: Option<&SweepResult>, is_interrupted: bool| {
        let ended = Ended {
            look: &look,
            planned,
            swept,
            is_interrupted,
            warnings: warnings.heard(),
        };
        args.tell(&frame, &ended)
            .map_err(|error| Failure::unwritten(&error))
    };
    if !planned.has_changes() {
        tell(None, false)?;
        return Ok(Exit::Done);
    }
    if !args.yes {
        consent(&question(&planned), "Nothing was done.")?;
    }
    let monitor = Monitor::default();
    let remediation = remediation.monitored(&monitor);
    let interrupt = Interrupt::catch(&monitor)?;
    let hearing = warnings.hear();
    let swept = sweep(&runtime, &remediation, &monitor, &interrupt);
    drop(hearing);
    warnings.tell();
    let is_interrupted = interrupt.is_caught();
    match swept {
        Ok(swept) => {
            tell(Some(&swept), is_interrupted)?;
            end(&swept, is_interrupted)
        }
        Err(RemediationError::Interrupted) => {
            Failure::new(&"interrupted", "Nothing was done.").tell();
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(failure(&error, &config)),
    }
}

impl Args {
    fn frame(&self, look: &Look) -> Frame {
        let Judged { name, .. } = &look.after;
        Frame {
            from: look.from.clone(),
            policy: name.clone(),
            against: None,
            at: look.at,
            notes: look.notes.clone(),
            sort: Sort::default(),
            all: self.all,
        }
    }

    /// Shows the plan: on standard error where standard output is for a program, and there only before it asks.
    fn announce(&self, frame: &Frame, look: &Look) -> Result<Counts, Failure> {
        let plan = look.plan(&look.after);
        let counts = plan.counts();
        let show = |out: &mut dyn Write| {
            show::write_plan(out, frame, counts, &plan, show::Output::Text)?;
            out.flush()
        };
        match self.form.output {
            Output::Text => show(&mut anstream::stdout().lock()),
            Output::Json if self.yes || !counts.has_changes() => Ok(()),
            Output::Json => show(&mut anstream::stderr().lock()),
        }
        .map_err(|error| Failure::unwritten(&error))?;
        Ok(counts)
    }

    /// Tells what was done; as JSON, with all that led to it.
    fn tell(&self, frame: &Frame, ended: &Ended<'_>) -> io::Result<()> {
        match (self.form.output, ended.swept) {
            (Output::Text, None) => Ok(()),
            (Output::Text, Some(swept)) => {
                let mut out = anstream::stdout().lock();
                out.write_all(tell::report(swept).as_bytes())?;
                out.flush()
            }
            (Output::Json, _) => document::print(tell::json(frame, ended)),
        }
    }
}

/// `Tag 3 instances and terminate 1?`
fn question(counts: &Counts) -> String {
    let parts: Vec<String> = [
        ("tag", counts.would_tag),
        ("stop", counts.would_stop),
        ("terminate", counts.would_terminate),
    ]
    .into_iter()
    .filter(|(_, number)| *number > 0)
    .map(|(what, number)| format!("{what} {}", count(number, "instance")))
    .collect();
    let mut question = parts.join(", ");
    if let Some(first) = question.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{question}?")
}

fn sweep(
    runtime: &Runtime,
    remediation: &Remediation,
    monitor: &Monitor,
    interrupt: &Interrupt,
) -> Result<SweepResult, RemediationError> {
    // Tells this run from others of the same second.
    let name = format!("apply-{}", std::process::id());
    runtime.block_on(async {
        let sweep = std::pin::pin!(remediation.sweep(&name));
        progress::shown(sweep, monitor, interrupt).await
    })
}

fn end(swept: &SweepResult, is_interrupted: bool) -> Result<Exit, Failure> {
    if is_interrupted {
        Failure::new(
            &"interrupted",
            "What is above was done, and nothing more. Run the command again for the rest.",
        )
        .tell();
        return Ok(Exit::Interrupted);
    }
    if let Some(error) = &swept.unreported {
        return Err(Failure::new(
            error,
            "What is above was done. Look at the topic and who may publish to it; what was told is above as well.",
        ));
    }
    let failed = swept.report.entries.iter();
    let failed = failed.filter(|entry| matches!(entry.outcome, Outcome::Failed(_)));
    match failed.count() {
        0 => Ok(Exit::Done),
        number => Err(Failure::new(
            &format!("{} failed", count(number, "step")),
            "The report above says why. What was done is done; run the command again for the rest.",
        )),
    }
}

fn failure(error: &RemediationError, config: &SdkConfig) -> Failure {
    trouble::remediation(error, aws::region(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_what_there_is_to_do() {
        let counts = Counts {
            would_tag: 3,
            would_terminate: 1,
            ..Counts::default()
        };
        assert_eq!(question(&counts), "Tag 3 instances, terminate 1 instance?");
        let counts = Counts {
            would_stop: 1,
            ..Counts::default()
        };
        assert_eq!(question(&counts), "Stop 1 instance?");
    }
}

//! `tagwarden apply`: one sweep from here, as the function would make it.

mod interrupt;
mod progress;
mod result;

use std::fmt::Display;
use std::io::{self, Write};

use chrono::TimeDelta;
use tagwarden_remediation::on_demand::SweepResult;
use tagwarden_remediation::plan::Outcome;
use tagwarden_remediation::progress::Monitor;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, RemediationError};
use tokio::runtime::Runtime;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::commands::plan::show::{self, PlanForm, PlanView, Sort};
use crate::consent::consent;
use crate::exit::{CommandError, Delivery, Exit, heard};
use crate::forecast::inputs::Inputs;
use crate::forecast::settings::{SettingArgs, topic_arn};
use crate::forecast::{Forecast, ForecastCounts, trouble};
use crate::output::{self, OutputArgs, OutputForm};
use crate::warnings::Warnings;
use crate::words::count;
use interrupt::Interrupt;
use result::ApplyResult;

const LONG_ABOUT: &str = "\
Does what the policy table asks for: one sweep, from this machine

Shows the plan, asks, and then makes the same sweep as the function does on its
schedule, with the same safeguards. It reads the policy and the instances again
before it acts. It spares instances that are young, managed, exempt or
protected. It writes every act to the ledger before it does it, and the act
counts for the hour's limit. Without a ledger, nothing is stopped or terminated.

A shutdown needs two looks that agree, the grace period apart. The first only
begins a countdown, and says when it is due. Run the command again after that,
or leave it to the function. --grace-minutes 0 shuts down at the first look.

Ctrl-C ends the run cleanly: it starts nothing new, completes the calls in
flight, and reports what was done. A second Ctrl-C ends the run at once. The
next run, of this command or of the function, then recovers the open acts.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden apply --ledger-table tagwarden-LedgerTable-1ABC2DEF3GHI
  tagwarden apply --untagged notify --yes --profile prod --region eu-west-1
  tagwarden apply --max-destructive-per-hour 0      (tags only)
  tagwarden apply --yes --output json | jq -r '.steps[] | .instanceId'

The JSON document, unless the command fails before it acts:
  version, at, from, policy, notes
               as in the document of `plan`
  planned      counts of instances before the run, as in `plan`
  runId        the run, for `history` and `undo`; null if there was nothing
               to do
  counts       counts of instances: tagged, stopped, terminated, notified,
               deferred, refused, failed and others
  steps        every step and its outcome, as in the function's report
  counting     the shutdowns that wait for another look: instanceId, remedy,
               since, due
  interrupted  whether the run was interrupted
  unpublished  why the report was not published to the topic, or null
  warnings     other problems of the run

Exit status:
  0    done, or nothing to do
  1    something failed, or the answer was no; the message says what was done
  64   the command line is wrong
  130  the run was interrupted; the report says what was done";

/// Does what the policy table asks for: one sweep
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,

    /// List every instance, even where many are alike
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

/// Reads, shows the plan, asks, and carries it out.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let runtime = aws::runtime()?;
    let topic = args.topic_arn.as_deref();
    let mut access = runtime.block_on(args.aws.open())?.adaptive();
    let variables = &mut access.variables;
    let settings = args
        .settings
        .settings(&args.table, variables, Mode::Enforce, topic)?;
    let remediation = Remediation::new(&access.config, settings.clone());

    // The plan comes first, because consent is given to it.
    let inputs = runtime.block_on(Inputs::of_account(access.clone(), &settings, &remediation))?;
    let view = PlanView::new(&inputs, Sort::default(), args.all);
    let (planned, first_looks, announced) = args.announce(&view, &inputs, settings.grace)?;
    let warnings = Warnings::default();
    let show = |swept: Option<&SweepResult>, is_interrupted: bool| {
        let result = ApplyResult {
            inputs: &inputs,
            planned,
            swept,
            is_interrupted,
            warnings: warnings.messages(),
        };
        heard(args.show(&view, &result))
    };
    if !planned.has_changes_now() && first_looks == 0 {
        show(None, false)?;
        return Ok(Exit::Done);
    }
    if !args.yes {
        consent(
            &question(&planned, first_looks, &access),
            "Nothing was done.",
            announced,
        )?;
    }

    // Signals are caught only now: until here, Ctrl-C has nothing to leave half done.
    let monitor = Monitor::default();
    let remediation = remediation.monitored(&monitor);
    let interrupt = Interrupt::catch(&monitor)?;
    let collecting = warnings.collect();
    let swept = sweep(&runtime, &remediation, &monitor, &interrupt);
    drop(collecting);
    warnings.show();
    let is_interrupted = interrupt.is_caught();
    match swept {
        Ok(swept) => {
            let shown = show(Some(&swept), is_interrupted);
            let ended = end(&swept, is_interrupted)?;
            shown.map(|_| ended)
        }
        Err(RemediationError::Interrupted) => {
            CommandError::new(&"interrupted", "Nothing was done.").show();
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(trouble::remediation(&error, &access)),
    }
}

impl Args {
    /// Shows the plan. Where standard output is for a program, the plan goes to standard error, and only if consent is
    /// asked for. Gives what is planned, and for how many shutdowns this is the first look, and
    /// whether the plan can have been read.
    fn announce(
        &self,
        view: &PlanView,
        inputs: &Inputs,
        grace: TimeDelta,
    ) -> Result<(ForecastCounts, usize, Delivery), CommandError> {
        let forecast = Forecast::new(inputs, &inputs.policy);
        let counts = forecast.counts();
        let first_looks = result::to_begin(&inputs.policy.report.entries, inputs.at);
        let has_work = counts.has_changes_now() || first_looks > 0;
        let show = |out: &mut dyn Write| {
            show::write_plan(out, view, counts, &forecast, PlanForm::Text)?;
            out.flush()
        };
        let written = match self.form.output {
            OutputForm::Text => show(&mut anstream::stdout().lock()),
            OutputForm::Json if self.yes || !has_work => Ok(()),
            OutputForm::Json => show(&mut anstream::stderr().lock()),
        };
        let noted = written
            .and_then(|()| self.note(&dry_run(view).unwrap_or_default()))
            .and_then(|()| self.note(&two_looks(first_looks, grace)));
        Ok((counts, first_looks, heard(noted)?))
    }

    /// Writes a remark about the plan to where the plan is shown, if it is.
    fn note(&self, text: &str) -> io::Result<()> {
        match self.form.output {
            _ if text.is_empty() => Ok(()),
            OutputForm::Text => output::print(text),
            OutputForm::Json if self.yes => Ok(()),
            OutputForm::Json => anstream::stderr().lock().write_all(text.as_bytes()),
        }
    }

    /// Shows what was done; as JSON, with the plan that led to it.
    fn show(&self, view: &PlanView, result: &ApplyResult<'_>) -> io::Result<()> {
        match (self.form.output, result.swept) {
            (OutputForm::Text, None) => Ok(()),
            (OutputForm::Text, Some(swept)) => output::print(&result::report(swept)),
            (OutputForm::Json, _) => output::print_json(result.to_json(view)),
        }
    }
}

/// Says that shutdowns need two looks, where this would be the first look.
fn two_looks(first_looks: usize, grace: TimeDelta) -> String {
    if first_looks == 0 {
        return String::new();
    }
    format!(
        "\nShutdowns need two looks, {} minutes apart. For {} this is the first, which only begins to count\n\
         (--grace-minutes 0 shuts down at once).\n",
        grace.num_minutes(),
        count(first_looks, "shutdown"),
    )
}

/// Says that the stack's functions change nothing, because a run from here does.
fn dry_run(view: &PlanView) -> Option<String> {
    let stack = view.access.as_ref()?.variables.stack()?;
    stack.is_dry_run().then(|| {
        format!(
            "\nThe functions of the stack {} are in dry-run mode, and change nothing. This run does what it shows.\n",
            stack.name
        )
    })
}

/// `Tag 3 instances, terminate 1 instance in us-east-1 (account 111111111111, profile prod)?`
fn question(counts: &ForecastCounts, first_looks: usize, whose: &dyn Display) -> String {
    let (stop, terminate) = counts.shutdowns_now();
    let mut parts: Vec<String> = [
        ("tag", counts.would_tag),
        ("stop", stop),
        ("terminate", terminate),
    ]
    .into_iter()
    .filter(|(_, number)| *number > 0)
    .map(|(what, number)| format!("{what} {}", count(number, "instance")))
    .collect();
    if first_looks > 0 {
        parts.push(format!(
            "begin to count down {}",
            count(first_looks, "shutdown")
        ));
    }
    let mut question = parts.join(", ");
    if let Some(first) = question.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{question} in {whose}?")
}

fn sweep(
    runtime: &Runtime,
    remediation: &Remediation,
    monitor: &Monitor,
    interrupt: &Interrupt,
) -> Result<SweepResult, RemediationError> {
    // Distinguishes this run from others of the same second.
    let name = format!("apply-{}", std::process::id());
    runtime.block_on(async {
        let sweep = std::pin::pin!(remediation.sweep(&name));
        progress::show_while(sweep, monitor, interrupt).await
    })
}

fn end(swept: &SweepResult, is_interrupted: bool) -> Result<Exit, CommandError> {
    if is_interrupted {
        CommandError::new(
            &"interrupted",
            "The report above lists what was done. Run the command again for the rest.",
        )
        .show();
        return Ok(Exit::Interrupted);
    }
    if let Some(error) = &swept.unreported {
        return Err(CommandError::new(
            error,
            "The report above lists what was done. Check that the topic exists and that you may publish to it.",
        ));
    }
    let failed = swept.report.entries.iter();
    let failed = failed.filter(|entry| matches!(entry.outcome, Outcome::Failed(_)));
    match failed.count() {
        0 => Ok(Exit::Done),
        number => Err(CommandError::new(
            &format!("{} failed", count(number, "step")),
            "The report above says why. Run the command again for the steps that failed.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_every_step_that_changes_something() {
        let counts = ForecastCounts {
            would_tag: 3,
            would_terminate: 1,
            ..ForecastCounts::default()
        };
        assert_eq!(
            question(&counts, 0, &"us-east-1"),
            "Tag 3 instances, terminate 1 instance in us-east-1?"
        );
        let counts = ForecastCounts {
            would_stop: 1,
            ..ForecastCounts::default()
        };
        assert_eq!(
            question(&counts, 0, &"us-east-1"),
            "Stop 1 instance in us-east-1?"
        );
        let question = question(&counts, 2, &"us-east-1");
        assert_eq!(
            question,
            "Stop 1 instance, begin to count down 2 shutdowns in us-east-1?"
        );
    }
}

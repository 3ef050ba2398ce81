//! `tagwarden apply`: one sweep from here, as the function would make it.

mod agreement;
mod interrupt;
mod progress;
mod result;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

use chrono::TimeDelta;
use clap::ValueEnum;
use tagwarden_aws::Clock;
use tagwarden_remediation::on_demand::SweepResult;
use tagwarden_remediation::plan::{Focus, Outcome, RemedyName};
use tagwarden_remediation::progress::Monitor;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, RemediationError};
use tokio::runtime::Runtime;

use crate::aws::trouble::without_internals;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::commands::plan::show::{self, PlanForm, PlanView, Sort};
use crate::consent::consent;
use crate::exit::{CommandError, Delivery, Exit, heard};
use crate::focus::FocusArgs;
use crate::forecast::inputs::Inputs;
use crate::forecast::settings::{SettingArgs, topic_arn};
use crate::forecast::{Forecast, ForecastCounts, trouble};
use crate::output::{self, OutputArgs, OutputForm};
use crate::saved_plan::{PlanPlace, SavedPlan, SavedStep};
use crate::warnings::Warnings;
use crate::words::count;
use agreement::{SkippedStep, is_left_out};
use interrupt::Interrupt;
use result::ApplyResult;

const LONG_ABOUT: &str = "\
Does what the policy table asks for: one sweep, from this machine

Shows the plan, asks, and then makes the same sweep as the function does on its
schedule, with the same safeguards. It does what it showed, and nothing else. It
reads the policy and the instances again before it acts: what is not so any more
is spared, what is new is left out and named, and under another policy nothing
is done. It writes every act to the ledger before it does it, and the act counts
for the hour's limit. Without a ledger, nothing is stopped or terminated.

With a file that `tagwarden plan --save` has written, it does what is in that
plan and still true. A plan that is older than 24 hours shuts nothing down. A
plan of another account, Region, policy or of other settings is refused.

If nothing would be changed, it does not ask. It makes the sweep all the same,
because there may be something to note, to report or to recover.

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
  tagwarden apply --only tag --tag Owner
  tagwarden plan --save today.plan; tagwarden apply today.plan
  tagwarden apply --yes --output json | jq -r '.steps[] | .instanceId'

The JSON document, unless the command fails before it acts:
  version, at, from, policy, notes
               as in the document of `plan`
  planned      counts of instances before the run, as in `plan`
  runId        the run, for `history` and `undo`; null if there was no run,
               because there was nothing to do and no ledger
  counts       counts of instances: tagged, stopped, terminated, notified,
               deferred, refused, failed and others
  steps        every step and its outcome, as in the function's report
  counting     the shutdowns that wait for another look: instanceId, remedy,
               since, due
  plan         when the saved plan was made, or null
  skipped      what was planned and is not so any more: instanceId, finding,
               remedy, tagKey, tagValue, reason
  leftOut      how many steps are new since the plan, and left for a new one
  interrupted  whether the run was interrupted
  unpublished  why the report was not published to the topic, or null
  warnings     other problems of the run

Exit status:
  0    done, or nothing to do
  1    something failed, or the answer was no; the message says what was done
  64   the command line is wrong
  130  the run was interrupted; the report says what was done";

/// What a run can be narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum ApplyOnly {
    Tag,
    Stop,
    Terminate,
}

/// Does what the policy table asks for: one sweep
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// A saved plan: do what is in it and still true, and nothing else
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,

    /// Do it without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    focus: FocusArgs,

    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        hide_possible_values = true,
        help = "Do only this, comma-separated: tag, stop, terminate"
    )]
    only: Vec<ApplyOnly>,

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
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let runtime = aws::runtime()?;
    let topic = args.topic_arn.as_deref();
    let mut access = runtime.block_on(args.aws.open())?.adaptive();
    let variables = &mut access.variables;
    let settings = args
        .settings
        .settings(&args.table, variables, Mode::Enforce, topic)?;
    let focus = args.focus();
    let remediation = || Remediation::new(&access.config, settings.clone()).focused(focus.clone());

    // The plan comes first, because consent is given to it.
    let look = match &saved {
        None => remediation(),
        Some(plan) => remediation().limited(plan.agreed(Clock::of(&access.config).now())),
    };
    let inputs = Inputs::of_account(access.clone(), &settings, &focus, &look);
    let mut inputs = runtime.block_on(inputs)?;
    let (skipped, left_out) = match &saved {
        None => (Vec::new(), 0),
        Some(plan) => {
            plan.check(&PlanPlace::of(&inputs), &inputs.policy.policy, &settings)?;
            let steps = plan.steps.iter().filter(|step| step.is_in(&focus));
            let steps: Vec<&SavedStep> = steps.collect();
            let live = Forecast::new(&inputs, &inputs.policy);
            let skipped = agreement::skipped(plan, &steps, &live, inputs.at);
            let left_out = agreement::leave_out(&mut inputs.policy.report.entries);
            (skipped, left_out)
        }
    };
    let planned = Planned {
        inputs: &inputs,
        saved: saved.as_ref(),
        skipped,
        left_out,
    };
    let view = PlanView::new(&inputs, Sort::default(), args.all);
    let (counts, first_looks, announced) = args.announce(&view, &planned, settings.grace)?;
    let warnings = Warnings::default();
    let show = |swept: Option<&SweepResult>, is_interrupted: bool| {
        let result = planned.result(counts, swept, is_interrupted, warnings.messages());
        heard(args.show(&view, &planned, &result))
    };
    let has_changes = counts.has_changes_now() || first_looks > 0;
    // A sweep also notes, notifies and recovers. Without a ledger and without a finding there is nothing of that.
    if !has_changes && settings.ledger_table.is_none() && inputs.policy.report.entries.is_empty() {
        show(None, false)?;
        return Ok(Exit::Done);
    }
    if has_changes && !args.yes {
        let question = question(&counts, first_looks, &access);
        consent(&question, "Nothing was done.", announced)?;
    }

    // Signals are caught only now: until here, Ctrl-C has nothing to leave half done.
    let monitor = Monitor::default();
    let agreed = agreement::agreed(&inputs.policy.report.entries, &inputs.instances);
    let remediation = remediation().limited(agreed).under(&inputs.policy.policy);
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

/// What is planned, and what of a saved plan is not.
struct Planned<'a> {
    inputs: &'a Inputs,
    saved: Option<&'a SavedPlan>,
    skipped: Vec<SkippedStep>,
    left_out: usize,
}

impl Planned<'_> {
    /// What became of it. What was shown and is not true any more was skipped too, and what is newly true was left out.
    fn result<'r>(
        &'r self,
        counts: ForecastCounts,
        swept: Option<&'r SweepResult>,
        is_interrupted: bool,
        warnings: Vec<String>,
    ) -> ApplyResult<'r> {
        let shown = &self.inputs.policy.report.entries;
        let done = swept.map(|swept| &swept.report.entries);
        let spared = done.map(|done| agreement::spared(shown, done));
        let left_out = done.map(|done| done.iter().filter(|it| is_left_out(it)).count());
        ApplyResult {
            inputs: self.inputs,
            planned: counts,
            swept,
            is_interrupted,
            skipped: [self.skipped.clone(), spared.unwrap_or_default()].concat(),
            left_out: left_out.unwrap_or(self.left_out),
            saved: self.saved,
            warnings,
        }
    }
}

impl Args {
    fn focus(&self) -> Focus {
        let remedies = self.only.iter().map(|only| match only {
            ApplyOnly::Tag => RemedyName::Tag,
            ApplyOnly::Stop => RemedyName::Stop,
            ApplyOnly::Terminate => RemedyName::Terminate,
        });
        Focus {
            remedies: remedies.collect(),
            ..self.focus.focus()
        }
    }

    /// Shows the plan. Where standard output is for a program, the plan goes to standard error, and only if consent is
    /// asked for. Gives what is planned, and for how many shutdowns this is the first look, and
    /// whether the plan can have been read.
    fn announce(
        &self,
        view: &PlanView,
        planned: &Planned<'_>,
        grace: TimeDelta,
    ) -> Result<(ForecastCounts, usize, Delivery), CommandError> {
        let inputs = planned.inputs;
        let forecast = Forecast::new(inputs, &inputs.policy);
        let counts = forecast.counts();
        let first_looks = result::to_begin(&inputs.policy.report.entries, inputs.at);
        let has_work = counts.has_changes_now() || first_looks > 0;
        let show = |out: &mut dyn Write| {
            if let Some(plan) = planned.saved {
                writeln!(out, "The plan {}:\n", plan.when(inputs.at))?;
            }
            show::write_plan(out, view, counts, &forecast, PlanForm::Text)?;
            out.write_all(result::not_done(&planned.skipped, planned.left_out).as_bytes())?;
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
    fn show(
        &self,
        view: &PlanView,
        planned: &Planned<'_>,
        result: &ApplyResult<'_>,
    ) -> io::Result<()> {
        match (self.form.output, result.swept) {
            (OutputForm::Text, None) => Ok(()),
            (OutputForm::Text, Some(swept)) => {
                output::print(&result::report(swept))?;
                // What a saved plan has too much or too little stands in the plan already.
                let since = result.skipped.get(planned.skipped.len()..);
                let new = result.left_out.saturating_sub(planned.left_out);
                output::print(&result::not_done(since.unwrap_or_default(), new))
            }
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
            &without_internals(error.to_string()),
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

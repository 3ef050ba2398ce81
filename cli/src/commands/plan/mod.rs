//! `tagwarden plan`: the verdicts of the rule and the steps of the remediation.

#[cfg(test)]
mod gate;
pub mod show;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use crate::aws::{AwsArgs, TableArgs};
use crate::exit::{CommandError, Exit, heard};
use crate::forecast::compare::Comparison;
use crate::forecast::inputs::{InputArgs, Inputs, SourceArgs};
use crate::forecast::settings::{OtherSetting, SettingArgs};
use crate::forecast::{Forecast, ForecastCounts, PlanFilter, VerdictName};
use crate::output;
use crate::words::printable_line;
use show::{PlanForm, PlanView, Sort};

const LONG_ABOUT: &str = "\
Shows what the rule and the remediation would do, and changes nothing

Reads the instances from the account, for which read permissions are enough,
or from recordings. With recordings and --policy, it needs no AWS account. The
code of the functions makes the decisions. As in their dry run, EC2 is asked
which instances are protected.

With --against, shows the instances whose verdict or steps would change if this
policy replaced the other one. --fail-on destructive then fails if any later
sweep would shut down more, more harshly or sooner. What the budget, the grace
period or a notice only delays counts as a shutdown.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden plan
  tagwarden plan --policy new.yaml --against table --fail-on destructive
  tagwarden plan --only terminate,stop,refused --sort launched --all

  aws ec2 describe-instances --output json > fleet.json
  aws cloudtrail lookup-events --output json --lookup-attributes \\
    AttributeKey=EventName,AttributeValue=RunInstances > launches.json
  tagwarden plan --instances fleet.json --events launches.json \\
    --policy new.yaml --output markdown

The JSON document:
  version, at      the version of this document; the time of the plan
  from, policy, against, notes
                   where the data comes from, and what is not known
  counts           counts of instances; with --against, before and after.
                   delayedStop and delayedTerminate say how many of wouldStop
                   and wouldTerminate must wait
  instances        for each: instanceId, name, vpcId, state, launchedAt,
                   verdict, annotation, and steps as in the function's report
  changes          with --against, in place of instances: the same members, but
                   verdict, annotation and steps are in before and after;
                   destructive: new, terminated (and not only stopped),
                   sooner, less-notice or null

Exit status:
  0    the plan has no changes; with --against, the policies do not differ
  1    something failed; the message says what to do next
  2    there are changes (see --fail-on)
  64   the command line is wrong";

/// Shows what the rule and the remediation would do
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    #[command(flatten)]
    sources: SourceArgs,

    // A doc comment would have to be a sentence. The help shows this option beside --policy.
    #[arg(
        long,
        value_name = "POLICY",
        display_order = 1,
        help = "Compare with this policy: a policy file, or table for\nthe policy table"
    )]
    against: Option<PathBuf>,

    #[arg(
        long,
        value_name = "NAME=VALUE",
        requires = "against",
        help_heading = "The functions' settings",
        value_parser = OtherSetting::parse,
        help = "With --against: the other side's setting, such as\ngrace-minutes=60 (repeatable) [default: the same settings]"
    )]
    against_setting: Vec<OtherSetting>,

    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        hide_possible_values = true,
        help = "Show only these, comma-separated: noncompliant,\ncompliant, not-applicable, tag, stop, terminate,\nnotify, later, refused, failed"
    )]
    only: Vec<PlanFilter>,

    #[arg(
        long,
        value_enum,
        value_name = "BY",
        default_value_t,
        hide_possible_values = true,
        help = "By id, name, launched, vpc or verdict"
    )]
    sort: Sort,

    /// List every instance, even where many are alike
    #[arg(long)]
    all: bool,

    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        hide_possible_values = true,
        help = "Exit with 2 if there are changes, destructive ones or\nnoncompliant instances"
    )]
    fail_on: FailOn,

    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        help = "Write text, json, csv or markdown"
    )]
    output: PlanForm,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Which findings make the command exit with status 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum FailOn {
    #[default]
    Changes,
    Destructive,
    Noncompliant,
}

/// Reads, plans, and writes the plan to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let inputs = Inputs::read(InputArgs {
        sources: &args.sources,
        against: args.against.as_deref(),
        settings: &args.settings,
        against_settings: &args.settings.with(&args.against_setting),
        table: &args.table,
        aws: &args.aws,
    })?;
    let view = PlanView::new(&inputs, args.sort, args.all);
    let after = Forecast::new(&inputs, &inputs.policy);
    let (mut raw, mut styled);
    let mut out: io::BufWriter<&mut dyn Write> = io::BufWriter::new(match args.output {
        // Byte for byte: anstream would take parts of values for styles.
        PlanForm::Csv | PlanForm::Json => {
            raw = io::stdout().lock();
            &mut raw
        }
        PlanForm::Text | PlanForm::Markdown => {
            styled = anstream::stdout().lock();
            &mut styled
        }
    });
    let (written, is_found) = match &inputs.against {
        None => {
            let counts = after.counts();
            let shown = after.only(&args.only);
            let written = show::write_plan(&mut out, &view, counts, &shown, args.output);
            (written, args.fail_on.is_in(&counts))
        }
        Some(against) => {
            let comparison = Comparison::new(Forecast::new(&inputs, against), after);
            let is_found = args.fail_on.is_new_in(&comparison);
            let shown = comparison.only(&args.only);
            let written = show::write_comparison(&mut out, &view, &shown, args.output);
            (written, is_found)
        }
    };
    if args.output == PlanForm::Csv {
        // The other forms have a place for them.
        for note in &view.notes {
            output::note(format_args!("note: {}", printable_line(note)));
        }
    }
    heard(written.and_then(|()| out.flush()))?;
    Ok(if is_found { Exit::Differs } else { Exit::Done })
}

impl FailOn {
    fn is_in(self, counts: &ForecastCounts) -> bool {
        match self {
            Self::Changes => counts.has_changes(),
            Self::Destructive => counts.has_shutdowns(),
            Self::Noncompliant => counts.non_compliant > 0,
        }
    }

    fn is_new_in(self, comparison: &Comparison<'_>) -> bool {
        let mut changes = comparison.changes();
        match self {
            Self::Changes => changes.next().is_some(),
            Self::Destructive => changes.any(|change| change.harm().is_some()),
            Self::Noncompliant => changes.any(|change| change.becomes(VerdictName::NonCompliant)),
        }
    }
}

//! `tagwarden plan`: the verdicts of the rule and the steps of the remediation.

#[cfg(test)]
mod gate;
mod many;
pub mod show;

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::aws::{AwsArgs, TableArgs};
use crate::exit::{CommandError, Exit, heard};
use crate::focus::FocusArgs;
use crate::forecast::compare::Comparison;
use crate::forecast::endings::Endings;
use crate::forecast::inputs::{InputArgs, Inputs, PolicyPlan};
use crate::forecast::places::asked;
use crate::forecast::settings::{OtherSetting, SettingArgs};
use crate::forecast::sources::SourceArgs;
use crate::forecast::{Forecast, ForecastCounts, PlanFilter, VerdictName};
use crate::output;
use crate::pipeline::{FilePlace, line_and_column};
use crate::places::options::PlaceArgs;
use crate::policy_file::PolicyFile;
use crate::saved_plan::{PlanPlace, SavedPlan};
use crate::stream;
use crate::words::printable_line;
use show::{PlanForm, PlanView, RulePlaces, Sort};

const LONG_ABOUT: &str = "\
Shows what the rule and the remediation would do, and changes nothing

Reads the instances from the account, for which read permissions are enough,
or from recordings. With recordings and --policy, it needs no AWS account. The
code of the functions makes the decisions. As in their dry run, EC2 is asked
which instances are protected.

With --against, shows the instances whose verdict or steps would change if this
policy replaced the other one. --fail-on destructive then fails if any later
sweep would shut down more, more harshly or sooner. What the budget, the grace
period or a notice only delays counts as a shutdown.

For pipelines it writes SARIF, whose results are at the lines of the rules of
the file --policy, and JUnit. The tests of JUnit that fail are the instances for
which --fail-on ends with 2.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden plan
  tagwarden plan --stack tagwarden --policy new.yaml --against table \\
    --fail-on destructive
  tagwarden plan --only terminate,stop,refused --sort launched --all
  tagwarden plan --instance i-0a1b2c3d4e5f60718 --tag Owner
  tagwarden plan --save today.plan; tagwarden apply today.plan
  tagwarden plan --accounts all --role reader --regions us-east-1,eu-west-1

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
  endings          end dates, the soonest first, if a rule has any: instanceId,
                   tagKey, date, daysLeft, then
  changes          with --against, in place of instances: the same members, but
                   verdict, annotation and steps are in before and after;
                   destructive: new, terminated (and not only stopped),
                   sooner, less-notice or null

  places           with --accounts: for each place that was read, the above,
                   with account and region; beside it asked, read, counts (of
                   all), unreadable (account, region, problem, whatNext)

Exit status:
  0    the plan has no changes; with --against, the policies do not differ
  1    something failed, or a place could not be read; the message says what to
       do next
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

    #[command(flatten)]
    focus: FocusArgs,

    // A doc comment would have to be a sentence.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["instances", "against"],
        help = "Save what is shown, for tagwarden apply FILE"
    )]
    save: Option<PathBuf>,

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
        help = "Write text, json, csv, markdown, sarif\nor junit"
    )]
    output: PlanForm,

    #[command(flatten)]
    many: PlaceArgs,

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
    if let Some(asked) = asked(&args.many, &args.sources, args.against.as_deref())? {
        return many::run(args, &asked);
    }
    let inputs = Inputs::read(InputArgs {
        sources: &args.sources,
        against: args.against.as_deref(),
        settings: &args.settings,
        against_settings: &args.settings.with(&args.against_setting),
        focus: &args.focus.focus(),
        table: &args.table,
        aws: &args.aws,
    })?;
    let mut view = PlanView::new(&inputs, args.sort, args.all);
    let after = Forecast::new(&inputs, &inputs.policy);
    if matches!(args.output, PlanForm::Sarif | PlanForm::Junit) {
        let against = inputs.against.as_ref();
        let before = against.map(|against| Forecast::new(&inputs, against));
        view.failing = args.fail_on.instances(before.as_ref(), &after);
        view.ending = FailOn::Destructive.instances(before.as_ref(), &after);
        view.places = args.sources.policy_path().and_then(places);
    }
    let mut out = args.output.standard_output();
    let (written, is_found) = match &inputs.against {
        None => {
            let counts = after.counts();
            let shown = after.only(&args.only);
            if let Some(path) = &args.save {
                saved(&inputs, &shown).write(path)?;
            }
            view.endings = Endings::new(shown.instances.values(), &inputs.policy.policy, inputs.at);
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

/// Where the rules of a policy file are. Standard input cannot be read again.
fn places(path: &Path) -> Option<RulePlaces> {
    let file = (!stream::is_stream(path)).then(|| PolicyFile::open(path))?;
    let file = file.ok()?;
    let place = |span: Range<usize>| FilePlace {
        path: file.path.clone(),
        start: line_and_column(&file.text, span.start),
        end: line_and_column(&file.text, span.end),
    };
    let rules = file.rule_places().into_iter();
    Some(RulePlaces {
        rules: rules.map(|(id, span)| (id, place(span))).collect(),
        path: file.path,
    })
}

/// The plan as a document, with the steps that are shown.
fn saved(inputs: &Inputs, shown: &Forecast<'_>) -> SavedPlan {
    let instances = shown.instances.values();
    let entries = instances.flat_map(|it| it.entries.iter().map(|entry| (it.instance, entry)));
    let PolicyPlan {
        policy, settings, ..
    } = &inputs.policy;
    SavedPlan::new(inputs.at, PlanPlace::of(inputs), policy, settings, entries)
}

impl FailOn {
    /// The instances that the finding is on.
    fn instances(self, before: Option<&Forecast<'_>>, after: &Forecast<'_>) -> BTreeSet<String> {
        let ids = after.instances.keys();
        ids.filter(|id| {
            let one = after.of_one(id);
            match before {
                None => self.is_in(&one.counts()),
                Some(before) => self.is_new_in(&Comparison::new(before.of_one(id), one)),
            }
        })
        .map(|id| (*id).to_owned())
        .collect()
    }

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

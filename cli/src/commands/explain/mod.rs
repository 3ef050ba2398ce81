//! `tagwarden explain`: everything about a few instances, and why.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rules`] | each rule on one instance, in words |
//! | [`events`] | what happens to the instance, and when |
//! | [`endings`] | the end dates of the instance, and what keeps it |
//! | [`many`] | the same, wherever in many places the instance is |
//! | [`text`] | the explanation for people |
//! | [`document`] | the same for programs |

mod document;
mod endings;
mod events;
mod many;
mod rules;
mod text;

use tagwarden_remediation::settings::Mode;

use crate::aws::{AwsArgs, TableArgs};
use crate::exit::{CommandError, Exit, heard};
use crate::focus::EVERYTHING;
use crate::forecast::explained::{ExplainArgs, Explained, mode};
use crate::forecast::inputs::InputArgs;
use crate::forecast::places::asked;
use crate::forecast::settings::{SettingArgs, topic_arn};
use crate::forecast::sources::SourceArgs;
use crate::ledger::instance_id;
use crate::output::{self, OutputArgs, OutputForm};
use crate::places::options::PlaceArgs;

const LONG_ABOUT: &str = "\
Explains what the policy means to an instance, and why

Says what each rule finds and what would be written, and where the value comes
from; what each safeguard says of a shutdown; and what happens when, if nothing
changes. The code of the functions makes the decisions. The command changes
nothing.

Reads the instances and the ledger from the account, for which read permissions
are enough, or the instances from recordings. A recording does not have what the
ledger notes. Give the settings of the functions, as for plan.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden explain i-0a1b2c3d4e5f60718
  tagwarden explain i-0a1b2c3d4e5f60718 --ledger-table LEDGER \\
    --mode enforce
  tagwarden explain i-0a1b2c3d4e5f60718 --instances fleet.json \\
    --events launches.json --policy new.yaml --output json
  tagwarden explain i-0a1b2c3d4e5f60718 --accounts all --role reader

The JSON document:
  version, at      the version of this document; the moment that is explained
  from, policy, mode, notes
                   where the data comes from, and what is not known
  instances        for each: instanceId, name, vpcId, state, launchedAt,
                   verdict, annotation, exemption, manager, launcher, rules,
                   endDates, steps, shutdowns, remembered
    rules          ruleId, tagKey, action, required, value, defect, nearMiss
    endDates       ruleId, tagKey, date, endsAt, daysLeft, whenExpired,
                   notices, noticedAt, latest (the last date allowed)
    steps          as in the function's report; also source and until
    shutdowns      shutdown, reason, at, countdown, safeguards (name, holds,
                   says, until)
  unknown          the ids of which there is no instance
  places           with --accounts: for each place with some of the instances,
                   the above; beside it lookedIn, unreadable and unknown

Exit status:
  0    done
  1    something failed, or there is no such instance; the message says which
  64   the command line is wrong";

/// Explains what the policy means to an instance, and why
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The instances, i-…
    #[arg(required = true, value_name = "ID", value_parser = instance_id)]
    ids: Vec<String>,

    #[command(flatten)]
    form: OutputArgs,

    #[command(flatten)]
    sources: SourceArgs,

    #[arg(
        long,
        value_name = "MODE",
        value_parser = mode,
        help_heading = "The functions' settings",
        help = "The mode of the function: dry-run or enforce\n[default: TAGWARDEN_MODE, else not known]"
    )]
    mode: Option<Mode>,

    #[arg(
        long = "topic-arn",
        value_name = "ARN",
        value_parser = topic_arn,
        help_heading = "The functions' settings",
        help = "The topic that announces shutdowns\n[default: TAGWARDEN_TOPIC_ARN]"
    )]
    announced_to: Option<String>,

    #[command(flatten)]
    many: PlaceArgs,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Reads, and writes the explanations to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let asked = asked(&args.many, &args.sources, None)?;
    let explain = ExplainArgs {
        inputs: InputArgs {
            sources: &args.sources,
            against: None,
            settings: &args.settings,
            against_settings: &args.settings,
            table: &args.table,
            focus: &EVERYTHING,
            aws: &args.aws,
        },
        ids: &args.ids,
        mode: args.mode,
        topic_arn: args.announced_to.as_deref(),
    };
    if let Some(asked) = asked {
        return many::run(args, explain, &asked);
    }
    let explained = Explained::read(explain)?;
    heard(match args.form.output {
        OutputForm::Text => output::print(&text::page(&explained)),
        OutputForm::Json => output::print_json(document::members(&explained)),
    })?;
    if explained.unknown.is_empty() {
        return Ok(Exit::Done);
    }
    let what = format!(
        "there is no {} in {}",
        explained.unknown.join(", no "),
        explained.place()
    );
    let what_next = if explained.is_recorded {
        "Check the id and the recording."
    } else {
        "Check the id, the Region (--region) and the account (--profile). EC2 shows a terminated instance for about an \
         hour; `tagwarden history --instance ID` shows what was done to it."
    };
    Err(CommandError::new(&what, what_next))
}

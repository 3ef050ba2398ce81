//! `tagwarden demo`: a policy at work, in an AWS account inside this process.
//!
//! | module | what it holds |
//! |---|---|
//! | [`fleet`] | the scenario, as data: the policy and the instances |
//! | [`play`] | plays it: the functions' real handlers, through the real SDK |
//! | [`story`] | what happened, as data; as JSON, it is `--output json` |
//! | [`show`] | what happened, told to a person |

mod fleet;
mod play;
mod show;
mod story;

use std::io::{self, Write};

use clap::ValueEnum;

use crate::exit::Failure;
use story::Story;

const LONG_ABOUT: &str = "\
Shows a tagging policy at work, in an AWS account that lives inside this program

The account has a policy of three rules and thirteen instances, each with something else to it. The AWS Config rule \
judges them, the remediation mends them (first as a dry run), the rule judges again. Both are the functions that run \
in Lambda, and they call AWS through the real SDK: only the far end is imitated. Nothing of yours is read or changed; \
neither credentials nor a network are needed.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden demo
  tagwarden demo --output json | jq -r '.after.instances[] | [.role, .verdict] | @tsv'

The JSON document:
  account, region, vpcId   where it happens; only instances in this VPC are in scope
  policy                   the items of the policy table
  before, after            what the Config rule found: counts (its answer), and of every instance: instanceId, role,
                           story, vpcId, state, tags, verdict and annotation (null where Config shows no result)
  dryRunReport, report,    what the remediation published, dry run, enforcing, and swept: subject, text (for people),
  sweepReport              json (for programs), and answer (the function's own)
  left                     what the sweep left as it is: instanceId, role, outcome, reason
  secondSweep              a sweep with nothing left to mend: changedInstances (their ids), and calls
  calls                    every call to AWS: total, and byOperation: calls, refused
  wallTimeMs               how long it took, in milliseconds";

/// Shows a policy at work, in an AWS account inside this program
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// A story to read, or one JSON document
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

/// How the demo is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum Output {
    #[default]
    Table,
    Json,
}

/// Plays the demo and writes it to standard output.
pub fn run(args: &Args) -> Result<(), Failure> {
    let story = play::play().map_err(|error| {
        Failure::new(
            &error,
            "The demo needs nothing from outside this program, so this is a defect in tagwarden: please report it \
             with this message and what `tagwarden --version` says.",
        )
    })?;
    tell(&story, args.output).map_err(|error| Failure::unwritten(&error))
}

fn tell(story: &Story, output: Output) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match output {
        Output::Table => out.write_all(show::page(story, show::width()).as_bytes())?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, story)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}

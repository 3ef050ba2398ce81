//! `tagwarden demo`: a policy at work, in an AWS account inside this process.
//!
//! | module | what it holds |
//! |---|---|
//! | [`fleet`] | the scenario, as data: the policy and the instances |
//! | [`stage`] | the simulated account, with the functions' real handlers |
//! | [`play`] | plays the scenario, through the real SDK |
//! | [`later`] | its second chapter: a policy that says more |
//! | [`story`] | what happened, as data; `--output json` writes it |
//! | [`show`] | what happened, as text, on a [`page`] |

mod fleet;
mod later;
mod page;
mod play;
mod show;
mod stage;
mod story;

use std::io::{self, Write};

use clap::ValueEnum;

use crate::exit::{CommandError, Exit, heard};
use story::Story;

// clap is built without wrapping, so help texts are wrapped here, at 80 columns.
const LONG_ABOUT: &str = "\
Shows a policy at work, in an AWS account inside this program

The account has a policy of three rules, and thirteen instances, each of them a
different case. The AWS Config rule judges them, the remediation fixes them
(after a dry run), and the rule judges them again. Then the policy says more: it
lists the values of a tag, and ends instances on the date in another. The code
is that of the Lambda functions, and it calls AWS through the real SDK. Only AWS
itself is simulated. The demo needs no credentials and no network, and touches
nothing of yours.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden demo
  tagwarden demo --output json | jq -r '.report.text'

The JSON document:
  account, region, vpcId  the simulated account; only this VPC is in scope
  policy                  the items of the policy table
  before, after           what the Config rule finds: counts (its answer), and
                          instances: instanceId, role, story, vpcId, state,
                          tags, verdict, annotation (the last two are null if
                          Config shows no result)
  dryRunReport            the report of the dry run: subject, text (for people),
                          json (for programs); and the function's answer
  report, sweepReport     the same, of the enforcing run and of the sweep, which
                          comes 15 minutes later
  left                    the steps that neither of them did: instanceId, role,
                          outcome, reason
  secondSweep             another sweep: changedInstances (ids), calls
  later                   the policy that says more: policyChange (as of push),
                          undoneTags (how many dates undo took back), found (as
                          before), noticeReport (what ends) and endReport (what
                          has ended), both as report
  calls                   all calls to AWS: total, byOperation (calls, refused)
  wallTimeMs              the duration of the demo, in milliseconds

Exit status:
  0    done
  1    something failed; the message says what to do next
  64   the command line is wrong";

/// Shows a policy at work, in an AWS account inside this program
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// What to write: a table, or json
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    output: DemoForm,
}

/// The form of the demo's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum DemoForm {
    #[default]
    Table,
    Json,
}

/// Plays the demo and writes it to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let story = play::play().map_err(|error| {
        CommandError::new(
            &error,
            "The demo needs nothing from outside this program, so this is a defect in tagwarden: please report it \
             with this message and what `tagwarden --version` says.",
        )
    })?;
    heard(write(&story, args.output))?;
    Ok(Exit::Done)
}

fn write(story: &Story, output: DemoForm) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match output {
        DemoForm::Table => out.write_all(show::page(story, page::width()).as_bytes())?,
        DemoForm::Json => {
            serde_json::to_writer_pretty(&mut out, story)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}

//! `tagwarden push`: from a file to the policy table.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::changes::apply::{MOST_AT_ONCE, Unapplied, Why, apply};
use crate::changes::{Changes, show};
use crate::consent::consent;
use crate::exit::{Exit, Failure};
use crate::policy_file::{PolicyFile, count};
use crate::policy_table::{PolicyTable, problems};

const LONG_ABOUT: &str = "\
Makes the policy table as the file says: shows what would change, asks, writes

Only what differs is written, all of it or nothing (up to 100 rows), and only
over rows that still are as they were shown. Rows that the file lacks stay,
unless --prune is given; so do attributes that tagwarden does not know. A file
that is no policy is never pushed.

The functions may run meanwhile: they read the table before each run, and again
before they act, and a policy that has changed in between ends the run.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden push policy.yaml
  tagwarden push policy.yaml --prune --yes --profile prod

Exit status:
  0    the table is as the file says
  1    something failed, or the answer was no; the message says what was written
  2    the command line is wrong";

/// Makes the policy table as the file says
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The policy file, YAML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Delete the rows that are not in the file
    #[arg(long)]
    prune: bool,

    /// Write without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Compares, asks, writes.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let file = match PolicyFile::open(&args.file)?.sound() {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    aws::runtime()?.block_on(async {
        let table = PolicyTable::open(&args.aws, &args.table).await?;
        let changes = table.changes(&file, args.prune).await?;
        announce(&table, &file, &changes).map_err(|error| Failure::unwritten(&error))?;
        if changes.is_empty() {
            return Ok(Exit::Done);
        }
        if !args.yes {
            consent("Write this to the table?", "Nothing was written.")?;
        }
        apply(&table.client, &table.name, &changes.steps)
            .await
            .map_err(|unapplied| failure(&unapplied, &table, changes.steps.len()))?;
        let written = count(changes.steps.len(), "rule");
        look_again(&table, &written).await?;
        writeln!(anstream::stdout(), "Done: {written} written.")
            .map_err(|error| Failure::unwritten(&error))?;
        Ok(Exit::Done)
    })
}

/// Says what is about to be written.
fn announce(table: &PolicyTable, file: &PolicyFile, changes: &Changes) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{table}, to be as {} says:\n", file.path)?;
    out.write_all(show::text(changes).as_bytes())?;
    if changes.is_empty() {
        writeln!(out, "Nothing to do: the table is as the file says.")?;
    } else {
        writeln!(out, "{}.", show::tally(changes))?;
    }
    if changes.steps.len() > MOST_AT_ONCE {
        writeln!(
            out,
            "\nDynamoDB writes up to {MOST_AT_ONCE} rows at once: these are written in steps. In between the table may be no\n\
             policy; the functions then do nothing until it is one again."
        )?;
    }
    out.flush()
}

/// Reads the table once more: what somebody else wrote to other rows meanwhile is no lost race, and yet may not go
/// together with what was written here.
async fn look_again(table: &PolicyTable, written: &str) -> Result<(), Failure> {
    let said_first = format!("Before that, the changes were written ({written}).");
    let items = table.items().await;
    let items = items.map_err(|failure| failure.after(&said_first))?;
    match problems(items) {
        None => Ok(()),
        Some(invalid) => Err(Failure::new(
            &format!(
                "the changes were written ({written}), but somebody else wrote too, and together it is no policy: {invalid}"
            ),
            "The functions do nothing until it is one. `tagwarden pull` shows the table as it is.",
        )),
    }
}

/// What stopped it, what was written before, and what to do.
fn failure(unapplied: &Unapplied, table: &PolicyTable, all: usize) -> Failure {
    let written = match unapplied.written {
        0 => "Nothing was written.".to_owned(),
        some => format!("{some} of {all} rows were written before, and stay."),
    };
    match &unapplied.why {
        Why::RaceLost(rules) => {
            let what = format!(
                "somebody else has changed the table since it was read: rule {}",
                rules.join(", rule ")
            );
            Failure::new(
                &what,
                format!("{written} Run the command again: it shows the difference as it is now."),
            )
        }
        Why::Aws(error) if error.code().is_none() => Failure::new(
            &format!("{table}: {error}"),
            format!(
                "Whether the last rows were written is not known; of those before: {written} `tagwarden diff` shows \
                 how the table is now."
            ),
        ),
        Why::Aws(error) => {
            let failure = aws::table_failure(error, &table.name, &table.region);
            failure.after(&written)
        }
    }
}

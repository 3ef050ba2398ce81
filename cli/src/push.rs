//! `tagwarden push`: from a file to the policy table.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::aws::trouble::told;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::changes::apply::{MOST_AT_ONCE, Unapplied, Why, apply};
use crate::changes::show;
use crate::cli::{Output, OutputArgs};
use crate::consent::consent;
use crate::document;
use crate::exit::{Exit, Failure};
use crate::policy_table::{Compared, PolicyTable, problems};

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
  tagwarden push policy.yaml --yes --output json | jq .written

The JSON document, also where the writing fails midway:
  version        of this form
  table, region  where the policy is
  changes        for each rule: ruleId, change (add, change or delete), and
                 attributes: by name, before and after (absent: not there)
  onlyInTable    the ids of the rows that stay
  written        how many of the changes were written

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
    form: OutputArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Compares, asks, writes.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    aws::runtime()?.block_on(async {
        let compared = Compared::look(&args.file, args.prune, &args.table, &args.aws);
        let compared = match compared.await? {
            Ok(compared) => compared,
            Err(exit) => return Ok(exit),
        };
        let unwritten = |error: io::Error| Failure::unwritten(&error);
        args.announce(&compared).map_err(unwritten)?;
        let written = if compared.changes.is_empty() {
            Written {
                rows: 0,
                ended: Ok(()),
            }
        } else {
            if !args.yes {
                consent("Write this to the table?", "Nothing was written.")?;
            }
            write(&compared).await
        };
        let told = args.tell(&compared, &written).map_err(unwritten);
        written.ended?;
        told.map(|()| Exit::Done)
    })
}

/// How far the writing got.
struct Written {
    /// How many of the changes were written, for sure.
    rows: usize,
    /// What there is to complain of, even where all of them were.
    ended: Result<(), Failure>,
}

async fn write(compared: &Compared) -> Written {
    let (table, steps) = (&compared.table, &compared.changes.steps);
    match apply(&table.client, &table.name, steps).await {
        Ok(()) => Written {
            rows: steps.len(),
            ended: look_again(table, &show::rows_of(&compared.changes)).await,
        },
        Err(unapplied) => Written {
            rows: unapplied.written,
            ended: Err(failure(&unapplied, table, steps.len())),
        },
    }
}

impl Args {
    /// Says what is about to be written: on standard error where standard output is for a program, and there only
    /// before it asks.
    fn announce(&self, compared: &Compared) -> io::Result<()> {
        let text = announcement(compared);
        match self.form.output {
            Output::Text => {
                let mut out = anstream::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            }
            Output::Json if self.yes || compared.changes.is_empty() => Ok(()),
            Output::Json => anstream::stderr().write_all(text.as_bytes()),
        }
    }

    /// Says what was written; as JSON, also where something stood in the way.
    fn tell(&self, compared: &Compared, written: &Written) -> io::Result<()> {
        match self.form.output {
            Output::Text if written.ended.is_err() || compared.changes.is_empty() => Ok(()),
            Output::Text => {
                let rows = show::rows_of(&compared.changes);
                writeln!(anstream::stdout(), "Done: {rows} written.")
            }
            Output::Json => {
                let mut members = compared.to_json();
                members.insert("written".to_owned(), written.rows.into());
                document::print(members)
            }
        }
    }
}

fn announcement(compared: &Compared) -> String {
    let Compared {
        file,
        table,
        changes,
    } = compared;
    let mut text = format!("{table}, to be as {} says:\n\n", file.path);
    text.push_str(&show::text(changes));
    let _ = if changes.is_empty() {
        writeln!(text, "Nothing to do: the table is as the file says.")
    } else {
        writeln!(text, "{}.", show::tally(changes))
    };
    if changes.steps.len() > MOST_AT_ONCE {
        let _ = writeln!(
            text,
            "\nDynamoDB writes up to {MOST_AT_ONCE} rows at once: these are written in steps. In between the table may be no\n\
             policy; the functions then do nothing until it is one again."
        );
    }
    text
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
            &format!("{table}: {}", told(error)),
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

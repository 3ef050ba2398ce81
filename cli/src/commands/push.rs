//! `tagwarden push`: writes a policy file to the policy table.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::aws::trouble::describe;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::changes::apply::{MOST_AT_ONCE, StopReason, Unapplied, apply};
use crate::changes::show;
use crate::consent::consent;
use crate::exit::{CommandError, Exit, heard};
use crate::output::{self, OutputArgs, OutputForm};
use crate::policy_file::PolicyFile;
use crate::policy_table::{PolicyTable, TableDiff, problems};
use crate::stream::is_stream;
use crate::words::printable_line;

const LONG_ABOUT: &str = "\
Makes the policy table like the file: shows what would change, asks, writes

Only differences are written: all or none of them (up to 100 rows), and only
over rows that nobody has changed since they were shown. Rows that the file
lacks stay, unless --prune is given. Attributes that tagwarden does not know
stay too. A file with problems is never pushed.

The functions may run at the same time: they read the table before each run and
again before they act, and a policy that changed in between ends the run.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden push policy.yaml
  tagwarden push policy.yaml --prune --yes --profile prod
  tagwarden push policy.yaml --yes --output json | jq .written

The JSON document, also when the writing fails midway:
  version        of this form
  table, region  where the policy is
  changes        for each rule: ruleId, change (add, change or delete), and
                 attributes: by name, before and after (absent: not there)
  onlyInTable    the ids of the rows that stay
  written        how many of the changes were written

Exit status:
  0    the table is like the file
  1    something failed, or the answer was no; the message says what was written
  64   the command line is wrong";

/// Makes the policy table like the file
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The policy file, YAML or JSON; - is standard input, with --yes
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

/// Compares, asks, and writes.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    aws::runtime()?.block_on(async {
        if is_stream(&args.file) && !args.yes {
            return Err(CommandError::new(
                &"cannot ask for consent: standard input is the policy",
                "Nothing was written. Add --yes, or give the path of a file. `tagwarden diff -` shows what would change.",
            ));
        }
        let file = PolicyFile::open(&args.file)?.valid()?;
        let table = PolicyTable::open(&args.aws, &args.table).await?;
        table.check_owner()?;
        let diff = TableDiff::read(file, table, args.prune).await?;
        let announced = heard(args.announce(&diff))?;
        let written = if diff.changes.is_empty() {
            PushResult {
                rows: 0,
                ended: Ok(()),
            }
        } else {
            if !args.yes {
                let question = format!("Write this to the table in {}?", diff.table.place());
                consent(&question, "Nothing was written.", announced)?;
            }
            write(&diff).await
        };
        let shown = heard(args.show(&diff, &written));
        written.ended?;
        shown.map(|_| Exit::Done)
    })
}

/// What was written, and what went wrong.
struct PushResult {
    /// How many of the changes were certainly written.
    rows: usize,
    /// An error, also where all changes were written.
    ended: Result<(), CommandError>,
}

async fn write(diff: &TableDiff) -> PushResult {
    let (table, steps) = (&diff.table, &diff.changes.steps);
    match apply(&table.client, &table.name, steps).await {
        Ok(()) => PushResult {
            rows: steps.len(),
            ended: check_again(table, &show::rows_of(&diff.changes)).await,
        },
        Err(unapplied) => PushResult {
            rows: unapplied.written,
            ended: Err(failure(&unapplied, table, steps.len())),
        },
    }
}

impl Args {
    /// Shows what would be written. Where standard output is for a program, it goes to standard error, and only if
    /// consent is asked for.
    fn announce(&self, diff: &TableDiff) -> io::Result<()> {
        let text = announcement(diff);
        match self.form.output {
            OutputForm::Text => output::print(&text),
            OutputForm::Json if self.yes || diff.changes.is_empty() => Ok(()),
            OutputForm::Json => anstream::stderr().write_all(text.as_bytes()),
        }
    }

    /// Shows what was written; as JSON, also after an error.
    fn show(&self, diff: &TableDiff, written: &PushResult) -> io::Result<()> {
        match self.form.output {
            OutputForm::Text if written.ended.is_err() || diff.changes.is_empty() => Ok(()),
            OutputForm::Text => {
                let rows = show::rows_of(&diff.changes);
                writeln!(anstream::stdout(), "Done: {rows} written.")
            }
            OutputForm::Json => {
                let mut members = diff.to_json();
                members.insert("written".to_owned(), written.rows.into());
                output::print_json(members)
            }
        }
    }
}

fn announcement(diff: &TableDiff) -> String {
    let TableDiff {
        file,
        table,
        changes,
    } = diff;
    let mut text = format!("{table}, to be like {}:\n\n", printable_line(&file.path));
    text.push_str(&show::text(changes));
    let _ = if changes.is_empty() {
        writeln!(text, "Nothing to do: the table is like the file.")
    } else {
        writeln!(text, "{}.", show::tally(changes))
    };
    if show::adds_format(changes) {
        text.push_str(
            "\nThe table becomes one of format 2. Functions of an older tagwarden refuse such a table and do nothing, until you\n\
             update them.\n",
        );
    }
    if changes.steps.len() > MOST_AT_ONCE {
        let _ = writeln!(
            text,
            "\nDynamoDB writes up to {MOST_AT_ONCE} rows at once, so these are written in steps. In between, the table may be\n\
             invalid. The functions then do nothing until it is valid again."
        );
    }
    text
}

/// Reads the table once more. Somebody else may have written to other rows, which the writing does not notice, and the
/// result may be invalid.
async fn check_again(table: &PolicyTable, written: &str) -> Result<(), CommandError> {
    let sentence = format!("Before that, the changes were written ({written}).");
    let items = table.items().await;
    let items = items.map_err(|failure| failure.after(&sentence))?;
    match problems(items) {
        None => Ok(()),
        Some(invalid) => Err(CommandError::new(
            &format!(
                "the changes were written ({written}), but somebody else wrote too, and the table is now invalid: {invalid}"
            ),
            "The functions do nothing until it is valid. `tagwarden pull` shows the table as it is.",
        )),
    }
}

/// What stopped the writing, what was written before, and what to do.
fn failure(unapplied: &Unapplied, table: &PolicyTable, all: usize) -> CommandError {
    let written = match unapplied.written {
        0 => "Nothing was written.".to_owned(),
        some => format!("{some} of {all} rows were written before, and stay."),
    };
    match &unapplied.why {
        StopReason::RaceLost(rules) => {
            let what = format!(
                "somebody else has changed the table since it was read: rule {}",
                rules.join(", rule ")
            );
            CommandError::new(
                &what,
                format!("{written} Run the command again: it shows the difference as it is now."),
            )
        }
        StopReason::Aws(error) if error.code().is_none() => CommandError::new(
            &format!("{table}: {}", describe(error)),
            format!(
                "Whether the last rows were written is not known. Before them: {written} `tagwarden diff` shows \
                 the table as it is now."
            ),
        ),
        StopReason::Aws(error) => {
            let failure = aws::table_failure(error, &table.name, &table.access);
            failure.after(&written)
        }
    }
}

//! `tagwarden diff`: shows what `push` would change.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::changes::show;
use crate::exit::{CommandError, Exit, heard};
use crate::output::{self, OutputArgs, OutputForm};
use crate::policy_file::PolicyFile;
use crate::policy_table::{PolicyTable, TableDiff};
use crate::words::printable_line;

const LONG_ABOUT: &str = "\
Shows what `push` would change in the policy table, and changes nothing

The file must be a policy, and so must the table as it would be. Rows that are
only in the table are named. They count as a difference only with --prune,
because without it `push` leaves them.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden diff policy.yaml
  tagwarden diff --prune --profile prod --region eu-west-1 policy.yaml

The JSON document:
  version        of this form
  table, region  where the policy is
  changes        for each rule: ruleId, change (add, change or delete), and
                 attributes: by name, before and after (absent: not there)
  onlyInTable    the ids of the rows that would be left

Exit status:
  0    the table is like the file
  1    something failed; the message says what to do next
  2    there are differences
  64   the command line is wrong";

/// Shows what `push` would change in the policy table
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The policy file, YAML or JSON; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Count rows that are not in the file as to be deleted
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    form: OutputArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Compares the file with the table, and writes the difference to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let diff = aws::runtime()?.block_on(async {
        let file = PolicyFile::open(&args.file)?.valid()?;
        let table = PolicyTable::open(&args.aws, &args.table).await?;
        TableDiff::read(file, table, args.prune).await
    })?;
    heard(write(&diff, args.form.output))?;
    Ok(if diff.changes.is_empty() {
        Exit::Done
    } else {
        Exit::Differs
    })
}

fn write(diff: &TableDiff, form: OutputForm) -> io::Result<()> {
    let TableDiff {
        file,
        table,
        changes,
    } = diff;
    match form {
        OutputForm::Text => {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{table}, against {}:\n", printable_line(&file.path))?;
            out.write_all(show::text(changes).as_bytes())?;
            if changes.is_empty() {
                writeln!(out, "No changes: the table is like the file.")?;
            } else {
                writeln!(out, "{}.", show::tally(changes))?;
            }
            out.flush()
        }
        OutputForm::Json => output::print_json(diff.to_json()),
    }
}

//! `tagwarden pull`: from the policy table to a file.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::aws::{self, AwsArgs, TableArgs};
use crate::exit::{Exit, Failure};
use crate::policy_file::rows;
use crate::policy_file::write::{Format, write};
use crate::policy_table::{PolicyTable, problems};
use crate::save::{print, save};

const LONG_ABOUT: &str = "\
Writes the policy table as a file

Every row and every attribute is there, also those that tagwarden does not know,
and also those of a table that is no policy: mend the file, and push it. Pushed
as it is, the file changes nothing.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden pull policy.yaml
  tagwarden pull --output json | jq '.rules[].TagKey'

Exit status:
  0    done; if the table is no policy, standard error says why
  1    something failed; the message says what to do next
  2    the command line is wrong";

/// Writes the policy table as a file
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The file to write, JSON if it ends so [default: to standard output]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// What to write: yaml or json [default: by FILE, or yaml]
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    output: Option<Format>,

    /// Replace the file if there is one
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Reads the table and writes the file.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let items = aws::runtime()?.block_on(async {
        let table = PolicyTable::open(&args.aws, &args.table).await?;
        table.items().await
    })?;
    let text = write(&items, args.format()).map_err(|error| {
        let what_next =
            "Nothing was written. This DynamoDB is newer than this tagwarden: get a newer one.";
        Failure::new(&error, what_next)
    })?;
    match &args.file {
        Some(path) => {
            save(path, &text, args.force).map_err(|error| unwritable(path, &error))?;
        }
        None => {
            print(&mut io::stdout().lock(), &text).map_err(|error| Failure::unwritten(&error))?;
        }
    }
    let mut err = anstream::stderr().lock();
    let count = rows(&items);
    // Where even this cannot be written there is nobody left to tell.
    if let Some(path) = &args.file {
        let _ = writeln!(err, "{count} written to {}", path.display());
    }
    if let Some(invalid) = problems(items) {
        let _ = writeln!(err, "warning: as it is, {invalid}");
    }
    Ok(Exit::Done)
}

impl Args {
    fn format(&self) -> Format {
        let is_json = |path: &PathBuf| {
            let extension = path.extension();
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
        };
        match self.output {
            Some(format) => format,
            None if self.file.as_ref().is_some_and(is_json) => Format::Json,
            None => Format::Yaml,
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let what = format!(
        "{:?} cannot be written: {error}",
        path.display().to_string()
    );
    let what_next = if error.kind() == ErrorKind::AlreadyExists {
        "Name another file, or replace this one with --force: its comments would be lost."
    } else {
        "Look at the directory and who may write there, then run the command again."
    };
    Failure::new(&what, what_next)
}

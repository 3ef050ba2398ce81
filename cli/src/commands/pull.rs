//! `tagwarden pull`: writes the policy table to a file.

use std::path::PathBuf;

use tagwarden_aws::policy_table::row;
use tagwarden_core::Policy;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::exit::{CommandError, Exit};
use crate::output;
use crate::policy_file::rows::describe_rows;
use crate::policy_file::write::{FileFormat, write};
use crate::policy_table::PolicyTable;
use crate::save::save_or_print;
use crate::words::printable_line;

const LONG_ABOUT: &str = "\
Writes the policy table as a file

The file has every row and every attribute, also those that tagwarden does not
know, and also those of an invalid table: fix the file, and push it. Pushed
unchanged, the file changes nothing.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden pull policy.yaml
  tagwarden pull --output json | jq '.rules[].TagKey'

Exit status:
  0    done; if the table is invalid, standard error says why
  1    something failed; the message says what to do next
  64   the command line is wrong";

/// Writes the policy table as a file
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The file; JSON if it ends in .json; - is standard output [default: -]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// What to write: yaml or json [default: by FILE, or yaml]
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    output: Option<FileFormat>,

    /// Replace an existing file
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Reads the table, and writes the file.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let (table, items) = aws::runtime()?.block_on(async {
        let table = PolicyTable::open(&args.aws, &args.table).await?;
        let items = table.items().await?;
        Ok::<_, CommandError>((table, items))
    })?;
    let text = write(&items, FileFormat::of(args.output, args.file.as_deref())).map_err(|error| {
        let what_next =
            "Nothing was written. This tagwarden is older than DynamoDB's type: use a newer one.";
        CommandError::new(&error, what_next)
    })?;
    if let Some(path) = save_or_print(args.file.as_deref(), &text, args.force)? {
        let count = describe_rows(&items);
        output::note(format_args!(
            "{count} written to {}, from {}",
            path.display(),
            table.place()
        ));
    }
    match Policy::from_rows(items.into_iter().map(row)) {
        Ok(policy) => {
            for caution in policy.cautions() {
                output::note(format_args!("warning: {caution}"));
            }
        }
        Err(invalid) => {
            output::note(format_args!(
                "warning: as it is, {}",
                printable_line(&invalid.to_string())
            ));
        }
    }
    Ok(Exit::Done)
}

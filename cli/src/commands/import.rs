//! `tagwarden import`: makes a policy file of a tag policy of AWS Organizations.

use std::path::PathBuf;

use crate::exit::{CommandError, Exit};
use crate::output;
use crate::policy_file::rows::describe_rows;
use crate::policy_file::write::{FileFormat, write};
use crate::save::save_or_print;
use crate::stream;
use crate::tag_policy;
use crate::words::printable_line;

const LONG_ABOUT: &str = "\
Makes a policy file of a tag policy of AWS Organizations

Keys become rules that report, values become Allowed, and a key that is
required for instances is required. What does not fit is listed on standard
error. Give the rules actions and defaults, and push the file.";

const AFTER_LONG_HELP: &str = "\
Examples:
  aws organizations describe-effective-policy \\
      --policy-type TAG_POLICY > tags.json
  tagwarden import --tag-policy tags.json policy.yaml

Exit status:
  0    done; standard error says what does not fit
  1    something failed; the message says what to do next
  64   the command line is wrong";

/// Makes a policy file of a tag policy of AWS Organizations
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The effective tag policy, JSON; - is standard input
    #[arg(long, required = true, value_name = "FILE")]
    tag_policy: PathBuf,

    #[arg(
        value_name = "FILE",
        help = "The policy file; JSON if it ends in .json; - is\nstandard output [default: -]"
    )]
    file: Option<PathBuf>,

    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = "What to write: yaml or json [default: by FILE,\nor yaml]"
    )]
    output: Option<FileFormat>,

    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Reads the tag policy, and writes the file.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let name = stream::name(&args.tag_policy);
    let refused = |what: &str, what_next: &str| {
        CommandError::new(&format!("{name:?} {what}"), what_next.to_owned())
    };
    let text = stream::read(&args.tag_policy).map_err(|error| {
        let what_next = "Check the path and its permissions, then run the command again.";
        refused(&format!("cannot be read: {error}"), what_next)
    })?;
    let imported =
        tag_policy::import(&text).map_err(|(what, what_next)| refused(&what, what_next))?;
    let format = FileFormat::of(args.output, args.file.as_deref());
    let text = write(&imported.items, format)
        .map_err(|error| CommandError::new(&error, "Nothing was written."))?;
    if let Some(path) = save_or_print(args.file.as_deref(), &text, args.force)? {
        let count = describe_rows(&imported.items);
        output::note(format_args!("{count} written to {}", path.display()));
    }
    for note in &imported.notes {
        output::note(format_args!("note: {}", printable_line(note)));
    }
    Ok(Exit::Done)
}

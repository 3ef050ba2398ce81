//! `tagwarden export`: makes a tag policy of AWS Organizations of the policy.

use std::path::PathBuf;

use crate::aws::{AwsArgs, TableArgs};
use crate::chosen_policy::ChosenPolicy;
use crate::exit::{CommandError, Exit};
use crate::output;
use crate::save::save_or_print;
use crate::tag_policy;
use crate::words::printable_line;

const LONG_ABOUT: &str = "\
Makes a tag policy of AWS Organizations of the policy

Keys, allowed values and what is required of instances go into the tag policy,
so that Organizations, CloudFormation and the AWS provider of Terraform check
the same. What does not fit is listed on standard error. The policy enforces
nothing: add enforced_for where AWS is to refuse other values.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden export --tag-policy --policy policy.yaml > tags.json
  aws organizations create-policy --type TAG_POLICY --name tagwarden \\
      --description 'made by tagwarden' --content file://tags.json

Exit status:
  0    done; standard error says what does not fit
  1    something failed; the message says what to do next
  64   the command line is wrong";

/// Makes a tag policy of AWS Organizations of the policy
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// Write a tag policy; there is no other form yet
    #[arg(long, required = true)]
    tag_policy: bool,

    /// The file; - is standard output [default: -]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Use this policy file (YAML or JSON), not the table
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Replace an existing file
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Reads the policy, and writes the tag policy.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let chosen = ChosenPolicy::read(args.policy.as_deref(), None, &args.table, &args.aws)?;
    let exported = tag_policy::export(&chosen.policy);
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = output::write_json(&mut text, &exported.document);
    let text = String::from_utf8(text).unwrap_or_default();
    if let Some(path) = save_or_print(args.file.as_deref(), &text, args.force)? {
        output::note(format_args!(
            "written to {}, from {}",
            path.display(),
            chosen.name
        ));
    }
    for note in &exported.notes {
        output::note(format_args!("note: {}", printable_line(note)));
    }
    Ok(Exit::Done)
}

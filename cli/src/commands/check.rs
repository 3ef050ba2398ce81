//! `tagwarden check`: finds the problems of policy files.

use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tagwarden_core::policy::RowKind;

use crate::exit::{CommandError, Exit, heard};
use crate::output::{self, OutputArgs, OutputForm};
use crate::policy_file::PolicyFile;
use crate::policy_file::rows::kind;
use crate::stream;
use crate::text::problem::Severity;

const LONG_ABOUT: &str = "\
Checks policy files, and shows every problem at its place

The functions accept a file that passes, because the same code decides. The
command needs no AWS account and no network.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden check policy.yaml
  tagwarden check --output json *.yaml | jq -r '.problems[].message'

The JSON document:
  version   of this form
  files     for each: file, rules (how many), errors, warnings
  problems  for each: file, line and column (both from 1), severity (error or
            warning), message, help (what to do, or null)

Exit status:
  0    every file is a policy, with or without warnings
  1    a file is not a policy, or cannot be read
  64   the command line is wrong";

/// Checks policy files, and shows every problem at its place
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The policy files, YAML or JSON; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    form: OutputArgs,
}

/// Checks the files, and writes their problems to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    stream::check_one_reader(args.files.iter().map(|path| ("FILE", path.as_path())))?;
    let files = args
        .files
        .iter()
        .map(|path| PolicyFile::open_or_blame(path));
    let files: Vec<_> = files.collect();
    heard(write(&files, args.form.output))?;
    Ok(if files.iter().all(PolicyFile::is_valid) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn write(files: &[PolicyFile], form: OutputForm) -> io::Result<()> {
    match form {
        OutputForm::Text => {
            let texts: String = files.iter().map(PolicyFile::show).collect();
            output::print(&texts)
        }
        OutputForm::Json => output::print_json(members(files)),
    }
}

fn members(files: &[PolicyFile]) -> Map<String, Value> {
    let problems = files.iter().flat_map(|file| {
        let problems = file.problems.iter();
        problems.map(|problem| problem.to_json(&file.path, &file.text))
    });
    let counts = files.iter().map(|file| {
        json!({
            "file": file.path,
            "rules": file.items.iter().filter(|item| kind(item) == RowKind::Rule).count(),
            "errors": file.count(Severity::Error),
            "warnings": file.count(Severity::Warning),
        })
    });
    [
        ("files".to_owned(), counts.collect()),
        ("problems".to_owned(), problems.collect()),
    ]
    .into_iter()
    .collect()
}

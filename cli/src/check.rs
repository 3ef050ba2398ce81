//! `tagwarden check`: looks at policy files.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::cli::{Output, OutputArgs};
use crate::document;
use crate::exit::{Exit, Failure};
use crate::policy_file::{PolicyFile, Severity, is_template};

const LONG_ABOUT: &str = "\
Checks policy files, and shows every mistake at its place

A file that passes is a policy to the functions too: the same code decides. The
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
  1    a file is not, or cannot be read
  2    the command line is wrong";

/// Checks policy files, and shows every mistake at its place
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The policy files, YAML or JSON
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    form: OutputArgs,
}

/// Checks the files and writes what is wrong with them to standard output.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let files = args.files.iter().map(|path| PolicyFile::open(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    write(&files, args.form.output).map_err(|error| Failure::unwritten(&error))?;
    Ok(if files.iter().all(PolicyFile::is_sound) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn write(files: &[PolicyFile], output: Output) -> io::Result<()> {
    match output {
        Output::Text => {
            let mut out = anstream::stdout().lock();
            for file in files {
                file.show(&mut out)?;
            }
            out.flush()
        }
        Output::Json => document::print(members(files)),
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
            "rules": file.items.iter().filter(|item| !is_template(item)).count(),
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

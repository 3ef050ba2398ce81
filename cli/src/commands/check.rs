//! `tagwarden check`: finds the problems of policy files.

use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use tagwarden_core::policy::RowKind;

use crate::exit::{CommandError, Exit, heard};
use crate::output;
use crate::pipeline::junit::{self, PipelineTest, TestResult};
use crate::pipeline::{
    FilePlace, FindingKind, FindingLevel, PipelineFinding, annotations, line_and_column, sarif,
};
use crate::policy_file::PolicyFile;
use crate::policy_file::rows::kind;
use crate::stream;
use crate::text::problem::{Severity, TextProblem};

const LONG_ABOUT: &str = "\
Checks policy files, and shows every problem at its place

The functions accept a file that passes, because the same code decides. The
command needs no AWS account and no network.

For pipelines it writes SARIF, JUnit and annotations of GitHub Actions.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden check policy.yaml
  tagwarden check --output json *.yaml | jq -r '.problems[].message'
  tagwarden check --output sarif *.yaml > tagwarden.sarif

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

    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        help = "Write text, json, sarif, junit or\ngithub"
    )]
    output: CheckForm,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum CheckForm {
    #[default]
    Text,
    Json,
    Sarif,
    Junit,
    Github,
}

/// The kinds of findings.
const KINDS: [FindingKind; 2] = [
    FindingKind {
        id: "policy-error",
        means: "The file is not a policy. The functions would do nothing.",
    },
    FindingKind {
        id: "policy-warning",
        means: "The file is a policy, but perhaps not what its author meant.",
    },
];

/// Checks the files, and writes their problems to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    stream::check_one_reader(args.files.iter().map(|path| ("FILE", path.as_path())))?;
    let files = args
        .files
        .iter()
        .map(|path| PolicyFile::open_or_blame(path));
    let files: Vec<_> = files.collect();
    heard(write(&files, args.output))?;
    Ok(if files.iter().all(PolicyFile::is_valid) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn write(files: &[PolicyFile], form: CheckForm) -> io::Result<()> {
    match form {
        CheckForm::Text => {
            let texts: String = files.iter().map(PolicyFile::show).collect();
            output::print(&texts)
        }
        CheckForm::Json => output::print_json(members(files)),
        CheckForm::Sarif => {
            let document = sarif::document("check", &KINDS, findings(files), &[]);
            output::print_with(|out| output::write_json(out, &document))
        }
        CheckForm::Junit => {
            output::print_with(|out| junit::write(out, "tagwarden check", tests(files)))
        }
        CheckForm::Github => {
            output::print_with(|out| out.write_all(annotations::lines(&findings(files)).as_bytes()))
        }
    }
}

/// The problems as findings.
fn findings(files: &[PolicyFile]) -> Vec<PipelineFinding> {
    let findings = files.iter().flat_map(|file| {
        let problems = file.problems.iter();
        problems.map(|problem| finding(file, problem))
    });
    findings.collect()
}

fn finding(file: &PolicyFile, problem: &TextProblem) -> PipelineFinding {
    let [error, warning] = KINDS;
    let (kind, level) = match problem.severity {
        Severity::Error => (error, FindingLevel::Error),
        Severity::Warning => (warning, FindingLevel::Warning),
    };
    let place = |at| line_and_column(&file.text, at);
    // An empty region is where something is missing. It has a character all the same, because SARIF's readers want one.
    let (start, mut end) = (place(problem.span.start), place(problem.span.end));
    if end == start {
        end.1 += 1;
    }
    PipelineFinding {
        kind,
        level,
        message: in_words(problem),
        place: Some(FilePlace {
            path: file.path.clone(),
            start,
            end,
        }),
        instance: None,
        // Not the line, so that a problem stays the same where others are fixed above it.
        identity: format!("{}\n{}", file.path, problem.message),
    }
}

/// The message, and what to do.
fn in_words(problem: &TextProblem) -> String {
    match &problem.help {
        Some(help) => format!("{}\n{help}", problem.message),
        None => problem.message.clone(),
    }
}

/// A test for each error, or one that passed for a file without errors.
fn tests(files: &[PolicyFile]) -> Vec<PipelineTest> {
    files.iter().flat_map(tests_of).collect()
}

fn tests_of(file: &PolicyFile) -> Vec<PipelineTest> {
    let at = |problem: &TextProblem| {
        let (line, column) = line_and_column(&file.text, problem.span.start);
        format!("{}:{line}:{column}", file.path)
    };
    let of = |severity| {
        file.problems
            .iter()
            .filter(move |it| it.severity == severity)
    };
    let warnings = of(Severity::Warning);
    let warnings: Vec<String> = warnings
        .map(|problem| format!("{}: warning: {}", at(problem), in_words(problem)))
        .collect();
    let errors = of(Severity::Error).map(|problem| PipelineTest {
        group: file.path.clone(),
        name: at(problem),
        result: TestResult::Failed {
            kind: "policy-error".to_owned(),
            message: problem.message.clone(),
        },
        output: in_words(problem),
    });
    let mut tests: Vec<PipelineTest> = errors.collect();
    if tests.is_empty() {
        tests.push(PipelineTest {
            group: file.path.clone(),
            name: "is a policy".to_owned(),
            result: TestResult::Passed,
            output: warnings.join("\n"),
        });
    }
    tests
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

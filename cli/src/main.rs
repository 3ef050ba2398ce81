//! tagwarden's command for operators.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line: the subcommands, the options they share, their help |
//! | [`commands`] | the subcommands, one module each |
//! | [`forecast`] | what the rule would say and the remediation would do |
//! | [`preflight`] | what is about to be created, judged before it is |
//! | [`policy_file`] | the policy as a file: reading, checking and writing it |
//! | [`policy_table`] | the policy table in DynamoDB |
//! | [`chosen_policy`] | the policy that a command judges by: a file, or the table |
//! | [`tag_policy`] | the tag policies of AWS Organizations |
//! | [`changes`] | what makes the table like the file: found, shown, written |
//! | [`ledger`] | the ledger: where it is, and what to do when it cannot be read |
//! | [`places`] | many accounts and Regions: which they are, and how each is opened |
//! | [`aws`] | the options of every command that calls AWS, and what to do when a call fails |
//! | [`text`] | files that people write, and problems at their places |
//! | [`debug`] | the calls to AWS, for the person who wonders |
//! | [`warnings`] | the engine's log, for the person who waits |
//! | [`pipeline`] | findings for the tools of a pipeline, such as SARIF |
//! | [`output`], [`table`], [`markdown`], [`spreadsheet`], [`save`] | output, tables, Markdown, CSV, files |
//! | [`stream`] | files and standard input, in any encoding |
//! | [`words`], [`when`], [`consent`] | numbers in sentences, times as people type them, yes or no |
//! | [`exit`] | exit statuses, and errors that say what to do next |
//!
//! Modules import only what stands below them: `cli`, then `commands`, then the rest; `exit` and `output` come last.

mod aws;
mod changes;
mod chosen_policy;
mod cli;
mod commands;
mod consent;
mod debug;
mod digest;
mod end_dates;
mod exit;
mod focus;
mod forecast;
mod ledger;
mod markdown;
mod output;
mod pipeline;
mod places;
mod policy_file;
mod policy_table;
mod preflight;
mod save;
mod saved_plan;
mod spreadsheet;
mod stream;
mod table;
mod tag_policy;
mod text;
mod warnings;
mod when;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Color, Command};
use commands::{
    apply, check, completions, demo, diff, doctor, explain, export, history, import, man, plan,
    pull, push, report, undo,
};
use exit::{CommandError, Exit};

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            cli.color.apply();
            if cli.debug {
                debug::switch_on();
            }
            run(cli.command).unwrap_or_else(|error| error.show())
        }
        // Help and the version come this way too.
        Err(message) => {
            Color::asked_for(std::env::args_os()).apply();
            // As with `output::note`, there is no place to report an error.
            let _ = message.print();
            if message.use_stderr() {
                Exit::Misused
            } else {
                Exit::Done
            }
        }
    }
    .into()
}

fn run(command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Push(args) => push::run(&args),
        Command::Pull(args) => pull::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Preflight(args) => commands::preflight::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Apply(args) => apply::run(&args),
        Command::History(args) => history::run(&args),
        Command::Undo(args) => undo::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}

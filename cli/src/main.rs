//! tagwarden's command for operators.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | what can be typed: the subcommands, the options they share, their help |
//! | [`exit`] | how the command ends: exit statuses, and errors that say what to do next |
//! | [`aws`] | the options of every command that calls AWS, and what stands in its way |
//! | [`policy_file`] | the policy as a file: reading, checking, writing it |
//! | [`policy_table`] | the policy table in DynamoDB |
//! | [`changes`] | what makes the table like the file: found, shown, written |
//! | [`check`], [`diff`], [`push`], [`pull`] | the subcommands about the policy, one each |
//! | [`plan`] | `tagwarden plan`: what would be done |
//! | [`apply`] | `tagwarden apply`: does it |
//! | [`recording`] | instances and launches that were recorded with the AWS CLI |
//! | [`ledger`] | the ledger: where it is, and what stands in the way |
//! | [`history`], [`undo`] | the subcommands about the ledger, one each |
//! | [`report`] | `tagwarden report`: the plan and the ledger as one HTML page |
//! | [`warnings`] | what the engine notes while it is at work |
//! | [`when`], [`consent`], [`table`], [`document`], [`save`] | moments as typed, yes or no, tables, JSON, files |
//! | [`demo`] | `tagwarden demo`: a policy at work in an AWS account inside this process |
//! | [`completions`], [`man`] | the subcommands about the command itself, one each |
//!
//! A subcommand is a module with its own `Args` and a `run` that takes them and gives an [`Exit`], or a [`Failure`] that
//! says what to do next.

mod apply;
mod aws;
mod changes;
mod check;
mod cli;
mod completions;
mod consent;
mod demo;
mod diff;
mod document;
mod exit;
mod history;
mod ledger;
mod man;
mod plan;
mod policy_file;
mod policy_table;
mod pull;
mod push;
mod recording;
mod report;
mod save;
mod table;
mod undo;
mod warnings;
mod when;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Color, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            cli.color.apply();
            run(cli.command).unwrap_or_else(|failure| failure.tell())
        }
        // Help and the version come this way too.
        Err(message) => {
            Color::asked_for(std::env::args_os()).apply();
            // Where even this cannot be written there is nobody left to tell.
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

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args).map(|()| Exit::Done),
        Command::Check(args) => check::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Push(args) => push::run(&args),
        Command::Pull(args) => pull::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Apply(args) => apply::run(&args),
        Command::History(args) => history::run(&args),
        Command::Undo(args) => undo::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

//! tagwarden's command for operators.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | what can be typed: the subcommands, the options they share, their help |
//! | [`exit`] | how the command ends: exit statuses, and errors that say what to do next |
//! | [`demo`] | `tagwarden demo`: a policy at work in an AWS account inside this process |
//!
//! A subcommand is a module with its own `Args` and a `run` that takes them and gives a [`Failure`] at worst.

mod cli;
mod demo;
mod exit;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Color, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            cli.color.apply();
            run(cli.command).map_or_else(|failure| failure.tell(), |()| Exit::Done)
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

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
    }
}

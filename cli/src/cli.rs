//! What can be typed.

use std::ffi::OsString;

use anstream::ColorChoice;
use clap::{Parser, Subcommand, ValueEnum};

use crate::{apply, check, completions, demo, diff, history, man, plan, pull, push, report, undo};

const AFTER_HELP: &str = "\
Start here:
  tagwarden demo                a policy at work, inside this program
  tagwarden pull policy.yaml    the policy table as a file
  tagwarden check policy.yaml   every mistake in it, at its place
  tagwarden plan                what would be done, and to which instances
  tagwarden push policy.yaml    back into the table, after you said yes
  tagwarden history             what was done, from the ledger
  tagwarden undo --since 1h     takes tags back, after you said yes
  tagwarden report page.html    how compliant the fleet is, as a page

Exit status:
  0    done
  1    something failed; the message says what to do next
  2    the command line is wrong; of `diff` and `plan`: there are differences";

const COLOR_HELP: &str = "\
Use colours: auto, always or never

auto goes by NO_COLOR, CLICOLOR_FORCE and CLICOLOR; without them, it
uses colours on a terminal.";

/// Keeps the EC2 instances of an AWS account tagged as a policy table demands
#[derive(Debug, Parser)]
#[command(name = "tagwarden", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Cli {
    /// Use colours: auto, always or never
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        long_help = COLOR_HELP
    )]
    pub color: Color,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Args),
    Check(check::Args),
    Diff(diff::Args),
    Push(push::Args),
    Pull(pull::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    History(history::Args),
    Undo(undo::Args),
    Report(report::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// How a command tells what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum Output {
    #[default]
    Text,
    Json,
}

/// The option for it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct OutputArgs {
    /// What to write: text, to read, or json
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    pub output: Output,
}

/// Whether to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// What a command line asks for that clap did not read to its end, so that its own messages keep to it.
    /// Anything unreadable counts as [`Color::Auto`].
    pub fn asked_for(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut arguments = arguments
            .into_iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .take_while(|argument| argument != "--");
        let mut asked = None;
        while let Some(argument) = arguments.next() {
            if argument == "--color" {
                asked = arguments.next();
            } else if let Some(when) = argument.strip_prefix("--color=") {
                asked = Some(when.to_owned());
            }
        }
        asked
            .and_then(|when| Self::from_str(&when, false).ok())
            .unwrap_or_default()
    }

    /// Makes everything that this process writes from now on keep to it.
    pub fn apply(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
        // Tables are always styled, and what is written strips it where it is not wanted; left to itself, the
        // library underneath would leave colours out for NO_COLOR, which `--color always` overrules.
        crossterm::style::force_color_output(true);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn colour_is_found_in_any_command_line() {
        let asked = |line: &str| Color::asked_for(line.split(' ').map(Into::into));
        assert_eq!(asked("tagwarden"), Color::Auto);
        assert_eq!(asked("tagwarden --color never --oops"), Color::Never);
        assert_eq!(asked("tagwarden --oops demo --color=always"), Color::Always);
        assert_eq!(asked("tagwarden --color"), Color::Auto);
        assert_eq!(asked("tagwarden --color sometimes"), Color::Auto);
        assert_eq!(asked("tagwarden -- --color never"), Color::Auto);
    }
}

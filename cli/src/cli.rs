//! The command line.

use std::ffi::OsString;

use anstream::ColorChoice;
use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{
    apply, check, completions, demo, diff, doctor, explain, export, history, import, man, plan,
    preflight, pull, push, report, undo,
};

const AFTER_HELP: &str = "\
Start here:
  tagwarden demo                a policy at work, inside this program
  tagwarden pull policy.yaml    the policy table as a file
  tagwarden check policy.yaml   every mistake in it, at its place
  tagwarden plan                what would be done, and to which instances
  tagwarden explain i-…         one instance: each rule, each safeguard
  tagwarden preflight plan.json what Terraform would create, judged
  tagwarden push policy.yaml    back into the table, after you said yes
  tagwarden history             what was done, from the ledger
  tagwarden undo --since 1h     takes tags back, after you said yes
  tagwarden report page.html    how compliant the fleet is, as a page
  tagwarden doctor              what keeps tagwarden from working here

Exit status:
  0    done
  1    something failed; the message says what to do next
  2    of `diff` and `plan`: there are differences; of `preflight`: errors;
       of `doctor`: faults
  64   the command line is wrong
  130  of `apply`: it was interrupted";

const COLOR_HELP: &str = "\
Use colours: auto, always or never

auto goes by NO_COLOR, CLICOLOR_FORCE and CLICOLOR; without them, it
uses colours on a terminal.";

const DEBUG_HELP: &str = "\
Show each call to AWS on standard error

Names the service, the operation, the host, the answer, the attempt,
the time and AWS's request id, and before them the settings as they
were understood. Never shows credentials, signatures or what a call
says.";

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

    /// Show each call to AWS on standard error
    #[arg(long, global = true, long_help = DEBUG_HELP)]
    pub debug: bool,

    /// The subcommand.
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
    Explain(explain::Args),
    Preflight(preflight::Args),
    Import(import::Args),
    Export(export::Args),
    Apply(apply::Args),
    History(history::Args),
    Undo(undo::Args),
    Report(report::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
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
    /// Finds the option in a command line that clap refused, so that clap's message follows it too.
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

    /// Applies it to everything that this process writes from now on.
    pub fn apply(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
        // Tables are always styled; the output stream strips the styles where they are not wanted. Without this, the
        // library underneath would omit colours for NO_COLOR, although `--color always` overrules it.
        crossterm::style::force_color_output(true);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn finds_the_colour_option_in_any_command_line() {
        let asked = |line: &str| Color::asked_for(line.split(' ').map(Into::into));
        assert_eq!(asked("tagwarden"), Color::Auto);
        assert_eq!(asked("tagwarden --color never --oops"), Color::Never);
        assert_eq!(asked("tagwarden --oops demo --color=always"), Color::Always);
        assert_eq!(asked("tagwarden --color"), Color::Auto);
        assert_eq!(asked("tagwarden --color sometimes"), Color::Auto);
        assert_eq!(asked("tagwarden -- --color never"), Color::Auto);
    }
}

//! `tagwarden completions`: writes what a shell needs to complete this command's words.

use std::io::{self, Write};

use clap::{Arg, Command, ValueHint};
use clap_complete::{Shell, generate};

use crate::exit::{CommandError, Exit, heard};

const LONG_ABOUT: &str = "\
Writes what a shell needs to complete tagwarden's words

The shell then completes subcommands, options, the values of options, and files.
A script knows the words of one version of tagwarden: write it again after an
update.";

const AFTER_LONG_HELP: &str = "\
Examples:
  # bash, with the package bash-completion
  mkdir -p ~/.local/share/bash-completion/completions
  tagwarden completions bash \\
    > ~/.local/share/bash-completion/completions/tagwarden

  # zsh: a directory of $fpath, named in ~/.zshrc before compinit runs
  #   fpath+=(~/.zfunc); autoload -Uz compinit; compinit
  mkdir -p ~/.zfunc
  tagwarden completions zsh > ~/.zfunc/_tagwarden

  # fish
  tagwarden completions fish > ~/.config/fish/completions/tagwarden.fish

  # elvish, in ~/.config/elvish/rc.elv
  eval (tagwarden completions elvish | slurp)

  # PowerShell, in the file that $PROFILE names
  tagwarden completions powershell | Out-String | Invoke-Expression

Exit status:
  0    done
  1    the output could not be written
  64   the command line is wrong";

/// Writes what a shell needs to complete tagwarden's words
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_enum, value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

/// Writes the script for `command`, the whole command line, to standard output.
pub fn run(args: &Args, command: Command) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    generate(args.shell, &mut hinted(command), "tagwarden", &mut script);
    let mut out = io::stdout().lock();
    let written = out.write_all(&script).and_then(|()| out.flush());
    heard(written)?;
    Ok(Exit::Done)
}

/// Marks the values that are not files. Without this, a shell offers files for every value that it does not know.
fn hinted(command: Command) -> Command {
    let hinted = |arg: Arg| {
        if arg.get_action().takes_values() && arg.get_value_hint() == ValueHint::Unknown {
            arg.value_hint(ValueHint::Other)
        } else {
            arg
        }
    };
    command
        .mut_args(hinted)
        .mut_subcommands(|subcommand| subcommand.mut_args(hinted))
}

//! `tagwarden man`: the manual, as pages for `man`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`page`] | one page, made from the help of one command |
//! | [`external`] | environment variables and files that commands read |

mod external;
mod page;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;

use crate::exit::{CommandError, Exit, heard};
use crate::output;
use crate::words::count;
use page::ManPage;

const LONG_ABOUT: &str = "\
Writes the manual pages: tagwarden(1), and one for each subcommand

They have the text of the help, and name the variables and files that each
command reads. Without a directory, they go to standard output, one after the
other.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden man | man -l -
  tagwarden man ~/.local/share/man/man1 && man tagwarden-plan

Exit status:
  0    done
  1    a page could not be written; the message says which
  64   the command line is wrong";

/// Writes the manual pages
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The directory, created if needed [default: standard output]
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    directory: Option<PathBuf>,
}

/// Writes the pages of `command`, the whole command line.
pub fn run(args: &Args, command: Command) -> Result<Exit, CommandError> {
    let pages = page::all(command).map_err(|error| CommandError::unwritten(&error))?;
    match &args.directory {
        Some(directory) => {
            save(directory, &pages)?;
            let count = count(pages.len(), "page");
            output::note(format_args!("{count} written to {}", directory.display()));
        }
        None => {
            heard(print(&pages))?;
        }
    }
    Ok(Exit::Done)
}

fn print(pages: &[ManPage]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for page in pages {
        out.write_all(page.text.as_bytes())?;
    }
    out.flush()
}

/// Writes a file for each page, and replaces those of an earlier version.
fn save(directory: &Path, pages: &[ManPage]) -> Result<(), CommandError> {
    let failure = |path: &Path, error: &io::Error| {
        CommandError::new(
            &format!(
                "{:?} cannot be written: {error}",
                path.display().to_string()
            ),
            "Name a directory that you may write to, or write the pages to standard output: `tagwarden man | man -l -` \
             shows them.",
        )
    };
    fs::create_dir_all(directory).map_err(|error| failure(directory, &error))?;
    for page in pages {
        let path = directory.join(&page.file);
        fs::write(&path, &page.text).map_err(|error| failure(&path, &error))?;
    }
    Ok(())
}

//! `tagwarden man`: the manual, as pages for `man`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`page`] | one page, made of the help of one command |
//! | [`outside`] | variables and files that the pages tell of |

mod outside;
mod page;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};
use crate::policy_file::count;
use page::Page;

const LONG_ABOUT: &str = "\
Writes the manual pages: tagwarden(1), and one for each subcommand

They say what the help says, and which variables and files are read. Without a
directory they go to standard output, one after the other.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden man | man -l -
  tagwarden man ~/.local/share/man/man1 && man tagwarden-plan

Exit status:
  0    done
  1    a page could not be written; the message says which
  2    the command line is wrong";

/// Writes the manual pages
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The directory for them, made if need be [default: standard output]
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    directory: Option<PathBuf>,
}

/// Writes the pages.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let pages = page::all(Cli::command()).map_err(|error| Failure::unwritten(&error))?;
    match &args.directory {
        Some(directory) => {
            save(directory, &pages)?;
            // Where even this cannot be written there is nobody left to tell.
            let _ = writeln!(
                anstream::stderr(),
                "{} written to {}",
                count(pages.len(), "page"),
                directory.display()
            );
        }
        None => print(&pages).map_err(|error| Failure::unwritten(&error))?,
    }
    Ok(Exit::Done)
}

fn print(pages: &[Page]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for page in pages {
        out.write_all(page.text.as_bytes())?;
    }
    out.flush()
}

/// Writes a file for each page, over those of an earlier version.
fn save(directory: &Path, pages: &[Page]) -> Result<(), Failure> {
    let failure = |path: &Path, error: &io::Error| {
        Failure::new(
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

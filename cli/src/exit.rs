//! How the command ends: its exit status, and errors that say what to do next.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use owo_colors::OwoColorize;

use crate::output;
use crate::words::{printable, printable_line};

/// The exit statuses, the same for every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done. For a command that looks for differences: there are none.
    Done,
    /// 2: the command was asked to look for differences, and there are some.
    Differs,
    /// 1: something failed.
    Failed,
    /// 64: the command line is wrong. This is `EX_USAGE` of `sysexits.h`.
    Misused,
    /// 130: a signal ended the command. Shells use this number for Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differs => 2,
            Self::Misused => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a subcommand ended before its time.
#[derive(Debug)]
pub enum CommandError {
    /// Something went wrong, and there is something to do about it: a whole sentence each.
    Failed { what: String, what_next: String },
    /// Everything is said already. Only the exit status is left.
    AlreadyShown(Exit),
}

impl CommandError {
    /// What went wrong, as an error or a text, and what to do next.
    pub fn new(what: &dyn Display, what_next: impl Into<String>) -> Self {
        Self::Failed {
            what: what.to_string(),
            what_next: what_next.into(),
        }
    }

    /// Puts a sentence before what to do next.
    pub fn after(self, sentence: &str) -> Self {
        match self {
            Self::Failed { what, what_next } => Self::Failed {
                what,
                what_next: format!("{sentence} {what_next}"),
            },
            shown @ Self::AlreadyShown(_) => shown,
        }
    }

    /// The output could not be written. A reader that stopped reading is no error: see [`heard`].
    pub fn unwritten(error: &io::Error) -> Self {
        Self::new(
            &format!("the output could not be written: {error}"),
            "Check where the output goes, then run the command again.",
        )
    }

    /// Writes `error: …` and what to do next to standard error, and returns the exit status.
    pub fn show(&self) -> Exit {
        match self {
            Self::Failed { what, what_next } => {
                let error = "error:".red();
                // AWS, tables and files have a part in some messages.
                let (what, what_next) = (printable_line(what), printable(what_next));
                output::note(format_args!("{} {what}\n\n{what_next}", error.bold()));
                Exit::Failed
            }
            Self::AlreadyShown(exit) => *exit,
        }
    }
}

/// Whether anybody can have read what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was written.
    Delivered,
    /// The reader has stopped reading, as `| head` does.
    NobodyReads,
}

/// The result of writing output. A reader that has stopped reading changes neither what a command does nor how it ends.
///
/// # Errors
/// The output cannot be written for another reason, such as a full disk.
pub fn heard(written: io::Result<()>) -> Result<Delivery, CommandError> {
    match written {
        Ok(()) => Ok(Delivery::Delivered),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Delivery::NobodyReads),
        Err(error) => Err(CommandError::unwritten(&error)),
    }
}

//! How the command ends.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use owo_colors::OwoColorize;

/// The exit statuses, the same for every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done; where a command looks for differences, there are none.
    Done,
    /// 2: there are differences, which the command was asked to look for.
    Differs,
    /// 1: something failed.
    Failed,
    /// 2: the command line is wrong.
    Misused,
    /// 130: somebody ended it, as shells have it for Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number of it.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differs | Self::Misused => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a subcommand could not do, and what whoever reads it can do next.
#[derive(Debug)]
pub struct Failure {
    what: String,
    what_next: String,
    /// Whoever read the output has stopped: nothing is wrong.
    is_unheard: bool,
}

impl Failure {
    /// What went wrong, an error or a text, and the next step: a whole sentence each way.
    pub fn new(what: &dyn Display, what_next: impl Into<String>) -> Self {
        Self {
            what: what.to_string(),
            what_next: what_next.into(),
            is_unheard: false,
        }
    }

    /// The same, where something has to be said before the next step.
    pub fn after(self, said_first: &str) -> Self {
        Self {
            what_next: format!("{said_first} {}", self.what_next),
            ..self
        }
    }

    /// The output could not be written.
    pub fn unwritten(error: &io::Error) -> Self {
        Self {
            what: format!("the output could not be written: {error}"),
            what_next: "Look at where the output goes, then run the command again.".to_owned(),
            is_unheard: error.kind() == io::ErrorKind::BrokenPipe,
        }
    }

    /// Writes `error: …` and the next step to standard error. A closed pipe, as `| head` leaves one, is told to
    /// nobody.
    pub fn tell(&self) -> Exit {
        if self.is_unheard {
            return Exit::Done;
        }
        let (what, what_next) = (&self.what, &self.what_next);
        // Where even this cannot be written there is nobody left to tell.
        let _ = writeln!(
            anstream::stderr(),
            "{} {what}\n\n{what_next}",
            "error:".red().bold()
        );
        Exit::Failed
    }
}

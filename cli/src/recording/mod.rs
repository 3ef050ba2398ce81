//! What somebody recorded with the AWS CLI, or AWS Config delivered: instances and launches, read from a file.
//!
//! A recording is read as it comes, instance by instance: only what the policy needs is kept.

pub mod events;
pub mod instances;
mod walk;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::de::Error as _;
use serde_json::de::{Deserializer, IoRead};

use crate::exit::Failure;

/// What a recording is read in.
const BUFFER: usize = 1 << 20;

/// How a gzip file begins.
///
/// See [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952), section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a recording is read from.
type Input = Deserializer<IoRead<BufReader<Box<dyn Read>>>>;

/// How messages name a recording.
pub fn name(path: &Path) -> String {
    if is_standard_input(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A recording, and what it is a recording of.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    path: &'a Path,
    /// The command that writes such a file.
    command: &'static str,
}

impl Source<'_> {
    fn name(self) -> String {
        name(self.path)
    }

    /// Reads every JSON document in it, one after the other, with `read_one`.
    fn read(
        self,
        mut read_one: impl FnMut(&mut Input) -> serde_json::Result<()>,
    ) -> Result<(), Failure> {
        let input: Box<dyn Read> = if is_standard_input(self.path) {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(self.path).map_err(|error| self.unreadable(&error))?)
        };
        let mut input = BufReader::with_capacity(BUFFER, input);
        let beginning = io::BufRead::fill_buf(&mut input);
        let beginning = beginning.map_err(|error| self.unreadable(&error))?;
        if beginning.starts_with(&GZIP) {
            return Err(Failure::new(
                &format!("{} is compressed", self.name()),
                "Unpack it on the way: gunzip -c FILE | tagwarden plan --instances - …",
            ));
        }
        let mut documents = 0;
        let mut input = Deserializer::from_reader(input);
        loop {
            // Only the deserializer itself knows whether nothing follows but blanks.
            match input.end() {
                Ok(()) if documents > 0 => return Ok(()),
                Ok(()) => return Err(self.broken(&serde_json::Error::custom("it is empty"))),
                Err(error) if error.is_io() => return Err(self.broken(&error)),
                Err(_) => {}
            }
            read_one(&mut input).map_err(|error| self.broken(&error))?;
            documents += 1;
        }
    }

    fn unreadable(self, error: &io::Error) -> Failure {
        Failure::new(
            &format!("{} cannot be read: {error}", self.name()),
            format!("Look at the path. `{}` writes such a file.", self.command),
        )
    }

    /// Names the file and the place in it.
    fn broken(self, error: &serde_json::Error) -> Failure {
        let what = error.to_string();
        let place = match (error.line(), error.column()) {
            (0, _) => String::new(),
            (line, column) => format!(":{line}:{column}"),
        };
        let end = format!(" at line {} column {}", error.line(), error.column());
        let what = what.strip_suffix(&end).unwrap_or(&what);
        Failure::new(
            &format!("{}{place}: {what}", self.name()),
            format!("`{}` writes such a file.", self.command),
        )
    }
}

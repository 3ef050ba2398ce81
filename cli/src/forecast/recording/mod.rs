//! Reads instances and launches from recordings: files from the AWS CLI or from AWS Config.
//!
//! A recording is parsed instance by instance, and only what the policy needs is kept.

pub mod events;
mod gaps;
pub mod instances;
mod shape;
mod walk;

use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use serde::Deserializer;
use serde::de::Error as _;

use crate::exit::CommandError;
use crate::stream;

/// The most bytes of a recording that are read before parsing starts: about 30,000 instances.
///
/// To parse from memory is much faster than to parse a stream. The rest of a larger recording is streamed.
const AT_ONCE: u64 = 256 << 20;

/// The size of the buffer for the streamed rest, in bytes.
const BUFFER: usize = 1 << 20;

/// What a recording is parsed into.
trait Recorded {
    /// Adds the contents of one JSON document.
    fn add<'de, D: Deserializer<'de>>(&mut self, document: D) -> Result<(), D::Error>;
}

/// Adds every JSON document of the input, one after the other.
fn read_documents<'de, R: serde_json::de::Read<'de>>(
    mut input: serde_json::Deserializer<R>,
    recorded: &mut impl Recorded,
) -> serde_json::Result<()> {
    let mut documents = 0;
    loop {
        // Only the deserializer knows whether anything but blanks follows.
        match input.end() {
            Ok(()) if documents > 0 => return Ok(()),
            Ok(()) => return Err(serde_json::Error::custom("the file is empty")),
            Err(error) if error.is_io() => return Err(error),
            Err(_) => {}
        }
        recorded.add(&mut input)?;
        documents += 1;
    }
}

/// A recording, and the command that writes such a file.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    path: &'a Path,
    /// The command that writes such a file.
    command: &'static str,
}

impl Source<'_> {
    fn name(self) -> String {
        stream::name(self.path)
    }

    /// Adds the contents of the recording to `recorded`.
    fn read(self, recorded: &mut impl Recorded) -> Result<(), CommandError> {
        let (input, size) = stream::open(self.path).map_err(|error| self.unreadable(&error))?;
        self.read_from(input, size, AT_ONCE, recorded)
    }

    /// Adds the contents of `input`. Its probable size is `size`; up to `at_once` bytes are read before parsing starts.
    fn read_from(
        self,
        input: impl Read,
        size: u64,
        at_once: u64,
        recorded: &mut impl Recorded,
    ) -> Result<(), CommandError> {
        let room = usize::try_from(size.min(at_once)).unwrap_or_default();
        let mut bytes = Vec::with_capacity(room);
        let mut beginning = input.take(at_once);
        beginning
            .read_to_end(&mut bytes)
            .map_err(|error| self.unreadable(&error))?;
        let documents = if beginning.limit() > 0 {
            read_documents(serde_json::Deserializer::from_slice(&bytes), recorded)
        } else {
            let input = bytes.as_slice().chain(beginning.into_inner());
            let input = BufReader::with_capacity(BUFFER, input);
            read_documents(serde_json::Deserializer::from_reader(input), recorded)
        };
        documents.map_err(|error| self.broken(&error))
    }

    fn unreadable(self, error: &io::Error) -> CommandError {
        let advice = match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput => {
                "It was cut off or damaged: copy it again."
            }
            ErrorKind::InvalidData => {
                "It must be JSON in UTF-8, or in UTF-16 with a byte-order mark."
            }
            _ => "Check the path.",
        };
        CommandError::new(
            &format!("{} cannot be read: {error}", self.name()),
            format!("{advice} `{}` writes such a file.", self.command),
        )
    }

    /// The error for a recording that does not parse, with the file and the place in it.
    fn broken(self, error: &serde_json::Error) -> CommandError {
        let what = error.to_string();
        let place = match (error.line(), error.column()) {
            (0, _) => String::new(),
            (line, column) => format!(":{line}:{column}"),
        };
        let end = format!(" at line {} column {}", error.line(), error.column());
        let what = what.strip_suffix(&end).unwrap_or(&what);
        CommandError::new(
            &format!("{}{place}: {what}", self.name()),
            format!("`{}` writes such a file.", self.command),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    impl Recorded for Vec<Value> {
        fn add<'de, D: Deserializer<'de>>(&mut self, document: D) -> Result<(), D::Error> {
            self.push(Value::deserialize(document)?);
            Ok(())
        }
    }

    /// The documents in `text` if `at_once` bytes are read before parsing starts.
    fn found(text: &str, at_once: usize) -> Result<Vec<Value>, String> {
        let source = Source {
            path: Path::new("it"),
            command: "it",
        };
        let mut values = Vec::new();
        let size = text.len() as u64;
        let read = source.read_from(text.as_bytes(), size, at_once as u64, &mut values);
        read.map(|()| values)
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn parses_the_same_however_much_is_read_at_once() {
        for (text, documents) in [
            ("{\"a\": [1,\n \"\u{e9}\"]}\n[2]\n", 2),
            ("{\"a\": [1,\n \"\u{e9}\"]}\n[2", 0),
            ("[1,\n  x]", 0),
            ("", 0),
        ] {
            let whole = found(text, 1_000);
            assert_eq!(whole.as_ref().map_or(0, Vec::len), documents, "{whole:?}");
            for at_once in 0..=text.len() {
                assert_eq!(found(text, at_once), whole, "{at_once}");
            }
        }
    }
}

//! Reads launches from the output of `aws cloudtrail lookup-events`.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use tagwarden_remediation::launcher::{RecordedEvent, RecordedLaunches};

use super::walk::{As, members};
use super::{Recorded, Source};
use crate::exit::CommandError;

/// The command that writes such a file.
const COMMAND: &str = "aws cloudtrail lookup-events --lookup-attributes \
                       AttributeKey=EventName,AttributeValue=RunInstances --output json > FILE";

/// Adds the launches of a recording to `launches`; `-` is standard input.
///
/// Accepts `Events`, a list of events, and several such documents one after the other.
///
/// # Errors
/// The file cannot be read, is not JSON, or is not such a recording. The message names the place.
pub fn read(path: &Path, launches: &mut RecordedLaunches) -> Result<(), CommandError> {
    let source = Source {
        path,
        command: COMMAND,
    };
    source.read(launches)
}

impl Recorded for RecordedLaunches {
    fn add<'de, D: Deserializer<'de>>(&mut self, document: D) -> Result<(), D::Error> {
        As(Document(self)).deserialize(document)
    }
}

/// One JSON document.
struct Document<'a>(&'a mut RecordedLaunches);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events: an object with Events, or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        members(map, "launches are in Events", |name, map| {
            let is_known = name == "Events";
            if is_known {
                map.next_value_seed(As(Events(&mut *self.0)))?;
            }
            Ok(is_known)
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Events(self.0).visit_seq(seq)
    }
}

/// The list of events.
struct Events<'a>(&'a mut RecordedLaunches);

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list Events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            let event = seq.next_element::<RecordedEvent>();
            let event = event
                .map_err(|error| A::Error::custom(format_args!("Events[{number}]: {error}")))?;
            let Some(event) = event else {
                return Ok(());
            };
            self.0.add(&event);
            number += 1;
        }
    }
}

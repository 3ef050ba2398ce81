//! Launches: what `aws cloudtrail lookup-events` wrote.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tagwarden_remediation::launcher::{RecordedEvent, RecordedLaunches};

use super::Source;
use crate::exit::Failure;

/// The command that writes such a file.
const COMMAND: &str = "aws cloudtrail lookup-events --lookup-attributes \
                       AttributeKey=EventName,AttributeValue=RunInstances --output json > FILE";

/// Adds the launches of a recording to `launches`; `-` is standard input.
///
/// Takes `Events`, a list of events, and several of these one after the other.
///
/// # Errors
/// The file cannot be read, is no JSON, or no such recording: the message names the place.
pub fn read(path: &Path, launches: &mut RecordedLaunches) -> Result<(), Failure> {
    let source = Source {
        path,
        command: COMMAND,
    };
    source.read(|input| Document(&mut *launches).deserialize(input))
}

/// One JSON document.
struct Document<'a>(&'a mut RecordedLaunches);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events: an object with Events, or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut others = Vec::new();
        let mut is_known = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "Events" {
                is_known = true;
                map.next_value_seed(Events(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
                others.push(name);
            }
        }
        if is_known {
            return Ok(());
        }
        let has = match others.as_slice() {
            [] => "it has no members".to_owned(),
            names => format!("its members are {}", names.join(", ")),
        };
        Err(A::Error::custom(format_args!(
            "launches are in Events, and {has}"
        )))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Events(self.0).visit_seq(seq)
    }
}

/// The list of events.
struct Events<'a>(&'a mut RecordedLaunches);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

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

//! Reads launches from the output of `aws cloudtrail lookup-events`, and from CloudTrail's own records.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tagwarden_remediation::launcher::{RecordedEvent, RecordedLaunches};

use super::walk::{As, Bare, members, unknown};
use super::{Recorded, Source};
use crate::exit::CommandError;
use crate::stream;

/// The command that writes such a file.
const COMMAND: &str = "aws cloudtrail lookup-events --lookup-attributes \
                       AttributeKey=EventName,AttributeValue=RunInstances --output json > FILE";

/// Where launches are, for errors.
const WHERE_THEY_ARE: &str = "launches are in Events";

/// Adds the launches of a recording to `launches`, and gives what is missing, each a whole sentence; `-` is standard
/// input.
///
/// Accepts `Events`, the `Records` of a trail's files, a list or single ones of either, the text of `CloudTrailEvent`,
/// and several such documents one after the other.
///
/// # Errors
/// The file cannot be read, is not JSON, or is not such a recording. The message names the place.
pub fn read(path: &Path, launches: &mut RecordedLaunches) -> Result<Vec<String>, CommandError> {
    let source = Source {
        path,
        command: COMMAND,
    };
    let mut found = FoundEvents {
        launches,
        is_cut_off: false,
    };
    source.read(&mut found)?;
    let note = found.is_cut_off.then(|| {
        format!(
            "{} ends early: it has a NextToken, so launches are missing. Record it without --max-items and \
             --no-paginate.",
            stream::name(path)
        )
    });
    Ok(note.into_iter().collect())
}

/// The launches that are added to.
struct FoundEvents<'a> {
    launches: &'a mut RecordedLaunches,
    /// Whether the last document says that there is another page.
    is_cut_off: bool,
}

impl Recorded for FoundEvents<'_> {
    fn add<'de, D: Deserializer<'de>>(&mut self, document: D) -> Result<(), D::Error> {
        As(Document(self)).deserialize(document)
    }
}

impl FoundEvents<'_> {
    fn add_event(&mut self, value: Value) -> serde_json::Result<()> {
        match value {
            Value::Null => Ok(()),
            // What `--query 'Events[].CloudTrailEvent'` makes of events.
            Value::String(text) => self.add_object(serde_json::from_str(&text)?),
            value => self.add_object(serde_json::from_value(value)?),
        }
    }

    fn add_object(&mut self, mut members: Map<String, Value>) -> serde_json::Result<()> {
        let event = if let Some(event_name) = members.get("eventName") {
            RecordedEvent {
                event_name: Some(String::deserialize(event_name)?),
                cloud_trail_event: Some(Value::Object(members).to_string()),
                ..RecordedEvent::default()
            }
        } else if is_event(&members) {
            if let Some(record @ Value::Object(_)) = members.get_mut("CloudTrailEvent") {
                *record = record.to_string().into();
            }
            RecordedEvent::deserialize(Value::Object(members))?
        } else {
            return Err(unknown(WHERE_THEY_ARE, &members));
        };
        self.launches.add(&event);
        Ok(())
    }
}

/// Whether the members are those of an event of a look-up.
fn is_event(members: &Map<String, Value>) -> bool {
    let of_events = ["EventName", "CloudTrailEvent", "EventId"];
    members.is_empty() || of_events.iter().any(|name| members.contains_key(*name))
}

/// One JSON document.
struct Document<'a, 'l>(&'a mut FoundEvents<'l>);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events: an object with Events, or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let found = self.0;
        found.is_cut_off = false;
        let mut is_cut_off = false;
        let rest = members(map, |name, map| match name {
            "Events" | "Records" => {
                let place = name;
                map.next_value_seed(As(Events { place, found }))?;
                Ok(Some(true))
            }
            "NextToken" | "nextToken" => {
                is_cut_off = map
                    .next_value::<Value>()?
                    .as_str()
                    .is_some_and(|it| !it.is_empty());
                Ok(Some(false))
            }
            _ => Ok(None),
        })?;
        found.is_cut_off = is_cut_off;
        match rest {
            Bare::Known => Ok(()),
            Bare::Members(members)
                if !members.is_empty()
                    && (is_event(&members) || members.contains_key("eventName")) =>
            {
                found.add_object(members).map_err(A::Error::custom)
            }
            Bare::Members(members) => Err(unknown(WHERE_THEY_ARE, &members)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let (place, found) = ("Events", self.0);
        Events { place, found }.visit_seq(seq)
    }
}

/// The list of events.
struct Events<'a, 'l> {
    /// The name of the list in messages.
    place: &'a str,
    found: &'a mut FoundEvents<'l>,
}

impl<'de> Visitor<'de> for Events<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the list {}", self.place)
    }

    // A projection writes null where there is nothing.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            let at_place = |error: &dyn fmt::Display| {
                A::Error::custom(format_args!("{}[{number}]: {error}", self.place))
            };
            let value = seq
                .next_element::<Value>()
                .map_err(|error| at_place(&error))?;
            let Some(value) = value else {
                return Ok(());
            };
            let added = self.found.add_event(value);
            added.map_err(|error| at_place(&error))?;
            number += 1;
        }
    }
}

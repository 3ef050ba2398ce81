//! Reads instances from the output of `aws ec2 describe-instances`, or from a snapshot of AWS Config.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tagwarden_core::Instance;
use tagwarden_core::resource::DescribedInstance;
use tagwarden_core::resource::configuration_item::{ConfigurationItem, INSTANCE_RESOURCE_TYPE};

use super::walk::{As, members};
use super::{Recorded, Source};
use crate::exit::CommandError;

/// The command that writes such a file.
const COMMAND: &str = "aws ec2 describe-instances --output json > FILE";

/// The instances of a recording, in the order of their ids; `-` is standard input.
///
/// Accepts `Reservations`, what `--query` makes of them (`Reservations[]`, `Reservations[].Instances[]` and the like),
/// the `configurationItems` of a Config snapshot or of a resource's history, and several such documents one after the
/// other. If an instance occurs more than once, the last one counts; of Config's items, the last captured.
///
/// # Errors
/// The file cannot be read, is not JSON, or is not such a recording. The message names the place.
pub fn read(path: &Path) -> Result<Vec<Instance>, CommandError> {
    let source = Source {
        path,
        command: COMMAND,
    };
    let mut found = Found::default();
    source.read(&mut found)?;
    Ok(found
        .instances
        .into_values()
        .map(|(_, instance)| instance)
        .collect())
}

/// Whether the recording seems to leave the tags out: it has several instances, and none has tags.
pub fn lack_tags(instances: &[Instance]) -> bool {
    let mut standing = instances.iter().filter(|it| !it.state.is_gone());
    standing.clone().count() > 1 && standing.all(|it| it.tags.is_empty())
}

/// The instances by id, with the time at which Config captured each.
#[derive(Default)]
struct Found {
    instances: BTreeMap<String, (Option<DateTime<Utc>>, Instance)>,
    /// The ids of the reservation that is being read. The AWS CLI writes a reservation's `OwnerId` after its instances.
    in_reservation: Vec<String>,
}

impl Recorded for Found {
    fn add<'de, D: Deserializer<'de>>(&mut self, document: D) -> Result<(), D::Error> {
        As(Document(self)).deserialize(document)
    }
}

impl Found {
    fn add_instance(&mut self, captured_at: Option<DateTime<Utc>>, instance: Instance) {
        self.in_reservation.push(instance.id.clone());
        let known = self.instances.get(&instance.id);
        if known.is_none_or(|(known_at, _)| *known_at <= captured_at) {
            let id = instance.id.clone();
            self.instances.insert(id, (captured_at, instance));
        }
    }

    /// Ends a reservation, whose instances are in the account `owner_id`.
    fn end_reservation(&mut self, owner_id: Option<&str>) {
        for id in std::mem::take(&mut self.in_reservation) {
            if let (Some((_, instance)), Some(owner_id)) = (self.instances.get_mut(&id), owner_id) {
                instance.details.owner_id = Some(owner_id.to_owned());
            }
        }
    }

    /// Adds a value of unknown form: a reservation, a Config item, an instance, or a list of these.
    fn add_any(&mut self, value: Value) -> Result<(), serde_json::Error> {
        match value {
            Value::Array(values) => values.into_iter().try_for_each(|value| self.add_any(value)),
            Value::Object(mut members) if members.contains_key("Instances") => {
                self.in_reservation.clear();
                self.add_any(members.remove("Instances").unwrap_or_default())?;
                self.end_reservation(members.get("OwnerId").and_then(Value::as_str));
                Ok(())
            }
            value => {
                let DescribedInstance(instance) = serde_json::from_value(value)?;
                self.add_instance(None, instance);
                Ok(())
            }
        }
    }

    fn add_item(&mut self, value: Value) -> Result<(), serde_json::Error> {
        let resource_type = value.get("resourceType").and_then(Value::as_str);
        // Other kinds of resources have other members.
        if resource_type != Some(INSTANCE_RESOURCE_TYPE) {
            return Ok(());
        }
        let item: ConfigurationItem = serde_json::from_value(value)?;
        let captured_at = item.configuration_item_capture_time;
        let is_present = item.configuration_item_status.is_present();
        let mut instance = item.into_instance();
        if !is_present {
            instance.state = tagwarden_core::State::Terminated;
        }
        self.add_instance(Some(captured_at), instance);
        Ok(())
    }
}

/// One JSON document.
struct Document<'a>(&'a mut Found);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("instances: an object with Reservations or configurationItems, or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let where_they_are = "instances are in Reservations or configurationItems";
        members(map, where_they_are, |name, map| {
            let part = match name {
                "Reservations" => Part::Reservations,
                "Instances" => Part::Instances,
                "configurationItems" => Part::Items,
                _ => return Ok(false),
            };
            map.next_value_seed(As(List {
                part,
                place: name,
                found: &mut *self.0,
            }))?;
            Ok(true)
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = seq.next_element::<Value>()? {
            let added = self.0.add_any(value);
            added.map_err(|error| A::Error::custom(format_args!("[{number}]: {error}")))?;
            number += 1;
        }
        Ok(())
    }
}

/// What a list contains.
#[derive(Clone, Copy)]
enum Part {
    Reservations,
    Instances,
    Items,
}

/// A list in a document.
struct List<'a> {
    part: Part,
    /// The name of the list in messages.
    place: &'a str,
    found: &'a mut Found,
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the list {}", self.place)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            let place = || format!("{}[{number}]", self.place);
            let at_place = |error: A::Error| at_place(&place(), &error);
            let is_some = match self.part {
                Part::Reservations => seq.next_element_seed(As(Reservation {
                    place: &place(),
                    found: &mut *self.found,
                }))?,
                Part::Instances => seq
                    .next_element::<DescribedInstance>()
                    .map_err(at_place)?
                    .map(|DescribedInstance(it)| self.found.add_instance(None, it)),
                Part::Items => match seq.next_element::<Value>()? {
                    None => None,
                    Some(item) => {
                        let added = self.found.add_item(item);
                        Some(added.map_err(|error| at_place(A::Error::custom(error)))?)
                    }
                },
            };
            if is_some.is_none() {
                return Ok(());
            }
            number += 1;
        }
    }
}

/// An element of `Reservations`.
struct Reservation<'a> {
    place: &'a str,
    found: &'a mut Found,
}

impl<'de> Visitor<'de> for Reservation<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, a reservation", self.place)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.found.in_reservation.clear();
        let mut owner_id = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "Instances" {
                map.next_value_seed(As(List {
                    part: Part::Instances,
                    place: &format!("{}.Instances", self.place),
                    found: &mut *self.found,
                }))?;
            } else if name == "OwnerId" {
                owner_id = map.next_value::<Option<String>>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.found.end_reservation(owner_id.as_deref());
        Ok(())
    }
}

/// Adds the place in the document to an error. The line and the column stay at its end.
fn at_place<E: Error>(place: &str, error: &E) -> E {
    E::custom(format_args!("{place}: {error}"))
}

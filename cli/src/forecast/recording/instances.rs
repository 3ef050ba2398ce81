//! Reads instances and volumes from the output of `aws ec2 describe-instances` and `aws ec2 describe-volumes`, or from a
//! snapshot of AWS Config.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tagwarden_core::{Kind, Kinds, Resource, Scope};

use super::shape::{self, RecordedInstance};
use super::walk::{As, Bare, members, unknown as members_error};
use super::{Recorded, Source, gaps};
use crate::exit::CommandError;
use crate::stream;

/// The command that writes such a file.
const COMMAND: &str = "aws ec2 describe-instances --output json > FILE";

/// The lists of a document, each with what it holds.
const LISTS: [(&str, Part); 7] = [
    ("Reservations", Part::Reservations),
    ("Instances", Part::Instances),
    ("Volumes", Part::Volumes),
    ("configurationItems", Part::Items),
    ("baseConfigurationItems", Part::Items),
    ("BaseConfigurationItems", Part::Items),
    ("Results", Part::Results),
];

/// The resources of a recording, in the order of their ids, and what is not known of them, each a whole sentence;
/// `-` is standard input. Those of other kinds than `kinds` are left out. What is attached is where its instance is.
///
/// Accepts `Reservations`, `Volumes`, what `--query` makes of them (`Reservations[]`, `Reservations[].Instances[]` and the like),
/// single instances, Config's items from a snapshot, a history, `batch-get-resource-config` or a query, and several such
/// documents one after the other. If an instance occurs more than once, the last one counts; of Config's items, the last
/// captured.
///
/// # Errors
/// The file cannot be read, is not JSON, or is not such a recording: the message names the place. Or it lacks what a
/// verdict in `scope` depends on.
pub fn read(
    path: &Path,
    scope: &Scope,
    kinds: Kinds,
) -> Result<(Vec<Resource>, Vec<String>), CommandError> {
    let source = Source {
        path,
        command: COMMAND,
    };
    let mut found = Found {
        kinds,
        ..Found::default()
    };
    source.read(&mut found)?;
    let name = stream::name(path);
    let mut notes = Vec::new();
    if found.is_cut_off {
        notes.push(format!(
            "{name} ends early: it has a NextToken, so instances are missing. Record it without --max-items and \
             --no-paginate."
        ));
    }
    let found: Vec<RecordedInstance> = found.instances.into_values().collect();
    gaps::check(&name, &found, scope)?;
    notes.extend(gaps::notes(&found));
    let resources = found.into_iter().map(|found| found.instance);
    let mut resources: Vec<Resource> = resources.collect();
    scope.place(&mut resources);
    resources.retain(|it| kinds.contains(it.kind));
    Ok((resources, notes))
}

/// The instances by id.
#[derive(Default)]
struct Found {
    /// The kinds of resources that are asked for.
    kinds: Kinds,
    instances: BTreeMap<String, RecordedInstance>,
    /// The ids of the reservation that is being read. The AWS CLI writes a reservation's `OwnerId` after its instances.
    in_reservation: Vec<String>,
    /// Whether the last document says that there is another page.
    is_cut_off: bool,
}

impl Recorded for Found {
    fn add<'de, D: Deserializer<'de>>(&mut self, document: D) -> Result<(), D::Error> {
        As(Document(self)).deserialize(document)
    }
}

impl Found {
    fn add_instance(&mut self, found: RecordedInstance) {
        self.in_reservation.push(found.instance.id.clone());
        let known = self.instances.get(&found.instance.id);
        if known.is_none_or(|known| known.captured_at <= found.captured_at) {
            self.instances.insert(found.instance.id.clone(), found);
        }
    }

    /// Ends a reservation, whose instances are in the account `owner_id`.
    fn end_reservation(&mut self, owner_id: Option<&str>) {
        for id in std::mem::take(&mut self.in_reservation) {
            if let (Some(found), Some(owner_id)) = (self.instances.get_mut(&id), owner_id) {
                found.instance.details.owner_id = Some(owner_id.to_owned());
            }
        }
    }

    /// Adds a value of unknown form: a reservation, a Config item, an instance, or a list of these.
    fn add_any(&mut self, value: Value) -> serde_json::Result<()> {
        match value {
            Value::Null => Ok(()),
            Value::Array(values) => values.into_iter().try_for_each(|value| self.add_any(value)),
            Value::Object(members) => self.add_object(members),
            other => self.add_described(other),
        }
    }

    fn add_object(&mut self, mut members: Map<String, Value>) -> serde_json::Result<()> {
        if let Some(instances) = members.remove("Instances") {
            self.in_reservation.clear();
            self.add_any(instances)?;
            self.end_reservation(members.get("OwnerId").and_then(Value::as_str));
            return Ok(());
        }
        if shape::is_item(&members) && !members.contains_key("InstanceId") {
            return self.add_item(members);
        }
        if let Some(volumes) = members.remove("Volumes") {
            return self.add_any(volumes);
        }
        if members.contains_key("VolumeId") {
            return self.add_volume(members.into());
        }
        self.add_described(members.into())
    }

    fn add_described(&mut self, value: Value) -> serde_json::Result<()> {
        match value {
            Value::Null => {}
            Value::Object(members) => self.add_instance(shape::described(members)?),
            other => {
                let unexpected = serde_json::from_value::<Map<String, Value>>(other);
                unexpected.map(|_| ())?;
            }
        }
        Ok(())
    }

    fn add_volume(&mut self, value: Value) -> serde_json::Result<()> {
        let members: Option<Map<String, Value>> = serde_json::from_value(value)?;
        if let Some(members) = members.filter(|_| self.kinds.contains(Kind::Volume)) {
            self.add_instance(shape::described_volume(members)?);
        }
        Ok(())
    }

    fn add_item(&mut self, members: Map<String, Value>) -> serde_json::Result<()> {
        if let Some(found) = shape::item(members, self.kinds)? {
            self.add_instance(found);
        }
        Ok(())
    }

    /// Adds a result of Config's advanced query: JSON in a string.
    fn add_result(&mut self, value: Value) -> serde_json::Result<()> {
        let value = match value {
            Value::String(text) => serde_json::from_str(&text)?,
            value => value,
        };
        if value.is_null() {
            return Ok(());
        }
        if let Some(found) = shape::result(serde_json::from_value(value)?, self.kinds)? {
            self.add_instance(found);
        }
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
        let found = self.0;
        found.is_cut_off = false;
        let mut is_cut_off = false;
        let rest = members(map, |name, map| {
            let list = LISTS.iter().find(|(list, _)| *list == name);
            if let Some((place, part)) = list {
                map.next_value_seed(As(List {
                    part: *part,
                    place,
                    found: &mut *found,
                }))?;
            } else if ["ConfigurationItem", "configurationItem"].contains(&name) {
                let item = map.next_value::<Option<Map<String, Value>>>()?;
                let added = found.add_item(item.unwrap_or_default());
                added.map_err(|error| at_place(name, &A::Error::custom(error)))?;
            } else if ["NextToken", "nextToken"].contains(&name) {
                is_cut_off = map
                    .next_value::<Value>()?
                    .as_str()
                    .is_some_and(|it| !it.is_empty());
                return Ok(Some(false));
            } else {
                return Ok(None);
            }
            Ok(Some(true))
        })?;
        found.is_cut_off = is_cut_off;
        match rest {
            Bare::Known => Ok(()),
            Bare::Members(members)
                if members.contains_key("InstanceId")
                    || members.contains_key("VolumeId")
                    || members.contains_key("instanceId")
                    || shape::is_item(&members) =>
            {
                found.add_object(members).map_err(A::Error::custom)
            }
            Bare::Members(members) => Err(members_error(where_they_are, &members)),
        }
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
    Volumes,
    Items,
    Results,
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

    // A projection writes null where there is nothing.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
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
                Part::Instances | Part::Volumes | Part::Items | Part::Results => {
                    let value = seq.next_element::<Value>().map_err(at_place)?;
                    let added = value.map(|value| match (self.part, value) {
                        (Part::Instances, value) => self.found.add_described(value),
                        (Part::Volumes, value) => self.found.add_volume(value),
                        (Part::Results, value) => self.found.add_result(value),
                        (_, Value::Null) => Ok(()),
                        (_, value) => self.found.add_item(serde_json::from_value(value)?),
                    });
                    let added = added.transpose();
                    added.map_err(|error| at_place(A::Error::custom(error)))?
                }
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

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
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
                let id = map.next_value::<Value>()?;
                owner_id = id.as_str().map(ToOwned::to_owned);
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

//! What a JSON value of a recording is, and the same instance from each of the forms that people have at hand.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value};
use tagwarden_core::resource::configuration_item::ConfigurationItem;
use tagwarden_core::resource::{DescribedInstance, DescribedVolume};
use tagwarden_core::{Kind, Kinds, Resource, State};

/// The members of EC2's description that a projection keeps least often: one with all of them was not projected.
const WHOLE: [&str; 3] = ["InstanceType", "ImageId", "AmiLaunchIndex"];

/// The same of a volume.
const WHOLE_VOLUME: [&str; 3] = ["VolumeType", "Encrypted", "Iops"];

/// Members that hold times. AWS CLI 1 writes some of them as seconds since 1970.
const TIMES: [&str; 5] = [
    "LaunchTime",
    "launchTime",
    "CreateTime",
    "resourceCreationTime",
    "configurationItemCaptureTime",
];

/// A resource of a recording.
#[derive(Debug)]
pub struct RecordedInstance {
    pub instance: Resource,
    /// When Config captured it; `None` if the recording does not say.
    pub captured_at: Option<DateTime<Utc>>,
    pub members: SeenMembers,
}

/// What was recorded of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenMembers {
    /// Whether it comes from AWS Config.
    pub is_item: bool,
    /// Whether nothing was left out of EC2's description.
    pub is_whole: bool,
    pub has_state: bool,
    pub tags: SeenTags,
}

/// The member of the tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenTags {
    Absent,
    /// Null, as a projection writes it for an instance without tags.
    Null,
    /// A list without elements.
    Empty,
    Some,
}

impl SeenTags {
    fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Absent,
            Some(Value::Null) => Self::Null,
            Some(Value::Array(tags)) if tags.is_empty() => Self::Empty,
            Some(Value::Object(tags)) if tags.is_empty() => Self::Empty,
            Some(_) => Self::Some,
        }
    }
}

/// Whether a JSON object is an item of AWS Config.
pub fn is_item(members: &Map<String, Value>) -> bool {
    let of_items = [
        "resourceType",
        "resourceId",
        "configuration",
        "configurationItemStatus",
    ];
    of_items.iter().any(|name| members.contains_key(*name))
}

/// The instance that EC2 describes, as the AWS CLI writes it.
///
/// # Errors
/// The members do not describe an instance.
pub fn described(mut members: Map<String, Value>) -> serde_json::Result<RecordedInstance> {
    let seen = SeenMembers {
        is_item: false,
        is_whole: WHOLE.iter().all(|name| members.contains_key(*name)),
        has_state: has_value(&members, &["State", "state"]),
        tags: SeenTags::of(members.get("Tags").or_else(|| members.get("tags"))),
    };
    tidy(&mut members);
    let DescribedInstance(instance) = DescribedInstance::deserialize(Value::Object(members))?;
    Ok(RecordedInstance {
        instance,
        captured_at: None,
        members: seen,
    })
}

/// The volume that EC2 describes, as the AWS CLI writes it.
///
/// # Errors
/// The members do not describe a volume.
pub fn described_volume(mut members: Map<String, Value>) -> serde_json::Result<RecordedInstance> {
    let seen = SeenMembers {
        is_item: false,
        is_whole: WHOLE_VOLUME.iter().all(|name| members.contains_key(*name)),
        has_state: has_value(&members, &["State"]),
        tags: SeenTags::of(members.get("Tags")),
    };
    tidy(&mut members);
    let DescribedVolume(volume) = DescribedVolume::deserialize(Value::Object(members))?;
    Ok(RecordedInstance {
        instance: volume,
        captured_at: None,
        members: seen,
    })
}

/// The resource in an item of AWS Config; `None` if the item is of a kind that is not asked for. An instance is, because
/// volumes are where it is.
///
/// # Errors
/// The item is not one of Config's.
pub fn item(
    mut members: Map<String, Value>,
    kinds: Kinds,
) -> serde_json::Result<Option<RecordedInstance>> {
    // Other kinds of resources have other members.
    let resource_type = members.get("resourceType").and_then(Value::as_str);
    let kind = resource_type.and_then(Kind::from_config_type);
    let is_asked = |kind: &Kind| kind.attached_by().is_none() || kinds.contains(*kind);
    let Some(kind) = kind.filter(is_asked) else {
        return Ok(None);
    };
    if let Some(Value::String(text)) = members.get("configuration") {
        let configuration = serde_json::from_str(text)?;
        members.insert("configuration".to_owned(), configuration);
    }
    tidy(&mut members);
    tags_as_map(&mut members);
    if let Some(Value::Object(configuration)) = members.get_mut("configuration") {
        tidy(configuration);
    }
    let none = Map::new();
    let configuration = match members.get("configuration") {
        Some(Value::Object(configuration)) => configuration,
        _ => &none,
    };
    let in_configuration = configuration
        .get("tags")
        .or_else(|| configuration.get("Tags"));
    let seen = SeenMembers {
        is_item: true,
        is_whole: false,
        has_state: has_value(configuration, &["state", "State"]),
        tags: SeenTags::of(members.get("tags").or(in_configuration)),
    };
    let item = ConfigurationItem::deserialize(Value::Object(members))?;
    let captured_at = item.configuration_item_capture_time;
    let is_present = item.configuration_item_status.is_present();
    let Some(mut instance) = item.into_resource() else {
        return Ok(None);
    };
    if !is_present {
        instance.state = if kind.may_shut_down() {
            State::Terminated
        } else {
            State::Deleted
        };
    }
    Ok(Some(RecordedInstance {
        instance,
        captured_at: Some(captured_at),
        members: seen,
    }))
}

/// The instance in a result of Config's advanced query, which has only what was selected; `None` if it is of another kind
/// of resource.
///
/// # Errors
/// The result does not name its resource, or is not one of Config's.
pub fn result(
    mut members: Map<String, Value>,
    kinds: Kinds,
) -> serde_json::Result<Option<RecordedInstance>> {
    let id = members.get("resourceId").or_else(|| {
        let configuration = members.get("configuration")?;
        let ids = ["instanceId", "volumeId"];
        ids.iter().find_map(|name| configuration.get(*name))
    });
    let Some(id) = id.and_then(Value::as_str).map(ToOwned::to_owned) else {
        return Err(serde_json::Error::custom(
            "a result has no resourceId: select it in the query",
        ));
    };
    let is_timed = members.contains_key("configurationItemCaptureTime");
    let kind = Kind::ALL.into_iter().find(|kind| kind.is_id(&id));
    let kind = kind.map(Kind::config_type);
    for (name, value) in [
        ("resourceType", kind.unwrap_or_default()),
        ("resourceId", &id),
        ("configurationItemStatus", "OK"),
        ("configurationItemCaptureTime", "1970-01-01T00:00:00Z"),
    ] {
        members.entry(name).or_insert_with(|| value.into());
    }
    let found = item(members, kinds)?;
    Ok(found.map(|found| RecordedInstance {
        captured_at: found.captured_at.filter(|_| is_timed),
        ..found
    }))
}

fn has_value(members: &Map<String, Value>, names: &[&str]) -> bool {
    let values = names.iter().filter_map(|name| members.get(*name));
    values.into_iter().any(|value| !value.is_null())
}

/// Brings the members of a description or an item into the form that the engine reads.
fn tidy(members: &mut Map<String, Value>) {
    for name in ["State", "state"] {
        // `--query` makes `State: State.Name` of it.
        if let Some(state @ Value::String(_)) = members.get_mut(name) {
            *state = Value::from(Map::from_iter([("name".to_owned(), state.take())]));
        }
    }
    for name in TIMES {
        if let Some(time @ Value::Number(_)) = members.get_mut(name)
            && let Some(at) = time.as_f64().and_then(since_1970)
        {
            *time = at.to_rfc3339_opts(SecondsFormat::Millis, true).into();
        }
    }
    for name in ["Tags", "tags"] {
        if let Some(Value::Array(tags)) = members.get_mut(name) {
            tags.retain(|tag| !tag.is_null());
            tags.iter_mut().for_each(rename_tag);
        }
    }
}

/// Older items of Config have the names `tagName` and `tagValue`.
fn rename_tag(tag: &mut Value) {
    let Value::Object(tag) = tag else { return };
    for (old, new) in [("tagName", "key"), ("tagValue", "value")] {
        if let Some(value) = tag.remove(old) {
            tag.entry(new).or_insert(value);
        }
    }
}

/// Makes a map of a list of tags beside the `configuration`, as Config's advanced query gives them.
fn tags_as_map(members: &mut Map<String, Value>) {
    let Some(Value::Array(tags)) = members.get("tags") else {
        return;
    };
    let tag = |tag: &Value| {
        let key = tag.get("key")?.as_str()?;
        Some((
            key.to_owned(),
            tag.get("value").cloned().unwrap_or_default(),
        ))
    };
    let tags: Option<Map<String, Value>> = tags.iter().map(tag).collect();
    if let Some(tags) = tags {
        members.insert("tags".to_owned(), tags.into());
    }
}

/// The time so many seconds after the beginning of 1970.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a number too large becomes one that is out of range, and is left as it is"
)]
fn since_1970(seconds: f64) -> Option<DateTime<Utc>> {
    let since = TimeDelta::try_milliseconds((seconds * 1e3).round() as i64)?;
    DateTime::UNIX_EPOCH.checked_add_signed(since)
}

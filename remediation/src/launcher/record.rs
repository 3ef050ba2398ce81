//! The members of a RunInstances record that tell what was launched, and by whom.
//!
//! The same record comes as an EventBridge event's `detail` and as the text that LookupEvents gives. Own and lenient:
//! real records lack members that stricter types demand.
//!
//! See [CloudTrail record contents](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).

use serde::{Deserialize, Deserializer};
use tagwarden_aws::AwsError;

use super::Launcher;
use super::planner::FoundLaunch;
use crate::identity::{UserIdentity, tag_value};

/// The call whose answer holds the events.
pub(super) const CALL: &str = "cloudtrail:LookupEvents";

/// A record of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiCall {
    pub(crate) event_name: String,
    /// There if the call failed, or was a dry run (`Client.DryRunOperation`).
    #[serde(default)]
    pub(crate) error_code: Option<String>,
    #[serde(default)]
    pub(crate) recipient_account_id: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) user_identity: UserIdentity,
    /// Of RunInstances.
    #[serde(default)]
    pub(crate) response_elements: Option<ResponseElements>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseElements {
    #[serde(default, deserialize_with = "null_as_default")]
    instances_set: InstancesSet,
}

#[derive(Debug, Default, Deserialize)]
struct InstancesSet {
    #[serde(default, deserialize_with = "null_as_default")]
    items: Vec<LaunchedInstance>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LaunchedInstance {
    #[serde(default)]
    instance_id: Option<String>,
}

/// Reads `null` as if the member were not there: what it leaves out says nothing about the rest of the record.
pub(super) fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What an event of a look-up launched, if it is a launch that succeeded.
///
/// `record` is the whole event as JSON, `username` and `resources` are the short form that CloudTrail gives with it. The short
/// form's name is the last part of the whole one's, such as `AutoScaling`. So it counts only where there is no whole event,
/// and not where the whole event cannot be read: who launched the instances is unknown then.
pub(crate) fn launch<'a>(
    event_name: Option<&str>,
    record: Option<&str>,
    username: Option<&str>,
    resources: impl Iterator<Item = &'a str>,
) -> Option<FoundLaunch> {
    if event_name != Some("RunInstances") {
        return None;
    }
    let read = |text| serde_json::from_str::<ApiCall>(text);
    let (record, error) = match record.map(read).transpose() {
        Ok(record) => (record, None),
        Err(error) => (None, Some(error)),
    };
    let has_failed = |record: &ApiCall| record.error_code.is_some();
    if record.as_ref().is_some_and(has_failed) {
        return None;
    }
    let by = match (&record, error) {
        (_, Some(error)) => {
            let message = format!("the event of its launch cannot be read: {error}");
            Launcher::Failed(AwsError::unreadable(CALL, message))
        }
        (Some(record), None) => record.user_identity.name().into(),
        (None, None) => username.and_then(tag_value).into(),
    };
    let launched = record.and_then(|record| record.response_elements);
    let launched = launched
        .into_iter()
        .flat_map(ResponseElements::instance_ids);
    Some(FoundLaunch {
        instance_ids: resources.map(ToOwned::to_owned).chain(launched).collect(),
        by,
    })
}

/// Who removed the tag `tag_key` by this event of a look-up; `None` if the event is something else, or names nobody.
///
/// See [DeleteTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html).
pub(crate) fn remover(record: &str, tag_key: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(record).ok()?;
    // Without its tags, the call removed all of them, or the record leaves them out.
    let tags = document.pointer("/requestParameters/tagSet/items");
    let tags = tags.and_then(serde_json::Value::as_array);
    let names = |tag: &serde_json::Value| {
        tag.get("key").and_then(serde_json::Value::as_str) == Some(tag_key)
    };
    if tags.is_some_and(|tags| !tags.iter().any(names)) {
        return None;
    }
    let call: ApiCall = serde_json::from_value(document).ok()?;
    let is_removal = call.event_name == "DeleteTags" && call.error_code.is_none();
    call.user_identity.name().filter(|_| is_removal)
}

impl ResponseElements {
    /// The ids of what was launched.
    pub(crate) fn instance_ids(self) -> impl Iterator<Item = String> {
        let items = self.instances_set.items.into_iter();
        items.filter_map(|item| item.instance_id)
    }
}

//! The members of a RunInstances record that tell what was launched, and by whom.
//!
//! The same record comes as an EventBridge event's `detail` and as the text that LookupEvents gives. Own and lenient:
//! real records lack members that stricter types demand.
//!
//! See [CloudTrail record contents](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).

use serde::Deserialize;

use super::planner::FoundLaunch;
use crate::identity::{UserIdentity, tag_value};

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
    #[serde(default)]
    pub(crate) user_identity: UserIdentity,
    /// Of RunInstances.
    #[serde(default)]
    pub(crate) response_elements: Option<ResponseElements>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseElements {
    #[serde(default)]
    instances_set: InstancesSet,
}

#[derive(Debug, Default, Deserialize)]
struct InstancesSet {
    #[serde(default)]
    items: Vec<LaunchedInstance>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LaunchedInstance {
    instance_id: String,
}

/// What an event of a look-up launched, if it is a launch that succeeded.
///
/// `record` is the whole event as JSON, `username` and `resources` are the short form that CloudTrail gives with it.
pub(crate) fn launch<'a>(
    event_name: Option<&str>,
    record: Option<&str>,
    username: Option<&str>,
    resources: impl Iterator<Item = &'a str>,
) -> Option<FoundLaunch> {
    if event_name != Some("RunInstances") {
        return None;
    }
    let record: Option<ApiCall> = record.and_then(|text| serde_json::from_str(text).ok());
    let has_failed = |record: &ApiCall| record.error_code.is_some();
    if record.as_ref().is_some_and(has_failed) {
        return None;
    }
    let by = record
        .as_ref()
        .and_then(|record| record.user_identity.name())
        .or_else(|| tag_value(username?));
    let launched = record.and_then(|record| record.response_elements);
    let launched = launched
        .into_iter()
        .flat_map(ResponseElements::instance_ids);
    Some(FoundLaunch {
        instance_ids: resources.map(ToOwned::to_owned).chain(launched).collect(),
        by,
    })
}

impl ResponseElements {
    /// The ids of what was launched.
    pub(crate) fn instance_ids(self) -> impl Iterator<Item = String> {
        let items = self.instances_set.items.into_iter();
        items.map(|item| item.instance_id)
    }
}

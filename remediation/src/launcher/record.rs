//! The members of a RunInstances record that tell what was launched, and by whom.
//!
//! The same record comes as an EventBridge event's `detail` and as the text that LookupEvents gives. Own and lenient:
//! real records lack members that stricter types demand.
//!
//! See [CloudTrail record contents](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).

use serde::Deserialize;

use crate::identity::UserIdentity;

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

impl ResponseElements {
    /// The ids of what was launched.
    pub(crate) fn instance_ids(self) -> impl Iterator<Item = String> {
        let items = self.instances_set.items.into_iter();
        items.map(|item| item.instance_id)
    }
}

//! Configuration items, in the shapes in which Config shows one and the same thing: in a notification
//! and in `GetResourceConfigHistory`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::INSTANCE_TYPE;
use crate::ec2::InstanceRecord;
use crate::ids::long_id;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{epoch_seconds, iso_millis};

/// An instance's configuration as Config recorded it.
#[derive(Clone, Debug)]
pub(super) struct RecordedItem {
    pub(super) id: String,
    pub(super) time: DateTime<Utc>,
    /// Whether Config knew the instance before.
    pub(super) known: bool,
    /// None once the instance is gone.
    pub(super) instance: Option<InstanceRecord>,
}

impl RecordedItem {
    /// Config has an instance deleted when it is terminated, not when it is gone from EC2's answers.
    pub(super) fn new(
        id: &str,
        instance: Option<InstanceRecord>,
        known: bool,
        time: DateTime<Utc>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            time,
            known,
            instance: instance.filter(|instance| !instance.state.is_ending()),
        }
    }

    fn status(&self) -> &'static str {
        match (&self.instance, self.known) {
            (None, _) => "ResourceDeleted",
            (Some(_), false) => "ResourceDiscovered",
            (Some(_), true) => "OK",
        }
    }

    pub(super) fn change_type(&self) -> &'static str {
        match (&self.instance, self.known) {
            (None, _) => "DELETE",
            (Some(_), false) => "CREATE",
            (Some(_), true) => "UPDATE",
        }
    }

    /// As a notification carries it: `ARN`, `awsAccountId`, times as text, the configuration as an
    /// object.
    pub(super) fn notified(&self) -> Value {
        let instance = self.instance.as_ref();
        json!({
            "relatedEvents": [],
            "relationships": self.relationships("name"),
            "configuration": instance.map(configuration),
            "supplementaryConfiguration": {},
            "tags": instance.map_or_else(|| json!({}), |instance| json!(instance.tags)),
            "configurationItemVersion": "1.3",
            "configurationItemCaptureTime": iso_millis(self.time),
            "configurationStateId": self.time.timestamp_millis(),
            "awsAccountId": ACCOUNT_ID,
            "configurationItemStatus": self.status(),
            "resourceType": INSTANCE_TYPE,
            "resourceId": self.id,
            "resourceName": null,
            "ARN": self.arn(),
            "awsRegion": REGION,
            "availabilityZone": instance.map(|instance| &instance.availability_zone),
            "configurationStateMd5Hash": "",
            "resourceCreationTime": instance.map(|instance| iso_millis(instance.launch_time)),
        })
    }

    /// What is left of it in a notification that would have been too large.
    pub(super) fn summary(&self) -> Value {
        let mut summary = self.notified();
        if let Some(members) = summary.as_object_mut() {
            let left_out = [
                "relatedEvents",
                "relationships",
                "configuration",
                "supplementaryConfiguration",
                "tags",
            ];
            members.retain(|name, _| !left_out.contains(&name.as_str()));
            members.insert("changeType".to_owned(), self.change_type().into());
        }
        summary
    }

    /// As `GetResourceConfigHistory` lists it: `arn`, `accountId`, times as numbers, the configuration as
    /// a document in a string, and no member that would be null.
    pub(super) fn listed(&self) -> Value {
        let instance = self.instance.as_ref();
        let time = epoch_seconds(self.time);
        let mut item = json!({
            "version": "1.3",
            "accountId": ACCOUNT_ID,
            "configurationItemCaptureTime": time,
            "configurationItemDeliveryTime": time,
            "configurationItemStatus": self.status(),
            "configurationStateId": self.time.timestamp_millis().to_string(),
            "configurationItemMD5Hash": "",
            "arn": self.arn(),
            "resourceType": INSTANCE_TYPE,
            "resourceId": self.id,
            "awsRegion": REGION,
            "availabilityZone": instance.map(|instance| &instance.availability_zone),
            "resourceCreationTime": instance.map(|instance| epoch_seconds(instance.launch_time)),
            "tags": instance.map(|instance| &instance.tags),
            "relatedEvents": [],
            "relationships": self.relationships("relationshipName"),
            "configuration": instance.map(|instance| configuration(instance).to_string()),
            "supplementaryConfiguration": {},
            "recordingFrequency": "CONTINUOUS",
        });
        if let Some(members) = item.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        item
    }

    fn arn(&self) -> String {
        format!("arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{}", self.id)
    }

    fn relationships(&self, name: &str) -> Vec<Value> {
        let Some(instance) = &self.instance else {
            return Vec::new();
        };
        [("Subnet", &instance.subnet_id), ("Vpc", &instance.vpc_id)]
            .into_iter()
            .map(|(kind, id)| {
                json!({
                    "resourceId": id,
                    "resourceType": format!("AWS::EC2::{}", if kind == "Vpc" { "VPC" } else { kind }),
                    name: format!("Is contained in {kind}"),
                })
            })
            .collect()
    }
}

/// The instance as EC2 describes it, with its members in lower camel case.
fn configuration(instance: &InstanceRecord) -> Value {
    let tags = instance.tags.iter();
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    json!({
        "amiLaunchIndex": instance.launch_index,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "instanceLifecycle": instance.spot_request_id.as_ref().map(|_| "spot"),
        "spotInstanceRequestId": instance.spot_request_id,
        "operator": {"managed": instance.operator.is_some(), "principal": instance.operator},
        "launchTime": iso_millis(instance.launch_time),
        "placement": {
            "availabilityZone": instance.availability_zone,
            "groupName": "",
            "tenancy": "default",
        },
        "state": {"code": instance.state.code(), "name": instance.state.as_str()},
        "subnetId": instance.subnet_id,
        "vpcId": instance.vpc_id,
        "architecture": "x86_64",
        "rootDeviceType": "ebs",
        "networkInterfaces": [{
            "attachment": {
                "attachTime": iso_millis(instance.attach_time),
                "attachmentId": long_id("eni-attach", &instance.id),
                "deleteOnTermination": true,
                "deviceIndex": 0,
                "status": "attached",
            },
            "networkInterfaceId": long_id("eni", &instance.id),
            "ownerId": ACCOUNT_ID,
            "subnetId": instance.subnet_id,
            "vpcId": instance.vpc_id,
        }],
        "tags": tags,
    })
}

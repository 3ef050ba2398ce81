//! Configuration items, in the shapes in which Config shows one and the same thing: in a notification
//! and in `GetResourceConfigHistory`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::resource_type;
use crate::ec2::{InstanceRecord, VolumeRecord, is_volume};
use crate::ids::long_id;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{epoch_seconds, iso_millis};

/// A resource as it was when Config looked.
#[derive(Clone, Debug)]
pub(super) enum Recorded {
    Instance(InstanceRecord),
    Volume(VolumeRecord),
}

impl Recorded {
    fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Instance(instance) => &instance.tags,
            Self::Volume(volume) => &volume.tags,
        }
    }

    fn availability_zone(&self) -> &str {
        match self {
            Self::Instance(instance) => &instance.availability_zone,
            Self::Volume(volume) => &volume.availability_zone,
        }
    }

    fn created(&self) -> DateTime<Utc> {
        match self {
            Self::Instance(instance) => instance.launch_time,
            Self::Volume(volume) => volume.create_time,
        }
    }

    fn configuration(&self) -> Value {
        match self {
            Self::Instance(instance) => configuration(instance),
            Self::Volume(volume) => volume_configuration(volume),
        }
    }

    /// The type, the id and the relationship of each related resource.
    fn related(&self) -> Vec<(&'static str, &str, &'static str)> {
        match self {
            Self::Instance(it) => vec![
                ("AWS::EC2::Subnet", &it.subnet_id, "Is contained in Subnet"),
                ("AWS::EC2::VPC", &it.vpc_id, "Is contained in Vpc"),
            ],
            Self::Volume(volume) => {
                let attachments = volume.attachments.iter();
                let instances = attachments.map(|at| at.instance_id.as_str());
                instances
                    .map(|id| ("AWS::EC2::Instance", id, "Is attached to Instance"))
                    .collect()
            }
        }
    }

    /// Config has an instance deleted when it is terminated, not when it is gone from EC2's answers.
    fn is_ending(&self) -> bool {
        matches!(self, Self::Instance(instance) if instance.state.is_ending())
    }
}

/// A resource's configuration as Config recorded it.
#[derive(Clone, Debug)]
pub(super) struct RecordedItem {
    pub(super) id: String,
    pub(super) time: DateTime<Utc>,
    /// Whether Config knew the resource before.
    pub(super) known: bool,
    /// None once the resource is gone.
    pub(super) resource: Option<Recorded>,
}

impl RecordedItem {
    pub(super) fn new(
        id: &str,
        resource: Option<Recorded>,
        known: bool,
        time: DateTime<Utc>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            time,
            known,
            resource: resource.filter(|resource| !resource.is_ending()),
        }
    }

    fn status(&self) -> &'static str {
        match (&self.resource, self.known) {
            (None, _) => "ResourceDeleted",
            (Some(_), false) => "ResourceDiscovered",
            (Some(_), true) => "OK",
        }
    }

    pub(super) fn change_type(&self) -> &'static str {
        match (&self.resource, self.known) {
            (None, _) => "DELETE",
            (Some(_), false) => "CREATE",
            (Some(_), true) => "UPDATE",
        }
    }

    /// As a notification carries it: `ARN`, `awsAccountId`, times as text, the configuration as an
    /// object.
    pub(super) fn notified(&self) -> Value {
        let resource = self.resource.as_ref();
        json!({
            "relatedEvents": [],
            "relationships": self.relationships("name"),
            "configuration": resource.map(Recorded::configuration),
            "supplementaryConfiguration": {},
            "tags": resource.map_or_else(|| json!({}), |resource| json!(resource.tags())),
            "configurationItemVersion": "1.3",
            "configurationItemCaptureTime": iso_millis(self.time),
            "configurationStateId": self.time.timestamp_millis(),
            "awsAccountId": ACCOUNT_ID,
            "configurationItemStatus": self.status(),
            "resourceType": resource_type(&self.id),
            "resourceId": self.id,
            "resourceName": null,
            "ARN": self.arn(),
            "awsRegion": REGION,
            "availabilityZone": resource.map(Recorded::availability_zone),
            "configurationStateMd5Hash": "",
            "resourceCreationTime": resource.map(|resource| iso_millis(resource.created())),
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
        let resource = self.resource.as_ref();
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
            "resourceType": resource_type(&self.id),
            "resourceId": self.id,
            "awsRegion": REGION,
            "availabilityZone": resource.map(Recorded::availability_zone),
            "resourceCreationTime": resource.map(|resource| epoch_seconds(resource.created())),
            "tags": resource.map(Recorded::tags),
            "relatedEvents": [],
            "relationships": self.relationships("relationshipName"),
            "configuration": resource.map(|resource| resource.configuration().to_string()),
            "supplementaryConfiguration": {},
            "recordingFrequency": "CONTINUOUS",
        });
        if let Some(members) = item.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        item
    }

    fn arn(&self) -> String {
        let kind = if is_volume(&self.id) {
            "volume"
        } else {
            "instance"
        };
        format!("arn:aws:ec2:{REGION}:{ACCOUNT_ID}:{kind}/{}", self.id)
    }

    fn relationships(&self, name: &str) -> Vec<Value> {
        let related = self.resource.iter().flat_map(Recorded::related);
        related
            .map(|(resource_type, id, relationship)| {
                json!({"resourceId": id, "resourceType": resource_type, name: relationship})
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

/// The volume as EC2 describes it, with its members in lower camel case; its state is an object, and an attachment's a
/// text, see <https://github.com/awslabs/aws-config-resource-schema>.
fn volume_configuration(volume: &VolumeRecord) -> Value {
    let attachments = volume.attachments.iter();
    let attachments: Vec<Value> = attachments
        .map(|at| {
            json!({
                "attachTime": iso_millis(at.attach_time),
                "device": at.device,
                "instanceId": at.instance_id,
                "state": "attached",
                "volumeId": volume.id,
                "deleteOnTermination": at.delete_on_termination,
            })
        })
        .collect();
    let tags = volume.tags.iter();
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    json!({
        "attachments": attachments,
        "availabilityZone": volume.availability_zone,
        "createTime": iso_millis(volume.create_time),
        "encrypted": false,
        "size": volume.size,
        "snapshotId": "",
        "state": {"value": volume.state},
        "volumeId": volume.id,
        "volumeType": volume.volume_type,
        "multiAttachEnabled": volume.multi_attach,
        "tags": tags,
    })
}

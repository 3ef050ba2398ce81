//! Records as CloudTrail writes them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::ec2::InstanceRecord;
use crate::identity::Identity;
use crate::ids::Ids;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::iso_seconds;

/// The record of one `RunInstances` call.
pub(super) fn run_instances(
    ids: &mut Ids,
    instances: &[InstanceRecord],
    identity: &Identity,
    user_identity: &Value,
    time: DateTime<Utc>,
) -> Value {
    let first = instances.first();
    let image_id = first.map(|instance| &instance.image_id);
    let tags: Vec<Value> = first
        .iter()
        .flat_map(|instance| &instance.tags)
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let mut parameters = json!({
        "instancesSet": {"items": [
            {"imageId": image_id, "minCount": instances.len(), "maxCount": instances.len()}
        ]},
        "instanceType": first.map(|instance| &instance.instance_type),
        "blockDeviceMapping": {},
        "availabilityZone": first.map(|instance| &instance.availability_zone),
        "monitoring": {"enabled": false},
        "subnetId": first.map(|instance| &instance.subnet_id),
        "disableApiTermination": first.map(|instance| instance.protected),
        "disableApiStop": first.map(|instance| instance.stop_protected),
        "clientToken": ids.uuid(),
    });
    if let (false, Some(members)) = (tags.is_empty(), parameters.as_object_mut()) {
        let specification = json!({"items": [{"resourceType": "instance", "tags": tags}]});
        members.insert("tagSpecificationSet".to_owned(), specification);
    }
    let request_id = ids.uuid();
    let response = json!({
        "requestId": request_id,
        "reservationId": first.map(|instance| &instance.reservation_id),
        "ownerId": ACCOUNT_ID,
        "groupSet": {},
        "instancesSet": {"items": instances.iter().map(|instance| item(instance, time)).collect::<Vec<_>>()},
    });
    event(
        ids,
        "RunInstances",
        &request_id,
        identity,
        user_identity,
        time,
        &parameters,
        &response,
    )
}

fn item(instance: &InstanceRecord, time: DateTime<Utc>) -> Value {
    let tags = instance.tags.iter();
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let mut item = json!({
        "instanceId": instance.id,
        "imageId": instance.image_id,
        "instanceState": {"code": 0, "name": "pending"},
        "amiLaunchIndex": instance.launch_index,
        "productCodes": {},
        "instanceType": instance.instance_type,
        "launchTime": time.timestamp_millis(),
        "placement": {"availabilityZone": instance.availability_zone, "tenancy": "default"},
        "monitoring": {"state": "pending"},
        "subnetId": instance.subnet_id,
        "vpcId": instance.vpc_id,
        "architecture": "x86_64",
        "rootDeviceType": "ebs",
        "virtualizationType": "hvm",
        "hypervisor": "xen",
    });
    if let (false, Some(members)) = (tags.is_empty(), item.as_object_mut()) {
        members.insert("tagSet".to_owned(), json!({"items": tags}));
    }
    item
}

/// The record of a call that changed instances.
pub(super) fn write(
    ids: &mut Ids,
    operation: &str,
    instance_ids: &[&str],
    identity: &Identity,
    user_identity: &Value,
    time: DateTime<Utc>,
) -> Value {
    let request_id = ids.uuid();
    let items =
        |name: &str| -> Vec<Value> { instance_ids.iter().map(|id| json!({name: id})).collect() };
    let (parameters, response) = match operation {
        "CreateTags" | "DeleteTags" => (
            json!({"resourcesSet": {"items": items("resourceId")}}),
            json!({"requestId": request_id, "_return": true}),
        ),
        _ => (
            json!({"instancesSet": {"items": items("instanceId")}}),
            json!({"requestId": request_id, "instancesSet": {"items": items("instanceId")}}),
        ),
    };
    event(
        ids,
        operation,
        &request_id,
        identity,
        user_identity,
        time,
        &parameters,
        &response,
    )
}

#[allow(
    clippy::too_many_arguments,
    reason = "the members of a record, each once"
)]
fn event(
    ids: &mut Ids,
    name: &str,
    request_id: &str,
    identity: &Identity,
    user_identity: &Value,
    time: DateTime<Utc>,
    parameters: &Value,
    response: &Value,
) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": user_identity,
        "eventTime": iso_seconds(time),
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": identity.source(),
        "userAgent": identity.user_agent(),
        "requestParameters": parameters,
        "responseElements": response,
        "requestID": request_id,
        "eventID": ids.uuid(),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT_ID,
        "eventCategory": "Management",
    })
}

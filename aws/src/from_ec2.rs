//! Reads resources from EC2's descriptions of them: DescribeInstances, DescribeVolumes.

use std::collections::BTreeMap;

use aws_sdk_ec2::types;
use chrono::{DateTime, Utc};
use tagwarden_core::resource::InstanceFacts;
use tagwarden_core::{Kind, Resource, State};

/// The instance that `described` describes, in the account that its reservation names; `None` if it has no id, although EC2 always gives one.
#[must_use]
pub fn instance_from_ec2(described: &types::Instance, owner_id: Option<&str>) -> Option<Resource> {
    let primary_interface = described
        .network_interfaces()
        .iter()
        .filter_map(types::InstanceNetworkInterface::attachment)
        .find(|attachment| attachment.device_index() == Some(0));
    let facts = InstanceFacts {
        vpc_id: described.vpc_id().map(ToOwned::to_owned),
        state: described
            .state()
            .and_then(types::InstanceState::name)
            .map(|name| name.as_str().to_owned()),
        launch_time: described.launch_time().and_then(moment),
        attach_time: primary_interface
            .and_then(types::InstanceNetworkInterfaceAttachment::attach_time)
            .and_then(moment),
        lifecycle: described
            .instance_lifecycle()
            .map(|lifecycle| lifecycle.as_str().to_owned()),
        instance_type: described.instance_type().map(|it| it.as_str().to_owned()),
        image_id: described.image_id().map(ToOwned::to_owned),
        subnet_id: described.subnet_id().map(ToOwned::to_owned),
        availability_zone: described
            .placement()
            .and_then(types::Placement::availability_zone)
            .map(ToOwned::to_owned),
        key_name: described.key_name().map(ToOwned::to_owned),
        profile_arn: described
            .iam_instance_profile()
            .and_then(types::IamInstanceProfile::arn)
            .map(ToOwned::to_owned),
        owner_id: owner_id.map(ToOwned::to_owned),
        spot_request_id: described.spot_instance_request_id().map(ToOwned::to_owned),
        is_managed: described
            .operator()
            .and_then(types::OperatorResponse::managed),
        principal: described
            .operator()
            .and_then(types::OperatorResponse::principal)
            .map(ToOwned::to_owned),
        is_garbled: false,
        tags: tags(described.tags()),
    };
    Some(facts.into_instance(described.instance_id()?.to_owned()))
}

/// The operator of a managed resource for which EC2 names no principal.
const UNNAMED_OPERATOR: &str = "an AWS service";

/// The volume that `described` describes; `None` if it has no id, although EC2 always gives one.
///
/// It has no VPC: that of a volume is its instance's.
#[must_use]
pub fn volume_from_ec2(described: &types::Volume) -> Option<Resource> {
    let state = described.state().map(types::VolumeState::as_str);
    let state = state.map_or(State::Unknown, State::from);
    let mut volume = Resource::new(Kind::Volume, described.volume_id()?, state);
    // EC2 always lists the attachments.
    volume.details.is_whole = true;
    // A volume that is on its way to or from an instance is attached to it as well.
    let attached_to = described.attachments().iter();
    let attached_to = attached_to
        .filter(|it| it.state() != Some(&types::VolumeAttachmentState::Detached))
        .filter_map(types::VolumeAttachment::instance_id);
    volume.attached_to = attached_to.map(ToOwned::to_owned).collect();
    volume.attached_to.sort_unstable();
    volume.attached_to.dedup();
    volume.launched_at = described.create_time().and_then(moment);
    let zone = described.availability_zone().map(ToOwned::to_owned);
    volume.details.availability_zone = zone;
    volume.details.owner_id = described.owner_id().map(ToOwned::to_owned);
    let operator = described.operator();
    let operator = operator.filter(|operator| operator.managed() == Some(true));
    volume.operator = operator.map(|operator| {
        let principal = operator.principal().filter(|name| !name.is_empty());
        principal.unwrap_or(UNNAMED_OPERATOR).to_owned()
    });
    volume.tags = tags(described.tags());
    Some(volume)
}

/// The tags by their keys. A tag without a value has the empty value.
fn tags(tags: &[types::Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| {
            Some((
                tag.key()?.to_owned(),
                tag.value().unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

fn moment(time: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceLifecycleType, OperatorResponse};
    use serde_json::json;
    use tagwarden_core::Policy;
    use tagwarden_core::policy::{InstanceDetail, Row};
    use tagwarden_core::resource::configuration_item::ConfigurationItem;
    use tagwarden_core::resource::{DescribedInstance, InstanceDetails};

    use super::*;

    #[test]
    fn reads_every_member_that_tagwarden_needs() {
        let time = aws_smithy_types::DateTime::from_secs;
        let attachment = |index, attached_at| {
            let attachment = types::InstanceNetworkInterfaceAttachment::builder()
                .device_index(index)
                .attach_time(time(attached_at))
                .build();
            types::InstanceNetworkInterface::builder()
                .attachment(attachment)
                .build()
        };
        let described = types::Instance::builder()
            .instance_id("i-0a1b2c3d4e5f60718")
            .vpc_id("vpc-1")
            .state(
                types::InstanceState::builder()
                    .name(types::InstanceStateName::Stopped)
                    .build(),
            )
            .launch_time(time(200))
            .network_interfaces(attachment(1, 50))
            .network_interfaces(attachment(0, 100))
            .instance_lifecycle(InstanceLifecycleType::Spot)
            .spot_instance_request_id("sir-abcd1234")
            .operator(
                OperatorResponse::builder()
                    .managed(true)
                    .principal("eks.amazonaws.com")
                    .build(),
            )
            .tags(types::Tag::builder().key("Name").value("web").build())
            .tags(types::Tag::builder().key("Owner").build())
            .build();
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            instance_from_ec2(&described, None),
            Some(Resource {
                kind: Kind::Instance,
                attached_to: Vec::new(),
                id: "i-0a1b2c3d4e5f60718".to_owned(),
                vpc_id: Some("vpc-1".to_owned()),
                state: State::Stopped,
                launched_at: DateTime::from_timestamp(100, 0),
                started_at: DateTime::from_timestamp(200, 0),
                spot_request_id: Some("sir-abcd1234".to_owned()),
                operator: Some("eks.amazonaws.com".to_owned()),
                details: InstanceDetails {
                    lifecycle: Some("spot".to_owned()),
                    ..InstanceDetails::default()
                },
                tags: [tag("Name", "web"), tag("Owner", "")].into(),
            })
        );
    }

    #[test]
    fn reads_a_spot_instance_without_a_request_id() {
        let described = types::Instance::builder()
            .instance_id("i-0a1b2c3d4e5f60718")
            .instance_lifecycle(InstanceLifecycleType::Spot)
            .build();
        let instance = instance_from_ec2(&described, None).unwrap();
        assert_eq!(instance.spot_request_id.as_deref(), Some(""));
        assert_eq!(
            instance_from_ec2(&types::Instance::builder().build(), None),
            None
        );
    }

    const ACCOUNT: &str = "111122223333";

    /// One instance by DescribeInstances, as a configuration item and as the AWS CLI's output: with every detail, or with
    /// what every instance has.
    fn by_each_reader(has_all: bool) -> [Resource; 3] {
        let from_sdk = types::Instance::builder()
            .instance_id("i-0a1b2c3d4e5f60718")
            .vpc_id("vpc-1")
            .subnet_id("subnet-1")
            .image_id("ami-1")
            .instance_type(types::InstanceType::P548xlarge)
            .placement(
                types::Placement::builder()
                    .availability_zone("us-east-1a")
                    .build(),
            )
            .state(
                types::InstanceState::builder()
                    .name(types::InstanceStateName::Running)
                    .build(),
            )
            .launch_time(aws_smithy_types::DateTime::from_secs(1_700_000_000))
            .tags(types::Tag::builder().key("Env").value("prod").build());
        let profile = types::IamInstanceProfile::builder()
            .arn("arn:aws:iam::111122223333:instance-profile/ci");
        let from_sdk = if has_all {
            from_sdk
                .key_name("ann")
                .iam_instance_profile(profile.build())
                .instance_lifecycle(InstanceLifecycleType::Spot)
                .spot_instance_request_id("sir-abcd1234")
        } else {
            from_sdk
        };
        let from_sdk = instance_from_ec2(&from_sdk.build(), Some(ACCOUNT)).unwrap();

        let mut configuration = json!({
            "instanceId": "i-0a1b2c3d4e5f60718", "vpcId": "vpc-1", "subnetId": "subnet-1", "imageId": "ami-1",
            "instanceType": "p5.48xlarge", "placement": {"availabilityZone": "us-east-1a"},
            "state": {"code": 16, "name": "running"}, "launchTime": "2023-11-14T22:13:20.000Z",
            "tags": [{"key": "Env", "value": "prod"}],
            // What an instance does not have, Config sets to null.
            "keyName": null, "iamInstanceProfile": null, "instanceLifecycle": null, "spotInstanceRequestId": null,
        });
        let mut described = json!({
            "InstanceId": "i-0a1b2c3d4e5f60718", "VpcId": "vpc-1", "SubnetId": "subnet-1", "ImageId": "ami-1",
            "InstanceType": "p5.48xlarge", "Placement": {"AvailabilityZone": "us-east-1a"},
            "State": {"Code": 16, "Name": "running"}, "LaunchTime": "2023-11-14T22:13:20+00:00",
            "Tags": [{"Key": "Env", "Value": "prod"}],
        });
        if has_all {
            let arn = "arn:aws:iam::111122223333:instance-profile/ci";
            configuration["keyName"] = json!("ann");
            configuration["iamInstanceProfile"] = json!({"arn": arn, "id": "AIPA"});
            configuration["instanceLifecycle"] = json!("spot");
            configuration["spotInstanceRequestId"] = json!("sir-abcd1234");
            described["KeyName"] = json!("ann");
            described["IamInstanceProfile"] = json!({"Arn": arn, "Id": "AIPA"});
            described["InstanceLifecycle"] = json!("spot");
            described["SpotInstanceRequestId"] = json!("sir-abcd1234");
        }
        let item = json!({
            "configurationItemStatus": "OK", "configurationItemCaptureTime": "2026-11-23T08:00:00.000Z",
            "resourceType": "AWS::EC2::Instance", "resourceId": "i-0a1b2c3d4e5f60718", "awsAccountId": ACCOUNT,
            "availabilityZone": "us-east-1a", "configuration": configuration,
        });
        let from_item: ConfigurationItem = serde_json::from_value(item).unwrap();
        let DescribedInstance(mut from_cli) = serde_json::from_value(described).unwrap();
        // The reservation names the account, and the instance alone does not.
        assert_eq!(from_cli.details.owner_id, None);
        from_cli.details.owner_id = Some(ACCOUNT.to_owned());
        [from_sdk, from_item.into_resource().unwrap(), from_cli]
    }

    /// DescribeInstances, a configuration item and the AWS CLI's output give the same instance, with all details.
    #[test]
    fn the_three_readers_agree() {
        for has_all in [true, false] {
            let [from_sdk, from_item, from_cli] = by_each_reader(has_all);
            assert_eq!(from_item, from_sdk);
            assert_eq!(from_cli, from_sdk);
            assert!(from_sdk.details.is_whole);
        }
    }

    /// Every condition on every name has one answer, which is known, whoever described the instance.
    #[test]
    fn the_three_readers_agree_on_every_condition() {
        // Each detail's value, and whether every instance has it.
        let known = |detail: InstanceDetail| match detail {
            InstanceDetail::InstanceType => ("p5.48xlarge", true),
            InstanceDetail::VpcId => ("vpc-1", true),
            InstanceDetail::SubnetId => ("subnet-1", true),
            InstanceDetail::ImageId => ("ami-1", true),
            InstanceDetail::AvailabilityZone => ("us-east-1a", true),
            InstanceDetail::OwnerId => (ACCOUNT, true),
            InstanceDetail::Region => ("us-east-1", true),
            InstanceDetail::InstanceLifecycle => ("spot", false),
            InstanceDetail::KeyName => ("ann", false),
            InstanceDetail::InstanceProfile => {
                ("\"arn:aws:iam::111122223333:instance-profile/ci\"", false)
            }
        };
        let details = InstanceDetail::ALL.map(|it| (it.as_str(), known(it)));
        let names = details.into_iter().chain([("tag:Env", ("prod", true))]);
        for (name, (value, is_always)) in names {
            for has_all in [true, false] {
                let is_there = has_all || is_always;
                for (condition, expected) in [
                    (name.to_owned(), is_there),
                    (format!("!{name}"), !is_there),
                    (format!("{name} = {value}"), is_there),
                    (format!("{name} = *"), is_there),
                    (format!("{name} = other, {value}"), is_there),
                    (format!("{name} = other"), false),
                    (format!("{name} != {value}"), false),
                    (format!("{name} != other"), is_there),
                ] {
                    let rows = json!([
                        {"RuleId": -1, "PolicyFormat": 2},
                        {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "When": condition},
                    ]);
                    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
                    let policy = Policy::from_rows(rows).unwrap();
                    let standings = by_each_reader(has_all)
                        .map(|instance| policy.standing(&policy.rules()[0], &instance).to_string());
                    let [first, ..] = &standings;
                    assert!(standings.iter().all(|it| it == first), "{standings:?}");
                    let answer = if expected {
                        "applies"
                    } else {
                        "does not apply"
                    };
                    assert!(first.starts_with(answer), "{condition}: {first}");
                }
            }
        }
    }

    fn attached(instance_id: &str, state: types::VolumeAttachmentState) -> types::VolumeAttachment {
        let attachment = types::VolumeAttachment::builder().instance_id(instance_id);
        attachment.state(state).build()
    }

    #[test]
    fn reads_every_member_of_a_volume_that_tagwarden_needs() {
        let described = types::Volume::builder()
            .volume_id("vol-0a1b2c3d4e5f60718")
            .state(types::VolumeState::InUse)
            .create_time(aws_smithy_types::DateTime::from_secs(100))
            .availability_zone("us-east-1a")
            .owner_id("111111111111")
            .attachments(attached("i-2", types::VolumeAttachmentState::Attached))
            .attachments(attached("i-1", types::VolumeAttachmentState::Attaching))
            .attachments(attached("i-0", types::VolumeAttachmentState::Detached))
            .operator(OperatorResponse::builder().managed(true).build())
            .tags(types::Tag::builder().key("Name").value("data").build())
            .tags(types::Tag::builder().key("Owner").build())
            .build();
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut expected = Resource::new(Kind::Volume, "vol-0a1b2c3d4e5f60718", State::InUse);
        expected.attached_to = vec!["i-1".to_owned(), "i-2".to_owned()];
        expected.launched_at = DateTime::from_timestamp(100, 0);
        expected.operator = Some("an AWS service".to_owned());
        expected.details.is_whole = true;
        expected.details.availability_zone = Some("us-east-1a".to_owned());
        expected.details.owner_id = Some("111111111111".to_owned());
        expected.tags = [tag("Name", "data"), tag("Owner", "")].into();
        assert_eq!(volume_from_ec2(&described), Some(expected));
        assert_eq!(volume_from_ec2(&types::Volume::builder().build()), None);
    }
}

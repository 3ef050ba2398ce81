//! Reads instances from the output of `aws ec2 describe-instances`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::facts::{InstanceFacts, wire};
use super::tagged::Resource;

/// An instance as the AWS CLI writes it.
///
/// The AWS CLI keeps EC2's upper-case names and leaves out what EC2 leaves out: an instance without tags has no `Tags`.
/// Only the id is required.
///
/// See [describe-instances](https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-instances.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedInstance(pub Resource);

impl<'de> Deserialize<'de> for DescribedInstance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Configuration items have the same members with lower-case names.
        let mut members = wire::Described::deserialize(deserializer)?;
        let id = members.take_id();
        let id = id.ok_or_else(|| Error::missing_field("InstanceId"))?;
        Ok(Self(InstanceFacts::from(members).into_instance(id)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::resource::InstanceDetails;
    use crate::{Kind, State};

    fn read(members: Value) -> Resource {
        let DescribedInstance(instance) = serde_json::from_value(members).unwrap();
        instance
    }

    #[test]
    fn reads_every_member_that_tagwarden_needs() {
        let instance = read(json!({
            "InstanceId": "i-0a1b2c3d4e5f60718",
            "InstanceType": "t3.micro",
            "InstanceLifecycle": "spot",
            "LaunchTime": "2026-11-20T00:00:00+00:00",
            "NetworkInterfaces": [
                {"Attachment": {"DeviceIndex": 1, "AttachTime": "2026-01-01T00:00:00+00:00"}},
                {"Attachment": {"DeviceIndex": 0, "AttachTime": "2026-11-01T00:00:00+00:00"}},
            ],
            "Operator": {"Managed": true, "Principal": "eks.amazonaws.com"},
            "SpotInstanceRequestId": "sir-abcd1234",
            "State": {"Code": 80, "Name": "stopped"},
            "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "Owner", "Value": ""}],
            "VpcId": "vpc-1",
        }));
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            instance,
            Resource {
                kind: Kind::Instance,
                attached_to: Vec::new(),
                id: "i-0a1b2c3d4e5f60718".to_owned(),
                vpc_id: Some("vpc-1".to_owned()),
                state: State::Stopped,
                launched_at: Some("2026-11-01T00:00:00Z".parse().unwrap()),
                started_at: Some("2026-11-20T00:00:00Z".parse().unwrap()),
                spot_request_id: Some("sir-abcd1234".to_owned()),
                operator: Some("eks.amazonaws.com".to_owned()),
                // An excerpt: other details are not known.
                details: InstanceDetails {
                    instance_type: Some("t3.micro".to_owned()),
                    lifecycle: Some("spot".to_owned()),
                    ..InstanceDetails::default()
                },
                tags: BTreeMap::from([tag("Name", "web"), tag("Owner", "")]),
            }
        );
    }

    /// A recording may have been made with `--query`. What only conditions ask about does not make it unreadable, and
    /// is not taken for absent.
    #[test]
    fn a_detail_of_another_form_is_not_known() {
        let whole = || {
            json!({
                "InstanceId": "i-0a1b2c3d4e5f60718", "SubnetId": "subnet-1", "ImageId": "ami-1", "InstanceType": "t3.micro",
                "Placement": {"AvailabilityZone": "us-east-1a"}, "KeyName": "ann",
                "IamInstanceProfile": {"Arn": "arn:aws:iam::111122223333:instance-profile/ci"},
                "State": {"Name": "running"}, "LaunchTime": "2026-11-20T00:00:00Z",
            })
        };
        assert!(read(whole()).details.is_whole);
        for member in [
            "/SubnetId",
            "/ImageId",
            "/InstanceType",
            "/Placement",
            "/Placement/AvailabilityZone",
            "/KeyName",
            "/IamInstanceProfile",
            "/IamInstanceProfile/Arn",
        ] {
            for other in [
                json!(0),
                json!(true),
                json!([["x"]]),
                json!({"Arn": {}, "AvailabilityZone": 1}),
            ] {
                let mut members = whole();
                *members.pointer_mut(member).unwrap() = other.clone();
                let instance = read(members);
                assert!(!instance.details.is_whole, "{member} {other}");
                assert_eq!(instance.state, State::Running, "{member} {other}");
            }
        }
    }

    #[test]
    fn requires_only_the_id() {
        let instance = read(json!({"InstanceId": "i-0a1b2c3d4e5f60718", "Tags": null}));
        assert_eq!(instance.state, State::Unknown);
        assert!(instance.tags.is_empty());
        let error = serde_json::from_str::<DescribedInstance>(r#"{"Tags": []}"#).unwrap_err();
        assert!(error.to_string().contains("InstanceId"), "{error}");
    }
}

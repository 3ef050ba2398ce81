//! Reads volumes from the output of `aws ec2 describe-volumes`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::detail::{Detail, text_or_none};
use super::facts::{Operator, operator_of};
use super::generic::generic_facts;
use super::kind::Kind;
use super::state::State;
use super::tagged::Resource;

/// A volume as the AWS CLI writes it. Only the id is required.
///
/// See [describe-volumes](https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-volumes.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedVolume(pub Resource);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    volume_id: String,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    #[serde(default)]
    create_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text_or_none")]
    availability_zone: Option<String>,
    #[serde(default, deserialize_with = "text_or_none")]
    owner_id: Option<String>,
    #[serde(default)]
    operator: Detail<Operator>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    #[serde(default)]
    instance_id: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

impl<'de> Deserialize<'de> for DescribedVolume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Value::deserialize(deserializer)?;
        let facts = generic_facts(members.clone());
        let described: Described =
            serde_json::from_value(members).map_err(serde::de::Error::custom)?;
        let state = facts.state.as_deref().map_or(State::Unknown, State::from);
        let mut volume = Resource::new(Kind::Volume, described.volume_id, state);
        // An excerpt may have no attachments. What it is attached to is then not known.
        volume.details.is_whole = described.attachments.is_some();
        let attachments = described.attachments.into_iter().flatten();
        // A volume that is on its way to or from an instance is attached to it as well.
        let attached = attachments.filter(|it| it.state.as_deref() != Some("detached"));
        volume.attached_to = attached.filter_map(|it| it.instance_id).collect();
        volume.attached_to.sort_unstable();
        volume.attached_to.dedup();
        volume.launched_at = described.create_time;
        volume.details.availability_zone = described.availability_zone;
        volume.details.owner_id = described.owner_id;
        let operator = described.operator.given(&mut false);
        volume.operator = operator.and_then(operator_of);
        volume.tags = facts.tags;
        Ok(Self(volume))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_every_member_that_tagwarden_needs() {
        let members = json!({
            "VolumeId": "vol-0a1b2c3d4e5f60718", "AvailabilityZone": "us-east-1a", "State": "in-use", "Size": 8,
            "CreateTime": "2026-11-01T00:00:00+00:00", "OwnerId": "111122223333",
            "Operator": {"Managed": true, "Principal": "eks.amazonaws.com"},
            "Attachments": [
                {"InstanceId": "i-2", "State": "attached"}, {"InstanceId": "i-1", "State": "attaching"},
                {"InstanceId": "i-0", "State": "detached"},
            ],
            "Tags": [{"Key": "Name", "Value": "data"}],
        });
        let DescribedVolume(volume) = serde_json::from_value(members).unwrap();
        let mut expected = Resource::new(Kind::Volume, "vol-0a1b2c3d4e5f60718", State::InUse);
        expected.attached_to = vec!["i-1".to_owned(), "i-2".to_owned()];
        expected.launched_at = Some("2026-11-01T00:00:00Z".parse().unwrap());
        expected.operator = Some("eks.amazonaws.com".to_owned());
        expected.details.is_whole = true;
        expected.details.availability_zone = Some("us-east-1a".to_owned());
        expected.details.owner_id = Some("111122223333".to_owned());
        expected.tags = [("Name".to_owned(), "data".to_owned())].into();
        assert_eq!(volume, expected);
    }

    #[test]
    fn requires_only_the_id() {
        let read = |members| serde_json::from_value::<DescribedVolume>(members);
        let DescribedVolume(volume) = read(json!({"VolumeId": "vol-1", "Tags": null})).unwrap();
        let expected = Resource::new(Kind::Volume, "vol-1", State::Unknown);
        assert_eq!(volume, expected);
        let error = read(json!({"State": "in-use"})).unwrap_err();
        assert!(error.to_string().contains("VolumeId"), "{error}");
    }
}

//! From AWS Config's configuration items.
//!
//! One instance comes in two shapes: inside a rule's event (members such as `awsAccountId`, `configuration` an
//! object) and from GetResourceConfigHistory (`configuration` a JSON string). Tags come twice, as the map `tags`
//! and as the list `configuration.tags`, whose members are lower-case here and upper-case in CloudFormation's
//! shape. All are read; taking one for the other made every resource of a peer's users non-compliant.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Instance, State, UNNAMED_OPERATOR};

/// The Config resource type of an EC2 instance.
pub const INSTANCE_RESOURCE_TYPE: &str = "AWS::EC2::Instance";

/// A configuration item, or the summary of one that was too large for the event.
///
/// See [ConfigurationItem](https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationItem.html).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationItem {
    /// What happened to the resource.
    pub configuration_item_status: Status,
    /// When Config saw it; what an evaluation is ordered by.
    pub configuration_item_capture_time: DateTime<Utc>,
    /// Such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Such as `i-…`.
    pub resource_id: String,
    /// The account the resource is in.
    #[serde(default)]
    pub aws_account_id: Option<String>,
    /// The tags as a map; absent in summaries.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: BTreeMap<String, Option<String>>,
    /// What EC2 says of the instance.
    #[serde(default)]
    pub configuration: Configuration,
}

/// `configurationItemStatus`: one of five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Status {
    /// `OK`
    #[serde(rename = "OK")]
    Ok,
    /// `ResourceDiscovered`
    ResourceDiscovered,
    /// `ResourceDeleted`
    ResourceDeleted,
    /// `ResourceDeletedNotRecorded`
    ResourceDeletedNotRecorded,
    /// `ResourceNotRecorded`
    ResourceNotRecorded,
}

impl Status {
    /// Whether there is still a resource to evaluate.
    #[must_use]
    pub fn is_present(self) -> bool {
        matches!(self, Self::Ok | Self::ResourceDiscovered)
    }
}

/// The members of an EC2 instance's `configuration` that the policy needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    vpc_id: Option<String>,
    state: Option<String>,
    launched_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    spot_request_id: Option<String>,
    operator: Option<String>,
    tags: BTreeMap<String, String>,
}

impl ConfigurationItem {
    /// The instance this item describes.
    #[must_use]
    pub fn into_instance(self) -> Instance {
        let mut instance = self.configuration.into_instance(self.resource_id);
        instance.tags.extend(
            self.tags
                .into_iter()
                .map(|(key, value)| (key, value.unwrap_or_default())),
        );
        instance
    }
}

impl Configuration {
    /// Reads a `configuration` as GetResourceConfigHistory gives it.
    ///
    /// # Errors
    /// The text is not JSON, or holds something else than an instance.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        Ok(serde_json::from_str::<wire::Configuration>(text)?.into())
    }

    /// The instance with this id that has these members.
    pub(super) fn into_instance(self, id: String) -> Instance {
        Instance {
            id,
            vpc_id: self.vpc_id,
            state: self
                .state
                .map_or(State::Unknown, |name| name.as_str().into()),
            launched_at: self.launched_at,
            started_at: self.started_at,
            spot_request_id: self.spot_request_id,
            operator: self.operator,
            tags: self.tags,
        }
    }
}

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            // A deleted resource's item has no configuration.
            Value::Null => Ok(Self::default()),
            Value::String(text) => Self::from_json(&text),
            value => serde_json::from_value::<wire::Configuration>(value).map(Into::into),
        }
        .map_err(serde::de::Error::custom)
    }
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The JSON as it comes, with everything optional: Config leaves out or nulls what it does not know. The upper-case
/// names are the AWS CLI's, for [`DescribedInstance`](super::described::DescribedInstance).
pub(super) mod wire {
    use super::{DateTime, Deserialize, UNNAMED_OPERATOR, Utc, null_as_default};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(in crate::instance) struct Configuration {
        #[serde(default, alias = "InstanceId")]
        instance_id: Option<String>,
        #[serde(default, alias = "VpcId")]
        vpc_id: Option<String>,
        #[serde(default, alias = "State")]
        state: Option<State>,
        #[serde(default, alias = "LaunchTime")]
        launch_time: Option<DateTime<Utc>>,
        #[serde(default, alias = "InstanceLifecycle")]
        instance_lifecycle: Option<String>,
        #[serde(default, alias = "SpotInstanceRequestId")]
        spot_instance_request_id: Option<String>,
        #[serde(default, alias = "Operator")]
        operator: Option<Operator>,
        #[serde(default, alias = "Tags", deserialize_with = "null_as_default")]
        tags: Vec<Tag>,
        #[serde(
            default,
            alias = "NetworkInterfaces",
            deserialize_with = "null_as_default"
        )]
        network_interfaces: Vec<NetworkInterface>,
    }

    #[derive(Deserialize)]
    struct State {
        #[serde(default, alias = "Name")]
        name: Option<String>,
    }

    #[derive(Deserialize)]
    struct Operator {
        #[serde(default, alias = "Managed")]
        managed: Option<bool>,
        #[serde(default, alias = "Principal")]
        principal: Option<String>,
    }

    #[derive(Deserialize)]
    struct Tag {
        #[serde(alias = "Key")]
        key: String,
        #[serde(default, alias = "Value")]
        value: Option<String>,
    }

    #[derive(Deserialize)]
    struct NetworkInterface {
        #[serde(default, alias = "Attachment")]
        attachment: Option<Attachment>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Attachment {
        #[serde(default, alias = "DeviceIndex")]
        device_index: Option<i64>,
        #[serde(default, alias = "AttachTime")]
        attach_time: Option<DateTime<Utc>>,
    }

    impl Configuration {
        /// The instance's id, where it stands among its other members.
        pub(in crate::instance) fn take_id(&mut self) -> Option<String> {
            self.instance_id.take()
        }
    }

    impl From<Configuration> for super::Configuration {
        fn from(wire: Configuration) -> Self {
            let attached_at = wire
                .network_interfaces
                .into_iter()
                .filter_map(|interface| interface.attachment)
                .find(|attachment| attachment.device_index == Some(0))
                .and_then(|attachment| attachment.attach_time);
            let is_spot = wire.instance_lifecycle.as_deref() == Some("spot");
            let operator = wire
                .operator
                .filter(|operator| operator.managed == Some(true));
            Self {
                vpc_id: wire.vpc_id,
                state: wire.state.and_then(|state| state.name),
                launched_at: [wire.launch_time, attached_at].into_iter().flatten().min(),
                started_at: wire.launch_time,
                spot_request_id: wire
                    .spot_instance_request_id
                    .filter(|id| !id.is_empty())
                    .or_else(|| is_spot.then(String::new)),
                operator: operator.map(|operator| {
                    let principal = operator.principal.filter(|name| !name.is_empty());
                    principal.unwrap_or_else(|| UNNAMED_OPERATOR.to_owned())
                }),
                tags: wire
                    .tags
                    .into_iter()
                    .map(|tag| (tag.key, tag.value.unwrap_or_default()))
                    .collect(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(members: Value) -> ConfigurationItem {
        let mut item = json!({
            "configurationItemStatus": "OK",
            "configurationItemCaptureTime": "2026-11-23T08:00:00.000Z",
            "resourceType": "AWS::EC2::Instance",
            "resourceId": "i-0a1b2c3d4e5f60718",
        });
        let Value::Object(members) = members else {
            panic!("members of an item are an object")
        };
        item.as_object_mut().unwrap().extend(members);
        serde_json::from_value(item).unwrap()
    }

    #[test]
    fn every_shape_of_the_tags_is_the_same_instance() {
        let expected = BTreeMap::from([("Owner".to_owned(), "ann".to_owned())]);
        for members in [
            json!({"tags": {"Owner": "ann"}}),
            json!({"tags": {"Owner": "ann"}, "configuration": {"tags": []}}),
            json!({"tags": {}, "configuration": {"tags": [{"key": "Owner", "value": "ann"}]}}),
            json!({"configuration": {"tags": [{"key": "Owner", "value": "ann"}]}}),
            json!({"tags": null, "configuration": {"tags": [{"Key": "Owner", "Value": "ann"}]}}),
            json!({"configuration": {"Tags": [{"Key": "Owner", "Value": "ann"}]}}),
            json!({"configuration": r#"{"tags":[{"key":"Owner","value":"ann"}]}"#}),
        ] {
            assert_eq!(
                item(members.clone()).into_instance().tags,
                expected,
                "{members}"
            );
        }
    }

    #[test]
    fn a_tag_without_a_value_is_an_empty_tag() {
        let instance =
            item(json!({"tags": {"A": null}, "configuration": {"tags": [{"key": "B"}]}}));
        let instance = instance.into_instance();
        assert_eq!(instance.tags.get("A").map(String::as_str), Some(""));
        assert_eq!(instance.tags.get("B").map(String::as_str), Some(""));
    }

    #[test]
    fn the_first_launch_is_when_the_primary_interface_was_attached() {
        let instance = item(json!({"configuration": {
            "vpcId": "vpc-1",
            "state": {"code": 16, "name": "running"},
            "launchTime": "2026-11-20T00:00:00.000Z",
            "networkInterfaces": [
                {"attachment": {"deviceIndex": 1, "attachTime": "2026-01-01T00:00:00.000Z"}},
                {"attachment": {"deviceIndex": 0, "attachTime": "2026-11-01T00:00:00.000Z"}},
            ],
        }}))
        .into_instance();
        assert_eq!(
            instance.launched_at,
            Some("2026-11-01T00:00:00Z".parse().unwrap())
        );
        assert_eq!(instance.state, State::Running);
        assert_eq!(instance.vpc_id.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn a_restart_moves_the_start_and_not_the_launch() {
        let instance = item(json!({"configuration": {
            "launchTime": "2026-11-20T00:00:00.000Z",
            "networkInterfaces": [
                {"attachment": {"deviceIndex": 0, "attachTime": "2026-11-01T00:00:00.000Z"}},
            ],
        }}))
        .into_instance();
        let started_at = Some("2026-11-20T00:00:00Z".parse().unwrap());
        assert_eq!(instance.started_at, started_at);
        assert!(instance.launched_at < started_at);
    }

    #[test]
    fn a_spot_instance_has_a_request_even_where_it_is_not_named() {
        for (configuration, expected) in [
            (json!({}), None),
            (
                json!({"instanceLifecycle": null, "spotInstanceRequestId": null}),
                None,
            ),
            (
                json!({"instanceLifecycle": "scheduled", "spotInstanceRequestId": ""}),
                None,
            ),
            (json!({"instanceLifecycle": "spot"}), Some("")),
            (
                json!({"spotInstanceRequestId": "sir-abcd1234"}),
                Some("sir-abcd1234"),
            ),
            (
                json!({"instanceLifecycle": "spot", "spotInstanceRequestId": "sir-abcd1234"}),
                Some("sir-abcd1234"),
            ),
        ] {
            let as_text = json!({"configuration": configuration.to_string()});
            for members in [json!({"configuration": configuration}), as_text] {
                let instance = item(members.clone()).into_instance();
                assert_eq!(instance.spot_request_id.as_deref(), expected, "{members}");
            }
        }
    }

    #[test]
    fn only_who_manages_it_is_the_operator() {
        for (operator, expected) in [
            (Value::Null, None),
            (json!({}), None),
            (json!({"managed": null, "principal": null}), None),
            (
                json!({"managed": false, "principal": "eks.amazonaws.com"}),
                None,
            ),
            (json!({"managed": true}), Some("an AWS service")),
            (
                json!({"managed": true, "principal": ""}),
                Some("an AWS service"),
            ),
            (
                json!({"managed": true, "principal": "eks.amazonaws.com", "hiddenByDefault": true}),
                Some("eks.amazonaws.com"),
            ),
        ] {
            let members = json!({"configuration": {"operator": operator}});
            let instance = item(members).into_instance();
            assert_eq!(instance.operator.as_deref(), expected, "{operator}");
        }
    }
}

//! Reads instances from AWS Config's configuration items.
//!
//! In a rule's event, `configuration` is an object; from GetResourceConfigHistory, it is JSON in a string. Tags are in
//! two places: the map `tags` and the list `configuration.tags`. The members of that list are lower-case in Config's
//! format and upper-case in CloudFormation's. All of these are read, because a reader that misses one of them makes
//! every instance `NON_COMPLIANT`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::detail::text_or_none;
use super::facts::{InstanceFacts, null_as_default};
use super::kind::Kind;
use super::tagged::Resource;

/// The Config resource type of an EC2 instance.
pub const INSTANCE_RESOURCE_TYPE: &str = Kind::Instance.config_type();

/// A configuration item.
///
/// See [ConfigurationItem](https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationItem.html).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationItem {
    /// What happened to the resource.
    pub configuration_item_status: ItemStatus,
    /// When Config captured the item. Config orders evaluations by this time.
    pub configuration_item_capture_time: DateTime<Utc>,
    /// Such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Such as `i-…`.
    pub resource_id: String,
    /// The account the resource is in, as a snapshot and an event name it.
    #[serde(default)]
    pub aws_account_id: Option<String>,
    /// The account the resource is in, as the resource's history names it.
    #[serde(default, deserialize_with = "text_or_none")]
    pub account_id: Option<String>,
    /// The Availability Zone the resource is in.
    #[serde(default, deserialize_with = "text_or_none")]
    pub availability_zone: Option<String>,
    /// The tags as a map; empty for an item made from a summary.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: BTreeMap<String, Option<String>>,
    /// EC2's description of the instance.
    #[serde(default)]
    pub configuration: InstanceFacts,
}

/// The summary that an oversized notification has in place of a configuration item that is too large for an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemSummary {
    /// What happened to the resource.
    pub configuration_item_status: ItemStatus,
    /// When Config captured the item.
    pub configuration_item_capture_time: DateTime<Utc>,
    /// Such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Such as `i-…`.
    pub resource_id: String,
}

/// `configurationItemStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ItemStatus {
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

impl ItemStatus {
    /// Whether the resource exists and Config records it.
    #[must_use]
    pub fn is_present(self) -> bool {
        matches!(self, Self::Ok | Self::ResourceDiscovered)
    }
}

impl From<ItemSummary> for ConfigurationItem {
    /// An item with only the members of the summary: it has no tags and no configuration.
    fn from(summary: ItemSummary) -> Self {
        Self {
            configuration_item_status: summary.configuration_item_status,
            configuration_item_capture_time: summary.configuration_item_capture_time,
            resource_type: summary.resource_type,
            resource_id: summary.resource_id,
            aws_account_id: None,
            account_id: None,
            availability_zone: None,
            tags: BTreeMap::new(),
            configuration: InstanceFacts::default(),
        }
    }
}

impl ConfigurationItem {
    /// Whether the item says nothing about its resource: it has neither tags nor a description.
    ///
    /// The instance that it gives would be untagged, although nothing is known of its tags.
    #[must_use]
    pub fn describes_nothing(&self) -> bool {
        self.tags.is_empty() && self.configuration == InstanceFacts::default()
    }

    /// The instance that this item describes.
    #[must_use]
    pub fn into_resource(self) -> Resource {
        let mut facts = self.configuration;
        facts.owner_id = self.aws_account_id.or(self.account_id).or(facts.owner_id);
        facts.availability_zone = facts.availability_zone.or(self.availability_zone);
        let mut instance = facts.into_instance(self.resource_id);
        instance.tags.extend(
            self.tags
                .into_iter()
                .map(|(key, value)| (key, value.unwrap_or_default())),
        );
        instance
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_two_statuses_are_of_a_resource_that_is_there() {
        for (status, is_present) in [
            (ItemStatus::Ok, true),
            (ItemStatus::ResourceDiscovered, true),
            (ItemStatus::ResourceDeleted, false),
            (ItemStatus::ResourceDeletedNotRecorded, false),
            (ItemStatus::ResourceNotRecorded, false),
        ] {
            assert_eq!(status.is_present(), is_present, "{status:?}");
        }
    }
    use crate::State;

    fn item(members: Value) -> ConfigurationItem {
        let mut item = json!({
            "configurationItemStatus": "OK",
            "configurationItemCaptureTime": "2026-11-23T08:00:00.000Z",
            "resourceType": "AWS::EC2::Instance",
            "resourceId": "i-0a1b2c3d4e5f60718",
        });
        let Value::Object(members) = members else {
            panic!("the members of an item must be an object")
        };
        item.as_object_mut().unwrap().extend(members);
        serde_json::from_value(item).unwrap()
    }

    #[test]
    fn reads_tags_in_every_format() {
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
                item(members.clone()).into_resource().tags,
                expected,
                "{members}"
            );
        }
    }

    #[test]
    fn reads_a_tag_without_a_value_as_empty() {
        let instance =
            item(json!({"tags": {"A": null}, "configuration": {"tags": [{"key": "B"}]}}));
        let instance = instance.into_resource();
        assert_eq!(instance.tags.get("A").map(String::as_str), Some(""));
        assert_eq!(instance.tags.get("B").map(String::as_str), Some(""));
    }

    #[test]
    fn an_item_without_tags_and_description_describes_nothing() {
        for (members, expected) in [
            (json!({}), true),
            (json!({"tags": null, "configuration": null}), true),
            (json!({"tags": {}, "configuration": {}}), true),
            (json!({"tags": {"Owner": ""}}), false),
            (
                json!({"configuration": {"state": {"name": "running"}}}),
                false,
            ),
            (
                json!({"tags": {}, "configuration": {"tags": [{"key": "A"}]}}),
                false,
            ),
        ] {
            assert_eq!(
                item(members.clone()).describes_nothing(),
                expected,
                "{members}"
            );
        }
    }

    #[test]
    fn takes_the_first_launch_from_the_primary_interface() {
        let instance = item(json!({"configuration": {
            "vpcId": "vpc-1",
            "state": {"code": 16, "name": "running"},
            "launchTime": "2026-11-20T00:00:00.000Z",
            "networkInterfaces": [
                {"attachment": {"deviceIndex": 1, "attachTime": "2026-01-01T00:00:00.000Z"}},
                {"attachment": {"deviceIndex": 0, "attachTime": "2026-11-01T00:00:00.000Z"}},
            ],
        }}))
        .into_resource();
        assert_eq!(
            instance.launched_at,
            Some("2026-11-01T00:00:00Z".parse().unwrap())
        );
        assert_eq!(instance.state, State::Running);
        assert_eq!(instance.vpc_id.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn a_restart_changes_started_at_but_not_launched_at() {
        let instance = item(json!({"configuration": {
            "launchTime": "2026-11-20T00:00:00.000Z",
            "networkInterfaces": [
                {"attachment": {"deviceIndex": 0, "attachTime": "2026-11-01T00:00:00.000Z"}},
            ],
        }}))
        .into_resource();
        let started_at = Some("2026-11-20T00:00:00Z".parse().unwrap());
        assert_eq!(instance.started_at, started_at);
        assert!(instance.launched_at < started_at);
    }

    #[test]
    fn a_spot_instance_has_a_request_even_if_aws_does_not_name_it() {
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
                let instance = item(members.clone()).into_resource();
                assert_eq!(instance.spot_request_id.as_deref(), expected, "{members}");
            }
        }
    }

    #[test]
    fn has_an_operator_only_if_it_is_managed() {
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
            let instance = item(members).into_resource();
            assert_eq!(instance.operator.as_deref(), expected, "{operator}");
        }
    }
}

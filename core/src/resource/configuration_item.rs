//! Reads instances from AWS Config's configuration items.
//!
//! In a rule's event, `configuration` is an object; from GetResourceConfigHistory, it is JSON in a string. Tags are in
//! two places: the map `tags` and the list `configuration.tags`. The members of that list are lower-case in Config's
//! format and upper-case in CloudFormation's. All of these are read, because a reader that misses one of them makes
//! every instance `NON_COMPLIANT`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::detail::{Detail, text_or_none};
use super::facts::{InstanceFacts, null_as_default};
use super::generic::generic_facts;
use super::kind::Kind;
use super::tagged::Resource;

/// A configuration item.
///
/// Only an instance's `configuration` is read as such. Of every other resource, what Config says of all resources is read:
/// the tags, the zone, the time of creation and the relationships.
///
/// See [ConfigurationItem](https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationItem.html).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "wire::Captured")]
pub struct ConfigurationItem {
    /// What happened to the resource.
    pub configuration_item_status: ItemStatus,
    /// When Config captured the item. Config orders evaluations by this time.
    pub configuration_item_capture_time: DateTime<Utc>,
    /// Such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Such as `i-…`.
    pub resource_id: String,
    /// The account the resource is in.
    pub account_id: Option<String>,
    /// The Region the resource is in.
    pub region: Option<String>,
    /// The Availability Zone the resource is in.
    pub availability_zone: Option<String>,
    /// When the resource was created.
    pub created_at: Option<DateTime<Utc>>,
    /// How the resource is related to others; `None` if the item does not say.
    pub relationships: Option<Vec<Relationship>>,
    /// The tags as a map; empty for an item made from a summary.
    pub tags: BTreeMap<String, Option<String>>,
    /// EC2's description of an instance. Of another resource: the tags and the state, where they have EC2's form.
    pub configuration: InstanceFacts,
}

/// How a resource is related to another one.
///
/// See [Relationship](https://docs.aws.amazon.com/config/latest/APIReference/API_Relationship.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// Such as `Is attached to Instance`.
    pub name: String,
    /// The type of the other one, such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// The id of the other one.
    pub resource_id: String,
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
            account_id: None,
            region: None,
            availability_zone: None,
            created_at: None,
            relationships: None,
            tags: BTreeMap::new(),
            configuration: InstanceFacts::default(),
        }
    }
}

impl ConfigurationItem {
    /// What the resource is; `None` for a resource of a type that tagwarden does not know.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_config_type(&self.resource_type)
    }

    /// What is read of the `configuration` of a resource of the type `resource_type`.
    ///
    /// # Errors
    /// It is not a description of an instance, for an instance.
    pub fn facts(resource_type: &str, configuration: Value) -> serde_json::Result<InstanceFacts> {
        if resource_type == Kind::Instance.config_type() {
            InstanceFacts::deserialize(configuration)
        } else {
            Ok(generic_facts(configuration))
        }
    }

    /// Whether the item says nothing about its resource: it has neither tags nor a description.
    ///
    /// The resource that it gives would have no tags, although nothing is known of its tags.
    #[must_use]
    pub fn describes_nothing(&self) -> bool {
        let has_description = match self.kind() {
            Some(Kind::Instance) => false,
            // Config describes what has no tags by its creation and its relationships.
            _ => self.created_at.is_some() || self.relationships.is_some(),
        };
        self.tags.is_empty() && self.configuration == InstanceFacts::default() && !has_description
    }

    /// The resource that this item describes; `None` for a resource of a type that tagwarden does not know.
    ///
    /// The VPC of what is attached to an instance is not known: Config does not say where the instance is.
    #[must_use]
    pub fn into_resource(self) -> Option<Resource> {
        let kind = self.kind()?;
        let mut facts = self.configuration;
        facts.owner_id = self.account_id.or(facts.owner_id);
        facts.availability_zone = facts.availability_zone.or(self.availability_zone);
        let mut resource = facts.into_instance(self.resource_id);
        let tags = self.tags.into_iter();
        let tags = tags.map(|(key, value)| (key, value.unwrap_or_default()));
        resource.tags.extend(tags);
        resource.kind = kind;
        if resource.details.availability_zone.is_none() {
            resource.details.stated_region.clone_from(&self.region);
        }
        let Some(attached_by) = kind.attached_by() else {
            return Some(resource);
        };
        resource.launched_at = self.created_at;
        resource.started_at = None;
        resource.details.stated_region = self.region;
        // An excerpt may have no relationships. What it is attached to is then not known.
        resource.details.is_whole = self.relationships.is_some();
        let related = self.relationships.into_iter().flatten();
        let instances = related.filter(|it| {
            it.name.trim() == attached_by && it.resource_type == Kind::Instance.config_type()
        });
        resource.attached_to = instances.map(|it| it.resource_id).collect();
        resource.attached_to.sort_unstable();
        resource.attached_to.dedup();
        Some(resource)
    }
}

/// The JSON as AWS writes it.
mod wire {
    use super::{
        BTreeMap, ConfigurationItem, DateTime, Deserialize, Detail, ItemStatus, Utc, Value,
        null_as_default, text_or_none,
    };

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Captured {
        configuration_item_status: ItemStatus,
        configuration_item_capture_time: DateTime<Utc>,
        resource_type: String,
        resource_id: String,
        /// As a snapshot and an event name it.
        #[serde(default)]
        aws_account_id: Option<String>,
        /// As the resource's history names it.
        #[serde(default, deserialize_with = "text_or_none")]
        account_id: Option<String>,
        #[serde(default, deserialize_with = "text_or_none")]
        aws_region: Option<String>,
        #[serde(default, deserialize_with = "text_or_none")]
        availability_zone: Option<String>,
        #[serde(default)]
        resource_creation_time: Detail<DateTime<Utc>>,
        #[serde(default)]
        relationships: Detail<Vec<Related>>,
        #[serde(default, deserialize_with = "null_as_default")]
        tags: BTreeMap<String, Option<String>>,
        #[serde(default)]
        configuration: Value,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Related {
        /// `name` in an event and a snapshot, `relationshipName` in the resource's history.
        #[serde(alias = "relationshipName")]
        name: String,
        resource_type: String,
        #[serde(default)]
        resource_id: Option<String>,
    }

    impl TryFrom<Captured> for ConfigurationItem {
        type Error = serde_json::Error;

        fn try_from(item: Captured) -> Result<Self, Self::Error> {
            let mut is_garbled = false;
            let relationships = item.relationships.given(&mut is_garbled);
            let relationships = relationships.map(|related| {
                let related = related.into_iter().filter_map(|it| {
                    Some(super::Relationship {
                        name: it.name,
                        resource_type: it.resource_type,
                        resource_id: it.resource_id?,
                    })
                });
                related.collect()
            });
            let configuration = Self::facts(&item.resource_type, item.configuration)?;
            Ok(Self {
                configuration_item_status: item.configuration_item_status,
                configuration_item_capture_time: item.configuration_item_capture_time,
                resource_type: item.resource_type,
                resource_id: item.resource_id,
                account_id: item.aws_account_id.or(item.account_id),
                region: item.aws_region,
                availability_zone: item.availability_zone,
                created_at: item.resource_creation_time.given(&mut is_garbled),
                relationships,
                tags: item.tags,
                configuration,
            })
        }
    }
}

#[cfg(test)]
mod tests;

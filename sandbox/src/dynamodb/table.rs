//! A table: its key, its items and their order.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::json;

use super::attribute::{Attribute, AttributeMap, write_item};
use super::invalid;
use super::number::Number;
use crate::ids::fingerprint;
use crate::wire::ApiError;

/// "The maximum length is 2048 bytes" for a partition key, 1024 bytes for a sort key.
const MAX_KEY_LENGTHS: [usize; 2] = [2048, 1024];

/// Time to live leaves items alone that expired longer ago, see
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html>.
const MAX_EXPIRED_SECONDS: i64 = 5 * 365 * 24 * 60 * 60;

/// A table and its items.
#[derive(Debug)]
pub(crate) struct ItemTable {
    /// The attributes of the key, each with its type: the partition key, and the sort key if there is one.
    key: Vec<(String, &'static str)>,
    time_to_live: Option<String>,
    items: BTreeMap<ItemPosition, AttributeMap>,
}

/// The place of an item in its table.
///
/// Partitions are in the order of a hash of their keys, and the items of a partition in the order of their sort keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemPosition {
    fingerprint: u64,
    partition: KeyValue,
    sort: Option<KeyValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyValue {
    S(String),
    N(Number),
    /// A fixture's key of a type that no key has, as JSON.
    Other(String),
}

impl ItemPosition {
    fn new(partition: &Attribute, sort: Option<&Attribute>) -> Self {
        let value = |attribute: &Attribute| match attribute {
            Attribute::S(text) => KeyValue::S(text.clone()),
            Attribute::N(number) => KeyValue::N(number.clone()),
            other => KeyValue::Other(other.write().to_string()),
        };
        Self {
            fingerprint: fingerprint(&partition.write().to_string()),
            partition: value(partition),
            sort: sort.map(value),
        }
    }

    /// Whether both items are in the same partition.
    pub(crate) fn shares_partition(&self, other: &Self) -> bool {
        self.partition == other.partition
    }
}

impl ItemTable {
    /// An empty table whose key consists of these attributes, each with its type: `S` or `N`.
    pub(crate) fn new(key: &[(&str, &'static str)]) -> Self {
        let key = key.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
        Self {
            key: key.collect(),
            time_to_live: None,
            items: BTreeMap::new(),
        }
    }

    /// The attributes of the key, each with its type, the partition key first.
    pub(crate) fn key_types(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.key.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// The names of the key's attributes, the partition key first.
    pub(crate) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|(name, _)| name.as_str())
    }

    /// The position of an item, which must have its whole key.
    pub(crate) fn position_of_item(&self, item: &AttributeMap) -> Result<ItemPosition, ApiError> {
        for (name, kind) in &self.key {
            let problem = match item.get(name) {
                None => format!("Missing the key {name} in the item"),
                Some(value) if value.type_name() != *kind => format!(
                    "Type mismatch for key {name} expected: {kind} actual: {}",
                    value.type_name()
                ),
                Some(_) => continue,
            };
            return Err(invalid(format!(
                "One or more parameter values were invalid: {problem}"
            )));
        }
        self.check_key(item)?;
        Ok(self.position_of_any(item))
    }

    /// The position of a key, which must have nothing else.
    pub(crate) fn position_of_key(&self, key: &AttributeMap) -> Result<ItemPosition, ApiError> {
        let fits = |(name, kind): &(String, &str)| {
            key.get(name)
                .is_some_and(|value| value.type_name() == *kind)
        };
        if key.len() != self.key.len() || !self.key.iter().all(fits) {
            return Err(invalid(
                "The provided key element does not match the schema",
            ));
        }
        self.check_key(key)?;
        Ok(self.position_of_any(key))
    }

    /// The position of a key or an item even if its key is missing or of the wrong type, as a fixture's may be.
    pub(crate) fn position_of_any(&self, item: &AttributeMap) -> ItemPosition {
        let mut values = self.key_names().map(|name| item.get(name));
        let whole = Attribute::Other(json!({"M": write_item(item)}));
        let partition = values.next().flatten().unwrap_or(&whole);
        ItemPosition::new(partition, values.next().flatten())
    }

    /// Refuses a key that is empty or too long.
    fn check_key(&self, item: &AttributeMap) -> Result<(), ApiError> {
        for ((name, _), max) in self.key.iter().zip(MAX_KEY_LENGTHS) {
            let Some(Attribute::S(text)) = item.get(name) else {
                continue;
            };
            if text.is_empty() {
                return Err(invalid(format!(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
                     contain an empty string value. Key: {name}"
                )));
            }
            if text.len() > max {
                return Err(invalid(format!(
                    "One or more parameter values were invalid: The size of key {name} has exceeded the maximum \
                     size limit of {max} bytes"
                )));
            }
        }
        Ok(())
    }

    /// Refuses a value that a key condition compares with the key's attribute `name`.
    pub(crate) fn check_key_type(&self, name: &str, value: &Attribute) -> Result<(), ApiError> {
        let kind = self.key.iter().find(|(key, _)| key == name);
        if kind.is_none_or(|(_, kind)| value.type_name() != *kind) {
            return Err(invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ));
        }
        Ok(())
    }

    /// The key of an item, as `LastEvaluatedKey` carries it.
    pub(crate) fn key_of(&self, item: &AttributeMap) -> AttributeMap {
        let attributes = self
            .key_names()
            .filter_map(|name| item.get_key_value(name))
            .map(|(name, value)| (name.clone(), value.clone()));
        let key: AttributeMap = attributes.collect();
        // A fixture may lack its key: then all of it stands for the key.
        if key.is_empty() { item.clone() } else { key }
    }

    /// The item at a position.
    pub(crate) fn get(&self, position: &ItemPosition) -> Option<&AttributeMap> {
        self.items.get(position)
    }

    /// Puts an item at its position, or deletes the item there.
    pub(crate) fn set(&mut self, position: ItemPosition, item: Option<AttributeMap>) {
        match item {
            Some(item) => self.items.insert(position, item),
            None => self.items.remove(&position),
        };
    }

    /// Deletes all items.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    /// The items after a position, or all items, in the order of a scan.
    pub(crate) fn items_after(
        &self,
        position: Option<&ItemPosition>,
    ) -> impl Iterator<Item = (&ItemPosition, &AttributeMap)> {
        let start = position.map_or(Bound::Unbounded, Bound::Excluded);
        self.items.range((start, Bound::Unbounded))
    }

    /// The items of one partition in the order of their sort keys, from a position on if one is given.
    pub(crate) fn partition(
        &self,
        partition: &Attribute,
        after: Option<&ItemPosition>,
    ) -> impl Iterator<Item = &AttributeMap> {
        let first = ItemPosition::new(partition, None);
        let start = match after {
            Some(after) => Bound::Excluded(after.clone()),
            None => Bound::Included(first.clone()),
        };
        let from_start = self.items.range((start, Bound::Unbounded));
        // Partitions with the same fingerprint are neighbours.
        let fingerprint = first.fingerprint;
        let neighbours =
            from_start.take_while(move |(position, _)| position.fingerprint == fingerprint);
        neighbours
            .filter(move |(position, _)| position.shares_partition(&first))
            .map(|(_, item)| item)
    }

    /// Names the attribute that holds the time at which an item expires.
    pub(crate) fn set_time_to_live(&mut self, attribute: &str) {
        self.time_to_live = Some(attribute.to_owned());
    }

    /// Deletes the items that have expired at `now`, in seconds since the epoch.
    pub(crate) fn expire(&mut self, now: i64) {
        let Some(attribute) = &self.time_to_live else {
            return;
        };
        let oldest = Number::from(now.saturating_sub(MAX_EXPIRED_SECONDS));
        let now = Number::from(now);
        self.items.retain(|_, item| match item.get(attribute) {
            Some(Attribute::N(at)) => *at > now || *at < oldest,
            _ => true,
        });
    }
}

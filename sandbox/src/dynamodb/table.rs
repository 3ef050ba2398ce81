//! A table: its keys, its items, and their order.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::attribute::{Attribute, Item};
use super::invalid;
use super::number::Number;
use crate::ids::fingerprint;
use crate::wire::ApiError;

/// "The minimum length of a partition key value is 1 byte. The maximum length is 2048 bytes."
const LONGEST_HASH: usize = 2048;

/// "The minimum length of a sort key value is 1 byte. The maximum length is 1024 bytes."
const LONGEST_RANGE: usize = 1024;

/// Time to live deletes no item that expired longer ago, see
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html>.
const LONGEST_EXPIRED: i64 = 5 * 365 * 24 * 60 * 60;

/// A table and its items.
#[derive(Debug)]
pub(crate) struct Table {
    hash: KeyAttribute,
    range: Option<KeyAttribute>,
    time_to_live: Option<String>,
    items: BTreeMap<Position, Item>,
}

/// An attribute of the key. Its type is that of the first item: a table is made without saying it.
#[derive(Debug)]
struct KeyAttribute {
    name: String,
    kind: Option<&'static str>,
}

/// An item's place in its table, and its key: partitions are in the order of a hash of their keys, items in
/// a partition in that of their range keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    fingerprint: u64,
    pub(crate) hash: Attribute,
    pub(crate) range: Option<Attribute>,
}

impl Position {
    fn new(hash: Attribute, range: Option<Attribute>) -> Self {
        Self {
            fingerprint: fingerprint(&hash.write().to_string()),
            hash,
            range,
        }
    }
}

impl KeyAttribute {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: None,
        }
    }

    /// Whether a value may be this attribute's, by its type.
    fn fits(&self, value: &Attribute) -> bool {
        value.is_ordered() && self.kind.is_none_or(|kind| kind == value.type_name())
    }

    /// Refuses a key's value that is too short.
    fn not_empty(&self, value: &Attribute) -> Result<(), ApiError> {
        let kind = match value {
            Attribute::S(text) if text.is_empty() => "string",
            Attribute::B(bytes) if bytes.is_empty() => "binary",
            _ => return Ok(()),
        };
        Err(invalid(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
             contain an empty {kind} value. Key: {}",
            self.name
        )))
    }

    /// This attribute of a whole item.
    fn of_item(&self, item: &Item) -> Result<Attribute, ApiError> {
        let name = &self.name;
        let Some(value) = item.get(name) else {
            return Err(invalid(format!(
                "One or more parameter values were invalid: Missing the key {name} in the item"
            )));
        };
        if !self.fits(value) {
            let expected = self.kind.unwrap_or("S, N or B");
            return Err(invalid(format!(
                "One or more parameter values were invalid: Type mismatch for key {name} expected: \
                 {expected} actual: {}",
                value.type_name()
            )));
        }
        self.not_empty(value)?;
        Ok(value.clone())
    }

    /// This attribute of a key.
    fn of_key(&self, key: &Item) -> Result<Attribute, ApiError> {
        let value = key.get(&self.name).filter(|value| self.fits(value));
        let value = value.ok_or_else(mismatch)?;
        self.not_empty(value)?;
        Ok(value.clone())
    }
}

fn mismatch() -> ApiError {
    invalid("The provided key element does not match the schema")
}

impl Table {
    /// An empty table with these attributes for its key.
    pub(crate) fn new(hash: &str, range: Option<&str>) -> Self {
        Self {
            hash: KeyAttribute::new(hash),
            range: range.map(KeyAttribute::new),
            time_to_live: None,
            items: BTreeMap::new(),
        }
    }

    /// The name of the partition key's attribute.
    pub(crate) fn hash_name(&self) -> &str {
        &self.hash.name
    }

    /// The name of the sort key's attribute, if the table has one.
    pub(crate) fn range_name(&self) -> Option<&str> {
        self.range.as_ref().map(|range| range.name.as_str())
    }

    /// Whether an attribute is part of the key.
    pub(crate) fn is_key(&self, name: &str) -> bool {
        self.hash_name() == name || self.range_name() == Some(name)
    }

    /// The place of an item, which must have its whole key.
    pub(crate) fn position_of_item(&self, item: &Item) -> Result<Position, ApiError> {
        let hash = self.hash.of_item(item)?;
        let range = self
            .range
            .as_ref()
            .map(|range| range.of_item(item))
            .transpose()?;
        checked(hash, range)
    }

    /// The place of a key, which must have nothing else.
    pub(crate) fn position_of_key(&self, key: &Item) -> Result<Position, ApiError> {
        if key.len() != 1 + usize::from(self.range.is_some()) {
            return Err(mismatch());
        }
        let hash = self.hash.of_key(key)?;
        let range = self
            .range
            .as_ref()
            .map(|range| range.of_key(key))
            .transpose()?;
        checked(hash, range)
    }

    /// Refuses a value that a condition compares the key's attribute `name` with.
    pub(crate) fn check_key_value(&self, name: &str, value: &Attribute) -> Result<(), ApiError> {
        let keys = [Some(&self.hash), self.range.as_ref()];
        let Some(key) = keys.into_iter().flatten().find(|key| key.name == name) else {
            return Ok(());
        };
        if !key.fits(value) {
            return Err(invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ));
        }
        key.not_empty(value)
    }

    /// The key of an item, as `LastEvaluatedKey` says it.
    pub(crate) fn key_of(&self, item: &Item) -> Item {
        let attributes = item.iter();
        let key: Item = attributes
            .filter(|(name, _)| self.is_key(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // A fixture may lack its key: then all of it stands for the key.
        if key.is_empty() { item.clone() } else { key }
    }

    /// The item at a place.
    pub(crate) fn get(&self, position: &Position) -> Option<&Item> {
        self.items.get(position)
    }

    /// Puts an item in its place, which [`Table::position_of_item`] gave.
    pub(crate) fn insert(&mut self, position: Position, item: Item) {
        self.learn(&position);
        self.items.insert(position, item);
    }

    /// Takes the item away from a place.
    pub(crate) fn remove(&mut self, position: &Position) {
        self.items.remove(position);
    }

    /// Puts a fixture, whatever it is made of.
    pub(crate) fn insert_any(&mut self, item: Item) {
        let position = self.position_of_any(&item);
        self.insert(position, item);
    }

    /// The place of a key or an item even if it lacks its key, which no real item does.
    pub(crate) fn position_of_any(&self, item: &Item) -> Position {
        let hash = item.get(&self.hash.name).cloned();
        let hash = hash.unwrap_or_else(|| Attribute::M(item.clone()));
        let range = self.range.as_ref();
        Position::new(hash, range.and_then(|range| item.get(&range.name).cloned()))
    }

    /// Deletes all items.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    /// Every item, in the order of a scan.
    pub(crate) fn items(&self) -> impl DoubleEndedIterator<Item = (&Position, &Item)> {
        self.items.iter()
    }

    /// The items of one partition, in the order of their sort keys.
    pub(crate) fn partition(
        &self,
        hash: &Attribute,
    ) -> impl DoubleEndedIterator<Item = (&Position, &Item)> {
        let first = Position::new(hash.clone(), None);
        // Partitions whose fingerprints are the same stand side by side.
        let after = first
            .fingerprint
            .checked_add(1)
            .map(|fingerprint| Position {
                fingerprint,
                hash: Attribute::S(String::new()),
                range: None,
            });
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        let side_by_side = self.items.range((Bound::Included(first.clone()), end));
        side_by_side.filter(move |(position, _)| position.hash == first.hash)
    }

    /// Names the attribute that says when an item expires.
    pub(crate) fn set_time_to_live(&mut self, attribute: &str) {
        self.time_to_live = Some(attribute.to_owned());
    }

    /// Deletes the items that have expired at `now`, in seconds of the epoch.
    pub(crate) fn expire(&mut self, now: i64) {
        let Some(attribute) = &self.time_to_live else {
            return;
        };
        let oldest = Number::from(now.saturating_sub(LONGEST_EXPIRED));
        let now = Number::from(now);
        self.items.retain(|_, item| match item.get(attribute) {
            Some(Attribute::N(at)) => *at > now || *at < oldest,
            _ => true,
        });
    }

    /// The first item says of which types the key is.
    fn learn(&mut self, position: &Position) {
        let learn = |key: &mut KeyAttribute, value: &Attribute| {
            if key.kind.is_none() && value.is_ordered() {
                key.kind = Some(value.type_name());
            }
        };
        learn(&mut self.hash, &position.hash);
        if let (Some(key), Some(value)) = (&mut self.range, &position.range) {
            learn(key, value);
        }
    }
}

fn checked(hash: Attribute, range: Option<Attribute>) -> Result<Position, ApiError> {
    let too_long = "One or more parameter values were invalid:";
    if hash.size() > LONGEST_HASH {
        let message = format!(
            "{too_long} Size of hashkey has exceeded the maximum size limit of{LONGEST_HASH} bytes"
        );
        return Err(invalid(message));
    }
    if range
        .as_ref()
        .is_some_and(|range| range.size() > LONGEST_RANGE)
    {
        let message = format!(
            "{too_long} Aggregated size of all range keys has exceeded the size limit of {LONGEST_RANGE} bytes"
        );
        return Err(invalid(message));
    }
    Ok(Position::new(hash, range))
}

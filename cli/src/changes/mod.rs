//! The changes that make the table like the file.

pub mod apply;
pub mod show;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use tagwarden_aws::policy_table::Item;
use tagwarden_core::policy::{RowKind, is_newer_attribute, own_attributes};

use crate::policy_file::rows::{FORMAT_ID, kind};
use crate::policy_file::value::same;
use crate::policy_file::write::{id, order};

/// The differences between a table and a file.
#[derive(Debug, Default)]
pub struct Changes {
    /// The changes, by ascending rule id.
    pub steps: Vec<RuleChange>,
    /// The table's rows that the file lacks and that stay.
    pub kept: Vec<Item>,
    /// The table's rows that the file has too.
    pub unchanged: Vec<Item>,
}

/// One row's change.
#[derive(Debug)]
pub enum RuleChange {
    /// The table lacks it.
    Add(Item),
    /// It differs.
    Alter {
        /// The row as it was read.
        before: Item,
        /// Attributes to set.
        set: BTreeMap<String, AttributeValue>,
        /// Attributes to take away.
        remove: BTreeSet<String>,
    },
    /// The file lacks it.
    Delete(Item),
}

impl RuleChange {
    /// The row's id, for messages.
    pub fn rule_id(&self) -> String {
        match self {
            Self::Add(item) | Self::Delete(item) | Self::Alter { before: item, .. } => id(item),
        }
    }

    /// The row afterwards; `None` if it is deleted.
    pub fn after(&self) -> Option<Item> {
        match self {
            Self::Add(item) => Some(item.clone()),
            Self::Delete(_) => None,
            Self::Alter {
                before,
                set,
                remove,
            } => {
                let mut item = before.clone();
                item.retain(|name, _| !remove.contains(name));
                item.extend(set.clone());
                Some(item)
            }
        }
    }
}

impl Changes {
    /// Finds what turns `table` into `file`, whose rows are valid.
    ///
    /// The file decides about the attributes of a rule and about the report's template: those that it lacks are removed.
    /// Other attributes are only set: those that it lacks stay. In the older format, the attributes of the newer one are
    /// other attributes too. Rows that it lacks are deleted only with `prune`. The row of the format may have another id
    /// in the table.
    pub fn between(table: Vec<Item>, file: &[Item], prune: bool) -> Self {
        let mut rows: BTreeMap<_, Item> = BTreeMap::new();
        for item in table {
            rows.insert(order(&item), item);
        }
        let mut all = Self::default();
        let mut file: Vec<&Item> = file.iter().collect();
        file.sort_by_key(|item| order(item));
        let format = file.iter().find(|item| kind(item) == RowKind::Format);
        let (format, has_format) = (format.copied(), format.is_some());
        // A file that does not give the row of its format an id is content with the table's row.
        if let Some(format) = format.filter(|item| id(item) == FORMAT_ID) {
            let same_format = |row: &Item| kind(row) == RowKind::Format && same_but_id(row, format);
            let place = rows.iter().find(|(_, row)| same_format(row));
            if let Some(place) = place.map(|(place, _)| place.clone()) {
                all.unchanged.extend(rows.remove(&place));
                file.retain(|item| kind(item) != RowKind::Format);
            }
        }
        for item in file {
            match rows.remove(&order(item)) {
                None => all.steps.push(RuleChange::Add(item.clone())),
                Some(before) => match alteration(before, item, has_format) {
                    Ok(change) => all.steps.push(change),
                    Err(before) => all.unchanged.push(before),
                },
            }
        }
        let left = rows.into_values();
        if prune {
            all.steps.extend(left.map(RuleChange::Delete));
        } else {
            all.kept.extend(left);
        }
        all.steps.sort_by_key(|change| match change {
            RuleChange::Add(item)
            | RuleChange::Delete(item)
            | RuleChange::Alter { before: item, .. } => order(item),
        });
        all
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// All rows of the table before.
    pub fn before(&self) -> Vec<Item> {
        let changed = self.steps.iter().filter_map(|change| match change {
            RuleChange::Add(_) => None,
            RuleChange::Delete(item) | RuleChange::Alter { before: item, .. } => Some(item),
        });
        let stay = self.kept.iter().chain(&self.unchanged);
        changed.chain(stay).cloned().collect()
    }

    /// All rows of the table afterwards.
    pub fn after(&self) -> Vec<Item> {
        let changed = self.steps.iter().filter_map(RuleChange::after);
        let stay = self.kept.iter().chain(&self.unchanged).cloned();
        changed.chain(stay).collect()
    }
}

/// Whether two rows differ in their ids only.
fn same_but_id(one: &Item, other: &Item) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| {
            name == "RuleId" || other.get(name).is_some_and(|other| same(value, other))
        })
}

/// The change that turns the row `before` into `item`, or the row itself if there is nothing to do. `has_format` says
/// whether the file is of the newer format.
fn alteration(before: Item, item: &Item, has_format: bool) -> Result<RuleChange, Item> {
    let differs = |name: &String, value: &AttributeValue| {
        before.get(name).is_none_or(|before| !same(before, value))
    };
    let set: BTreeMap<_, _> = item
        .iter()
        .filter(|(name, value)| differs(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let remove: BTreeSet<_> = own_attributes()
        .filter(|name| has_format || !is_newer_attribute(name))
        .filter(|name| before.contains_key(*name) && !item.contains_key(*name))
        .map(ToOwned::to_owned)
        .collect();
    if set.is_empty() && remove.is_empty() {
        return Err(before);
    }
    Ok(RuleChange::Alter {
        before,
        set,
        remove,
    })
}

#[cfg(test)]
mod tests;

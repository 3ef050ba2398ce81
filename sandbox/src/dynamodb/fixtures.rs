//! What tests and the demo do to tables themselves.

use serde_json::Value;

use super::attribute::{Attribute, Item, item_from_plain, item_to_plain};
use super::table::Table;
use crate::Account;

/// The partition key of a table made without naming one: that of tagwarden's policy table.
const USUAL_KEY: &str = "RuleId";

impl Account {
    /// Makes an empty table with the partition key `RuleId`, tagwarden's policy table's. One that is there
    /// already stays as it is.
    pub fn create_table(&self, name: &str) {
        self.create_table_with_key(name, USUAL_KEY);
    }

    /// Makes an empty table with this partition key, whose type is that of the first item's. One that is there
    /// already stays as it is.
    pub fn create_table_with_key(&self, name: &str, key: &str) {
        self.make_table(name, key, None);
    }

    /// Makes an empty table with this partition key and this sort key, whose types are those of the first
    /// item's. One that is there already stays as it is.
    pub fn create_table_with_keys(&self, name: &str, hash: &str, range: &str) {
        self.make_table(name, hash, Some(range));
    }

    /// Deletes a table: calls that name it find no such resource.
    pub fn delete_table(&self, name: &str) {
        self.contents().dynamodb.tables.remove(name);
    }

    /// Puts an item, a plain JSON object, in the place of the one with the same key: strings become S,
    /// numbers N, booleans BOOL, null NULL, arrays L, objects M. The table is made if there is none. What
    /// is no object is an item without attributes. Nothing is refused: the item may be too large, or lack
    /// its key.
    #[allow(clippy::needless_pass_by_value, reason = "tests hand in json!({…})")]
    pub fn put_item(&self, table: &str, item: Value) {
        let item = item.as_object().map(item_from_plain).unwrap_or_default();
        self.put(table, item);
    }

    /// Puts an item whose attributes are `AttributeValue`s already, `{"RuleId": {"N": "1"}}` for instance:
    /// for sets, binaries, and what is odd.
    #[allow(clippy::needless_pass_by_value, reason = "tests hand in json!({…})")]
    pub fn put_raw_item(&self, table: &str, item: Value) {
        let members = item.as_object().into_iter().flatten();
        let attributes = members.map(|(name, value)| (name.clone(), Attribute::read_any(value)));
        self.put(table, attributes.collect());
    }

    /// Every item of a table as plain JSON, the way [`Account::put_item`] takes it, in the order of a Scan:
    /// sets are arrays, binaries are in base64. There are none if there is no such table.
    #[must_use]
    pub fn items(&self, table: &str) -> Vec<Value> {
        let contents = self.contents();
        let table = contents.dynamodb.tables.get(table);
        let items = table.into_iter().flat_map(Table::items);
        items.map(|(_, item)| item_to_plain(item)).collect()
    }

    /// Empties a table.
    pub fn clear_table(&self, name: &str) {
        if let Some(table) = self.contents().dynamodb.tables.get_mut(name) {
            table.clear();
        }
    }

    /// Scan reads at most `n` items a page from now on, as if each were that large; 1 if `n` is 0.
    pub fn scan_page_items(&self, n: usize) {
        self.contents().dynamodb.scan_page_items = Some(n);
    }

    /// As [`Account::scan_page_items`], for Query.
    pub fn query_page_items(&self, n: usize) {
        self.contents().dynamodb.query_page_items = Some(n);
    }

    /// Scan's first page is empty from now on and says there is more, as DynamoDB's may.
    pub fn scan_with_empty_page(&self) {
        self.contents().dynamodb.empty_page = true;
    }

    /// The next batch, `BatchWriteItem` or `BatchGetItem`, leaves the last `n` of its items unprocessed, and
    /// says so; one of no more than `n` items is refused with `ProvisionedThroughputExceededException`.
    pub fn leave_unprocessed_once(&self, n: usize) {
        self.contents().dynamodb.leave_unprocessed = Some(n);
    }

    /// Items of the table expire at the time in this attribute, a number of seconds of the epoch. Expired
    /// items stay until [`Account::expire_items`]: AWS promises to delete them "within a few days".
    pub fn set_time_to_live(&self, table: &str, attribute: &str) {
        if let Some(table) = self.contents().dynamodb.tables.get_mut(table) {
            table.set_time_to_live(attribute);
        }
    }

    /// Deletes the items that have expired by the account's clock, of every table. Those that expired more
    /// than five years ago stay, as with AWS.
    pub fn expire_items(&self) {
        let now = self.now().timestamp();
        for table in self.contents().dynamodb.tables.values_mut() {
            table.expire(now);
        }
    }

    fn make_table(&self, name: &str, hash: &str, range: Option<&str>) {
        let tables = &mut self.contents().dynamodb.tables;
        tables
            .entry(name.to_owned())
            .or_insert_with(|| Table::new(hash, range));
    }

    fn put(&self, table: &str, item: Item) {
        let tables = &mut self.contents().dynamodb.tables;
        let table = tables
            .entry(table.to_owned())
            .or_insert_with(|| Table::new(USUAL_KEY, None));
        table.insert_any(item);
    }
}

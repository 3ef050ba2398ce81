//! What tests and the demo do to tables directly.

use serde_json::Value;

use super::attribute::{AttributeMap, item_from_plain, item_to_plain, read_any_item};
use super::table::ItemTable;
use crate::Account;

/// The key of tagwarden's policy table.
const POLICY_KEY: [(&str, &str); 1] = [("RuleId", "N")];

impl Account {
    /// Creates an empty table with the key of tagwarden's policy table: the number `RuleId`. An existing table stays as
    /// it is.
    pub fn create_table(&self, name: &str) {
        self.create_table_with(name, &POLICY_KEY);
    }

    /// Creates an empty table with this partition key and this sort key, both strings. An existing table stays as it is.
    pub fn create_table_with_keys(&self, name: &str, partition: &str, sort: &str) {
        self.create_table_with(name, &[(partition, "S"), (sort, "S")]);
    }

    /// Deletes a table: calls that name it get a `ResourceNotFoundException`.
    pub fn delete_table(&self, name: &str) {
        self.contents().dynamodb.tables.remove(name);
    }

    /// Puts an item, a plain JSON object, and replaces the item with the same key.
    ///
    /// Strings become S, numbers N, booleans BOOL, null NULL, arrays L, objects M. A missing table is created as
    /// [`Account::create_table`] does. Nothing is refused: the item may be too large, or lack its key.
    #[allow(clippy::needless_pass_by_value, reason = "tests hand in json!({…})")]
    pub fn put_item(&self, table: &str, item: Value) {
        self.put(table, item_from_plain(&item));
    }

    /// Puts an item whose attributes are `AttributeValue`s, for example `{"RuleId": {"N": "1"}}`: for sets, binaries and
    /// invalid values.
    #[allow(clippy::needless_pass_by_value, reason = "tests hand in json!({…})")]
    pub fn put_raw_item(&self, table: &str, item: Value) {
        self.put(table, read_any_item(&item));
    }

    /// Every item of a table as plain JSON, as [`Account::put_item`] takes it, in the order of a Scan: sets become arrays,
    /// binaries stay in base64. A missing table has no items.
    #[must_use]
    pub fn items(&self, table: &str) -> Vec<Value> {
        let contents = self.contents();
        let table = contents.dynamodb.tables.get(table);
        let items = table.into_iter().flat_map(|table| table.items_after(None));
        items.map(|(_, item)| item_to_plain(item)).collect()
    }

    /// Deletes all items of a table.
    pub fn clear_table(&self, name: &str) {
        if let Some(table) = self.contents().dynamodb.tables.get_mut(name) {
            table.clear();
        }
    }

    /// From now on, Scan reads at most `n` items a page, and at least 1.
    pub fn scan_page_items(&self, n: usize) {
        self.contents().dynamodb.scan_page_items = Some(n);
    }

    /// From now on, Query reads at most `n` items a page, and at least 1.
    pub fn query_page_items(&self, n: usize) {
        self.contents().dynamodb.query_page_items = Some(n);
    }

    /// From now on, the first page of a Scan is empty and says that there is more, as DynamoDB may.
    pub fn scan_with_empty_page(&self) {
        self.contents().dynamodb.scan_starts_empty = true;
    }

    /// The next `BatchGetItem` returns the last `n` of its keys as unprocessed.
    pub fn leave_unprocessed_once(&self, n: usize) {
        self.contents().dynamodb.leave_unprocessed = Some(n);
    }

    /// Names the attribute of a table that holds the time at which an item expires, in seconds since the epoch.
    ///
    /// Expired items stay until [`Account::expire_items`], because AWS only promises to delete them "within a few days".
    pub fn set_time_to_live(&self, table: &str, attribute: &str) {
        if let Some(table) = self.contents().dynamodb.tables.get_mut(table) {
            table.set_time_to_live(attribute);
        }
    }

    /// Deletes the items of every table that have expired by the account's clock. Items that expired more than five years
    /// ago stay, as with AWS.
    pub fn expire_items(&self) {
        let now = self.now().timestamp();
        for table in self.contents().dynamodb.tables.values_mut() {
            table.expire(now);
        }
    }

    fn create_table_with(&self, name: &str, key: &[(&str, &'static str)]) {
        let tables = &mut self.contents().dynamodb.tables;
        let table = tables.entry(name.to_owned());
        table.or_insert_with(|| ItemTable::new(key));
    }

    fn put(&self, table: &str, item: AttributeMap) {
        let tables = &mut self.contents().dynamodb.tables;
        let table = tables.entry(table.to_owned());
        let table = table.or_insert_with(|| ItemTable::new(&POLICY_KEY));
        table.set(table.position_of_any(&item), Some(item));
    }
}

//! DynamoDB: tables of items, and Scan, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Account;
use crate::account::{ACCOUNT_ID, REGION};
use crate::calls::Request;
use crate::ids::fingerprint;
use crate::wire::{Answer, ApiError};

/// "A single Scan operation reads up to … a maximum of 1 MB of data."
const LARGEST_PAGE: usize = 1024 * 1024;

/// The partition key of a table made without naming one: that of tagwarden's policy table.
const USUAL_KEY: &str = "RuleId";

/// The account's tables.
#[derive(Debug, Default)]
pub(crate) struct DynamoDb {
    tables: BTreeMap<String, Table>,
    page_items: Option<usize>,
    empty_page: bool,
}

#[derive(Debug)]
struct Table {
    key: String,
    /// By the hash of the partition key, and by the key itself: a table has no other order.
    items: BTreeMap<Position, Map<String, Value>>,
}

/// An item's place in its table.
type Position = (u64, String);

impl Table {
    fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            items: BTreeMap::new(),
        }
    }

    /// The place of the item with this partition key.
    fn position(&self, item: &Map<String, Value>) -> Position {
        // A fixture may lack the key, which no real item does: then all of it stands for the key.
        let key = item
            .get(&self.key)
            .map_or_else(|| json!(item).to_string(), Value::to_string);
        (fingerprint(&key), key)
    }
}

impl DynamoDb {
    pub(crate) fn scan(&self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["TableName", "ConsistentRead", "ExclusiveStartKey", "Limit"])?;
        let name = request.text("TableName").unwrap_or_default();
        let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/");
        let Some(table) = self.tables.get(name.strip_prefix(&arn).unwrap_or(name)) else {
            let message = "Requested resource not found";
            return Err(ApiError::new("ResourceNotFoundException", message));
        };
        let limit = match request.parameters.get("Limit").map(Value::as_u64) {
            None => usize::MAX,
            Some(Some(limit)) if limit > 0 => usize::try_from(limit).unwrap_or(usize::MAX),
            Some(_) => {
                let value = request
                    .parameters
                    .get("Limit")
                    .map(Value::to_string)
                    .unwrap_or_default();
                let constraint = "Member must have value greater than or equal to 1";
                return Err(ApiError::validation(&value, "limit", constraint));
            }
        };
        let start = request
            .parameters
            .get("ExclusiveStartKey")
            .and_then(Value::as_object);
        if start.is_none() && self.empty_page {
            return Ok(page(&[], Some(&before_all(table))));
        }
        let after = start
            .filter(|key| **key != before_all(table))
            .map(|key| table.position(key));

        let most = limit.min(self.page_items.unwrap_or(usize::MAX)).max(1);
        let mut size = 0;
        let mut items = Vec::new();
        let mut last = None;
        for (position, item) in &table.items {
            if after.as_ref().is_some_and(|after| position <= after) {
                continue;
            }
            if items.len() == most || (size >= LARGEST_PAGE && !items.is_empty()) {
                return Ok(page(&items, last.as_ref()));
            }
            size += json!(item).to_string().len();
            items.push(item);
            last = Some(key_of(table, item));
        }
        // A page that Limit ended at the very last item still says there may be more, as DynamoDB does.
        let full = items.len() == limit;
        Ok(page(&items, last.as_ref().filter(|_| full)))
    }
}

fn page(items: &[&Map<String, Value>], last: Option<&Map<String, Value>>) -> Answer {
    let mut answer = json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()});
    if let (Some(last), Some(members)) = (last, answer.as_object_mut()) {
        members.insert("LastEvaluatedKey".to_owned(), json!(last));
    }
    Answer::Json(answer)
}

/// The key of an item, as `LastEvaluatedKey` says it.
fn key_of(table: &Table, item: &Map<String, Value>) -> Map<String, Value> {
    match item.get(&table.key) {
        Some(value) => [(table.key.clone(), value.clone())].into_iter().collect(),
        None => item.clone(),
    }
}

/// The key after which an empty first page says to go on.
fn before_all(table: &Table) -> Map<String, Value> {
    let key = json!({"S": "before all items"});
    [(table.key.clone(), key)].into_iter().collect()
}

/// A plain JSON value as DynamoDB's `AttributeValue`: strings as S, numbers as N, and so on.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(flag) => json!({"BOOL": flag}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => {
            json!({"L": values.iter().map(attribute).collect::<Vec<_>>()})
        }
        Value::Object(members) => json!({"M": attributes(members)}),
    }
}

fn attributes(members: &Map<String, Value>) -> Map<String, Value> {
    let members = members.iter();
    members
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

impl Account {
    /// Makes an empty table with the partition key `RuleId`, tagwarden's policy table's. One that is there
    /// already stays as it is.
    pub fn create_table(&self, name: &str) {
        self.create_table_with_key(name, USUAL_KEY);
    }

    /// Makes an empty table with this partition key.
    pub fn create_table_with_key(&self, name: &str, key: &str) {
        let tables = &mut self.contents().dynamodb.tables;
        tables
            .entry(name.to_owned())
            .or_insert_with(|| Table::new(key));
    }

    /// Deletes a table: scans of it find no such resource.
    pub fn delete_table(&self, name: &str) {
        self.contents().dynamodb.tables.remove(name);
    }

    /// Puts an item, a plain JSON object, in the place of the one with the same key: strings become S,
    /// numbers N, booleans BOOL, null NULL, arrays L, objects M. The table is made if there is none. What
    /// is no object is an item without attributes.
    #[allow(clippy::needless_pass_by_value, reason = "tests hand in json!({…})")]
    pub fn put_item(&self, table: &str, item: Value) {
        let item = item.as_object().map(attributes).unwrap_or_default();
        self.put(table, item);
    }

    /// Puts an item whose attributes are `AttributeValue`s already, `{"RuleId": {"N": "1"}}` for instance:
    /// for sets, binaries, and what is odd.
    #[allow(clippy::needless_pass_by_value, reason = "tests hand in json!({…})")]
    pub fn put_raw_item(&self, table: &str, item: Value) {
        let item = item.as_object().cloned().unwrap_or_default();
        self.put(table, item);
    }

    /// Empties a table.
    pub fn clear_table(&self, name: &str) {
        if let Some(table) = self.contents().dynamodb.tables.get_mut(name) {
            table.items.clear();
        }
    }

    /// Scan's pages hold at most `n` items from now on, as if each were that large; 1 if `n` is 0.
    pub fn scan_page_items(&self, n: usize) {
        self.contents().dynamodb.page_items = Some(n);
    }

    /// Scan's first page is empty from now on and says there is more, as DynamoDB's may.
    pub fn scan_with_empty_page(&self) {
        self.contents().dynamodb.empty_page = true;
    }

    fn put(&self, table: &str, item: Map<String, Value>) {
        let tables = &mut self.contents().dynamodb.tables;
        let table = tables
            .entry(table.to_owned())
            .or_insert_with(|| Table::new(USUAL_KEY));
        table.items.insert(table.position(&item), item);
    }
}

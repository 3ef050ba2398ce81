//! `GetItem`, `BatchGetItem`, `Query` and `Scan`, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html> and its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::attribute::{Attribute, AttributeMap, item_size, read_any_item, read_item, write_item};
use super::expression::{Comparator, ItemCondition, Placeholders};
use super::parameters::{Parameters, missing};
use super::table::{ItemPosition, ItemTable};
use super::{DynamoDb, invalid};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "A single Scan operation reads up to … a maximum of 1 MB of data", and so does a Query.
const MAX_PAGE_SIZE: usize = 1024 * 1024;

/// "as many as 100 items"
const MAX_BATCH: usize = 100;

/// "A single operation can retrieve up to 16 MB of data"
const MAX_BATCH_SIZE: usize = 16 * 1024 * 1024;

impl DynamoDb {
    /// `GetItem`
    pub(crate) fn get_item(&self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("GetItem", &request.parameters);
        parameters.allow_only(&["TableName", "Key", "ConsistentRead"])?;
        let table = self.table(parameters.table()?)?;
        let item = table.get(&table.position_of_key(&parameters.item("Key")?)?);
        let answer = item.map(|item| json!({"Item": write_item(item)}));
        Ok(Answer::Json(answer.unwrap_or_else(|| json!({}))))
    }

    /// `BatchGetItem`
    pub(crate) fn batch_get_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("BatchGetItem", &request.parameters);
        parameters.allow_only(&["RequestItems"])?;
        let by_table = parameters.map("RequestItems")?;
        let by_table = by_table.ok_or_else(|| missing("RequestItems"))?;

        // One wrong key refuses the whole batch, so all keys are read before the first item.
        let mut reads = Vec::new();
        let mut positions = BTreeSet::new();
        for (table, members) in by_table {
            let parameters = Parameters::new("BatchGetItem", members);
            parameters.allow_only(&["Keys", "ConsistentRead"])?;
            for key in parameters.list("Keys")? {
                let members = key.as_object().ok_or_else(|| missing("Keys"))?;
                let position = self.table(table)?.position_of_key(&read_item(members)?)?;
                if !positions.insert((table, position.clone())) {
                    return Err(invalid("Provided list of item keys contains duplicates"));
                }
                reads.push((table, key, position));
            }
        }
        if reads.len() > MAX_BATCH {
            return Err(invalid(
                "Too many items requested for the BatchGetItem call",
            ));
        }

        let processed = reads
            .len()
            .saturating_sub(self.leave_unprocessed.take().unwrap_or(0));
        let mut found = BTreeMap::<&String, BTreeMap<ItemPosition, &AttributeMap>>::new();
        let mut unprocessed = Map::new();
        let mut size = 0;
        for (index, (table, key, position)) in reads.into_iter().enumerate() {
            let item = self.table(table)?.get(&position);
            size += item.map_or(0, item_size);
            if index >= processed || size > MAX_BATCH_SIZE {
                leave_unprocessed(&mut unprocessed, table, key, by_table);
                continue;
            }
            let found = found.entry(table).or_default();
            found.extend(item.map(|item| (position, item)));
        }
        // "DynamoDB does not return items in any particular order": here, not in that of the request.
        let responses = found.into_iter().map(|(table, items)| {
            let items = items.into_values().map(write_item);
            (table.clone(), items.collect::<Value>())
        });
        let responses: Map<_, _> = responses.collect();
        Ok(Answer::Json(
            json!({"Responses": responses, "UnprocessedKeys": unprocessed}),
        ))
    }

    /// `Scan`
    pub(crate) fn scan(&self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("Scan", &request.parameters);
        parameters.allow_only(&["TableName", "ConsistentRead", "ExclusiveStartKey"])?;
        let table = self.table(parameters.table()?)?;
        let before_all = before_all(table);
        let start = match parameters.map("ExclusiveStartKey")? {
            Some(start) => Some(read_any_item(&json!(start))).filter(|start| *start != before_all),
            None if self.scan_starts_empty => {
                return Ok(Answer::Json(page_answer(&[], Some(&before_all))));
            }
            None => None,
        };
        let after = start
            .map(|start| start_of_scan(table, &start))
            .transpose()?;
        let items = table.items_after(after.as_ref()).map(|(_, item)| item);
        Ok(Answer::Json(page(table, items, self.scan_page_items)))
    }

    /// `Query`
    pub(crate) fn query(&self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("Query", &request.parameters);
        parameters.allow_only(&[
            "TableName",
            "ConsistentRead",
            "ExclusiveStartKey",
            "KeyConditionExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
            "Limit",
        ])?;
        let limit = parameters.positive_number("Limit")?;
        let name = "KeyConditionExpression";
        let source = parameters.text(name)?.ok_or_else(|| missing(name))?;
        let mut placeholders = Placeholders::read(&parameters)?;
        let condition = ItemCondition::parse(name, source, &mut placeholders)?;
        placeholders.check_all_used()?;
        let table = self.table(parameters.table()?)?;
        let partition = queried_partition(&condition, table)?;
        let after = match parameters.map("ExclusiveStartKey")? {
            Some(start) => Some(start_of_query(table, &read_item(start)?, &condition)?),
            None => None,
        };
        let items = table.partition(partition, after.as_ref());
        let items = items.filter(|item| condition.holds(item));
        let max_items = limit.into_iter().chain(self.query_page_items).min();
        Ok(Answer::Json(page(table, items, max_items)))
    }
}

/// Adds a key of a batch to those that the answer returns as unprocessed.
fn leave_unprocessed(
    unprocessed: &mut Map<String, Value>,
    table: &str,
    key: &Value,
    requested: &Map<String, Value>,
) {
    let of_table = unprocessed.entry(table).or_insert_with(|| {
        let requested = requested.get(table);
        let is_consistent = requested.and_then(|members| members.get("ConsistentRead"));
        json!({"Keys": [], "ConsistentRead": is_consistent})
    });
    if let Some(keys) = of_table.get_mut("Keys").and_then(Value::as_array_mut) {
        keys.push(key.clone());
    }
}

/// The partition that a key condition asks for.
///
/// A key condition is one value for the partition key, and at most one test of the sort key.
fn queried_partition<'a>(
    condition: &'a ItemCondition,
    table: &ItemTable,
) -> Result<&'a Attribute, ApiError> {
    let (first, second) = match condition {
        ItemCondition::And(first, second) => (&**first, Some(&**second)),
        first => (first, None),
    };
    let mut names = table.key_names();
    let (partition, sort) = (names.next(), names.next());
    let ItemCondition::Compare(name, Comparator::Equal, value) = first else {
        return Err(not_a_key_condition());
    };
    let tested = match second {
        None => None,
        Some(
            ItemCondition::BeginsWith(name, _)
            | ItemCondition::Between(name, _, _)
            | ItemCondition::Compare(
                name,
                Comparator::Equal
                | Comparator::Less
                | Comparator::LessOrEqual
                | Comparator::Greater
                | Comparator::GreaterOrEqual,
                _,
            ),
        ) => Some(name.as_str()),
        Some(_) => return Err(not_a_key_condition()),
    };
    if partition != Some(name) {
        let missed = partition.unwrap_or_default();
        return Err(invalid(format!(
            "Query condition missed key schema element: {missed}"
        )));
    }
    if tested.is_some() && tested != sort {
        return Err(invalid("Query key condition not supported"));
    }
    table.check_key_type(name, value)?;
    Ok(value)
}

fn not_a_key_condition() -> ApiError {
    ApiError::unsupported(
        "a KeyConditionExpression other than one value for the partition key, then AND one test of the sort key",
    )
}

/// One page of items: those up to 1 MB, or `max_items` of them.
fn page<'a>(
    table: &ItemTable,
    items: impl Iterator<Item = &'a AttributeMap>,
    max_items: Option<usize>,
) -> Value {
    let max_items = max_items.unwrap_or(usize::MAX).max(1);
    let mut page: Vec<&AttributeMap> = Vec::new();
    let mut size = 0;
    for item in items {
        if page.len() == max_items || size >= MAX_PAGE_SIZE {
            let last = page.last().map(|last| table.key_of(last));
            return page_answer(&page, last.as_ref());
        }
        size += item_size(item);
        page.push(item);
    }
    page_answer(&page, None)
}

fn page_answer(items: &[&AttributeMap], last: Option<&AttributeMap>) -> Value {
    let count = items.len();
    let items: Value = items.iter().map(|item| write_item(item)).collect();
    let mut answer = json!({"Items": items, "Count": count, "ScannedCount": count});
    if let (Some(last), Some(members)) = (last, answer.as_object_mut()) {
        members.insert("LastEvaluatedKey".to_owned(), write_item(last));
    }
    answer
}

/// The position after which a Scan continues.
fn start_of_scan(table: &ItemTable, start: &AttributeMap) -> Result<ItemPosition, ApiError> {
    table.position_of_key(start).or_else(|error| {
        // A fixture may have no valid key: then the last page gave its key as it is.
        let position = table.position_of_any(start);
        let is_there = table.get(&position).is_some();
        is_there.then_some(position).ok_or_else(|| {
            let why = &error.message;
            invalid(format!("The provided starting key is invalid: {why}"))
        })
    })
}

/// The position after which a Query continues: within its partition.
fn start_of_query(
    table: &ItemTable,
    start: &AttributeMap,
    condition: &ItemCondition,
) -> Result<ItemPosition, ApiError> {
    let position = table
        .position_of_key(start)
        .map_err(|_| invalid("The provided starting key is invalid"))?;
    if !condition.holds(start) {
        return Err(invalid(
            "The provided starting key is outside query boundaries based on provided conditions",
        ));
    }
    Ok(position)
}

/// The key after which an empty first page says to continue.
fn before_all(table: &ItemTable) -> AttributeMap {
    let value = || Attribute::S("before all items".to_owned());
    table
        .key_names()
        .map(|name| (name.to_owned(), value()))
        .collect()
}

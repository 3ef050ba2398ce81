//! `GetItem`, Query and Scan, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html> and its neighbours.

use serde_json::{Map, Value, json};

use super::attribute::{Attribute, Item, item_size, read_item, write_item};
use super::expression::{Bindings, Filter, KeyCondition, parse_filter};
use super::parameters::Parameters;
use super::table::{Position, Table};
use super::{DynamoDb, invalid};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "A single Scan operation reads up to … a maximum of 1 MB of data", Query too.
const LARGEST_PAGE: usize = 1024 * 1024;

impl DynamoDb {
    /// `GetItem`
    pub(crate) fn get_item(&self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("GetItem", &request.parameters);
        parameters.only(&["TableName", "Key", "ConsistentRead"])?;
        let key = parameters.item("Key")?;
        let table = self.table(parameters.table()?)?;
        let item = table.get(&table.position_of_key(&key)?);
        Ok(Answer::Json(item.map_or_else(
            || json!({}),
            |item| json!({"Item": write_item(item)}),
        )))
    }

    /// Scan
    pub(crate) fn scan(&self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("Scan", &request.parameters);
        parameters.only(&[
            "TableName",
            "ConsistentRead",
            "ExclusiveStartKey",
            "Limit",
            "FilterExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
        ])?;
        let mut bindings = parameters.bindings(&["FilterExpression"])?;
        let filter = filter(&parameters, &mut bindings)?;
        bindings.all_used()?;
        let limit = parameters.limit()?;
        let table = self.table(parameters.table()?)?;
        let start = match parameters.map("ExclusiveStartKey")? {
            Some(start) => {
                let start = read_item(start).map_err(|error| bad_start(&error.message))?;
                (start != before_all(table)).then_some(start)
            }
            None if self.empty_page => {
                let page = page(&[], 0, Some(&before_all(table)));
                return Ok(Answer::Json(page));
            }
            None => None,
        };
        let after = start
            .map(|start| start_of_scan(table, &start))
            .transpose()?;
        let items = table.items();
        let items =
            items.filter(|(position, _)| after.as_ref().is_none_or(|after| *position > after));
        let answer = read(table, items, filter.as_ref(), limit, self.scan_page_items);
        Ok(Answer::Json(answer))
    }

    /// Query
    pub(crate) fn query(&self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("Query", &request.parameters);
        parameters.only(&[
            "TableName",
            "ConsistentRead",
            "ExclusiveStartKey",
            "Limit",
            "ScanIndexForward",
            "KeyConditionExpression",
            "FilterExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
        ])?;
        let mut bindings = parameters.bindings(&["KeyConditionExpression", "FilterExpression"])?;
        let Some(source) = parameters.text("KeyConditionExpression")? else {
            return Err(invalid(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ));
        };
        let table = self.table(parameters.table()?)?;
        let condition = KeyCondition::parse(source, &mut bindings, table)?;
        let filter = filter(&parameters, &mut bindings)?;
        bindings.all_used()?;
        check_filter(filter.as_ref(), table)?;
        let limit = parameters.limit()?;
        let after = parameters.map("ExclusiveStartKey")?;
        let after = after
            .map(|start| start_of_query(table, start, &condition))
            .transpose()?;

        let forward = parameters.flag("ScanIndexForward")?.unwrap_or(true);
        let items = table.partition(&condition.hash);
        let items = items.filter(|(position, _)| condition.holds(position.range.as_ref()));
        let mut items: Vec<_> = items.collect();
        if !forward {
            items.reverse();
        }
        let items = items.into_iter().filter(|(position, _)| {
            after.as_ref().is_none_or(|after| {
                if forward {
                    *position > after
                } else {
                    *position < after
                }
            })
        });
        let answer = read(table, items, filter.as_ref(), limit, self.query_page_items);
        Ok(Answer::Json(answer))
    }
}

fn filter(
    parameters: &Parameters<'_>,
    bindings: &mut Bindings,
) -> Result<Option<Filter>, ApiError> {
    let name = "FilterExpression";
    let source = parameters.text(name)?;
    source
        .map(|source| parse_filter(name, source, bindings))
        .transpose()
}

/// Refuses a Query's filter that looks at the key.
fn check_filter(filter: Option<&Filter>, table: &Table) -> Result<(), ApiError> {
    let mut attributes = filter.into_iter().flat_map(|filter| &filter.attributes);
    match attributes.find(|attribute| table.is_key(attribute)) {
        Some(attribute) => Err(invalid(format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {attribute}"
        ))),
        None => Ok(()),
    }
}

/// One page: at most `limit` items, or `page_items`, or what reaches 1 MB, are read, and of these the ones told
/// that pass the filter.
fn read<'a>(
    table: &Table,
    items: impl Iterator<Item = (&'a Position, &'a Item)>,
    filter: Option<&Filter>,
    limit: Option<usize>,
    page_items: Option<usize>,
) -> Value {
    let limit = limit.unwrap_or(usize::MAX);
    let most = limit.min(page_items.unwrap_or(usize::MAX)).max(1);
    let mut told = Vec::new();
    let mut scanned = 0;
    let mut size = 0;
    let mut last = None;
    for (_, item) in items {
        if scanned == most || (size >= LARGEST_PAGE && scanned > 0) {
            return page(&told, scanned, last.map(|last| table.key_of(last)).as_ref());
        }
        scanned += 1;
        size += item_size(item);
        last = Some(item);
        if filter.is_none_or(|filter| filter.condition.holds(item)) {
            told.push(item);
        }
    }
    // A page that Limit ended at the very last item still says there may be more, as DynamoDB does.
    let last = last.filter(|_| scanned == limit);
    page(&told, scanned, last.map(|last| table.key_of(last)).as_ref())
}

fn page(items: &[&Item], scanned: usize, last: Option<&Item>) -> Value {
    let told: Vec<_> = items.iter().map(|item| write_item(item)).collect();
    let mut members = Map::new();
    members.insert("Count".to_owned(), json!(told.len()));
    members.insert("ScannedCount".to_owned(), json!(scanned));
    members.insert("Items".to_owned(), Value::Array(told));
    if let Some(last) = last {
        members.insert("LastEvaluatedKey".to_owned(), write_item(last));
    }
    Value::Object(members)
}

/// Where a Scan goes on.
fn start_of_scan(table: &Table, start: &Item) -> Result<Position, ApiError> {
    table.position_of_key(start).or_else(|error| {
        // A fixture may have an odd key, or none: then the page it ended told all of it.
        let odd = table.position_of_any(start);
        let is_there = table.get(&odd).is_some();
        if is_there {
            Ok(odd)
        } else {
            Err(bad_start(&error.message))
        }
    })
}

/// Where a Query goes on: within what it asks for.
fn start_of_query(
    table: &Table,
    start: &Map<String, Value>,
    condition: &KeyCondition,
) -> Result<Position, ApiError> {
    let start = read_item(start).map_err(|error| bad_start(&error.message))?;
    let position = table
        .position_of_key(&start)
        .map_err(|_| invalid("The provided starting key is invalid"))?;
    if position.hash != condition.hash {
        return Err(invalid(
            "The provided starting key is outside query boundaries based on provided conditions",
        ));
    }
    if !condition.holds(position.range.as_ref()) {
        return Err(invalid(
            "The provided starting key does not match the range key predicate",
        ));
    }
    Ok(position)
}

fn bad_start(why: &str) -> ApiError {
    invalid(format!("The provided starting key is invalid: {why}"))
}

/// The key after which an empty first page says to go on.
fn before_all(table: &Table) -> Item {
    let names = [Some(table.hash_name()), table.range_name()];
    let value = || Attribute::S("before all items".to_owned());
    names
        .into_iter()
        .flatten()
        .map(|name| (name.to_owned(), value()))
        .collect()
}

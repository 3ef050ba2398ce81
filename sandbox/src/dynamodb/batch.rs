//! `BatchWriteItem` and `BatchGetItem`, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html> and
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::attribute::{Item, item_size, read_item, write_item};
use super::parameters::{Parameters, null};
use super::table::{Position, Table};
use super::write::check_size;
use super::{DynamoDb, invalid, table_name};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "up to 25 item put or delete operations"
const MOST_WRITES: usize = 25;

/// "as many as 100 items"
const MOST_READS: usize = 100;

/// "A single operation can retrieve up to 16 MB of data"
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// A put (with the item) or a delete (without) of a batch.
#[derive(Debug)]
struct BatchWrite<'a> {
    /// The table as the request names it, and the request's own words: what is left undone is told in them.
    named: &'a String,
    told: &'a Value,
    position: Position,
    item: Option<Item>,
}

impl DynamoDb {
    /// `BatchWriteItem`
    pub(crate) fn batch_write_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let of = &request.operation;
        let requested = requested(request)?;
        let count = requested.values().filter_map(Value::as_array).map(Vec::len);
        if count.sum::<usize>() > MOST_WRITES {
            return Err(too_many(of));
        }
        let mut writes = Vec::new();
        let mut seen = BTreeSet::new();
        for (named, list) in requested {
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            if list.is_empty() {
                return Err(length("requestItems", "greater than or equal to 1"));
            }
            let table = self.table(table_name(named))?;
            for told in list {
                let write = read_write(of, named, told, table)?;
                if !seen.insert((table_name(named), write.position.clone())) {
                    return Err(duplicates());
                }
                writes.push(write);
            }
        }
        let left = self.left(writes.len())?;
        let mut undone = BTreeMap::<_, Vec<&Value>>::new();
        let done = writes.len() - left;
        for (index, write) in writes.into_iter().enumerate() {
            if index >= done {
                undone.entry(write.named).or_default().push(write.told);
                continue;
            }
            let table = self.table_mut(table_name(write.named))?;
            match write.item {
                Some(item) => table.insert(write.position, item),
                None => table.remove(&write.position),
            }
        }
        Ok(Answer::Json(json!({"UnprocessedItems": undone})))
    }

    /// `BatchGetItem`
    pub(crate) fn batch_get_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let of = &request.operation;
        let requested = requested(request)?;
        let count = requested
            .values()
            .filter_map(|members| members.get("Keys")?.as_array());
        if count.map(Vec::len).sum::<usize>() > MOST_READS {
            return Err(too_many(of));
        }
        let mut reads = Vec::new();
        let mut seen = BTreeSet::new();
        for (named, members) in requested {
            let parameters = Parameters::new(of, members);
            parameters.only(&["Keys", "ConsistentRead"])?;
            let keys = parameters.list("Keys")?.filter(|keys| !keys.is_empty());
            let keys = keys
                .ok_or_else(|| length("requestItems.member.keys", "greater than or equal to 1"))?;
            let table = self.table(table_name(named))?;
            for told in keys {
                let key = told
                    .as_object()
                    .ok_or_else(|| null("requestItems.member.keys.member"))?;
                let position = table.position_of_key(&read_item(key)?)?;
                if !seen.insert((table_name(named), position.clone())) {
                    return Err(duplicates());
                }
                reads.push((named, told, position));
            }
        }
        let read = reads.len() - self.left(reads.len())?;
        let mut found = BTreeMap::<&str, BTreeMap<Position, &Item>>::new();
        let mut unread = Map::new();
        let mut size = 0;
        for (index, (named, told, position)) in reads.into_iter().enumerate() {
            let item = self.table(table_name(named))?.get(&position);
            let item_size = item.map_or(0, item_size);
            if index >= read || size + item_size > LARGEST_ANSWER {
                leave_unread(&mut unread, named, told, requested);
                continue;
            }
            size += item_size;
            let of_table = found.entry(named).or_default();
            if let Some(item) = item {
                of_table.insert(position, item);
            }
        }
        // "DynamoDB does not return items in any particular order": here, not in that of the request.
        let found = found.into_iter().map(|(named, items)| {
            let items = items.into_values().map(write_item);
            (named.to_owned(), Value::Array(items.collect()))
        });
        let found: Map<_, _> = found.collect();
        Ok(Answer::Json(
            json!({"Responses": found, "UnprocessedKeys": unread}),
        ))
    }

    /// How many of a batch's `count` are to be left undone. "If none of the items can be processed due to
    /// insufficient provisioned throughput", the batch is refused.
    fn left(&mut self, count: usize) -> Result<usize, ApiError> {
        match self.leave_unprocessed.take() {
            Some(left) if left >= count => Err(ApiError::new(
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. Consider \
                 increasing your provisioning level with the UpdateTable API.",
            )),
            left => Ok(left.unwrap_or(0)),
        }
    }
}

/// What a batch asks for, by table.
fn requested(request: &Request) -> Result<&Map<String, Value>, ApiError> {
    let parameters = Parameters::new(&request.operation, &request.parameters);
    parameters.only(&["RequestItems"])?;
    let requested = parameters.map("RequestItems")?;
    let requested = requested.ok_or_else(|| null("requestItems"))?;
    if requested.is_empty() {
        return Err(length("requestItems", "greater than or equal to 1"));
    }
    Ok(requested)
}

fn read_write<'a>(
    of: &str,
    named: &'a String,
    told: &'a Value,
    table: &Table,
) -> Result<BatchWrite<'a>, ApiError> {
    let members = told.as_object().filter(|members| members.len() == 1);
    let member = |name: &str| members.and_then(|members| members.get(name));
    let (position, item) = if let Some(put) = member("PutRequest") {
        let parameters = Parameters::new(of, put);
        parameters.only(&["Item"])?;
        let item = parameters.item("Item")?;
        check_size(&item, "Item size has exceeded the maximum allowed size")?;
        (table.position_of_item(&item)?, Some(item))
    } else if let Some(delete) = member("DeleteRequest") {
        let parameters = Parameters::new(of, delete);
        parameters.only(&["Key"])?;
        (table.position_of_key(&parameters.item("Key")?)?, None)
    } else {
        return Err(invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the \
             supported datatypes",
        ));
    };
    Ok(BatchWrite {
        named,
        told,
        position,
        item,
    })
}

/// Adds a key to those left unread, with what else the request says of its table.
fn leave_unread(
    unread: &mut Map<String, Value>,
    named: &str,
    told: &Value,
    requested: &Map<String, Value>,
) {
    let of_table = unread.entry(named).or_insert_with(|| {
        let mut of_table = requested.get(named).cloned().unwrap_or_default();
        if let Some(members) = of_table.as_object_mut() {
            members.insert("Keys".to_owned(), json!([]));
        }
        of_table
    });
    if let Some(keys) = of_table.get_mut("Keys").and_then(Value::as_array_mut) {
        keys.push(told.clone());
    }
}

fn too_many(of: &str) -> ApiError {
    invalid(format!("Too many items requested for the {of} call"))
}

fn duplicates() -> ApiError {
    invalid("Provided list of item keys contains duplicates")
}

fn length(member: &str, constraint: &str) -> ApiError {
    ApiError::validation(
        "{}",
        member,
        &format!("Member must have length {constraint}"),
    )
}

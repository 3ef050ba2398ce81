//! DynamoDB: tables of items, and the operations that read and write them, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>.
//!
//! - `number`, `attribute`: the values, as exact as DynamoDB's
//! - `table`: keys, order, expiry
//! - `expression`: conditions, filters, key conditions, updates
//! - `parameters`: what a request says
//! - `read`: `GetItem`, Query, Scan
//! - `write`: `PutItem`, `UpdateItem`, `DeleteItem`
//! - `batch`: `BatchWriteItem`, `BatchGetItem`
//! - `transact`: `TransactWriteItems`
//! - `fixtures`: the methods of [`Account`](crate::Account)
//!
//! Every operation is carried out under the account's lock: whole, or not at all.
//!
//! # Not like AWS
//!
//! - A table's keys get their types from its first item.
//! - Refused as not imitated: legacy parameters (`Expected`, `AttributeUpdates`, `KeyConditions`, …), projections,
//!   `Select`, indexes, parallel scans, consumed capacity, `ReturnValues` of updated attributes alone.
//! - No transaction conflicts with another or with a write; nothing is throttled but by a
//!   [`Fault`](crate::Fault) or [`leave_unprocessed_once`](crate::Account::leave_unprocessed_once).
//! - Where a request has several faults, AWS may name another of them.
//! - `size` of a string counts bytes, and a transaction's size is that of its JSON: AWS says neither.

mod attribute;
mod batch;
mod expression;
mod fixtures;
mod number;
mod parameters;
mod read;
mod table;
mod transact;
mod write;

use std::collections::BTreeMap;

use crate::account::{ACCOUNT_ID, REGION};
use crate::wire::ApiError;
use table::Table;
use transact::Done;

/// The account's tables.
#[derive(Debug, Default)]
pub(crate) struct DynamoDb {
    tables: BTreeMap<String, Table>,
    done: Done,
    scan_page_items: Option<usize>,
    query_page_items: Option<usize>,
    empty_page: bool,
    leave_unprocessed: Option<usize>,
}

impl DynamoDb {
    /// The table of this name, as [`table_name`] gives it.
    fn table(&self, name: &str) -> Result<&Table, ApiError> {
        self.tables.get(name).ok_or_else(no_such_table)
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, ApiError> {
        self.tables.get_mut(name).ok_or_else(no_such_table)
    }
}

/// A table's name, where its ARN may stand for it.
fn table_name(given: &str) -> &str {
    let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/");
    given.strip_prefix(&arn).unwrap_or(given)
}

fn no_such_table() -> ApiError {
    ApiError::new("ResourceNotFoundException", "Requested resource not found")
}

/// The refusal of a request that DynamoDB finds wrong.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

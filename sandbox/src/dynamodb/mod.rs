//! DynamoDB: tables of items, and the operations that read and write them, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>.
//!
//! The sandbox serves what tagwarden sends and refuses every other operation, parameter and expression with
//! `SandboxUnsupported`, so that nothing passes here that AWS would answer in another way.
//!
//! - `number`, `attribute`: the values
//! - `table`: keys, order, expiry
//! - `expression`: conditions and updates, and their grammar
//! - `parameters`: the parameters of a request
//! - `read`: `GetItem`, `BatchGetItem`, `Query`, `Scan`
//! - `write`: `PutItem`, `UpdateItem`, `DeleteItem`
//! - `transact`: `TransactWriteItems`
//! - `describe`: `DescribeTable`
//! - `fixtures`: the methods of [`Account`](crate::Account)
//!
//! Every operation runs under the account's lock, so it is atomic.
//!
//! # Not like AWS
//!
//! - A key consists of strings, but for the policy table's number. Values inside lists and maps are not checked, and are
//!   equal only if they are written alike.
//! - No transaction conflicts with another one or with a write. Nothing is throttled except by a
//!   [`Fault`](crate::Fault) or [`leave_unprocessed_once`](crate::Account::leave_unprocessed_once).
//! - Where a request has several faults, AWS may name another one of them.

mod attribute;
mod describe;
mod expression;
mod fixtures;
mod number;
mod parameters;
mod read;
mod table;
mod transact;
mod write;

use std::collections::BTreeMap;

use crate::place::SandboxPlace;
use crate::wire::ApiError;
use table::ItemTable;
use transact::CommittedTransactions;

/// The account's tables.
#[derive(Debug, Default)]
pub(crate) struct DynamoDb {
    /// Where the tables are.
    place: SandboxPlace,
    tables: BTreeMap<String, ItemTable>,
    committed: CommittedTransactions,
    scan_page_items: Option<usize>,
    query_page_items: Option<usize>,
    scan_starts_empty: bool,
    leave_unprocessed: Option<usize>,
    settings: BTreeMap<String, describe::TableSettings>,
}

impl DynamoDb {
    /// The tables of a place: none yet.
    pub(crate) fn at(place: SandboxPlace) -> Self {
        Self {
            place,
            ..Self::default()
        }
    }

    /// The table with a name, which may be given as its ARN.
    fn table(&self, name: &str) -> Result<&ItemTable, ApiError> {
        let name = self.table_name(name);
        self.tables.get(name).ok_or_else(no_such_table)
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut ItemTable, ApiError> {
        let name = self.table_name(name).to_owned();
        self.tables.get_mut(&name).ok_or_else(no_such_table)
    }

    fn table_name<'a>(&self, given: &'a str) -> &'a str {
        let arn = self.place.table_arn("");
        given.strip_prefix(&arn).unwrap_or(given)
    }
}

fn no_such_table() -> ApiError {
    ApiError::new("ResourceNotFoundException", "Requested resource not found")
}

/// The refusal of a request that DynamoDB finds invalid.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

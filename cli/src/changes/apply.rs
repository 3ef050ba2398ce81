//! Writes changes to the policy table: all or none of them, and only over the rows that were read.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::Item;
use tagwarden_core::policy::{is_own_attribute, own_attributes};

use super::RuleChange;

/// The most writes of one transaction, see
/// [TransactWriteItems](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
pub const MOST_AT_ONCE: usize = 100;

const CALL: &str = "dynamodb:TransactWriteItems";

/// Why not all changes were written.
#[derive(Debug)]
pub struct Unapplied {
    /// The number of rows that were written before.
    pub written: usize,
    /// What stopped it.
    pub why: StopReason,
}

/// Why a transaction fails.
#[derive(Debug)]
pub enum StopReason {
    /// Somebody else has changed these rules since they were read.
    RaceLost(Vec<String>),
    /// The call failed.
    Aws(AwsError),
}

/// Writes the changes, [`MOST_AT_ONCE`] in a transaction. A row is written only if nobody has changed it since it was
/// read.
///
/// # Errors
/// A transaction fails. The error says why, and how much was written before.
pub async fn apply(client: &Client, table: &str, changes: &[RuleChange]) -> Result<(), Unapplied> {
    let mut written = 0;
    for batch in changes.chunks(MOST_AT_ONCE) {
        transact(client, table, batch)
            .await
            .map_err(|why| Unapplied { written, why })?;
        written += batch.len();
    }
    Ok(())
}

async fn transact(client: &Client, table: &str, batch: &[RuleChange]) -> Result<(), StopReason> {
    let writes = batch.iter().map(|change| write(table, change));
    let writes = writes
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| StopReason::Aws(AwsError::unexpected(CALL, error.to_string())))?;
    let sent = client
        .transact_write_items()
        .set_transact_items(Some(writes))
        .send()
        .await;
    let Err(error) = sent else {
        return Ok(());
    };
    let cancelled = error
        .as_service_error()
        .and_then(|error| match error {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                Some(cancelled.cancellation_reasons())
            }
            _ => None,
        })
        .unwrap_or_default();
    // The reasons are in the order of the writes.
    let lost: Vec<String> = cancelled
        .iter()
        .zip(batch)
        .filter(|(reason, _)| {
            matches!(
                reason.code(),
                Some("ConditionalCheckFailed" | "TransactionConflict")
            )
        })
        .map(|(_, change)| change.rule_id())
        .collect();
    if lost.is_empty() {
        Err(StopReason::Aws(AwsError::new(CALL, &error)))
    } else {
        Err(StopReason::RaceLost(lost))
    }
}

fn write(table: &str, change: &RuleChange) -> Result<TransactWriteItem, BuildError> {
    let mut expression = ExpressionBuilder::default();
    let write = TransactWriteItem::builder();
    Ok(match change {
        RuleChange::Add(item) => {
            let condition = format!("attribute_not_exists({})", expression.name("RuleId"));
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(item.clone()))
                .condition_expression(condition)
                .set_expression_attribute_names(Some(expression.names()));
            write.put(put.build()?)
        }
        RuleChange::Delete(before) => {
            let condition = expression.as_read(before);
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(key(before)))
                .condition_expression(condition)
                .set_expression_attribute_names(Some(expression.names()))
                .set_expression_attribute_values(expression.values());
            write.delete(delete.build()?)
        }
        RuleChange::Alter {
            before,
            set,
            remove,
        } => {
            let mut condition = expression.as_read(before);
            for name in set.keys().filter(|name| !before.contains_key(*name)) {
                if !is_own_attribute(name) {
                    let name = expression.name(name);
                    let _ = write!(condition, " AND attribute_not_exists({name})");
                }
            }
            let sets: Vec<String> = set
                .iter()
                .map(|(name, value)| {
                    format!("{} = {}", expression.name(name), expression.value(value))
                })
                .collect();
            let removes: Vec<String> = remove.iter().map(|name| expression.name(name)).collect();
            let clause = |verb: &str, what: Vec<String>| {
                if what.is_empty() {
                    String::new()
                } else {
                    format!("{verb} {} ", what.join(", "))
                }
            };
            let update_expression = clause("SET", sets) + &clause("REMOVE", removes);
            let update = Update::builder()
                .table_name(table)
                .set_key(Some(key(before)))
                .update_expression(update_expression.trim_end())
                .condition_expression(condition)
                .set_expression_attribute_names(Some(expression.names()))
                .set_expression_attribute_values(expression.values());
            write.update(update.build()?)
        }
    }
    .build())
}

fn key(item: &Item) -> Item {
    let id = item.get("RuleId").cloned();
    id.into_iter().map(|id| ("RuleId".to_owned(), id)).collect()
}

/// Collects the names and values of an expression. Names need placeholders, because many attributes of a rule are
/// reserved expression.
#[derive(Default)]
struct ExpressionBuilder {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl ExpressionBuilder {
    fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().position(|known| known == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{at}")
    }

    fn value(&mut self, value: &AttributeValue) -> String {
        self.values.push(value.clone());
        format!(":v{}", self.values.len() - 1)
    }

    /// The condition that the row is as it was read: no attribute has changed, and none that means something to tagwarden
    /// has been added.
    fn as_read(&mut self, item: &Item) -> String {
        let mut names: Vec<&String> = item.keys().filter(|name| *name != "RuleId").collect();
        names.sort();
        let mut conditions = vec![format!("attribute_exists({})", self.name("RuleId"))];
        for name in names {
            if let Some(value) = item.get(name) {
                conditions.push(format!("{} = {}", self.name(name), self.value(value)));
            }
        }
        for name in own_attributes().filter(|name| !item.contains_key(*name)) {
            conditions.push(format!("attribute_not_exists({})", self.name(name)));
        }
        conditions.join(" AND ")
    }

    fn names(&self) -> HashMap<String, String> {
        let names = self.names.iter().enumerate();
        names
            .map(|(at, name)| (format!("#n{at}"), name.clone()))
            .collect()
    }

    /// The values; `None` if there are none, because DynamoDB refuses an empty map.
    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        let values = self.values.iter().enumerate();
        let values: HashMap<_, _> = values
            .map(|(at, value)| (format!(":v{at}"), value.clone()))
            .collect();
        (!values.is_empty()).then_some(values)
    }
}

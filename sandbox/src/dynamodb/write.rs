//! Writes of one item: `PutItem`, `UpdateItem`, `DeleteItem`, and the same as actions of a transaction.
//!
//! A write is read from its parameters, then checked against the table, and only then committed. A refused write
//! changes nothing, and a transaction can check all of its writes first. See
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html> and its neighbours.

use serde_json::json;

use super::attribute::{AttributeMap, item_size};
use super::expression::{ItemCondition, ItemUpdate, Placeholders};
use super::parameters::Parameters;
use super::table::{ItemPosition, ItemTable};
use super::{DynamoDb, invalid};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "The maximum item size in DynamoDB is 400 KB"
const MAX_ITEM_SIZE: usize = 400 * 1024;

/// A write of one item, as a request asks for it.
#[derive(Debug)]
pub(crate) struct ItemWrite {
    table: String,
    action: Action,
    condition: Option<ItemCondition>,
}

#[derive(Debug)]
enum Action {
    Put(AttributeMap),
    Update(AttributeMap, ItemUpdate),
    Delete(AttributeMap),
    /// Writes nothing; the condition is all of it.
    Check(AttributeMap),
}

/// Why a write is refused.
#[derive(Debug)]
pub(crate) enum WriteRefusal {
    /// The item does not meet the condition.
    ConditionFailed,
    /// DynamoDB cannot do this to the item.
    Invalid(ApiError),
}

impl From<WriteRefusal> for ApiError {
    fn from(refusal: WriteRefusal) -> Self {
        match refusal {
            WriteRefusal::Invalid(error) => error,
            WriteRefusal::ConditionFailed => Self::new(
                "ConditionalCheckFailedException",
                "The conditional request failed",
            ),
        }
    }
}

impl ItemWrite {
    /// Reads the parameters of a `Put`, an `Update`, a `Delete` or a `ConditionCheck`.
    pub(crate) fn read(kind: &str, parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let own: &[&str] = match kind {
            "Put" => &["Item"],
            "Update" => &["Key", "UpdateExpression"],
            "Delete" | "ConditionCheck" => &["Key"],
            _ => {
                return Err(ApiError::unsupported(&format!(
                    "{kind} of TransactWriteItems"
                )));
            }
        };
        let common = [
            "TableName",
            "ConditionExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
        ];
        parameters.allow_only(&[&common[..], own].concat())?;
        let mut placeholders = Placeholders::read(parameters)?;
        let action = match kind {
            "Put" => {
                let item = parameters.item("Item")?;
                check_size(&item, "Item size has exceeded the maximum allowed size")?;
                Action::Put(item)
            }
            "Update" => {
                let source = parameters.text("UpdateExpression")?;
                let source = source.ok_or_else(|| {
                    ApiError::unsupported("an update without an UpdateExpression")
                })?;
                let update = ItemUpdate::parse(source, &mut placeholders)?;
                Action::Update(parameters.item("Key")?, update)
            }
            "ConditionCheck" => Action::Check(parameters.item("Key")?),
            _ => Action::Delete(parameters.item("Key")?),
        };
        let name = "ConditionExpression";
        let condition = match parameters.text(name)? {
            Some(source) => Some(ItemCondition::parse(name, source, &mut placeholders)?),
            None => None,
        };
        placeholders.check_all_used()?;
        if matches!(action, Action::Check(_)) && condition.is_none() {
            return Err(ApiError::validation(
                "null",
                "conditionExpression",
                "Member must not be null",
            ));
        }
        Ok(Self {
            table: parameters.table()?.to_owned(),
            action,
            condition,
        })
    }

    /// The table it writes to.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// The position it writes to, if the key is valid.
    pub(crate) fn position(&self, table: &ItemTable) -> Result<ItemPosition, ApiError> {
        match &self.action {
            Action::Put(item) => table.position_of_item(item),
            Action::Delete(key) | Action::Check(key) => table.position_of_key(key),
            Action::Update(key, update) => {
                let mut names = update.names();
                match names.find(|name| table.key_names().any(|key| key == *name)) {
                    Some(name) => Err(invalid(format!(
                        "One or more parameter values were invalid: Cannot update attribute {name}. This attribute \
                         is part of the key"
                    ))),
                    None => table.position_of_key(key),
                }
            }
        }
    }

    /// The item that it would leave at its position, if any. Nothing is written yet.
    pub(crate) fn check(
        &self,
        table: &ItemTable,
        position: &ItemPosition,
    ) -> Result<Option<AttributeMap>, WriteRefusal> {
        let old = table.get(position);
        let no_attributes = AttributeMap::new();
        let holds = |condition: &ItemCondition| condition.holds(old.unwrap_or(&no_attributes));
        if !self.condition.as_ref().is_none_or(holds) {
            return Err(WriteRefusal::ConditionFailed);
        }
        Ok(match &self.action {
            Action::Put(item) => Some(item.clone()),
            Action::Delete(_) => None,
            Action::Check(_) => old.cloned(),
            Action::Update(key, update) => {
                let item = update.apply(old.unwrap_or(key));
                let item = item.map_err(WriteRefusal::Invalid)?;
                let message = "Item size to update has exceeded the maximum allowed size";
                check_size(&item, message).map_err(WriteRefusal::Invalid)?;
                Some(item)
            }
        })
    }
}

impl DynamoDb {
    /// `PutItem`, `UpdateItem` or `DeleteItem`.
    pub(crate) fn write_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new(&request.operation, &request.parameters);
        let kind = request.operation.trim_end_matches("Item");
        let write = ItemWrite::read(kind, &parameters)?;
        let table = self.table_mut(write.table())?;
        let position = write.position(table)?;
        let item = write.check(table, &position)?;
        table.set(position, item);
        Ok(Answer::Json(json!({})))
    }
}

fn check_size(item: &AttributeMap, message: &str) -> Result<(), ApiError> {
    if item_size(item) > MAX_ITEM_SIZE {
        return Err(invalid(message));
    }
    Ok(())
}

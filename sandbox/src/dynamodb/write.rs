//! Writes of one item: `PutItem`, `UpdateItem`, `DeleteItem`, and the same as parts of a transaction.
//!
//! A write is read from its parameters, then judged against the table, and only then carried out: a refused
//! one leaves no trace, and a transaction can judge all of its writes first. See
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html> and its neighbours.

use serde_json::{Map, Value};

use super::attribute::{Item, item_size, write_item};
use super::expression::{Condition, Update, parse_update};
use super::parameters::{Parameters, null};
use super::table::{Position, Table};
use super::{DynamoDb, invalid};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "The maximum item size in DynamoDB is 400 KB"
const LARGEST_ITEM: usize = 400 * 1024;

/// What all writes may say.
const COMMON: [&str; 5] = [
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
];

const RETURN_VALUES: [&str; 5] = ["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"];

/// A write of one item, as a request asks for it.
#[derive(Debug)]
pub(crate) struct Write {
    table: String,
    action: Action,
    condition: Option<Condition>,
    /// Whether the refusal of the condition is to tell the item.
    tells_item: bool,
}

#[derive(Debug)]
enum Action {
    Put(Item),
    Update(Item, Update),
    Delete(Item),
    Check(Item),
}

/// What a write makes of the item in its place.
#[derive(Debug)]
pub(crate) struct Change {
    position: Position,
    old: Option<Item>,
    new: Option<Item>,
}

/// Why a write is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The item does not meet the condition. It is told where the request asks for it.
    Condition(Option<Item>),
    /// The write cannot be done to this item, or to any.
    Invalid(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Invalid(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(error) => error,
            Refusal::Condition(item) => {
                let error = Self::new(
                    "ConditionalCheckFailedException",
                    "The conditional request failed",
                );
                match item {
                    Some(item) => error.with_member("Item", write_item(&item)),
                    None => error,
                }
            }
        }
    }
}

impl Write {
    /// Reads what `PutItem` and Put have in common.
    pub(crate) fn put(parameters: &Parameters<'_>, others: &[&str]) -> Result<Self, ApiError> {
        parameters.only(&[&COMMON[..], &["Item"], others].concat())?;
        let item = parameters.item("Item")?;
        check_size(&item, "Item size has exceeded the maximum allowed size")?;
        Self::conditional(parameters, Action::Put(item))
    }

    /// Reads what `DeleteItem` and Delete have in common.
    pub(crate) fn delete(parameters: &Parameters<'_>, others: &[&str]) -> Result<Self, ApiError> {
        parameters.only(&[&COMMON[..], &["Key"], others].concat())?;
        Self::conditional(parameters, Action::Delete(parameters.item("Key")?))
    }

    /// Reads a `ConditionCheck`, which writes nothing.
    pub(crate) fn check(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        parameters.only(&[&COMMON[..], &["Key"]].concat())?;
        if parameters.text("ConditionExpression")?.is_none() {
            return Err(null("conditionExpression"));
        }
        Self::conditional(parameters, Action::Check(parameters.item("Key")?))
    }

    /// Reads what `UpdateItem` and Update have in common.
    pub(crate) fn update(parameters: &Parameters<'_>, others: &[&str]) -> Result<Self, ApiError> {
        parameters.only(&[&COMMON[..], &["Key", "UpdateExpression"], others].concat())?;
        let key = parameters.item("Key")?;
        let mut bindings = parameters.bindings(&["UpdateExpression", "ConditionExpression"])?;
        let update = match parameters.text("UpdateExpression")? {
            Some(source) => parse_update(source, &mut bindings)?,
            None => Update::default(),
        };
        let condition = parameters.condition(&mut bindings)?;
        bindings.all_used()?;
        Self::new(parameters, Action::Update(key, update), condition)
    }

    fn conditional(parameters: &Parameters<'_>, action: Action) -> Result<Self, ApiError> {
        let mut bindings = parameters.bindings(&["ConditionExpression"])?;
        let condition = parameters.condition(&mut bindings)?;
        bindings.all_used()?;
        Self::new(parameters, action, condition)
    }

    fn new(
        parameters: &Parameters<'_>,
        action: Action,
        condition: Option<Condition>,
    ) -> Result<Self, ApiError> {
        let on_failure =
            parameters.choice("ReturnValuesOnConditionCheckFailure", &["NONE", "ALL_OLD"])?;
        Ok(Self {
            table: parameters.table()?.to_owned(),
            action,
            condition,
            tells_item: on_failure == "ALL_OLD",
        })
    }

    /// The table it writes to.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// The place it writes to, if the key is in order.
    pub(crate) fn position(&self, table: &Table) -> Result<Position, ApiError> {
        match &self.action {
            Action::Put(item) => table.position_of_item(item),
            Action::Delete(key) | Action::Check(key) => table.position_of_key(key),
            Action::Update(key, update) => {
                let position = table.position_of_key(key)?;
                match update.paths().find(|path| table.is_key(&path.head)) {
                    Some(path) => Err(invalid(format!(
                        "One or more parameter values were invalid: Cannot update attribute {}. This \
                         attribute is part of the key",
                        path.head
                    ))),
                    None => Ok(position),
                }
            }
        }
    }

    /// What it would make of the item at its place. Nothing is written yet.
    pub(crate) fn judge(&self, table: &Table, position: Position) -> Result<Change, Refusal> {
        let old = table.get(&position).cloned();
        let nothing = Item::new();
        let holds = |condition: &Condition| condition.holds(old.as_ref().unwrap_or(&nothing));
        if !self.condition.as_ref().is_none_or(holds) {
            return Err(Refusal::Condition(old.filter(|_| self.tells_item)));
        }
        let new = match &self.action {
            Action::Put(item) => Some(item.clone()),
            Action::Delete(_) => None,
            Action::Check(_) => old.clone(),
            Action::Update(key, update) => {
                let item = update.apply(old.as_ref().unwrap_or(key))?;
                check_size(
                    &item,
                    "Item size to update has exceeded the maximum allowed size",
                )?;
                Some(item)
            }
        };
        Ok(Change { position, old, new })
    }
}

impl Change {
    /// Carries it out.
    pub(crate) fn commit(self, table: &mut Table) {
        match self.new {
            Some(item) => table.insert(self.position, item),
            None => table.remove(&self.position),
        }
    }
}

impl DynamoDb {
    /// `PutItem`
    pub(crate) fn put_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("PutItem", &request.parameters);
        let returned = returned(&parameters, &["NONE", "ALL_OLD"])?;
        self.write(&Write::put(&parameters, &["ReturnValues"])?, returned)
    }

    /// `UpdateItem`
    pub(crate) fn update_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("UpdateItem", &request.parameters);
        let returned = returned(&parameters, &RETURN_VALUES)?;
        self.write(&Write::update(&parameters, &["ReturnValues"])?, returned)
    }

    /// `DeleteItem`
    pub(crate) fn delete_item(&mut self, request: &Request) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("DeleteItem", &request.parameters);
        let returned = returned(&parameters, &["NONE", "ALL_OLD"])?;
        self.write(&Write::delete(&parameters, &["ReturnValues"])?, returned)
    }

    fn write(&mut self, write: &Write, returned: &str) -> Result<Answer, ApiError> {
        let table = self.table_mut(write.table())?;
        let position = write.position(table)?;
        let change = write.judge(table, position)?;
        let attributes = match returned {
            "ALL_OLD" => change.old.as_ref(),
            "ALL_NEW" => change.new.as_ref(),
            _ => None,
        };
        let mut answer = Map::new();
        if let Some(attributes) = attributes {
            answer.insert("Attributes".to_owned(), write_item(attributes));
        }
        change.commit(table);
        Ok(Answer::Json(Value::Object(answer)))
    }
}

/// Which of an item's states the answer is to tell.
fn returned(parameters: &Parameters<'_>, allowed: &[&str]) -> Result<&'static str, ApiError> {
    let returned = parameters.choice("ReturnValues", &RETURN_VALUES)?;
    if !allowed.contains(&returned) {
        return Err(invalid("ReturnValues can only be ALL_OLD or NONE"));
    }
    if returned.starts_with("UPDATED") {
        return Err(ApiError::unsupported(&format!("ReturnValues {returned}")));
    }
    Ok(returned)
}

/// Refuses an item that is too large.
pub(crate) fn check_size(item: &Item, message: &str) -> Result<(), ApiError> {
    if item_size(item) > LARGEST_ITEM {
        return Err(invalid(message));
    }
    Ok(())
}

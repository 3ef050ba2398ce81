//! `TransactWriteItems`, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::attribute::write_item;
use super::parameters::{Parameters, null};
use super::write::{Change, Refusal, Write};
use super::{DynamoDb, invalid};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "groups up to 100 action requests"
const MOST_ACTIONS: usize = 100;

/// "The aggregate size of the items in the transaction cannot exceed 4 MB": seen to be that of the request.
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

/// A `ClientRequestToken`'s: "Minimum length of 1. Maximum length of 36."
const LONGEST_TOKEN: usize = 36;

/// "A client request token is valid for 10 minutes after the first request that uses it is completed."
const TOKEN_VALID: TimeDelta = TimeDelta::minutes(10);

/// The transactions that were carried out, by their tokens: what they were, and when.
#[derive(Debug, Default)]
pub(crate) struct Done(BTreeMap<String, (Value, DateTime<Utc>)>);

impl DynamoDb {
    /// `TransactWriteItems`
    pub(crate) fn transact_write_items(
        &mut self,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("TransactWriteItems", &request.parameters);
        parameters.only(&["TransactItems", "ClientRequestToken"])?;
        let token = parameters.text("ClientRequestToken")?;
        if token.is_some_and(|token| !(1..=LONGEST_TOKEN).contains(&token.len())) {
            let constraint = "Member must have length less than or equal to 36";
            let token = token.unwrap_or_default();
            return Err(ApiError::validation(
                token,
                "clientRequestToken",
                constraint,
            ));
        }
        let writes = read(&parameters)?;
        self.done.0.retain(|_, (_, at)| now - *at <= TOKEN_VALID);
        if let Some((before, _)) = token.and_then(|token| self.done.0.get(token)) {
            return if *before == request.parameters {
                Ok(Answer::Json(json!({})))
            } else {
                Err(ApiError::new(
                    "IdempotentParameterMismatchException",
                    "The request uses the same client token as a previous, but non-identical request.",
                ))
            };
        }
        for (change, write) in self.judge(&writes)?.into_iter().zip(&writes) {
            change.commit(self.table_mut(write.table())?);
        }
        if let Some(token) = token {
            let done = (request.parameters.clone(), now);
            self.done.0.insert(token.to_owned(), done);
        }
        Ok(Answer::Json(json!({})))
    }

    /// What each action would change, if all may.
    fn judge(&self, writes: &[Write]) -> Result<Vec<Change>, ApiError> {
        let mut positions = Vec::new();
        for write in writes {
            match write.position(self.table(write.table())?) {
                Ok(position) => positions.push(position),
                // Of several wrong keys, the first is told, and no condition is looked at.
                Err(error) => {
                    let mut reasons = vec![none(); writes.len()];
                    if let Some(reason) = reasons.get_mut(positions.len()) {
                        *reason = validation_error(&error);
                    }
                    return Err(cancelled(&reasons));
                }
            }
        }
        let mut places = BTreeSet::new();
        let once = |(write, position)| places.insert((Write::table(write), position));
        if !writes.iter().zip(&positions).all(once) {
            return Err(invalid(
                "Transaction request cannot include multiple operations on one item",
            ));
        }
        let mut changes = Vec::new();
        let mut reasons = Vec::new();
        for (write, position) in writes.iter().zip(positions) {
            let refusal = write.judge(self.table(write.table())?, position);
            reasons.push(match refusal {
                Ok(change) => {
                    changes.push(change);
                    none()
                }
                Err(Refusal::Invalid(error)) => validation_error(&error),
                Err(Refusal::Condition(item)) => {
                    let mut reason =
                        reason("ConditionalCheckFailed", "The conditional request failed");
                    if let (Some(item), Some(members)) = (item, reason.as_object_mut()) {
                        members.insert("Item".to_owned(), write_item(&item));
                    }
                    reason
                }
            });
        }
        if changes.len() < writes.len() {
            return Err(cancelled(&reasons));
        }
        Ok(changes)
    }
}

/// Reads the actions.
fn read(parameters: &Parameters<'_>) -> Result<Vec<Write>, ApiError> {
    let actions = parameters.list("TransactItems")?;
    let actions = actions.ok_or_else(|| null("transactItems"))?;
    let bound = match actions.len() {
        0 => "greater than or equal to 1",
        1..=MOST_ACTIONS => {
            let size: usize = actions.iter().map(|action| action.to_string().len()).sum();
            if size > LARGEST_REQUEST {
                return Err(invalid("Transaction payload size cannot exceed 4 MB"));
            }
            return actions.iter().map(read_action).collect();
        }
        _ => "less than or equal to 100",
    };
    let constraint = format!("Member must have length {bound}");
    Err(ApiError::validation("[…]", "transactItems", &constraint))
}

fn read_action(action: &Value) -> Result<Write, ApiError> {
    let members = action.as_object().into_iter().flatten();
    let members: Vec<_> = members.collect();
    let [(kind, members)] = members.as_slice() else {
        return Err(invalid(
            "TransactItems can only contain one of Check, Put, Update or Delete",
        ));
    };
    let of = format!("{kind} of TransactWriteItems");
    let parameters = Parameters::new(&of, members);
    match kind.as_str() {
        "Put" => Write::put(&parameters, &[]),
        "Update" => match parameters.text("UpdateExpression")? {
            Some(_) => Write::update(&parameters, &[]),
            None => Err(null("updateExpression")),
        },
        "Delete" => Write::delete(&parameters, &[]),
        "ConditionCheck" => Write::check(&parameters),
        _ => Err(ApiError::unsupported(&of)),
    }
}

fn none() -> Value {
    json!({"Code": "None"})
}

fn validation_error(error: &ApiError) -> Value {
    reason("ValidationError", &error.message)
}

fn reason(code: &str, message: &str) -> Value {
    json!({"Code": code, "Message": message})
}

/// The refusal of a transaction, with a reason for every action, in their order.
fn cancelled(reasons: &[Value]) -> ApiError {
    let codes = reasons
        .iter()
        .filter_map(|reason| reason.get("Code")?.as_str());
    let codes: Vec<_> = codes.collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    ApiError::new("TransactionCanceledException", message.clone())
        .with_member("Message", json!(message))
        .with_member("CancellationReasons", json!(reasons))
}

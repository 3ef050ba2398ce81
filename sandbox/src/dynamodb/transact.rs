//! `TransactWriteItems`, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::attribute::AttributeMap;
use super::parameters::Parameters;
use super::table::ItemPosition;
use super::write::{ItemWrite, WriteRefusal};
use super::{DynamoDb, invalid};
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// "groups up to 100 action requests"
const MAX_ACTIONS: usize = 100;

/// "The aggregate size of the items in the transaction cannot exceed 4 MB". The sandbox measures the JSON of the
/// request.
const MAX_REQUEST_SIZE: usize = 4 * 1024 * 1024;

/// "A client request token is valid for 10 minutes after the first request that uses it is completed."
const TOKEN_VALID: TimeDelta = TimeDelta::minutes(10);

/// The committed transactions by their tokens: the request and its time.
#[derive(Debug, Default)]
pub(crate) struct CommittedTransactions(BTreeMap<String, (Value, DateTime<Utc>)>);

impl DynamoDb {
    /// `TransactWriteItems`
    pub(crate) fn transact_write_items(
        &mut self,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Answer, ApiError> {
        let parameters = Parameters::new("TransactWriteItems", &request.parameters);
        parameters.allow_only(&["TransactItems", "ClientRequestToken"])?;
        let writes = read_actions(&parameters)?;
        let done = Ok(Answer::Json(json!({})));

        // A retry of a committed transaction must not write again.
        let token = parameters.text("ClientRequestToken")?;
        self.committed
            .0
            .retain(|_, (_, at)| now - *at <= TOKEN_VALID);
        if let Some((committed, _)) = token.and_then(|token| self.committed.0.get(token)) {
            if *committed == request.parameters {
                return done;
            }
            return Err(ApiError::new(
                "IdempotentParameterMismatchException",
                "The request uses the same client token as a previous, but non-identical request.",
            ));
        }

        // All writes are checked before the first is committed.
        for (write, (position, item)) in writes.iter().zip(self.check(&writes)?) {
            self.table_mut(write.table())?.set(position, item);
        }
        if let Some(token) = token {
            let committed = (request.parameters.clone(), now);
            self.committed.0.insert(token.to_owned(), committed);
        }
        done
    }

    /// The positions and the items that the writes would leave, if every write is allowed.
    fn check(
        &self,
        writes: &[ItemWrite],
    ) -> Result<Vec<(ItemPosition, Option<AttributeMap>)>, ApiError> {
        let mut positions = Vec::new();
        let mut places = BTreeSet::new();
        for write in writes {
            let position = write
                .position(self.table(write.table())?)
                .map_err(|error| {
                    // DynamoDB names the first wrong key only, and evaluates no condition.
                    let mut reasons = vec![no_reason(); writes.len()];
                    if let Some(reason) = reasons.get_mut(positions.len()) {
                        *reason = validation_error(&error);
                    }
                    cancelled(&reasons)
                })?;
            places.insert((write.table(), position.clone()));
            positions.push(position);
        }
        if places.len() < writes.len() {
            return Err(invalid(
                "Transaction request cannot include multiple operations on one item",
            ));
        }
        let mut changes = Vec::new();
        let mut reasons = Vec::new();
        for (write, position) in writes.iter().zip(positions) {
            let checked = write.check(self.table(write.table())?, &position);
            reasons.push(match checked {
                Ok(item) => {
                    changes.push((position, item));
                    no_reason()
                }
                Err(WriteRefusal::Invalid(error)) => validation_error(&error),
                Err(WriteRefusal::ConditionFailed) => json!({
                    "Code": "ConditionalCheckFailed",
                    "Message": "The conditional request failed",
                }),
            });
        }
        if changes.len() < writes.len() {
            return Err(cancelled(&reasons));
        }
        Ok(changes)
    }
}

fn read_actions(parameters: &Parameters<'_>) -> Result<Vec<ItemWrite>, ApiError> {
    let actions = parameters.list("TransactItems")?;
    if actions.is_empty() || actions.len() > MAX_ACTIONS {
        let constraint =
            "Member must have length greater than or equal to 1 and less than or equal to 100";
        return Err(ApiError::validation("[…]", "transactItems", constraint));
    }
    let size: usize = actions.iter().map(|action| action.to_string().len()).sum();
    if size > MAX_REQUEST_SIZE {
        return Err(invalid("Transaction payload size cannot exceed 4 MB"));
    }
    actions.iter().map(read_action).collect()
}

fn read_action(action: &Value) -> Result<ItemWrite, ApiError> {
    let members = action.as_object().filter(|members| members.len() == 1);
    let Some((kind, members)) = members.and_then(|members| members.iter().next()) else {
        return Err(invalid(
            "TransactItems can only contain one of Check, Put, Update or Delete",
        ));
    };
    let owner = format!("{kind} of TransactWriteItems");
    ItemWrite::read(kind, &Parameters::new(&owner, members))
}

fn no_reason() -> Value {
    json!({"Code": "None"})
}

fn validation_error(error: &ApiError) -> Value {
    json!({"Code": "ValidationError", "Message": error.message})
}

/// The refusal of a transaction, with a reason for each action.
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

//! Writes that are carried out together or not at all.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::PUT;

/// The most writes of one transaction.
///
/// See [TransactWriteItems](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
pub(super) const MOST_WRITES: usize = 100;

/// The most bytes of a batch, by [`Act::size`]. Stops and terminations hold all tags of their instances, and a DynamoDB
/// item has at most 400 KB.
///
/// See [Quotas](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
pub(super) const LARGEST_BATCH: usize = 200 * 1024;

/// How many times a transaction is tried that conflicts with others. Each time one of the others succeeds, so this is
/// enough for more functions at a time than an account has.
pub(super) const ATTEMPTS: u32 = 60;

/// The shortest and the longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Puts, to be carried out together.
#[derive(Clone, Debug, Default)]
pub(super) struct Transaction {
    puts: Vec<TransactWriteItem>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TransactionResult {
    /// Carried out.
    Yes,
    /// Not carried out: the conditions at these positions did not hold.
    Refused(BTreeSet<usize>),
    /// Not carried out: another function writes the same items right now, or DynamoDB throttles.
    Busy,
}

impl Transaction {
    /// Adds a put; gives its position.
    pub(super) fn add(&mut self, put: PutBuilder) -> Result<usize, AwsError> {
        let put = put
            .build()
            .map_err(|error| AwsError::unexpected(PUT, error.to_string()))?;
        self.puts
            .push(TransactWriteItem::builder().put(put).build());
        Ok(self.puts.len() - 1)
    }

    pub(super) fn len(&self) -> usize {
        self.puts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.puts.is_empty()
    }
}

impl Ledger {
    /// Carries out a transaction.
    ///
    /// # Errors
    /// DynamoDB gave an error that trying again does not fix.
    pub(super) async fn transact(
        &self,
        transaction: Transaction,
    ) -> Result<TransactionResult, AwsError> {
        let result = self
            .client
            .transact_write_items()
            .set_transact_items(Some(transaction.puts))
            .send()
            .await;
        let Err(error) = result else {
            return Ok(TransactionResult::Yes);
        };
        let cancelled = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled,
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                return Ok(TransactionResult::Busy);
            }
            _ => return Err(AwsError::new(PUT, &error)),
        };
        let codes = cancelled.cancellation_reasons().iter();
        let codes: Vec<&str> = codes
            .map(|reason| reason.code().unwrap_or("None"))
            .collect();
        result_of(&codes).ok_or_else(|| AwsError::new(PUT, &error))
    }

    /// Waits before the next attempt: longer each time, and by chance never as long as others.
    pub(super) async fn pause(&self, attempt: u32) {
        let longest = PAUSE.saturating_mul(2_u32.saturating_pow(attempt.min(16)));
        let longest = longest.min(LONGEST_PAUSE);
        let part = fastrand::u32(1..=1_000);
        self.clock.sleep(longest.saturating_mul(part) / 1_000).await;
    }
}

/// What the reasons of a cancelled transaction say, one for each write; `None` if trying again does not help.
///
/// See [TransactWriteItems](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
fn result_of(codes: &[&str]) -> Option<TransactionResult> {
    let refused: BTreeSet<usize> = codes
        .iter()
        .enumerate()
        .filter_map(|(position, code)| (*code == "ConditionalCheckFailed").then_some(position))
        .collect();
    let is_passing = |code: &&str| {
        matches!(
            *code,
            "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"
        )
    };
    if !refused.is_empty() {
        Some(TransactionResult::Refused(refused))
    } else if codes.iter().any(is_passing) {
        Some(TransactionResult::Busy)
    } else {
        None
    }
}

pub(super) fn busy() -> AwsError {
    AwsError::unexpected(
        PUT,
        "too many functions write to the ledger at the same time",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_again_what_conflicts_or_is_throttled() {
        for code in [
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
        ] {
            assert_eq!(
                result_of(&["None", code, "None"]),
                Some(TransactionResult::Busy)
            );
        }
        let refused = TransactionResult::Refused(BTreeSet::from([0, 2]));
        let codes = [
            "ConditionalCheckFailed",
            "TransactionConflict",
            "ConditionalCheckFailed",
        ];
        assert_eq!(result_of(&codes), Some(refused));
        assert_eq!(result_of(&["ValidationError", "None"]), None);
    }
}

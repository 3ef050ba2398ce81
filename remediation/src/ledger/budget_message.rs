//! The message that asks for another look at what the budget held back. One is under way at a time.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{self, key, number};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MessageMark {
    due_at: i64,
    expires_at: i64,
}

impl Ledger {
    /// Whether this run is to send the message that asks for what the budget held back: there is none under way. It is
    /// due at `due_at` then.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn claim_budget_message(
        &self,
        due_at: DateTime<Utc>,
    ) -> Result<bool, AwsError> {
        let now = self.clock.now();
        let mark = MessageMark {
            due_at: due_at.timestamp_millis(),
            expires_at: due_at.timestamp(),
        };
        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(items::item(key("budget", "message"), &mark)?))
            .condition_expression("attribute_not_exists(Pk) OR DueAt < :now")
            .expression_attribute_values(":now", number(now.timestamp_millis()))
            .send()
            .await;
        match result {
            Ok(_) => Ok(true),
            Err(error) if items::is_condition(&error) => Ok(false),
            Err(error) => Err(AwsError::new(items::PUT, &error)),
        }
    }
}

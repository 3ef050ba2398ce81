//! The event that AWS Config sends to a custom Lambda rule.
//!
//! See [Example events for AWS Config rules](https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html).

use aws_lambda_events::event::config::ConfigEvent;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use tagwarden_core::resource::configuration_item::{ConfigurationItem, ItemSummary};

/// Why an event is not an event of a Config rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The envelope cannot be read.
    #[error("the event is not an AWS Config rule event: {0}")]
    Envelope(String),
    /// A member that every event must have is absent or blank.
    #[error("the event is not an AWS Config rule event: it has no {0}")]
    Missing(&'static str),
    /// `invokingEvent` cannot be read, or has a `messageType` that this rule does not support.
    #[error("the event's invokingEvent cannot be read: {0}")]
    InvokingEvent(String),
}

/// An event of a Config rule.
#[derive(Clone, Debug)]
pub struct Event {
    pub(crate) account_id: Option<String>,
    pub(crate) config_rule_name: Option<String>,
    pub(crate) rule_parameters: Option<String>,
    pub(crate) result_token: String,
    pub(crate) left_scope: bool,
    pub(crate) cause: InvokingEvent,
}

/// What made Config invoke the rule, by `messageType`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "messageType")]
pub(crate) enum InvokingEvent {
    /// A resource changed.
    #[serde(
        rename = "ConfigurationItemChangeNotification",
        rename_all = "camelCase"
    )]
    Change {
        // Boxed, because it is many times as large as the other variants.
        configuration_item: Box<ConfigurationItem>,
    },
    /// A resource changed, and its configuration item is too large for the event.
    #[serde(
        rename = "OversizedConfigurationItemChangeNotification",
        rename_all = "camelCase"
    )]
    OversizedChange {
        configuration_item_summary: ItemSummary,
    },
    /// All instances are due for evaluation.
    #[serde(rename = "ScheduledNotification", rename_all = "camelCase")]
    Schedule {
        notification_creation_time: DateTime<Utc>,
    },
}

impl InvokingEvent {
    /// The time for which the results of this event hold.
    pub(crate) fn as_of(&self) -> DateTime<Utc> {
        match self {
            Self::Change { configuration_item } => {
                configuration_item.configuration_item_capture_time
            }
            Self::OversizedChange {
                configuration_item_summary,
            } => configuration_item_summary.configuration_item_capture_time,
            Self::Schedule {
                notification_creation_time,
            } => *notification_creation_time,
        }
    }
}

impl Event {
    /// Reads the event `payload` that Config sends to the rule's function.
    ///
    /// # Errors
    /// [`EventError`] if `payload` is not an event of a Config rule.
    pub fn read(mut payload: Value) -> Result<Self, EventError> {
        if let Some(members) = payload.as_object_mut() {
            // A member that is null says no more than one that is absent.
            members.retain(|_, value| !value.is_null());
            // Config leaves `eventLeftScope` out of some events, but the type of the envelope requires it.
            members
                .entry("eventLeftScope")
                .or_insert(Value::Bool(false));
        }
        let envelope: ConfigEvent = serde_json::from_value(payload)
            .map_err(|error| EventError::Envelope(error.to_string()))?;
        let invoking_event = present(envelope.invoking_event, "invokingEvent")?;
        Ok(Self {
            account_id: envelope.account_id,
            config_rule_name: envelope.config_rule_name,
            rule_parameters: envelope.rule_parameters,
            result_token: present(envelope.result_token, "resultToken")?,
            left_scope: envelope.event_left_scope,
            cause: serde_json::from_str(&invoking_event)
                .map_err(|error| EventError::InvokingEvent(error.to_string()))?,
        })
    }
}

/// The value of a member that must be there and not blank.
fn present(value: Option<String>, member: &'static str) -> Result<String, EventError> {
    value
        .filter(|value| !value.trim().is_empty())
        .ok_or(EventError::Missing(member))
}

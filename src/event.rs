//! The event that AWS Config hands a custom Lambda rule.
//!
//! See [Example events for AWS Config rules](https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html).

use aws_lambda_events::event::config::ConfigEvent;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use tagwarden_core::resource::configuration_item::{ConfigurationItem, ItemSummary};

/// An event that is not one of a Config rule, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The envelope is broken.
    #[error("the event is not one that AWS Config hands a rule: {0}")]
    Envelope(String),
    /// A member that every event has is absent or blank.
    #[error("the event is not one that AWS Config hands a rule: it has no {0}")]
    Missing(&'static str),
    /// `invokingEvent` is broken, or of a type this rule does not take.
    #[error("the event's invokingEvent cannot be read: {0}")]
    InvokingEvent(String),
}

/// One event, read: [`Rule::handle`](crate::Rule::handle) does what it asks for.
#[derive(Clone, Debug)]
pub struct Event {
    pub(crate) account_id: Option<String>,
    pub(crate) config_rule_name: Option<String>,
    pub(crate) rule_parameters: Option<String>,
    pub(crate) result_token: String,
    pub(crate) left_scope: bool,
    pub(crate) cause: InvokingEvent,
}

/// What made Config call, by its `messageType`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "messageType")]
pub(crate) enum InvokingEvent {
    /// A resource changed.
    #[serde(
        rename = "ConfigurationItemChangeNotification",
        rename_all = "camelCase"
    )]
    Change {
        configuration_item: ConfigurationItem,
    },
    /// A resource changed, and its item is too large for the event.
    #[serde(
        rename = "OversizedConfigurationItemChangeNotification",
        rename_all = "camelCase"
    )]
    OversizedChange {
        configuration_item_summary: ItemSummary,
    },
    /// It is time to evaluate everything.
    #[serde(rename = "ScheduledNotification", rename_all = "camelCase")]
    Schedule {
        notification_creation_time: DateTime<Utc>,
    },
}

impl Event {
    /// Reads what Config hands the rule's function.
    ///
    /// # Errors
    /// It is no such event; see [`EventError`].
    pub fn read(mut payload: Value) -> Result<Self, EventError> {
        // Config leaves `eventLeftScope` out of some events; the envelope's type insists on it.
        if let Some(members) = payload.as_object_mut() {
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

fn present(value: Option<String>, member: &'static str) -> Result<String, EventError> {
    value
        .filter(|value| !value.trim().is_empty())
        .ok_or(EventError::Missing(member))
}

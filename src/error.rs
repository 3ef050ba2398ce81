//! The error of the rule, and the kinds by which alarms and filters know it.

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_aws::lambda::{ForeignAccount, FunctionError};
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_core::settings::SettingError;

use crate::event::EventError;
use crate::parameters::ParameterError;

/// Why the rule sent no results, or not all of them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The event is not an event of a Config rule.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The rule's parameters cannot be read.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// A setting cannot be read, and the function was started all the same: it is the hook's.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The event belongs to another account.
    #[error(transparent)]
    ForeignAccount(#[from] ForeignAccount),
    /// There is no valid policy.
    #[error(transparent)]
    PolicyTable(#[from] PolicyTableError),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Config announced an item that is too large for the event, and its history has no such item.
    #[error(
        "AWS Config's history has no configuration item of {resource_id} up to {captured_at}, which an oversized notification announced"
    )]
    NoHistory {
        /// The resource.
        resource_id: String,
        /// The capture time in the notification.
        captured_at: DateTime<Utc>,
    },
    /// The configuration item has neither a configuration nor tags. The instance is not reported as untagged, because
    /// nothing is known of its tags. It keeps its result until the next scheduled evaluation, which asks EC2.
    #[error(
        "the configuration item of {resource_id} has neither a configuration nor tags, so the instance cannot be evaluated"
    )]
    EmptyItem {
        /// The resource.
        resource_id: String,
    },
}

impl FunctionError for RuleError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "InvalidEvent",
            Self::Parameters(_) => "InvalidRuleParameters",
            Self::Setting(_) => "InvalidSetting",
            Self::ForeignAccount(_) => "ForeignAccount",
            Self::PolicyTable(PolicyTableError::Invalid { .. }) => "InvalidPolicyTable",
            Self::PolicyTable(PolicyTableError::Unreadable { .. }) => "UnreadablePolicyTable",
            Self::Aws(_) => "AwsError",
            Self::NoHistory { .. } => "NoConfigurationHistory",
            Self::EmptyItem { .. } => "EmptyConfigurationItem",
        }
    }
}

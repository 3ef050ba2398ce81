//! The AWS Config rule: reports each instance as `COMPLIANT`, `NON_COMPLIANT` or `NOT_APPLICABLE`.
//!
//! It only reports; it changes nothing but its own results.

mod evaluate;
mod event;
mod parameters;

use std::future::Future;

use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use tagwarden_aws::lambda::{self, ForeignAccount, FunctionError, Handler, metrics};
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_aws::{AwsError, Clock, Ec2};
use tagwarden_core::settings::PolicySettings;

pub use event::{Event, EventError};
pub use parameters::ParameterError;

/// The Config rule's function. Build it once; it handles any number of events.
#[derive(Debug)]
pub struct Rule {
    clock: Clock,
    config: aws_sdk_config::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    ec2: Ec2,
    settings: PolicySettings,
}

/// How many instances got which verdict: the function's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationCounts {
    /// Results sent to Config.
    pub evaluated: usize,
    /// Of these, `COMPLIANT`.
    pub compliant: usize,
    /// Of these, `NON_COMPLIANT`.
    pub non_compliant: usize,
    /// Of these, `NOT_APPLICABLE`.
    pub not_applicable: usize,
}

impl std::ops::AddAssign for EvaluationCounts {
    fn add_assign(&mut self, other: Self) {
        self.evaluated += other.evaluated;
        self.compliant += other.compliant;
        self.non_compliant += other.non_compliant;
        self.not_applicable += other.not_applicable;
    }
}

/// Why the rule sent no results, or not all of them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The event is not one of a Config rule.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The rule's parameters cannot be read.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The event belongs to another account.
    #[error(transparent)]
    ForeignAccount(#[from] ForeignAccount),
    /// There is no valid policy.
    #[error(transparent)]
    PolicyTable(#[from] PolicyTableError),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Config announced an item that is too large for the event, and has no such item.
    #[error(
        "AWS Config's history has no configuration item of {resource_id} up to {captured_at}, which an oversized notification announced"
    )]
    NoHistory {
        /// The resource.
        resource_id: String,
        /// The capture time in the notification.
        captured_at: chrono::DateTime<chrono::Utc>,
    },
}

impl FunctionError for RuleError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "InvalidEvent",
            Self::Parameters(_) => "InvalidRuleParameters",
            Self::ForeignAccount(_) => "ForeignAccount",
            Self::PolicyTable(PolicyTableError::Invalid { .. }) => "InvalidPolicyTable",
            Self::PolicyTable(PolicyTableError::Unreadable { .. }) => "UnreadablePolicyTable",
            Self::Aws(_) => "AwsError",
            Self::NoHistory { .. } => "NoConfigurationHistory",
        }
    }
}

impl Rule {
    /// Makes the rule with clients of `config`.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, settings: PolicySettings) -> Self {
        Self {
            clock: Clock::of(config),
            config: aws_sdk_config::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            ec2: Ec2::new(config),
            settings,
        }
    }

    /// Evaluates what one event of AWS Config asks for, and sends the results to Config.
    ///
    /// Gives the [`EvaluationCounts`] as JSON.
    ///
    /// # Errors
    /// See [`RuleError`]. Nothing was evaluated, unless the error is one of PutEvaluations.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, RuleError> {
        let (payload, context) = event.into_parts();
        let event = event::Event::read(payload)?;
        let own_account = lambda::account_of(&context.invoked_function_arn);
        lambda::check_account(own_account, event.account_id.as_deref())?;
        let settings = parameters::apply(event.rule_parameters.as_deref(), &self.settings)?;
        let counts = self.evaluate(event, &settings).await?;
        add_metrics(&counts);
        tracing::info!(
            evaluated = counts.evaluated,
            compliant = counts.compliant,
            non_compliant = counts.non_compliant,
            not_applicable = counts.not_applicable,
            "evaluated"
        );
        // Four numbers always have a JSON form.
        Ok(serde_json::to_value(counts).unwrap_or_default())
    }
}

impl Handler for Rule {
    type Error = RuleError;

    fn handle(&self, event: LambdaEvent<Value>) -> impl Future<Output = Result<Value, RuleError>> {
        Rule::handle(self, event)
    }
}

fn add_metrics(counts: &EvaluationCounts) {
    metrics::add("evaluated", counts.evaluated);
    metrics::add("compliant", counts.compliant);
    metrics::add("nonCompliant", counts.non_compliant);
    metrics::add("notApplicable", counts.not_applicable);
}

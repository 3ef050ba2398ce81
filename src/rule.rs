//! The Config rule: reads an event, evaluates what it asks for, and answers with counts. It answers the hook's events, too.

use std::future::Future;

use aws_config::SdkConfig;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tagwarden_aws::lambda::{self, Handler, metrics};
use tagwarden_core::settings::PolicySettings;

use crate::counts::EvaluationCounts;
use crate::error::RuleError;
use crate::evaluate::{Clients, evaluate};
use crate::event::Event;
use crate::hook::{LaunchHook, is_hook_event};
use crate::parameters;

/// The Config rule's function. Build it once; it handles any number of events.
#[derive(Debug)]
pub struct Rule {
    clients: Clients,
    hook: LaunchHook,
    settings: PolicySettings,
}

impl Rule {
    /// Makes the rule with clients of `config`. Parameters of the Config rule override `settings`.
    #[must_use]
    pub fn new(config: &SdkConfig, settings: PolicySettings) -> Self {
        Self {
            clients: Clients::new(config),
            hook: LaunchHook::new(config),
            settings,
        }
    }

    /// Evaluates what one event of AWS Config asks for, and sends the results to Config. Judges the resource in the event of
    /// a hook of CloudFormation, and sends nothing.
    ///
    /// Gives the [`EvaluationCounts`] as JSON, or the hook's answer.
    ///
    /// # Errors
    /// See [`RuleError`]; the event of a hook is never an error. Config has no results of this event, unless PutEvaluations failed for some of them.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, RuleError> {
        let (payload, context) = event.into_parts();
        let own_account = lambda::account_of(&context.invoked_function_arn);
        if is_hook_event(&payload) {
            return Ok(self
                .hook
                .answer(&payload, own_account, &self.settings)
                .await);
        }
        let event = Event::read(payload)?;
        // Checked before any call: the event of another account must have no effect in this one.
        lambda::check_account(own_account, event.account_id.as_deref())?;
        let settings = parameters::apply(event.rule_parameters.as_deref(), &self.settings)?;
        let counts = evaluate(&self.clients, event, &settings).await?;
        add_metrics(&counts);
        tracing::info!(
            evaluated = counts.evaluated,
            compliant = counts.compliant,
            non_compliant = counts.non_compliant,
            not_applicable = counts.not_applicable,
            version = lambda::VERSION,
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

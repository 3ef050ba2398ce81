//! The function as Lambda starts it: the rule's, or the hook's.

use std::future::Future;

use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tagwarden_aws::lambda::Handler;
use tagwarden_core::settings::{Environment, SettingError};

use crate::error::RuleError;
use crate::hook::{is_hook_event, without_settings};
use crate::rule::Rule;

/// The value of `Handler` by which `cloudformation/hook.yaml` makes a function the hook's. Lambda gives it in `_HANDLER`.
const HOOK: &str = "hook";

/// The function of this executable. Which event it handles as what follows from the event.
#[derive(Debug)]
pub enum RuleFunction {
    /// The function of the rule or of the hook.
    Ready(Box<Rule>),
    /// The hook's function, which has a setting that cannot be read. It answers each event with that reason: a hook that
    /// gives no answer can stop every stack of the account.
    WithoutSettings(SettingError),
}

impl RuleFunction {
    /// The function that handles events although a setting cannot be read.
    ///
    /// # Errors
    /// `error` itself, unless the function is the hook's: the rule's start-up ends.
    pub fn in_spite_of(
        error: SettingError,
        environment: &Environment<'_>,
    ) -> Result<Self, SettingError> {
        if environment.get("_HANDLER").as_deref() == Some(HOOK) {
            return Ok(Self::WithoutSettings(error));
        }
        Err(error)
    }

    /// Handles one event.
    ///
    /// # Errors
    /// See [`Rule::handle`]. No event of a hook is an error.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, RuleError> {
        match self {
            Self::Ready(rule) => rule.handle(event).await,
            Self::WithoutSettings(error) if is_hook_event(&event.payload) => {
                Ok(without_settings(&event.payload, error))
            }
            Self::WithoutSettings(error) => Err(error.clone().into()),
        }
    }
}

impl Handler for RuleFunction {
    type Error = RuleError;

    fn handle(&self, event: LambdaEvent<Value>) -> impl Future<Output = Result<Value, RuleError>> {
        RuleFunction::handle(self, event)
    }
}

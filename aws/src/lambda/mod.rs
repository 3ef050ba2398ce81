//! What both Lambda functions do the same way.

pub mod logging;
pub mod metrics;

use std::fmt;
use std::future::Future;
use std::process::ExitCode;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tagwarden_core::settings::{Environment, SettingError};

/// An event that belongs to another account than the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event is from account {event}, this function works for its own account {own} only: nothing was done"
)]
pub struct ForeignAccount {
    /// The event's account.
    pub event: String,
    /// The function's account.
    pub own: String,
}

/// The account in a Lambda function's ARN, `arn:aws:lambda:REGION:ACCOUNT:function:NAME`; `None` where the runtime
/// was not given a real ARN, as emulators do.
#[must_use]
pub fn account_of(function_arn: &str) -> Option<&str> {
    function_arn
        .split(':')
        .nth(4)
        .filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Refuses an event of another account. An event that does not say its account passes, and so does every event
/// where the function does not know its own: what is acted on is read from the function's own account anyway.
///
/// # Errors
/// Both accounts are known, and differ.
pub fn check_account(own: Option<&str>, event: Option<&str>) -> Result<(), ForeignAccount> {
    match (own, event) {
        (Some(own), Some(event)) if own != event => Err(ForeignAccount {
            event: event.to_owned(),
            own: own.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// An error that a function answers with; its kind becomes the `errorType`.
pub trait FunctionError: std::error::Error {
    /// A name for the kind of error, for alarms and filters, such as `InvalidPolicyTable`.
    fn kind(&self) -> &'static str;
}

/// What a Lambda function does with an event.
pub trait Handler {
    /// Why an event failed.
    type Error: FunctionError;

    /// Handles one event; gives the function's answer.
    fn handle(&self, event: LambdaEvent<Value>)
    -> impl Future<Output = Result<Value, Self::Error>>;
}

/// Runs a Lambda function: starts the log and the metrics, makes the handler with `new`, and handles events until the
/// runtime ends. Gives the process's exit status.
///
/// An error at the start is logged, because Lambda shows only the exit status.
pub async fn run<H: Handler>(
    new: impl FnOnce(&Environment<'_>) -> Result<H, SettingError>,
) -> ExitCode {
    match start(new).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the function cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start<H: Handler>(
    new: impl FnOnce(&Environment<'_>) -> Result<H, SettingError>,
) -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    logging::install(&environment)?;
    let handler = new(&environment)?;
    metrics::install(&environment);
    serve(&handler).await
}

async fn serve<H: Handler>(handler: &H) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        // The future of a whole run is large, and deep enough to reach the compiler's limits.
        let answer = Box::pin(handler.handle(event));
        async move {
            let answer = answer.await;
            metrics::flush();
            answer.map_err(|error| {
                tracing::error!(error.kind = error.kind(), "{error}");
                FunctionFailure {
                    kind: error.kind(),
                    message: error.to_string(),
                }
            })
        }
    }))
    .await
}

/// An error on its way to the Runtime API.
struct FunctionFailure {
    kind: &'static str,
    message: String,
}

impl fmt::Debug for FunctionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl From<FunctionFailure> for Diagnostic {
    fn from(failure: FunctionFailure) -> Self {
        Self {
            error_type: failure.kind.to_owned(),
            error_message: failure.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_the_fifth_part_of_the_arn() {
        let arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:tagwarden-rule:live";
        assert_eq!(account_of(arn), Some("123456789012"));
        assert_eq!(account_of("function-arn"), None);
        assert_eq!(account_of("arn:aws:lambda:us-east-1:me:function:f"), None);
    }

    #[test]
    fn only_two_known_accounts_can_differ() {
        assert!(check_account(Some("1"), Some("1")).is_ok());
        assert!(check_account(None, Some("1")).is_ok());
        assert!(check_account(Some("1"), None).is_ok());
        let error = check_account(Some("1"), Some("2")).unwrap_err();
        assert!(error.to_string().contains("account 2"), "{error}");
    }
}

//! Start-up, errors, log and metrics of a Lambda function. Both functions use these, so that they behave alike.

pub mod logging;
pub mod metrics;

use std::fmt;
use std::future::Future;
use std::process::ExitCode;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tagwarden_core::settings::{Environment, SettingError};

/// The version of tagwarden. Both functions name it in their logs and answers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An event that belongs to another account than the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event is from account {event}, but this function only works for its own account {own}: nothing was done"
)]
pub struct ForeignAccount {
    /// The event's account.
    pub event: String,
    /// The function's account.
    pub own: String,
}

/// The account in a Lambda function's ARN, `arn:aws:lambda:REGION:ACCOUNT:function:NAME`. Gives `None` for a text that
/// is not such an ARN, as some emulators set.
#[must_use]
pub fn account_of(function_arn: &str) -> Option<&str> {
    function_arn
        .split(':')
        .nth(4)
        .filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Refuses an event of another account. The event passes if either account is unknown, because the function reads from
/// its own account everything that it acts on.
///
/// # Errors
/// [`ForeignAccount`]: both accounts are known and differ.
pub fn check_account(own: Option<&str>, event: Option<&str>) -> Result<(), ForeignAccount> {
    match (own, event) {
        (Some(own), Some(event)) if own != event => Err(ForeignAccount {
            event: event.to_owned(),
            own: own.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// An error of a function. Its kind is the `errorType` of the function's answer.
pub trait FunctionError: std::error::Error {
    /// The kind of error, such as `InvalidPolicyTable`, for alarms and filters.
    fn kind(&self) -> &'static str;
}

/// Handles the events of a Lambda function.
pub trait Handler {
    /// Why an event failed.
    type Error: FunctionError;

    /// Handles one event and gives the function's answer.
    fn handle(&self, event: LambdaEvent<Value>)
    -> impl Future<Output = Result<Value, Self::Error>>;
}

/// Runs a Lambda function: starts the log and the metrics, makes the handler with `new`, and handles events until the
/// runtime ends. Gives the exit status of the process.
///
/// Logs an error of the start-up, because Lambda shows only the exit status.
pub async fn run<H: Handler>(
    new: impl FnOnce(&Environment<'_>) -> Result<H, SettingError>,
) -> ExitCode {
    run_or(new, |_, error| Err(error)).await
}

/// As [`run`], but a setting that cannot be read need not end the start-up: `instead` may give a handler all the same.
pub async fn run_or<H: Handler>(
    new: impl FnOnce(&Environment<'_>) -> Result<H, SettingError>,
    instead: impl FnOnce(&Environment<'_>, SettingError) -> Result<H, SettingError>,
) -> ExitCode {
    match start(new, instead).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the function cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start<H: Handler>(
    new: impl FnOnce(&Environment<'_>) -> Result<H, SettingError>,
    instead: impl FnOnce(&Environment<'_>, SettingError) -> Result<H, SettingError>,
) -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    let handler = logging::install(&environment).and_then(|()| new(&environment));
    let handler = handler.or_else(|error| instead(&environment, error))?;
    metrics::install(&environment);
    tracing::info!(version = VERSION, "tagwarden started");
    serve(&handler).await
}

async fn serve<H: Handler>(handler: &H) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        // The future of a whole run is large and deeply nested. Boxed, it stays within the compiler's limits.
        let answer = Box::pin(handler.handle(event));
        async move {
            let answer = answer.await;
            metrics::flush();
            answer.map(with_version).map_err(|error| {
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

/// An answer with the version of tagwarden in the member `version`, so that whoever invokes a function learns which one
/// answered. The answers to SQS and to CloudFormation have the forms of these services, and stay as they are.
fn with_version(mut answer: Value) -> Value {
    let is_of_a_service = ["batchItemFailures", "hookStatus"];
    if let Value::Object(members) = &mut answer
        && !is_of_a_service.iter().any(|it| members.contains_key(*it))
    {
        members.insert("version".to_owned(), VERSION.into());
    }
    answer
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
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_account_from_the_arn() {
        let arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:tagwarden-rule:live";
        assert_eq!(account_of(arn), Some("123456789012"));
        assert_eq!(account_of("function-arn"), None);
        assert_eq!(account_of("arn:aws:lambda:us-east-1:me:function:f"), None);
    }

    #[test]
    fn answers_name_the_version_where_no_service_reads_them() {
        let answer = with_version(json!({"mode": "dry-run", "instances": 2}));
        assert_eq!(answer["version"], VERSION);
        assert_eq!(answer["instances"], 2);
        for other in [
            json!({"batchItemFailures": []}),
            json!({"hookStatus": "SUCCESS"}),
            json!("text"),
        ] {
            assert_eq!(with_version(other.clone()), other);
        }
    }

    #[test]
    fn refuses_an_event_only_if_both_accounts_are_known() {
        assert!(check_account(Some("1"), Some("1")).is_ok());
        assert!(check_account(None, Some("1")).is_ok());
        assert!(check_account(Some("1"), None).is_ok());
        let error = check_account(Some("1"), Some("2")).unwrap_err();
        assert!(error.to_string().contains("account 2"), "{error}");
    }
}

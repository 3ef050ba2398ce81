//! Which account the credentials belong to, and whether it is the one that is meant.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use tagwarden_aws::AwsError;
use tagwarden_core::settings::Environment;

use super::trouble;
use crate::exit::CommandError;

const CALL: &str = "sts:GetCallerIdentity";

/// The environment variable for `--expect-account`.
const VARIABLE: &str = "TAGWARDEN_EXPECT_ACCOUNT";

/// The longest wait for the account where a command only shows it. A network that lets no call to STS through must not
/// hold it up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of an account.
pub fn account_id(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("not the number of an AWS account (12 digits)".to_owned())
    }
}

/// The accounts that a command may call, from the option or the environment. Empty: any.
///
/// # Errors
/// The environment variable does not hold numbers of accounts.
pub fn expected(option: &[String]) -> Result<Vec<String>, CommandError> {
    if !option.is_empty() {
        return Ok(option.to_vec());
    }
    let Some(list) = Environment::of_process().get(VARIABLE) else {
        return Ok(Vec::new());
    };
    let accounts = list.split(',').map(account_id).collect::<Result<_, _>>();
    accounts.map_err(|error| {
        CommandError::new(
            &format!("{VARIABLE} is {list:?}: {error}"),
            "Correct the variable, or unset it. Nothing was read or written.",
        )
    })
}

/// The account of the credentials, or why it is not known.
///
/// # Errors
/// The account is not one of `expected`, or is not known although one is expected.
pub async fn check(
    config: &SdkConfig,
    expected: &[String],
) -> Result<Result<String, AwsError>, CommandError> {
    if expected.is_empty() {
        return Ok(quick_caller(config).await);
    }
    let accounts = expected.join(" or ");
    match caller(config).await {
        Ok(account) if expected.contains(&account) => Ok(Ok(account)),
        Ok(account) => Err(CommandError::new(
            &format!(
                "these credentials belong to account {account}, and --expect-account is {accounts}"
            ),
            "Nothing was read or written. Use the profile or the credentials of that account (--profile, AWS_PROFILE), or \
             correct --expect-account (TAGWARDEN_EXPECT_ACCOUNT).",
        )),
        Err(error) => Err(CommandError::new(
            &format!(
                "the account of these credentials is not known, and --expect-account is {accounts}: {}",
                trouble::describe(&error)
            ),
            format!(
                "Nothing was read or written. {}",
                trouble::what_next(&error, trouble::ACCOUNT)
            ),
        )),
    }
}

/// The account of the credentials in the Region of `config`, for which STS has little time.
///
/// # Errors
/// STS refuses, or does not answer.
pub async fn quick_caller(config: &SdkConfig) -> Result<String, AwsError> {
    let quick = TimeoutConfig::builder().operation_timeout(PATIENCE);
    let config = config
        .to_builder()
        .timeout_config(quick.build())
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    caller(&config.build()).await
}

/// Asks STS, which needs no permission.
async fn caller(config: &SdkConfig) -> Result<String, AwsError> {
    let client = aws_sdk_sts::Client::new(config);
    let identity = client.get_caller_identity().send().await;
    let identity = identity.map_err(|error| AwsError::new(CALL, &error))?;
    identity
        .account
        .ok_or_else(|| AwsError::unreadable(CALL, "the answer names no account"))
}

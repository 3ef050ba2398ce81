//! Starts the Lambda function of the AWS Config rule, or of the hook; see [`tagwarden_rule`].

use std::process::ExitCode;

use tagwarden_aws::{function_config, lambda};
use tagwarden_core::settings::PolicySettings;
use tagwarden_rule::{Rule, RuleFunction};

// A second thread would only cost start-up time, because a function handles one event at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run_or(
        |environment| {
            let settings = PolicySettings::from_environment(environment)?;
            let rule = Rule::new(&function_config(environment)?, settings);
            Ok(RuleFunction::Ready(Box::new(rule)))
        },
        |environment, error| RuleFunction::in_spite_of(error, environment),
    )
    .await
}

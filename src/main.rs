//! Starts the Lambda function of the AWS Config rule; see [`tagwarden_rule`].

use std::process::ExitCode;

use tagwarden_aws::{function_config, lambda};
use tagwarden_core::settings::PolicySettings;
use tagwarden_rule::Rule;

// A second thread would only cost start-up time, because a function handles one event at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(|environment| {
        let settings = PolicySettings::from_environment(environment)?;
        Ok(Rule::new(&function_config(environment)?, settings))
    })
    .await
}

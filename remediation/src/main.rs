//! The remediation's Lambda function; see [`tagwarden_remediation`].

use std::process::ExitCode;

use tagwarden_aws::{function_config, lambda};
use tagwarden_remediation::{Remediation, Settings};

// A second thread would only cost start-up time, because a function handles one event at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(|environment| {
        let settings = Settings::from_environment(environment)?;
        Ok(Remediation::new(&function_config(environment)?, settings))
    })
    .await
}

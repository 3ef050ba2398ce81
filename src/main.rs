//! The AWS Config rule's Lambda function; see [`tagwarden::rule`].

use std::process::ExitCode;

use tagwarden::aws;
use tagwarden::function;
use tagwarden::logging;
use tagwarden::metrics;
use tagwarden::rule::Rule;
use tagwarden::settings::{Environment, PolicySettings};

// One event at a time: a second thread would only cost start-up time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    function::exit_code(start().await)
}

async fn start() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    logging::install(&environment)?;
    let settings = PolicySettings::from_environment(&environment)?;
    metrics::install(&environment);
    let rule = Rule::new(&aws::function_config(&environment)?, settings);
    function::serve(|event| rule.handle(event)).await
}

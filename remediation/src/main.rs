//! The remediation's Lambda function; see [`tagwarden_remediation`].

use std::process::ExitCode;

use tagwarden::settings::Environment;
use tagwarden::{aws, function, logging, metrics};
use tagwarden_remediation::{Remediation, Settings};

// One event at a time: a second thread would only cost start-up time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    function::exit_code(start().await)
}

async fn start() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    logging::install(&environment)?;
    let settings = Settings::from_environment(&environment)?;
    metrics::install(&environment);
    let remediation = Remediation::new(&aws::function_config(&environment)?, settings);
    function::serve(|event| remediation.handle(event)).await
}

//! What the functions measure, for CloudWatch.
//!
//! Counting goes through the [`metrics`] facade: where nobody listens, as in the command and in the tests, it costs
//! nothing. A function calls [`install`] once and [`flush`] after each event; that writes one line to standard
//! output, from which CloudWatch Logs takes the metrics. No call to AWS is made, and no permission is needed.
//!
//! See [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

use std::io;
use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter};
use metrics_cloudwatch_embedded::{Builder, Collector};
use tagwarden_core::settings::Environment;

/// The metrics' namespace in CloudWatch.
pub const NAMESPACE: &str = "tagwarden";

/// The metrics' one dimension: the function's name, which keeps two stacks of an account apart.
pub const DIMENSION: &str = "function";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts collecting, where `environment` is a Lambda function's. Elsewhere nobody would read the output.
pub fn install(environment: &Environment<'_>) {
    let Some(function) = environment.get("AWS_LAMBDA_FUNCTION_NAME") else {
        return;
    };
    let collector = Builder::new()
        .cloudwatch_namespace(NAMESPACE)
        .with_dimension(DIMENSION, function)
        // A graph with zeros tells a quiet day from a function that does not run.
        .emit_zeros(true)
        .init();
    match collector {
        // Already set cannot be: `init` fails the second time.
        Ok(collector) => _ = COLLECTOR.set(collector),
        Err(error) => tracing::warn!("nothing is measured: {error}"),
    }
}

/// Adds `count` to the metric `name`, whose unit is Count.
pub fn add(name: &'static str, count: usize) {
    describe_counter!(name, Unit::Count, "");
    counter!(name).increment(u64::try_from(count).unwrap_or(u64::MAX));
}

/// Writes what was counted since the last time. Call it before an event is answered: afterwards Lambda freezes the
/// function.
pub fn flush() {
    if let Some(collector) = COLLECTOR.get()
        && let Err(error) = collector.flush(io::stdout().lock())
    {
        tracing::warn!("the metrics were not written: {error}");
    }
}

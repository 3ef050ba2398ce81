//! The metrics of a function, in CloudWatch.
//!
//! Counts go through the [`metrics`] facade, which costs nothing without a collector, as in the command and in tests. A
//! function calls [`install`] once and [`flush`] after each event. [`flush`] writes one line to standard output, from
//! which CloudWatch Logs extracts the metrics. So metrics need no call to AWS and no permission.
//!
//! See [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

use std::io;
use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter};
use metrics_cloudwatch_embedded::{Builder, Collector};
use tagwarden_core::settings::Environment;

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "tagwarden";

/// The only dimension of the metrics, the function's name. It separates the stacks of an account.
pub const DIMENSION: &str = "function";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts collecting if `environment` is that of a Lambda function. Elsewhere nothing reads the output.
pub fn install(environment: &Environment<'_>) {
    let Some(function) = environment.get("AWS_LAMBDA_FUNCTION_NAME") else {
        return;
    };
    let collector = Builder::new()
        .cloudwatch_namespace(NAMESPACE)
        .with_dimension(DIMENSION, function)
        // Zeros on a graph show that the function ran and had nothing to do.
        .emit_zeros(true)
        .init();
    match collector {
        // The collector cannot be set already, because `init` succeeds only once.
        Ok(collector) => _ = COLLECTOR.set(collector),
        Err(error) => tracing::warn!("the function writes no metrics: {error}"),
    }
}

/// Adds `count` to the metric `name`, whose unit is Count.
pub fn add(name: &'static str, count: usize) {
    describe_counter!(name, Unit::Count, "");
    counter!(name).increment(u64::try_from(count).unwrap_or(u64::MAX));
}

/// Writes the counts since the last call. Call it before the function answers an event, because Lambda freezes the
/// function afterwards.
pub fn flush() {
    if let Some(collector) = COLLECTOR.get()
        && let Err(error) = collector.flush(io::stdout().lock())
    {
        tracing::warn!("cannot write the metrics: {error}");
    }
}

//! The metrics of a function, in CloudWatch.
//!
//! Counts go through the [`metrics`] facade, which costs nothing without a collector, as in the command and in tests. A
//! function calls [`install`] once and [`flush`] after each event. [`flush`] writes one line to standard output, from
//! which CloudWatch Logs extracts the metrics. So metrics need no call to AWS and no permission.
//!
//! The lines have no level. Lambda takes them for INFO, so that `ApplicationLogLevel` must not be higher than that: see
//! [`super::logging`]. What happened not at all is not written: CloudWatch charges for each metric and each hour in which
//! it gets a value.
//!
//! See [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

use std::io::{self, Write};
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
    if let Err(error) = write(io::stdout().lock()) {
        tracing::warn!("cannot write the metrics: {error}");
    }
}

fn write(out: impl Write) -> io::Result<()> {
    match COLLECTOR.get() {
        Some(collector) => collector.flush(out),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// CloudWatch makes the metrics of lines of this form that Lambda lets pass, whatever the level of the log.
    #[test]
    fn writes_one_line_without_a_level_and_without_zeros() {
        let function = |name: &str| (name == "AWS_LAMBDA_FUNCTION_NAME").then(|| "f".to_owned());
        install(&Environment::new(&function));
        add("sweeps", 1);
        add("failed", 0);
        let mut lines = Vec::new();
        write(&mut lines).unwrap();
        let line: Value = serde_json::from_slice(&lines).unwrap();
        assert_eq!(line.get("level"), None, "{line}");
        assert_eq!(
            (&line["function"], &line["sweeps"]),
            (&json!("f"), &json!(1))
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        assert_eq!(directive["Dimensions"], json!([[DIMENSION]]));
        assert_eq!(
            directive["Metrics"],
            json!([{"Name": "sweeps", "Unit": "Count"}])
        );
        // Nothing happened since.
        lines.clear();
        write(&mut lines).unwrap();
        assert_eq!(lines, Vec::<u8>::new());
    }
}

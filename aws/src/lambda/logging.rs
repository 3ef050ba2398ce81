//! The log of a function, in the format and level of Lambda's logging controls.

use lambda_runtime::tracing::subscriber::filter::Targets;
use lambda_runtime::tracing::subscriber::fmt;
use lambda_runtime::tracing::subscriber::layer::SubscriberExt;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt;
use tagwarden_core::settings::{Environment, SettingError};
use tracing::level_filters::LevelFilter;

/// Starts the log on standard output, which Lambda sends to CloudWatch Logs.
///
/// `AWS_LAMBDA_LOG_FORMAT=JSON` makes each line a JSON object. `TAGWARDEN_LOG_LEVEL` sets the level. If it is unset,
/// `AWS_LAMBDA_LOG_LEVEL` sets it, and then `RUST_LOG`, such as `debug` or `warn,tagwarden=trace`. The default is INFO.
///
/// `AWS_LAMBDA_LOG_LEVEL` is Lambda's own `ApplicationLogLevel`, by which Lambda also drops lines. It takes the
/// [metrics](super::metrics) for INFO. So the stack leaves it at INFO, and sets the other.
///
/// The runtime's own subscriber would do the same, but its filter brings an engine for regular expressions. Release
/// builds log nothing below INFO: see `release_max_level_info` in the workspace's Cargo.toml.
///
/// See [Log and monitor functions](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html).
///
/// # Errors
/// [`SettingError`] names a variable whose value cannot be read. The log is started all the same, at INFO.
pub fn install(environment: &Environment<'_>) -> Result<(), SettingError> {
    let (targets, problem) = match targets(environment) {
        Ok(targets) => (targets, Ok(())),
        Err(problem) => (Targets::new().with_default(LevelFilter::INFO), Err(problem)),
    };
    // Lambda adds the time of each line.
    let lines = fmt::layer().with_target(false).without_time();
    let registry = lambda_runtime::tracing::subscriber::registry().with(targets);
    let format = environment.get("AWS_LAMBDA_LOG_FORMAT");
    // This fails if a subscriber is already installed, which then stays.
    let _ = if format.is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines).try_init()
    };
    problem
}

/// Whether the variables for the level can be read, so that the function starts.
///
/// # Errors
/// [`SettingError`] names a variable whose value cannot be read.
pub fn check(environment: &Environment<'_>) -> Result<(), SettingError> {
    targets(environment).map(drop)
}

fn targets(environment: &Environment<'_>) -> Result<Targets, SettingError> {
    for variable in ["TAGWARDEN_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"] {
        let level = environment.read(variable, None, |level| match level {
            _ if level.eq_ignore_ascii_case("fatal") => Ok(Some(LevelFilter::ERROR)),
            _ => level
                .parse()
                .map(Some)
                .map_err(|_| "it must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL".to_owned()),
        })?;
        if let Some(level) = level {
            return Ok(Targets::new().with_default(level));
        }
    }
    let info = Targets::new().with_default(LevelFilter::INFO);
    environment.read("RUST_LOG", info, |directives| {
        directives
            .parse()
            .map_err(|_| "it must be a level, or a list such as warn,tagwarden=debug".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn logs(variables: &[(&str, &str)], target: &str, level: Level) -> Result<bool, SettingError> {
        let targets = targets(&Environment::new(&|name| {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }))?;
        Ok(targets.would_enable(target, &level))
    }

    #[test]
    fn lambdas_level_overrides_rust_log() {
        let both = [("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("RUST_LOG", "debug")];
        assert_eq!(logs(&both, "tagwarden", Level::WARN), Ok(true));
        assert_eq!(logs(&both, "tagwarden", Level::INFO), Ok(false));
        let fatal = [("AWS_LAMBDA_LOG_LEVEL", "FATAL")];
        assert_eq!(logs(&fatal, "tagwarden", Level::ERROR), Ok(true));
        assert_eq!(logs(&fatal, "tagwarden", Level::WARN), Ok(false));
    }

    /// The stack sets both: Lambda's is INFO, so that it does not drop the metrics.
    #[test]
    fn own_level_overrides_lambdas() {
        let both = [
            ("TAGWARDEN_LOG_LEVEL", "ERROR"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ];
        assert_eq!(logs(&both, "tagwarden", Level::ERROR), Ok(true));
        assert_eq!(logs(&both, "tagwarden", Level::WARN), Ok(false));
        let empty = [
            ("TAGWARDEN_LOG_LEVEL", ""),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ];
        assert_eq!(logs(&empty, "tagwarden", Level::WARN), Ok(true));
        assert_eq!(logs(&empty, "tagwarden", Level::INFO), Ok(false));
    }

    #[test]
    fn rust_log_sets_levels_by_module_and_the_default_is_info() {
        let some = [("RUST_LOG", "warn,tagwarden=debug")];
        assert_eq!(logs(&some, "tagwarden_rule", Level::DEBUG), Ok(true));
        assert_eq!(logs(&some, "aws_config", Level::INFO), Ok(false));
        assert_eq!(logs(&[], "tagwarden", Level::INFO), Ok(true));
        assert_eq!(logs(&[], "tagwarden", Level::DEBUG), Ok(false));
    }

    #[test]
    fn rejects_an_unknown_level() {
        for name in ["TAGWARDEN_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"] {
            let problem = logs(&[(name, "lots=of=it")], "tagwarden", Level::INFO).unwrap_err();
            assert_eq!(problem.name, name);
        }
    }
}

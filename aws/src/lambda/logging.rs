//! What a function logs, as Lambda's logging controls ask.

use lambda_runtime::tracing::subscriber::filter::Targets;
use lambda_runtime::tracing::subscriber::fmt;
use lambda_runtime::tracing::subscriber::layer::SubscriberExt;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt;
use tracing::level_filters::LevelFilter;

use tagwarden_core::settings::{Environment, SettingError};

/// Starts logging to standard output, which Lambda hands to CloudWatch Logs: as JSON where `AWS_LAMBDA_LOG_FORMAT` says
/// so, from the level on that `AWS_LAMBDA_LOG_LEVEL` names. Without that one, `RUST_LOG` says what is logged, as
/// `debug` or `warn,tagwarden=trace`; without both, it is INFO.
///
/// Does the same as the runtime's own subscriber, whose filter brings an engine for regular expressions with it. In
/// optimised builds nothing below INFO is there to be logged: see `release_max_level_info` in the workspace's
/// Cargo.toml.
///
/// See [Log and monitor functions](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html).
///
/// # Errors
/// A variable cannot be read; the error names it. Then INFO is logged.
pub fn install(environment: &Environment<'_>) -> Result<(), SettingError> {
    let (targets, problem) = match targets(environment) {
        Ok(targets) => (targets, Ok(())),
        Err(problem) => (Targets::new().with_default(LevelFilter::INFO), Err(problem)),
    };
    // Lambda notes the time of each line.
    let lines = fmt::layer().with_target(false).without_time();
    let registry = lambda_runtime::tracing::subscriber::registry().with(targets);
    let format = environment.get("AWS_LAMBDA_LOG_FORMAT");
    // A second subscriber cannot be; what is there goes on.
    let _ = if format.is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines).try_init()
    };
    problem
}

fn targets(environment: &Environment<'_>) -> Result<Targets, SettingError> {
    let level = environment.read("AWS_LAMBDA_LOG_LEVEL", None, |level| match level {
        _ if level.eq_ignore_ascii_case("fatal") => Ok(Some(LevelFilter::ERROR)),
        _ => level
            .parse()
            .map(Some)
            .map_err(|_| "it must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL".to_owned()),
    })?;
    if let Some(level) = level {
        return Ok(Targets::new().with_default(level));
    }
    let info = Targets::new().with_default(LevelFilter::INFO);
    environment.read("RUST_LOG", info, |directives| {
        directives
            .parse()
            .map_err(|_| "it must be a level, or a list as warn,tagwarden=debug".to_owned())
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
    fn lambdas_level_goes_before_rusts() {
        let both = [("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("RUST_LOG", "debug")];
        assert_eq!(logs(&both, "tagwarden", Level::WARN), Ok(true));
        assert_eq!(logs(&both, "tagwarden", Level::INFO), Ok(false));
        let fatal = [("AWS_LAMBDA_LOG_LEVEL", "FATAL")];
        assert_eq!(logs(&fatal, "tagwarden", Level::ERROR), Ok(true));
        assert_eq!(logs(&fatal, "tagwarden", Level::WARN), Ok(false));
    }

    #[test]
    fn rusts_variable_tells_modules_apart_and_info_is_the_default() {
        let some = [("RUST_LOG", "warn,tagwarden=debug")];
        assert_eq!(logs(&some, "tagwarden_rule", Level::DEBUG), Ok(true));
        assert_eq!(logs(&some, "aws_config", Level::INFO), Ok(false));
        assert_eq!(logs(&[], "tagwarden", Level::INFO), Ok(true));
        assert_eq!(logs(&[], "tagwarden", Level::DEBUG), Ok(false));
    }

    #[test]
    fn what_is_no_level_is_named() {
        for name in ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"] {
            let problem = logs(&[(name, "lots=of=it")], "tagwarden", Level::INFO).unwrap_err();
            assert_eq!(problem.name, name);
        }
    }
}

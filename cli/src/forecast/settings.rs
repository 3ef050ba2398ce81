//! How careful the remediation is: options, with the functions' environment variables as their defaults.

use clap::builder::NonEmptyStringValueParser;
use tagwarden_core::settings::{Environment, SettingError};
use tagwarden_remediation::Settings;
use tagwarden_remediation::settings::Mode;

use crate::aws::TableArgs;
use crate::exit::CommandError;

/// What the functions are told by their environment.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The functions' settings")]
pub struct SettingArgs {
    // Doc comments would have to put the names in backticks.
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = ["terminate", "stop", "notify"],
        hide_possible_values = true,
        help = "To do with an instance without any tags: terminate, stop or\nnotify [default: TAGWARDEN_UNTAGGED, else terminate]"
    )]
    untagged: Option<String>,

    #[arg(
        long,
        value_name = "MINUTES",
        value_parser = |value: &str| checked("TAGWARDEN_GRACE_MINUTES", value),
        help = "Never stop or terminate a younger instance [default:\nTAGWARDEN_GRACE_MINUTES, else 15]"
    )]
    grace_minutes: Option<String>,

    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = |value: &str| checked("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", value),
        help = "The most stops and terminations an hour [default:\nTAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR, else 10]"
    )]
    max_destructive_per_hour: Option<String>,

    #[arg(
        long,
        value_name = "DAYS",
        value_parser = |value: &str| checked("TAGWARDEN_TERMINATE_AFTER_DAYS", value),
        help = "Terminate what has been stopped and untagged for so long\n[default: TAGWARDEN_TERMINATE_AFTER_DAYS, else never]"
    )]
    terminate_after_days: Option<String>,

    #[arg(
        long,
        value_name = "IDS",
        value_parser = |value: &str| checked("TAGWARDEN_VPC_IDS", value),
        help = "Only instances of these VPCs, with commas [default:\nTAGWARDEN_VPC_IDS, else every VPC]"
    )]
    vpc_ids: Option<String>,

    #[arg(
        long,
        value_name = "TABLE",
        value_parser = NonEmptyStringValueParser::new(),
        help = "The ledger: the output LedgerTable of tagwarden's stack\n[default: TAGWARDEN_LEDGER_TABLE]"
    )]
    pub ledger_table: Option<String>,
}

impl SettingArgs {
    /// The settings of a remediation that goes by them, and whose policy is in `table`.
    ///
    /// The mode and the topic are the caller's: they are not taken from the environment.
    ///
    /// # Errors
    /// A variable of the environment cannot be read.
    pub fn settings(
        &self,
        table: &TableArgs,
        mode: Mode,
        topic_arn: Option<&str>,
    ) -> Result<Settings, CommandError> {
        let process = Environment::of_process();
        let table = table.name();
        let variable = |name: &str| {
            let option = match name {
                "TAGWARDEN_POLICY_TABLE" => return Some(table.clone()),
                // What is left is not handed on to the function: whoever asked is here to ask again.
                "TAGWARDEN_MODE" | "TAGWARDEN_QUEUE_URL" => return None,
                "TAGWARDEN_TOPIC_ARN" => return topic_arn.map(ToOwned::to_owned),
                "TAGWARDEN_UNTAGGED" => &self.untagged,
                "TAGWARDEN_GRACE_MINUTES" => &self.grace_minutes,
                "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR" => &self.max_destructive_per_hour,
                "TAGWARDEN_TERMINATE_AFTER_DAYS" => &self.terminate_after_days,
                "TAGWARDEN_VPC_IDS" => &self.vpc_ids,
                "TAGWARDEN_LEDGER_TABLE" => &self.ledger_table,
                _ => &None,
            };
            option.clone().or_else(|| process.get(name))
        };
        let settings = Settings::from_environment(&Environment::new(&variable));
        let settings = settings.map_err(|error| {
            CommandError::new(
                &error,
                "Set the variable anew, or say it with the option of the same name.",
            )
        })?;
        Ok(Settings { mode, ..settings })
    }
}

/// Reads a value as the variable `name` is read.
fn checked(name: &'static str, value: &str) -> Result<String, String> {
    let variable = |asked: &str| (asked == name).then(|| value.to_owned());
    match Settings::from_environment(&Environment::new(&variable)) {
        Ok(_) => Ok(value.to_owned()),
        Err(SettingError { expected, .. }) => Err(expected),
    }
}

/// Reads the ARN of a topic from the command line.
pub fn topic_arn(value: &str) -> Result<String, String> {
    checked("TAGWARDEN_TOPIC_ARN", value)
}

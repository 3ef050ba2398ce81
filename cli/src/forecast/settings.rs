//! The settings of the remediation, as options whose defaults are the functions' environment variables.

use std::collections::BTreeMap;

use clap::builder::NonEmptyStringValueParser;
use tagwarden_core::settings::{Environment, SettingError};
use tagwarden_remediation::Settings;
use tagwarden_remediation::settings::Mode;

use crate::aws::TableArgs;
use crate::aws::stack::FunctionVariables;
use crate::debug;
use crate::exit::CommandError;

/// The options for the settings that the functions read from their environment.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The functions' settings")]
pub struct SettingArgs {
    // Doc comments would have to put the names in backticks.
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = ["terminate", "stop", "notify"],
        hide_possible_values = true,
        help = "What to do with an untagged instance: terminate, stop or\nnotify [default: TAGWARDEN_UNTAGGED, else terminate]"
    )]
    untagged: Option<String>,

    #[arg(
        long,
        value_name = "WHAT",
        value_parser = ["no", "stop", "stop-and-terminate"],
        hide_possible_values = true,
        help = "What rules may do beside writing tags: no, stop or\nstop-and-terminate [default: TAGWARDEN_RULES_MAY_DESTROY, else no]"
    )]
    rules_may_destroy: Option<String>,

    #[arg(
        long,
        value_name = "MINUTES",
        value_parser = |value: &str| checked("TAGWARDEN_GRACE_MINUTES", value),
        help = "How long after a first look a second must still find the\nreason for a shutdown [default: TAGWARDEN_GRACE_MINUTES, else 15]"
    )]
    grace_minutes: Option<String>,

    #[arg(
        long,
        value_name = "HOURS",
        value_parser = |value: &str| checked("TAGWARDEN_NOTICE_HOURS", value),
        help = "How long before a shutdown it must have been announced\n[default: TAGWARDEN_NOTICE_HOURS, else 0]"
    )]
    notice_hours: Option<String>,

    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = |value: &str| checked("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", value),
        help = "At most this many stops and terminations an hour\n[default: TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR, else 10]"
    )]
    max_destructive_per_hour: Option<String>,

    #[arg(
        long,
        value_name = "DAYS",
        value_parser = |value: &str| checked("TAGWARDEN_TERMINATE_AFTER_DAYS", value),
        help = "Terminate instances stopped and untagged for this long\n[default: TAGWARDEN_TERMINATE_AFTER_DAYS, else never]"
    )]
    terminate_after_days: Option<String>,

    #[arg(
        long,
        value_name = "KEYS",
        value_parser = |value: &str| checked("TAGWARDEN_MANAGER_TAGS", value),
        help = "Never stop or terminate an instance with one of these\ntags, comma-separated, such as acme:scaler,acme-pool/*\n[default: TAGWARDEN_MANAGER_TAGS, else none]"
    )]
    manager_tags: Option<String>,

    #[arg(
        long,
        value_name = "IDS",
        value_parser = |value: &str| checked("TAGWARDEN_VPC_IDS", value),
        help = "Only instances of these VPCs, comma-separated\n[default: TAGWARDEN_VPC_IDS, else every VPC]"
    )]
    vpc_ids: Option<String>,

    #[arg(
        long,
        value_name = "KINDS",
        value_parser = |value: &str| checked("TAGWARDEN_RESOURCE_TYPES", value),
        help = "Kinds of resources, comma-separated: instance, volume\n[default: TAGWARDEN_RESOURCE_TYPES, else instance]"
    )]
    resource_types: Option<String>,

    #[arg(
        long,
        value_name = "TABLE",
        value_parser = NonEmptyStringValueParser::new(),
        help = "The ledger: the output LedgerTable of tagwarden's stack\n[default: TAGWARDEN_LEDGER_TABLE]"
    )]
    pub ledger_table: Option<String>,
}

/// A setting of the other side of a comparison: `grace-minutes=60`.
#[derive(Clone, Debug)]
pub struct OtherSetting {
    name: String,
    value: String,
}

impl OtherSetting {
    /// Parses `NAME=VALUE`, and checks both.
    ///
    /// # Errors
    /// The text has another form, there is no such setting, or the value is not valid for it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else {
            return Err("must be NAME=VALUE, such as grace-minutes=60".to_owned());
        };
        let known = COMPARED.iter().find(|(option, _)| *option == name);
        let Some((_, variable)) = known else {
            let names: Vec<&str> = COMPARED.iter().map(|(option, _)| *option).collect();
            return Err(format!("the name must be one of {}", names.join(", ")));
        };
        Ok(Self {
            name: (*variable).to_owned(),
            value: checked(variable, value)?,
        })
    }
}

/// The settings that decide what is shut down and when: option and variable.
const COMPARED: [(&str, &str); 8] = [
    ("untagged", "TAGWARDEN_UNTAGGED"),
    ("rules-may-destroy", "TAGWARDEN_RULES_MAY_DESTROY"),
    ("grace-minutes", "TAGWARDEN_GRACE_MINUTES"),
    ("notice-hours", "TAGWARDEN_NOTICE_HOURS"),
    (
        "max-destructive-per-hour",
        "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
    ),
    ("terminate-after-days", "TAGWARDEN_TERMINATE_AFTER_DAYS"),
    ("manager-tags", "TAGWARDEN_MANAGER_TAGS"),
    ("vpc-ids", "TAGWARDEN_VPC_IDS"),
];

impl SettingArgs {
    /// The same options, but for `others`.
    pub fn with(&self, others: &[OtherSetting]) -> Self {
        let mut args = self.clone();
        for OtherSetting { name, value } in others {
            let option = match name.as_str() {
                "TAGWARDEN_UNTAGGED" => &mut args.untagged,
                "TAGWARDEN_RULES_MAY_DESTROY" => &mut args.rules_may_destroy,
                "TAGWARDEN_GRACE_MINUTES" => &mut args.grace_minutes,
                "TAGWARDEN_NOTICE_HOURS" => &mut args.notice_hours,
                "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR" => &mut args.max_destructive_per_hour,
                "TAGWARDEN_TERMINATE_AFTER_DAYS" => &mut args.terminate_after_days,
                "TAGWARDEN_MANAGER_TAGS" => &mut args.manager_tags,
                _ => &mut args.vpc_ids,
            };
            *option = Some(value.clone());
        }
        args
    }

    /// The settings of the remediation, with its policy in `table`. What no option gives comes from `variables`.
    ///
    /// The caller gives the mode and, for a run that publishes, the topic. They are not read from the environment, but a
    /// stack's topic is.
    ///
    /// # Errors
    /// A variable has an unreadable value.
    pub fn settings(
        &self,
        table: &TableArgs,
        variables: &mut FunctionVariables,
        mode: Mode,
        topic_arn: Option<&str>,
    ) -> Result<Settings, CommandError> {
        let table = table.name(variables)?;
        let topic = if variables.stack().is_some() {
            variables.choose("--topic-arn", "TAGWARDEN_TOPIC_ARN", topic_arn)
        } else {
            topic_arn.map(ToOwned::to_owned)
        };
        let mut chosen: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for (option, name, value) in self.options() {
            chosen.insert(name, variables.choose(option, name, value));
        }
        let variable = |name: &str| match name {
            "TAGWARDEN_POLICY_TABLE" => Some(table.clone()),
            // A run from here has no queue, because the person at the terminal can run the command again.
            "TAGWARDEN_MODE" | "TAGWARDEN_QUEUE_URL" => None,
            "TAGWARDEN_TOPIC_ARN" => topic.clone(),
            name => match chosen.get(name) {
                Some(value) => value.clone(),
                None => variables.get(name),
            },
        };
        let settings = Settings::from_environment(&Environment::new(&variable));
        let settings = settings.map_err(|error| {
            CommandError::new(
                &error,
                "Correct the variable, or use the option of the same name.",
            )
        })?;
        let settings = Settings { mode, ..settings };
        debug::settings(&settings);
        Ok(settings)
    }

    /// Each option, its variable and its value.
    fn options(&self) -> [(&'static str, &'static str, Option<&str>); 10] {
        [
            ("--untagged", "TAGWARDEN_UNTAGGED", &self.untagged),
            (
                "--rules-may-destroy",
                "TAGWARDEN_RULES_MAY_DESTROY",
                &self.rules_may_destroy,
            ),
            (
                "--grace-minutes",
                "TAGWARDEN_GRACE_MINUTES",
                &self.grace_minutes,
            ),
            (
                "--notice-hours",
                "TAGWARDEN_NOTICE_HOURS",
                &self.notice_hours,
            ),
            (
                "--max-destructive-per-hour",
                "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
                &self.max_destructive_per_hour,
            ),
            (
                "--terminate-after-days",
                "TAGWARDEN_TERMINATE_AFTER_DAYS",
                &self.terminate_after_days,
            ),
            (
                "--manager-tags",
                "TAGWARDEN_MANAGER_TAGS",
                &self.manager_tags,
            ),
            ("--vpc-ids", "TAGWARDEN_VPC_IDS", &self.vpc_ids),
            (
                "--resource-types",
                "TAGWARDEN_RESOURCE_TYPES",
                &self.resource_types,
            ),
            (
                "--ledger-table",
                "TAGWARDEN_LEDGER_TABLE",
                &self.ledger_table,
            ),
        ]
        .map(|(option, name, value)| (option, name, value.as_deref()))
    }
}

/// Checks a value by the rules for the variable `name`.
fn checked(name: &'static str, value: &str) -> Result<String, String> {
    let variable = |asked: &str| (asked == name).then(|| value.to_owned());
    match Settings::from_environment(&Environment::new(&variable)) {
        Ok(_) => Ok(value.to_owned()),
        Err(SettingError { expected, .. }) => Err(expected),
    }
}

/// Checks the ARN of a topic on the command line.
pub fn topic_arn(value: &str) -> Result<String, String> {
    checked("TAGWARDEN_TOPIC_ARN", value)
}

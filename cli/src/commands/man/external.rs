//! Environment variables and files that commands read.

use clap::Command;

/// An environment variable or a file, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct External {
    pub name: &'static str,
    pub what_for: &'static str,
    /// The option that a command has if it reads this. Every command has `color`.
    option: &'static str,
}

const fn with(option: &'static str, name: &'static str, what_for: &'static str) -> External {
    External {
        name,
        what_for,
        option,
    }
}

/// The variables, the most used ones first.
const VARIABLES: [External; 25] = [
    with(
        "profile",
        "AWS_PROFILE",
        "The profile, unless --profile names one. Unlike --profile, it does not override keys in the environment.",
    ),
    with(
        "profile",
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
        "The credentials, unless --profile is given.",
    ),
    with(
        "profile",
        "AWS_REGION, AWS_DEFAULT_REGION",
        "The Region, unless --region names one. It overrides that of the profile.",
    ),
    with(
        "profile",
        "AWS_ENDPOINT_URL",
        "The address of AWS, unless --endpoint-url gives one. AWS_ENDPOINT_URL_DYNAMODB and the like override it, each \
         for its service.",
    ),
    with(
        "profile",
        "AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE",
        "Files to read instead of those below.",
    ),
    with(
        "profile",
        "AWS_EC2_METADATA_DISABLED",
        "true: do not ask the EC2 instance that this runs on for credentials.",
    ),
    with(
        "expect_account",
        "TAGWARDEN_EXPECT_ACCOUNT",
        "The number of the account that may be called, unless --expect-account gives it. Several are separated by commas. \
         Any other account is refused before anything is read or written.",
    ),
    with(
        "table",
        "TAGWARDEN_POLICY_TABLE",
        "The policy table, unless --table names one.",
    ),
    with(
        "ledger_table",
        "TAGWARDEN_LEDGER_TABLE",
        "The ledger, unless --ledger-table names one.",
    ),
    with(
        "untagged",
        "TAGWARDEN_UNTAGGED",
        "What is done to an instance without tags, unless --untagged is given.",
    ),
    with(
        "grace_minutes",
        "TAGWARDEN_GRACE_MINUTES",
        "How long after a first look a second must still find the reason for a shutdown, unless --grace-minutes is given.",
    ),
    with(
        "rules_may_destroy",
        "TAGWARDEN_RULES_MAY_DESTROY",
        "What rules may do beside writing tags, unless --rules-may-destroy is given.",
    ),
    with(
        "notice_hours",
        "TAGWARDEN_NOTICE_HOURS",
        "How long before a shutdown it must have been announced, unless --notice-hours is given.",
    ),
    with(
        "max_destructive_per_hour",
        "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
        "The most stops and terminations an hour, unless --max-destructive-per-hour is given.",
    ),
    with(
        "terminate_after_days",
        "TAGWARDEN_TERMINATE_AFTER_DAYS",
        "After how many days a stopped, untagged instance is terminated, unless --terminate-after-days is given.",
    ),
    with(
        "manager_tags",
        "TAGWARDEN_MANAGER_TAGS",
        "The tags by which your own managers are recognised, unless --manager-tags is given.",
    ),
    with(
        "vpc_ids",
        "TAGWARDEN_VPC_IDS",
        "The VPCs whose instances are in scope, unless --vpc-ids is given.",
    ),
    with(
        "resource_types",
        "TAGWARDEN_RESOURCE_TYPES",
        "The kinds of resources that are looked at, unless --resource-types is given.",
    ),
    with(
        "mode",
        "TAGWARDEN_MODE",
        "Whether the function enforces, unless --mode is given.",
    ),
    with(
        "announced_to",
        "TAGWARDEN_TOPIC_ARN",
        "The topic that announces shutdowns, unless --topic-arn is given.",
    ),
    with(
        "topic_arn",
        "TAGWARDEN_REPORT_SUBJECT",
        "The subject of the report that is published to --topic-arn.",
    ),
    with(
        "color",
        "NO_COLOR",
        "If not empty: no colours, unless --color is given.",
    ),
    with(
        "color",
        "CLICOLOR_FORCE",
        "If not 0: colours also where there is no terminal, unless --color or NO_COLOR is set.",
    ),
    with(
        "color",
        "CLICOLOR",
        "If 0: no colours on a terminal either, unless --color or CLICOLOR_FORCE is set.",
    ),
    with(
        "color",
        "TERM",
        "If dumb, or not set: no colours, unless one of these is set.",
    ),
];

/// The files.
const FILES: [External; 2] = [
    with(
        "profile",
        "~/.aws/config",
        "Profiles, their Regions and their roles, as every AWS tool reads them.",
    ),
    with(
        "profile",
        "~/.aws/credentials",
        "Credentials of profiles, as every AWS tool reads them.",
    ),
];

/// The variables that `command` reads.
pub fn variables(command: &Command) -> Vec<External> {
    read_by(command, &VARIABLES)
}

/// The files that `command` reads, whatever its options are.
pub fn files(command: &Command) -> Vec<External> {
    read_by(command, &FILES)
}

/// `tagwarden` itself reads what any subcommand reads.
fn read_by(command: &Command, all: &[External]) -> Vec<External> {
    let has = |command: &Command, option: &str| {
        command
            .get_arguments()
            .any(|argument| argument.get_id() == option)
    };
    all.iter()
        .filter(|external| {
            has(command, external.option)
                || command
                    .get_subcommands()
                    .any(|subcommand| has(subcommand, external.option))
        })
        .copied()
        .collect()
}

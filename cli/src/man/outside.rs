//! What comes from outside the command line: variables of the environment, and files.

use clap::Command;

/// A variable or a file, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Outside {
    pub name: &'static str,
    pub what_for: &'static str,
    /// The option that a command has if it reads this; every command has `color`.
    option: &'static str,
}

const fn with(option: &'static str, name: &'static str, what_for: &'static str) -> Outside {
    Outside {
        name,
        what_for,
        option,
    }
}

/// The variables, the most asked for first.
const VARIABLES: [Outside; 18] = [
    with(
        "profile",
        "AWS_PROFILE",
        "The profile, unless --profile names one. Unlike --profile, it gives way to keys in the environment.",
    ),
    with(
        "profile",
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
        "The credentials, unless --profile names whose to use.",
    ),
    with(
        "profile",
        "AWS_REGION, AWS_DEFAULT_REGION",
        "The Region, unless --region names one; before that of the profile.",
    ),
    with(
        "profile",
        "AWS_ENDPOINT_URL",
        "Where AWS is called, unless --endpoint-url says so. AWS_ENDPOINT_URL_DYNAMODB and the like go before it, each \
         for its service.",
    ),
    with(
        "profile",
        "AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE",
        "Files to read in place of those below.",
    ),
    with(
        "profile",
        "AWS_EC2_METADATA_DISABLED",
        "true: the instance that this runs on is not asked for credentials.",
    ),
    with(
        "table",
        "TAGWARDEN_POLICY_TABLE",
        "The policy table, unless --table names it.",
    ),
    with(
        "ledger_table",
        "TAGWARDEN_LEDGER_TABLE",
        "The ledger, unless --ledger-table names it.",
    ),
    with(
        "untagged",
        "TAGWARDEN_UNTAGGED",
        "What is done with an instance without any tags, unless --untagged says so.",
    ),
    with(
        "grace_minutes",
        "TAGWARDEN_GRACE_MINUTES",
        "The age below which nothing is stopped or terminated, unless --grace-minutes says so.",
    ),
    with(
        "max_destructive_per_hour",
        "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
        "The most stops and terminations an hour, unless --max-destructive-per-hour says so.",
    ),
    with(
        "terminate_after_days",
        "TAGWARDEN_TERMINATE_AFTER_DAYS",
        "After how many days what was stopped untagged is terminated, unless --terminate-after-days says so.",
    ),
    with(
        "vpc_ids",
        "TAGWARDEN_VPC_IDS",
        "Whose instances are looked at, unless --vpc-ids says so.",
    ),
    with(
        "topic_arn",
        "TAGWARDEN_REPORT_SUBJECT",
        "The subject of the report that --topic-arn has published.",
    ),
    with(
        "color",
        "NO_COLOR",
        "Not empty: no colours, unless --color says otherwise.",
    ),
    with(
        "color",
        "CLICOLOR_FORCE",
        "Anything but 0: colours also where no terminal is, unless --color or NO_COLOR says otherwise.",
    ),
    with(
        "color",
        "CLICOLOR",
        "0: no colours on a terminal either, unless --color or CLICOLOR_FORCE says otherwise.",
    ),
    with(
        "color",
        "TERM",
        "dumb, or not set: no colours, unless one of these says otherwise.",
    ),
];

/// The files.
const FILES: [Outside; 2] = [
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
pub fn variables(command: &Command) -> Vec<Outside> {
    read_by(command, &VARIABLES)
}

/// The files that `command` reads, whatever its options say.
pub fn files(command: &Command) -> Vec<Outside> {
    read_by(command, &FILES)
}

/// `tagwarden` itself reads what any subcommand reads.
fn read_by(command: &Command, all: &[Outside]) -> Vec<Outside> {
    let has = |command: &Command, option: &str| {
        command
            .get_arguments()
            .any(|argument| argument.get_id() == option)
    };
    all.iter()
        .filter(|outside| {
            has(command, outside.option)
                || command
                    .get_subcommands()
                    .any(|subcommand| has(subcommand, outside.option))
        })
        .copied()
        .collect()
}

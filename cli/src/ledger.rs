//! The ledger, for the commands that read it: where it is, which acts are asked for, and what to do when a call fails.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use chrono::{DateTime, Utc};
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};
use tagwarden_aws::{AwsError, Clock};
use tagwarden_core::resource::is_instance_id;
use tagwarden_core::settings::Environment;
use tagwarden_remediation::ledger::{self, RunId, Selection};

use crate::aws::{self, AwsArgs, trouble};
use crate::exit::CommandError;
use crate::when::When;

/// The options that say where the ledger is.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
pub struct LedgerArgs {
    // A doc comment would have to put the names in backticks.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = NonEmptyStringValueParser::new(),
        help = "The ledger, see docs/ledger.md\n[default: TAGWARDEN_LEDGER_TABLE]"
    )]
    ledger_table: Option<String>,

    #[command(flatten)]
    pub aws: AwsArgs,
}

/// The options that say which acts are asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct ActArgs {
    /// Only acts of this run
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,

    /// Only acts on this instance (repeatable)
    #[arg(long, value_name = "ID", value_parser = instance_id)]
    instance: Vec<String>,

    // A doc comment would make a sentence of it.
    #[arg(
        long,
        value_name = "WHEN",
        help = "Only acts since this age or time: 15m, 2h, 7d,\n2026-11-20, or 2026-11-20T15:30:00Z"
    )]
    since: Option<When>,

    /// Only acts before this age or time
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
}

impl ActArgs {
    /// The selection, with times relative to `now`.
    pub fn selection(&self, now: DateTime<Utc>) -> Selection {
        Selection {
            run_id: self.run.clone(),
            instance_ids: self.instance.iter().cloned().collect(),
            since: self.since.map(|since| since.from(now)),
            until: self.until.map(|until| until.from(now)),
            ..Selection::default()
        }
    }
}

/// The ledger of an account and Region.
#[derive(Debug)]
pub struct OpenLedger {
    /// Its table.
    pub table: String,
    /// Its Region.
    pub region: String,
    /// Its clock.
    pub clock: Clock,
    /// The engine's ledger.
    pub inner: ledger::Ledger,
    /// The configuration for calls to AWS there.
    pub config: SdkConfig,
}

impl LedgerArgs {
    /// The ledger that the options name. This makes no call to DynamoDB.
    ///
    /// # Errors
    /// No table, no Region or no credentials are given.
    pub async fn open(&self) -> Result<OpenLedger, CommandError> {
        let from_environment = || Environment::of_process().get("TAGWARDEN_LEDGER_TABLE");
        let table = self.ledger_table.clone().or_else(from_environment);
        let table = table.ok_or_else(|| {
            CommandError::new(
                &"no ledger table given",
                "Name it with --ledger-table or TAGWARDEN_LEDGER_TABLE. It is an output of tagwarden's stack: aws \
                 cloudformation describe-stacks --stack-name tagwarden --query \
                 \"Stacks[0].Outputs[?OutputKey=='LedgerTable'].OutputValue\" --output text",
            )
        })?;
        let config = self.aws.load().await?;
        let clock = Clock::of(&config);
        Ok(OpenLedger {
            inner: ledger::Ledger::new(Client::new(&config), clock.clone(), table.clone()),
            region: aws::region(&config).to_owned(),
            table,
            clock,
            config,
        })
    }
}

impl OpenLedger {
    /// What to do about a call that failed.
    pub fn failure(&self, error: &AwsError) -> CommandError {
        let (table, region) = (&self.table, &self.region);
        let what = trouble::describe(error);
        let what = if error.call().starts_with("dynamodb:") {
            format!("the ledger {table:?} in {region}: {what}")
        } else {
            what
        };
        CommandError::new(&what, trouble::what_next(error, trouble::LEDGER))
    }

    /// What to do when it has no acts of a run.
    pub fn unknown_run(&self, run_id: &RunId) -> CommandError {
        let (table, region) = (&self.table, &self.region);
        CommandError::new(
            &format!("the ledger {table:?} in {region} has no acts of run {run_id}"),
            "The ledger has no runs that changed nothing, and no runs older than 400 days. `tagwarden history --since 7d` \
             shows the runs of the last week.",
        )
    }

    /// Where it is, for JSON documents.
    pub fn to_json(&self) -> Map<String, Value> {
        let members = [("ledgerTable", &self.table), ("region", &self.region)];
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect()
    }
}

/// Parses the id of an instance.
///
/// # Errors
/// The text has another form.
pub fn instance_id(text: &str) -> Result<String, String> {
    if is_instance_id(text) {
        Ok(text.to_owned())
    } else {
        Err("not the id of an instance (such as i-0a1b2c3d4e5f60718)".to_owned())
    }
}

//! The ledger, for the commands that read it: where it is, which acts are asked for, and what to do when a call fails.

use std::fmt;

use aws_sdk_dynamodb::Client;
use chrono::{DateTime, Utc};
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};
use tagwarden_aws::{AwsError, Clock};
use tagwarden_core::Kind;
use tagwarden_remediation::ledger::{self, RunId, Selection};

use crate::aws::access::AwsAccess;
use crate::aws::stack::FunctionVariables;
use crate::aws::{AwsArgs, trouble};
use crate::exit::CommandError;
use crate::when::When;

/// The variable that names the ledger.
const LEDGER_TABLE: &str = "TAGWARDEN_LEDGER_TABLE";

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
    /// The account and Region that it is in.
    pub access: AwsAccess,
    /// Its clock.
    pub clock: Clock,
    /// The engine's ledger.
    pub inner: ledger::Ledger,
}

impl LedgerArgs {
    /// The ledger that the options name. This makes no call to DynamoDB.
    ///
    /// # Errors
    /// No table, no Region or no credentials are given.
    pub async fn open(&self) -> Result<OpenLedger, CommandError> {
        let option = self.ledger_table.as_deref();
        let is_named = || FunctionVariables::Process.get(LEDGER_TABLE).is_some();
        // Without a table, nothing is asked of AWS, unless a stack may name it.
        if option.is_none() && !self.aws.has_stack() && !is_named() {
            return Err(unnamed());
        }
        let mut access = self.aws.open().await?;
        let variables = &mut access.variables;
        let table = variables.choose("--ledger-table", LEDGER_TABLE, option);
        Ok(OpenLedger::new(access, table.ok_or_else(unnamed)?))
    }
}

/// What to do when no ledger table is given.
fn unnamed() -> CommandError {
    CommandError::new(
        &"no ledger table given",
        "Name tagwarden's stack with --stack, or the table with --ledger-table or TAGWARDEN_LEDGER_TABLE. It is an output \
         of the stack: aws cloudformation describe-stacks --stack-name tagwarden --query \
         \"Stacks[0].Outputs[?OutputKey=='LedgerTable'].OutputValue\" --output text",
    )
}

impl OpenLedger {
    /// The ledger in the table `table` of an account. This makes no call.
    pub fn new(access: AwsAccess, table: String) -> Self {
        let clock = Clock::of(&access.config);
        let client = Client::new(&access.config);
        Self {
            inner: ledger::Ledger::new(client, clock.clone(), table.clone()),
            table,
            clock,
            access,
        }
    }

    /// What to do about a call that failed.
    pub fn failure(&self, error: &AwsError) -> CommandError {
        let what = trouble::describe(error);
        let what = if error.call().starts_with("dynamodb:") {
            format!("the ledger {:?} in {}: {what}", self.table, self.access)
        } else {
            what
        };
        CommandError::new(&what, trouble::what_next(error, trouble::LEDGER))
    }

    /// What to do when it has no acts of a run.
    pub fn unknown_run(&self, run_id: &RunId) -> CommandError {
        let (table, access) = (&self.table, &self.access);
        CommandError::new(
            &format!("the ledger {table:?} in {access} has no acts of run {run_id}"),
            "The ledger has no runs that changed nothing, and no runs older than 400 days. `tagwarden history --since 7d` \
             shows the runs of the last week.",
        )
    }

    /// Where it is, for JSON documents.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = self.access.to_json();
        members.insert("ledgerTable".to_owned(), json!(self.table));
        members
    }
}

/// `The ledger tagwarden-ledger in us-east-1 (account 111111111111, profile prod)`.
impl fmt::Display for OpenLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The ledger {} in {}", self.table, self.access)
    }
}

/// Parses the id of an instance or a volume.
///
/// # Errors
/// The text has another form.
pub fn instance_id(text: &str) -> Result<String, String> {
    if Kind::ALL.iter().any(|kind| kind.is_id(text)) {
        Ok(text.to_owned())
    } else {
        Err(
            "not the id of an instance (such as i-0a1b2c3d4e5f60718) or of a volume (such as vol-0a1b2c3d4e5f60718)"
                .to_owned(),
        )
    }
}

//! Which table the policy is in: one of this account and Region by its name, or any by its ARN.

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use tagwarden_aws::AwsError;
use tagwarden_core::Arn;
use tagwarden_core::settings::{DEFAULT_POLICY_TABLE, policy_table};

use super::access::AwsAccess;
use super::stack::FunctionVariables;
use super::trouble;
use crate::exit::CommandError;

const VARIABLE: &str = "TAGWARDEN_POLICY_TABLE";

/// The option that names the policy table.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
pub struct TableArgs {
    // A doc comment would have to put the names in backticks.
    #[arg(
        long,
        alias = "policy-table",
        value_name = "TABLE",
        value_parser = NonEmptyStringValueParser::new().try_map(|table| policy_table(&table)),
        help = "The policy table, by name or ARN\n[default: TAGWARDEN_POLICY_TABLE,\nelse acme_cloud_policy_tagging_def]"
    )]
    table: Option<String>,
}

impl TableArgs {
    /// The table's name or ARN.
    ///
    /// # Errors
    /// The variable is neither.
    pub fn name(&self, variables: &mut FunctionVariables) -> Result<String, CommandError> {
        let chosen = variables.choose("--table", VARIABLE, self.table.as_deref());
        let chosen = chosen.unwrap_or_else(|| DEFAULT_POLICY_TABLE.to_owned());
        policy_table(&chosen).map_err(|expected| {
            CommandError::new(
                &format!("the environment variable {VARIABLE} is {chosen:?}: {expected}"),
                "Correct the variable, or use --table.",
            )
        })
    }
}

/// A policy table and where it is, as people know it: `policy in us-east-1 (account 111111111111, profile prod)`. A table
/// that is named by its ARN is where the ARN says, whatever the credentials are.
pub fn describe_table(table: &str, access: &AwsAccess) -> String {
    match Arn::of_table(table) {
        None => format!("{table} in {access}"),
        Some(arn) => format!(
            "{} in {} (account {}), called from {access}",
            arn.table_name().unwrap_or(table),
            arn.region,
            arn.account
        ),
    }
}

/// What to do about a call on the policy table that failed.
pub fn table_failure(error: &AwsError, table: &str, access: &AwsAccess) -> CommandError {
    let what_next = trouble::what_next(error, trouble::POLICY_TABLE);
    let Some(arn) = Arn::of_table(table) else {
        let why = trouble::describe(error);
        let what = format!("the policy table {table:?} in {access}: {why}");
        return CommandError::new(&what, what_next);
    };
    let what = format!(
        "the policy table {}: {}",
        describe_table(table, access),
        trouble::describe(error)
    );
    let is_foreign = access.account.as_deref() != Ok(arn.account);
    match error.code() {
        // DynamoDB also says so of a table that is not there, if it is another account's.
        Some("AccessDeniedException" | "ResourceNotFoundException") if is_foreign => {
            CommandError::new(
                &what,
                format!(
                    "The table is account {}'s. Use that account's credentials (--profile), or those of a role that the \
                     table's resource policy lets call dynamodb:Scan (docs/organization.md).",
                    arn.account
                ),
            )
        }
        _ => CommandError::new(&what, what_next),
    }
}

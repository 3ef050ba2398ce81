//! The policy to judge by: a file, or the policy table.

use std::path::Path;

use tagwarden_aws::policy_table::{read_policy, row};
use tagwarden_core::policy::InvalidPolicy;
use tagwarden_core::{Policy, Scope};

use crate::aws::access::AwsAccess;
use crate::aws::stack::FunctionVariables;
use crate::aws::{self, AwsArgs, TableArgs, describe_table};
use crate::exit::CommandError;
use crate::forecast::trouble;
use crate::policy_file::PolicyFile;

const VPC_IDS: &str = "TAGWARDEN_VPC_IDS";

/// A policy, and the VPCs that it covers.
#[derive(Debug)]
pub struct ChosenPolicy {
    /// Where it is from.
    pub name: String,
    pub policy: Policy,
    pub scope: Scope,
}

impl ChosenPolicy {
    /// Reads the policy file, or else the table that the options name. `vpc_ids` overrides the setting of the functions.
    ///
    /// # Errors
    /// It cannot be read, or is not a policy.
    pub fn read(
        file: Option<&Path>,
        vpc_ids: Option<&str>,
        table: &TableArgs,
        aws: &AwsArgs,
    ) -> Result<Self, CommandError> {
        let file = file.map(of_file).transpose()?;
        if let Some((name, policy)) = file {
            // A stack says which VPCs count.
            let mut variables = FunctionVariables::Process;
            if aws.has_stack() {
                variables = aws::runtime()?.block_on(aws.open())?.variables;
            }
            let scope = scope(vpc_ids, &mut variables)?;
            return Ok(Self {
                name,
                policy,
                scope,
            });
        }
        aws::runtime()?.block_on(async {
            let mut access = aws.open().await?;
            let scope = scope(vpc_ids, &mut access.variables)?;
            let (name, policy) = of_table(table, &mut access).await?;
            Ok(Self {
                name,
                policy,
                scope,
            })
        })
    }
}

fn of_file(path: &Path) -> Result<(String, Policy), CommandError> {
    let file = PolicyFile::open(path)?.valid()?;
    let policy = Policy::from_rows(file.items.into_iter().map(row));
    let policy = policy.map_err(|invalid: InvalidPolicy| {
        let what_next = "Fix the file; `tagwarden check` shows its problems.";
        CommandError::new(&invalid, what_next)
    })?;
    Ok((file.path, policy))
}

async fn of_table(
    table: &TableArgs,
    access: &mut AwsAccess,
) -> Result<(String, Policy), CommandError> {
    let table = table.name(&mut access.variables)?;
    let client = aws_sdk_dynamodb::Client::new(&access.config);
    let policy = read_policy(&client, &table).await;
    let policy = policy.map_err(|error| trouble::remediation(&error.into(), access))?;
    Ok((
        format!("the policy table {}", describe_table(&table, access)),
        policy,
    ))
}

fn scope(option: Option<&str>, variables: &mut FunctionVariables) -> Result<Scope, CommandError> {
    let list = variables.choose("--vpc-ids", VPC_IDS, option);
    Scope::from_list(&list.unwrap_or_default()).map_err(|error| {
        CommandError::new(
            &format!("the environment variable {VPC_IDS}: {error}"),
            "Correct the variable, or use --vpc-ids.",
        )
    })
}

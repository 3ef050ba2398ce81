//! The policy table, for the commands that compare it with a file.

use std::fmt;
use std::path::Path;

use aws_sdk_dynamodb::Client;
use serde_json::{Map, Value, json};
use tagwarden_aws::policy_table::{Item, read_items, row};
use tagwarden_core::Policy;
use tagwarden_core::policy::InvalidPolicy;

use crate::aws::access::AwsAccess;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::changes::{Changes, show};
use crate::exit::CommandError;
use crate::policy_file::PolicyFile;

/// The policy table of an account and Region.
#[derive(Debug)]
pub struct PolicyTable {
    /// Its name.
    pub name: String,
    /// The account and Region that it is in.
    pub access: AwsAccess,
    /// The DynamoDB client for that account and Region.
    pub client: Client,
}

impl fmt::Display for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The policy table {} in {}", self.name, self.access)
    }
}

impl PolicyTable {
    /// The table that the options name. This makes no call to DynamoDB.
    ///
    /// # Errors
    /// There is no Region, or there are no credentials.
    pub async fn open(aws: &AwsArgs, table: &TableArgs) -> Result<Self, CommandError> {
        let mut access = aws.open().await?;
        Ok(Self {
            name: table.name(&mut access.variables),
            client: Client::new(&access.config),
            access,
        })
    }

    /// Reads every row, valid or not.
    ///
    /// # Errors
    /// DynamoDB refuses.
    pub async fn items(&self) -> Result<Vec<Item>, CommandError> {
        let items = read_items(&self.client, &self.name).await;
        items.map_err(|error| aws::table_failure(&error, &self.name, &self.access))
    }

    /// Finds the changes that make the table like `file`.
    ///
    /// # Errors
    /// The table cannot be read, or the rows that stay in it would make the result invalid.
    pub async fn changes(&self, file: &PolicyFile, prune: bool) -> Result<Changes, CommandError> {
        let changes = Changes::between(self.items().await?, &file.items, prune);
        match problems(changes.after()) {
            None => Ok(changes),
            Some(invalid) => Err(CommandError::new(
                &format!(
                    "{} is a policy, but not together with the rows that are only in the table: {invalid}",
                    file.path
                ),
                format!(
                    "Only in the table: {}. Delete them with --prune, or add them to the file (`tagwarden pull` \
                     shows them).",
                    show::names(&changes.kept)
                ),
            )),
        }
    }
}

/// A policy file, the policy table, and the changes that make the table like the file.
#[derive(Debug)]
pub struct TableDiff {
    pub file: PolicyFile,
    pub table: PolicyTable,
    pub changes: Changes,
}

impl TableDiff {
    /// Compares the file at `path` with the table that the options name.
    ///
    /// # Errors
    /// The file has problems, a read fails, or the table would be invalid afterwards.
    pub async fn read(
        path: &Path,
        prune: bool,
        table: &TableArgs,
        aws: &AwsArgs,
    ) -> Result<Self, CommandError> {
        let file = PolicyFile::open(path)?.valid()?;
        let table = PolicyTable::open(aws, table).await?;
        let changes = table.changes(&file, prune).await?;
        Ok(Self {
            file,
            table,
            changes,
        })
    }

    /// Where the policy is, and the changes, for JSON documents.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = show::json(&self.changes);
        members.insert("table".to_owned(), json!(self.table.name));
        members.append(&mut self.table.access.to_json());
        members
    }
}

/// What makes these rows invalid as a policy, if anything does.
pub fn problems(items: Vec<Item>) -> Option<InvalidPolicy> {
    Policy::from_rows(items.into_iter().map(row)).err()
}

//! The policy table, for the commands that compare it with a file.

use std::fmt;
use std::path::Path;

use aws_sdk_dynamodb::Client;
use serde_json::{Map, Value, json};
use tagwarden_aws::policy_table::{Item, read_items, row};
use tagwarden_core::Policy;
use tagwarden_core::policy::InvalidPolicy;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::changes::{Changes, show};
use crate::exit::{Exit, Failure};
use crate::policy_file::PolicyFile;

/// A table in some account and Region.
#[derive(Debug)]
pub struct PolicyTable {
    /// Its name.
    pub name: String,
    /// Its Region.
    pub region: String,
    /// What speaks to DynamoDB there.
    pub client: Client,
}

impl fmt::Display for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The policy table {} in {}", self.name, self.region)
    }
}

impl PolicyTable {
    /// The table that the options name; nothing is asked of it yet.
    ///
    /// # Errors
    /// There is no Region, or there are no credentials.
    pub async fn open(aws: &AwsArgs, table: &TableArgs) -> Result<Self, Failure> {
        let config = aws.load().await?;
        Ok(Self {
            name: table.name(),
            region: aws::region(&config).to_owned(),
            client: Client::new(&config),
        })
    }

    /// Every row, sound or not.
    ///
    /// # Errors
    /// DynamoDB does not give them.
    pub async fn items(&self) -> Result<Vec<Item>, Failure> {
        let items = read_items(&self.client, &self.name).await;
        items.map_err(|error| aws::table_failure(&error, &self.name, &self.region))
    }

    /// What makes the table as `file` says.
    ///
    /// # Errors
    /// The table cannot be read, or would be no policy afterwards for the rows that stay in it.
    pub async fn changes(&self, file: &PolicyFile, prune: bool) -> Result<Changes, Failure> {
        let changes = Changes::between(self.items().await?, &file.items, prune);
        match problems(changes.after()) {
            None => Ok(changes),
            Some(invalid) => Err(Failure::new(
                &format!(
                    "{} is a policy, but not together with the rows that are only in the table: {invalid}",
                    file.path
                ),
                format!(
                    "Only in the table: {}. Delete them with --prune, or take them into the file (`tagwarden pull` \
                     shows them).",
                    show::names(&changes.kept)
                ),
            )),
        }
    }
}

/// A policy file, a table, and what makes the table like the file.
#[derive(Debug)]
pub struct Compared {
    pub file: PolicyFile,
    pub table: PolicyTable,
    pub changes: Changes,
}

impl Compared {
    /// Compares the file at `path` with the table that the options name.
    ///
    /// # Errors
    /// The file or the table cannot be read, or the table would be no policy afterwards. Where the file has problems,
    /// these are told already, and the exit status is given.
    pub async fn look(
        path: &Path,
        prune: bool,
        table: &TableArgs,
        aws: &AwsArgs,
    ) -> Result<Result<Self, Exit>, Failure> {
        let file = match PolicyFile::open(path)?.sound() {
            Ok(file) => file,
            Err(exit) => return Ok(Err(exit)),
        };
        let table = PolicyTable::open(aws, table).await?;
        let changes = table.changes(&file, prune).await?;
        Ok(Ok(Self {
            file,
            table,
            changes,
        }))
    }

    /// Where the policy is, and the changes, for JSON documents.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = show::json(&self.changes);
        for (name, value) in [("table", &self.table.name), ("region", &self.table.region)] {
            members.insert(name.to_owned(), json!(value));
        }
        members
    }
}

/// What keeps these rows from being a policy, if anything does.
pub fn problems(items: Vec<Item>) -> Option<InvalidPolicy> {
    Policy::from_rows(items.into_iter().map(row)).err()
}

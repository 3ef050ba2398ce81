//! The policy table, for the commands that compare it with a file.

use std::fmt;

use aws_sdk_dynamodb::Client;
use serde_json::{Map, Value, json};
use tagwarden_aws::policy_table::{Item, client_of, read_items, row};
use tagwarden_core::policy::InvalidPolicy;
use tagwarden_core::{Arn, Policy};

use crate::aws::access::AwsAccess;
use crate::aws::{AwsArgs, TableArgs, describe_table, table_failure};
use crate::changes::{Changes, show};
use crate::exit::CommandError;
use crate::policy_file::PolicyFile;

/// A policy table: of the account and Region that are called, or of the ARN's.
#[derive(Debug)]
pub struct PolicyTable {
    /// Its name or ARN.
    pub name: String,
    /// The account and Region that are called.
    pub access: AwsAccess,
    /// The DynamoDB client for the table's Region.
    pub client: Client,
}

impl fmt::Display for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The policy table {}",
            describe_table(&self.name, &self.access)
        )
    }
}

impl PolicyTable {
    /// The table that the options name. This makes no call to DynamoDB.
    ///
    /// # Errors
    /// There is no Region, there are no credentials, or the variable names no table.
    pub async fn open(aws: &AwsArgs, table: &TableArgs) -> Result<Self, CommandError> {
        let mut access = aws.open().await?;
        let name = table.name(&mut access.variables)?;
        Ok(Self {
            client: client_of(&Client::new(&access.config), &name),
            name,
            access,
        })
    }

    /// The account and Region that the table is in, and with which credentials it is called.
    pub fn place(&self) -> String {
        match Arn::of_table(&self.name) {
            None => self.access.to_string(),
            Some(arn) => format!("{} (account {})", arn.region, arn.account),
        }
    }

    /// Checks that the table can be written to with these credentials: a transaction is of one account.
    ///
    /// See [TransactWriteItems](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
    ///
    /// # Errors
    /// The table is another account's.
    pub fn check_owner(&self) -> Result<(), CommandError> {
        let owner = Arn::of_table(&self.name).map(|arn| arn.account);
        match (owner, &self.access.account) {
            (Some(owner), Ok(caller)) if owner != caller => Err(CommandError::new(
                &format!(
                    "the policy table {} is account {owner}'s, and these credentials are account {caller}'s",
                    self.name
                ),
                "Nothing was written. DynamoDB writes several rows at once only with the credentials of the table's own account: \
                 use them (--profile, AWS_PROFILE).",
            )),
            _ => Ok(()),
        }
    }

    /// Reads every row, valid or not.
    ///
    /// # Errors
    /// DynamoDB refuses.
    pub async fn items(&self) -> Result<Vec<Item>, CommandError> {
        let items = read_items(&self.client, &self.name).await;
        items.map_err(|error| table_failure(&error, &self.name, &self.access))
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
    /// Compares the file with the table.
    ///
    /// # Errors
    /// The table cannot be read, or would be invalid afterwards.
    pub async fn read(
        file: PolicyFile,
        table: PolicyTable,
        prune: bool,
    ) -> Result<Self, CommandError> {
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
        if let Some(arn) = Arn::of_table(&self.table.name) {
            members.insert("account".to_owned(), json!(arn.account));
            members.insert("region".to_owned(), json!(arn.region));
        }
        members
    }
}

/// What makes these rows invalid as a policy, if anything does.
pub fn problems(items: Vec<Item>) -> Option<InvalidPolicy> {
    Policy::from_rows(items.into_iter().map(row)).err()
}

//! An account on loopback with the customer's table, and the command in it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Loopback};

use crate::support::command;

pub const TABLE: &str = "acme_cloud_policy_tagging_def";

/// The customer's sample as a file: what their table holds.
pub const SAMPLE: &str = "\
rules:
  - RuleId: 1
    TagKey: ProjectCode
    Action: Update
    Required: Y
    Default: Proj007
  - RuleId: 2
    TagKey: CreatedBy
    Action: UserLookup
    Required: Y
  - RuleId: 3
    TagKey: Expires
    Action: Function
    Required: N
    Default: today()
";

pub struct World {
    pub account: Account,
    loopback: Loopback,
    directory: PathBuf,
}

impl World {
    /// An account with the customer's table, and a directory of the test's own.
    pub fn new(test: &str) -> Self {
        let world = Self::without_table(test);
        fill(&world.account);
        world
    }

    pub fn without_table(test: &str) -> Self {
        let account = Account::new();
        let loopback = Loopback::serve(&account).unwrap();
        Self::served(test, account, loopback)
    }

    /// The world of this account, which `loopback` serves.
    pub fn served(test: &str, account: Account, loopback: Loopback) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("policy-{test}"));
        // What an earlier run left.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        Self {
            account,
            loopback,
            directory,
        }
    }

    /// The command in the test's directory, with credentials, and AWS where the account is.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_without_credentials(arguments);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIASANDBOX000000000")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox");
        command
    }

    pub fn command_without_credentials(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("AWS_") || name.starts_with("TAGWARDEN_") {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_ENDPOINT_URL", self.loopback.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", self.path("aws-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path("aws-credentials"))
            .current_dir(&self.directory)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The table's items, by rule id.
    pub fn items(&self) -> Vec<Value> {
        let mut items = self.account.items(TABLE);
        items.sort_by_key(|item| item["RuleId"].as_i64());
        items
    }

    /// How often the table was written to.
    pub fn writes(&self) -> usize {
        let operations = [
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
        ];
        operations
            .iter()
            .map(|operation| self.account.count(operation))
            .sum()
    }
}

/// Gives the account the customer's table.
pub fn fill(account: &Account) {
    account.create_table(TABLE);
    for row in [
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
    ] {
        account.put_item(TABLE, row);
    }
}

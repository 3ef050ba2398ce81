//! An account on loopback, and the command in it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use chrono::{NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Identity, Launch, Loopback};

use crate::countdowns::begin_an_hour_ago;
use crate::items::{self, list, text};

pub const TABLE: &str = "acme_cloud_policy_tagging_def";
pub const LEDGER: &str = "ledger";

pub struct World {
    pub account: Account,
    loopback: Loopback,
    directory: PathBuf,
}

impl World {
    /// An account with the customer's policy, an empty ledger and instances that need something.
    pub fn new(name: &str) -> Self {
        let world = Self::empty(name);
        world.account.create_table(TABLE);
        for row in [
            json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
            json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
            json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
        ] {
            world.account.put_item(TABLE, row);
        }
        world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
        let launch = || {
            let by = Identity::iam_user("ann");
            Launch::new().launched_by(by).ago(TimeDelta::hours(1))
        };
        let whole = |launch: Launch| {
            launch
                .tag("ProjectCode", "P1")
                .tag("CreatedBy", "eve")
                .tag("Expires", "2031-01-01")
        };
        for launch in [
            launch().tag("Name", "web"),
            launch()
                .tag("Name", "db")
                .tag("ProjectCode", "")
                .tag("CreatedBy", "eve"),
            launch(),
            launch().protected(),
            launch().ago(TimeDelta::minutes(3)),
            whole(launch().tag("Name", "mail")),
            launch().tag("tagwarden:exempt-until", "2099-12-31 under repair"),
        ] {
            world.account.launch(launch);
        }
        // Version 0.1.0 shut down at the first look. Today it takes a second one.
        begin_an_hour_ago(&world.account, LEDGER);
        world
    }

    /// An account as version 0.1.0 left it yesterday, with a ledger of its runs.
    pub fn with_old_ledger(name: &str) -> Self {
        let world = Self::empty(name);
        let left = yesterday(include_str!("ledger.json"));
        world.account.create_table(TABLE);
        // Undo takes nothing back without a policy that can be read. This one wants nothing of the instances.
        world.account.put_item(
            TABLE,
            json!({"RuleId": 1, "TagKey": "Team", "Action": "Notify", "Required": "N"}),
        );
        world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .unwrap()
            .block_on(items::put(&world.account, LEDGER, list(&left["items"])));
        for tags in list(&left["instances"]) {
            let tags = tags.as_object().unwrap().iter();
            let launch = Launch::new().ago(TimeDelta::days(9));
            let launch = tags.fold(launch, |launch, (key, value)| launch.tag(key, text(value)));
            world.account.launch(launch);
        }
        world
    }

    /// An account with nothing in it, and a folder of its own.
    pub fn empty(name: &str) -> Self {
        let account = Account::new();
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("golden-{name}"));
        // What an earlier run left.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        Self {
            loopback: Loopback::serve(&account).unwrap(),
            account,
            directory,
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("AWS_") || name.starts_with("TAGWARDEN_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", "AKIASANDBOX000000000")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .env("AWS_ENDPOINT_URL", self.loopback.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", self.directory.join("aws-config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.directory.join("aws-credentials"),
            )
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }
}

/// The fixture as if it had been written yesterday: history does not show what is older than the ledger remembers.
fn yesterday(fixture: &str) -> Value {
    const WRITTEN_ON: &str = "2026-11-28";
    let yesterday = Utc::now().date_naive() - TimeDelta::days(1);
    let written_on: NaiveDate = WRITTEN_ON.parse().unwrap();
    let compact = |day: NaiveDate| format!("{}T", day.format("%Y%m%d"));
    let fixture = fixture
        .replace(WRITTEN_ON, &yesterday.to_string())
        .replace(&compact(written_on), &compact(yesterday));
    let mut fixture: Value = serde_json::from_str(&fixture).unwrap();
    let days = yesterday - written_on;
    for item in fixture["items"].as_array_mut().unwrap() {
        for (name, unit) in [
            ("ExpiresAt", 1),
            ("ClaimedUntil", 1_000),
            ("HeldUntil", 1_000),
        ] {
            if let Some(number) = item.get_mut(name) {
                let time: i64 = text(&number["N"]).parse().unwrap();
                number["N"] = (time + days.num_seconds() * unit).to_string().into();
            }
        }
    }
    fixture
}

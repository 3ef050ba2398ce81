//! Where policies come from: files, or the policy table.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use tagwarden_aws::policy_table::{read_policy, row};
use tagwarden_core::{Arn, Policy};
use tagwarden_remediation::Settings;
use tokio::sync::Mutex;

use super::trouble;
use crate::aws::access::AwsAccess;
use crate::exit::CommandError;
use crate::policy_file::PolicyFile;

/// The policy to judge by, and the policy to compare with.
#[derive(Clone, Debug)]
pub struct PolicySources {
    pub policy: PolicySource,
    pub against: Option<PolicySource>,
}

impl PolicySources {
    /// Reads the files among them, which show their problems without a wait and without an account. `against` is a file, or
    /// `table`.
    ///
    /// # Errors
    /// A file cannot be read, or is not a policy.
    pub fn open(policy: Option<&Path>, against: Option<&Path>) -> Result<Self, CommandError> {
        let policy = match policy {
            None => PolicySource::Table(None),
            Some(path) => PolicySource::open(path)?,
        };
        let against = match against {
            None => None,
            Some(path) if path == Path::new("table") => Some(PolicySource::Table(None)),
            Some(path) => Some(PolicySource::open(path)?),
        };
        Ok(Self { policy, against })
    }

    /// The same sources, which read no table twice that `cache` has.
    pub fn with(self, cache: &Rc<TableCache>) -> Self {
        Self {
            policy: self.policy.with(cache),
            against: self.against.map(|against| against.with(cache)),
        }
    }

    /// Whether both are files.
    pub fn are_files(&self) -> bool {
        self.policy.is_file() && self.against.as_ref().is_none_or(PolicySource::is_file)
    }
}

/// Where a policy comes from.
#[derive(Clone, Debug)]
pub enum PolicySource {
    /// The policy table that the settings name.
    Table(Option<Rc<TableCache>>),
    File {
        name: String,
        policy: Policy,
    },
}

/// The policies of tables that several places have in common: each is read once.
#[derive(Debug)]
pub struct TableCache {
    /// The account of the command, whose credentials come first for a table that is named by its ARN.
    caller: Option<AwsAccess>,
    read: Mutex<BTreeMap<String, (String, Policy)>>,
}

impl TableCache {
    /// For places of several accounts: a table that is named by its ARN is one and the same for all of them.
    pub fn of_accounts(caller: AwsAccess) -> Rc<Self> {
        Rc::new(Self {
            caller: Some(caller),
            read: Mutex::default(),
        })
    }

    /// For the places of a recording, whose policy comes from one account.
    pub fn of_recording() -> Rc<Self> {
        Rc::new(Self {
            caller: None,
            read: Mutex::default(),
        })
    }

    async fn table(
        &self,
        access: &AwsAccess,
        settings: &Settings,
    ) -> Result<(String, Policy), CommandError> {
        let table = &settings.policy.policy_table;
        if self.caller.is_some() && Arn::of_table(table).is_none() {
            return read_table(access, settings).await;
        }
        // Nobody else reads it meanwhile.
        let mut read = self.read.lock().await;
        if let Some(known) = read.get(table) {
            return Ok(known.clone());
        }
        let mut policy = match &self.caller {
            Some(caller) => read_table(caller, settings).await,
            None => read_table(access, settings).await,
        };
        if policy.is_err() && self.caller.is_some() {
            // The table's resource policy may be for the accounts' roles only.
            policy = read_table(access, settings).await;
        }
        let policy = policy?;
        read.insert(table.clone(), policy.clone());
        Ok(policy)
    }
}

impl PolicySource {
    pub fn open(path: &Path) -> Result<Self, CommandError> {
        let file = PolicyFile::open(path)?.valid()?;
        let policy = Policy::from_rows(file.items.into_iter().map(row));
        let policy = policy.map_err(|invalid| {
            CommandError::new(
                &invalid,
                "Fix the file; `tagwarden check` shows its problems.",
            )
        })?;
        let name = file.path;
        Ok(Self::File { name, policy })
    }

    pub fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// The same source, which reads a table that `cache` has no second time.
    pub fn with(self, cache: &Rc<TableCache>) -> Self {
        match self {
            Self::Table(_) => Self::Table(Some(Rc::clone(cache))),
            file @ Self::File { .. } => file,
        }
    }

    /// The policy, and what to call it. `settings` say in which table it is.
    ///
    /// # Errors
    /// The table cannot be read, or is not valid.
    pub async fn read(
        self,
        access: &AwsAccess,
        settings: &Settings,
    ) -> Result<(String, Policy), CommandError> {
        match self {
            Self::File { name, policy } => Ok((name, policy)),
            Self::Table(None) => read_table(access, settings).await,
            Self::Table(Some(cache)) => cache.table(access, settings).await,
        }
    }
}

/// The policy in its table, and what to call it.
///
/// # Errors
/// The table cannot be read, or is not valid.
async fn read_table(
    access: &AwsAccess,
    settings: &Settings,
) -> Result<(String, Policy), CommandError> {
    let table = &settings.policy.policy_table;
    let client = aws_sdk_dynamodb::Client::new(&access.config);
    let policy = read_policy(&client, table).await;
    let policy = policy.map_err(|error| trouble::remediation(&error.into(), access))?;
    Ok((format!("the policy table {table}"), policy))
}

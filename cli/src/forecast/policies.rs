//! Where policies come from: files, or the policy table.

use std::path::Path;

use tagwarden_aws::policy_table::{read_policy, row};
use tagwarden_core::Policy;
use tagwarden_remediation::Settings;

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
            None => PolicySource::Table,
            Some(path) => PolicySource::open(path)?,
        };
        let against = match against {
            None => None,
            Some(path) if path == Path::new("table") => Some(PolicySource::Table),
            Some(path) => Some(PolicySource::open(path)?),
        };
        Ok(Self { policy, against })
    }

    /// Whether both are files.
    pub fn are_files(&self) -> bool {
        self.policy.is_file() && self.against.as_ref().is_none_or(PolicySource::is_file)
    }
}

/// Where a policy comes from.
#[derive(Clone, Debug)]
pub enum PolicySource {
    Table,
    File { name: String, policy: Policy },
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
}

/// The policy in its table, and what to call it.
///
/// # Errors
/// The table cannot be read, or is not valid.
pub async fn read_table(
    access: &AwsAccess,
    settings: &Settings,
) -> Result<(String, Policy), CommandError> {
    let table = &settings.policy.policy_table;
    let client = aws_sdk_dynamodb::Client::new(&access.config);
    let policy = read_policy(&client, table).await;
    let policy = policy.map_err(|error| trouble::remediation(&error.into(), access))?;
    Ok((format!("the policy table {table}"), policy))
}

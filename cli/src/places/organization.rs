//! The accounts of the organization that the command's own account belongs to.

use tagwarden_aws::organizations;

use crate::aws::access::AwsAccess;
use crate::aws::trouble;
use crate::exit::CommandError;

/// The numbers of the active accounts.
///
/// # Errors
/// They cannot be read, and what to do about it.
pub async fn accounts(caller: &AwsAccess) -> Result<Vec<String>, CommandError> {
    let accounts = organizations::active_accounts(&caller.config).await;
    accounts.map_err(|error| {
        CommandError::new(
            &format!(
                "the accounts of the organization of {caller}: {}",
                trouble::describe(&error)
            ),
            "Only the management account and delegated administrators may list the accounts (organizations:ListAccounts). \
             Otherwise name them: --accounts 222222222222,333333333333 or --accounts @FILE.",
        )
    })
}

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
    let accounts = accounts.map_err(|error| {
        CommandError::new(
            &format!(
                "the accounts of the organization of {caller}: {}",
                trouble::describe(&error)
            ),
            "Only the management account and delegated administrators may list the accounts (organizations:ListAccounts). \
             Otherwise name them: --accounts 222222222222,333333333333 or --accounts @FILE.",
        )
    })?;
    // Each has its management account at least. No accounts would look like nothing to do.
    if accounts.is_empty() {
        return Err(CommandError::new(
            &format!(
                "the organization of {caller} has no active account, says organizations:ListAccounts"
            ),
            "Check --endpoint-url and the variables AWS_ENDPOINT_URL…, or name the accounts: --accounts \
             222222222222,333333333333 or --accounts @FILE.",
        ));
    }
    Ok(accounts)
}

//! Opens places, each with the credentials of its role.

use std::collections::BTreeMap;

use aws_config::Region;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use futures_util::{StreamExt as _, stream};
use tagwarden_aws::AwsError;
use tagwarden_aws::partition::partition;

use super::options::{AskedAccounts, AskedPlaces};
use super::{Place, UnreadPlace, organization};
use crate::aws::access::{AwsAccess, CredentialsOrigin};
use crate::aws::stack::{FunctionVariables, StackSettings};
use crate::aws::{AwsArgs, adaptive, assumed_role, caller, trouble, why_not_assumed};
use crate::exit::CommandError;

/// The most places that are read at a time. Each holds its instances until it is shown.
const AT_ONCE: usize = 8;

/// What STS and others say of the credentials in a Region that the account has not enabled.
const NOT_ENABLED: [&str; 3] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "AuthFailure",
];

/// The places that are asked for, and the credentials for them.
#[derive(Debug)]
pub struct Places {
    /// The account that the command's own credentials open.
    pub caller: AwsAccess,
    /// In the order in which they were asked for.
    pub list: Vec<Place>,
    /// The role of each account; the caller's own account needs none.
    roles: BTreeMap<String, AccountRole>,
    stack: Option<String>,
}

/// A role of an account.
#[derive(Clone, Debug)]
struct AccountRole {
    arn: String,
    name: String,
    credentials: SharedCredentialsProvider,
}

impl Places {
    /// Opens the command's own account, which makes the first calls, and finds the places. No other place is called.
    ///
    /// # Errors
    /// The own account cannot be opened, or the organization's accounts cannot be read.
    pub async fn open(asked: &AskedPlaces, aws: &AwsArgs) -> Result<Self, CommandError> {
        let first = asked.regions.first().map(String::as_str);
        let caller = aws.open_caller(first).await?;
        let accounts = match &asked.accounts {
            AskedAccounts::These(accounts) => accounts.clone(),
            AskedAccounts::All => organization::accounts(&caller).await?,
            AskedAccounts::Own => match &caller.account {
                Ok(account) => vec![account.clone()],
                Err(error) => {
                    return Err(CommandError::new(
                        &format!(
                            "the account of these credentials is not known: {}",
                            trouble::describe(error)
                        ),
                        trouble::what_next(error, trouble::ACCOUNT),
                    ));
                }
            },
        };
        let regions = match asked.regions.as_slice() {
            [] => vec![caller.region.clone()],
            regions => regions.to_vec(),
        };
        let list = accounts.iter().flat_map(|account| {
            let regions = regions.iter();
            regions.map(|region| Place {
                account: account.clone(),
                region: region.clone(),
            })
        });
        let list: Vec<Place> = list.collect();
        let mut roles = BTreeMap::new();
        for account in &accounts {
            let is_own = caller.account.as_ref() == Ok(account);
            if let (false, Some(name)) = (is_own, &asked.role) {
                let external_id = asked.external_id.as_deref();
                let role = AccountRole::new(&caller, account, name, external_id)?;
                roles.insert(account.clone(), role);
            }
        }
        Ok(Self {
            list,
            roles,
            stack: aws.stack_name().map(ToOwned::to_owned),
            caller,
        })
    }

    /// Reads the places, some at a time, and hands over what `read` makes of each, or why it could not be read, in the order
    /// of the list. What is handed over is not kept.
    ///
    /// # Errors
    /// Those of `take`.
    pub async fn each<T>(
        &self,
        read: impl AsyncFn(AwsAccess) -> Result<T, CommandError>,
        mut take: impl FnMut(&Place, Result<T, UnreadPlace>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let reading = self.list.iter().map(async |place| {
            let opened = self.access(place).await;
            let read = match opened {
                Ok(access) => read(access).await,
                Err(error) => Err(error),
            };
            (place, read.map_err(|error| UnreadPlace::new(place, error)))
        });
        let mut results = std::pin::pin!(stream::iter(reading).buffered(AT_ONCE));
        while let Some((place, result)) = results.next().await {
            take(place, result)?;
        }
        Ok(())
    }

    /// Opens a place: assumes the role of its account, makes sure that its Region answers, and reads its stack.
    async fn access(&self, place: &Place) -> Result<AwsAccess, CommandError> {
        let role = self.roles.get(&place.account);
        let region = Region::new(place.region.clone());
        let mut config = self.caller.config.to_builder().region(region);
        if let Some(role) = role {
            let checked = role.credentials.provide_credentials().await;
            checked.map_err(|error| why_not_assumed(&role.arn, &error))?;
            config = config.credentials_provider(role.credentials.clone());
        }
        let config = config.build();
        check(&config, place).await?;
        let variables = match &self.stack {
            None => FunctionVariables::Process,
            Some(name) => FunctionVariables::Stack(StackSettings::read(&config, name).await?),
        };
        let credentials = match role {
            None => self.caller.credentials.clone(),
            Some(role) => CredentialsOrigin::Role(role.name.clone()),
        };
        Ok(AwsAccess {
            config: adaptive(&config),
            account: Ok(place.account.clone()),
            region: place.region.clone(),
            credentials,
            variables,
        })
    }
}

impl AccountRole {
    fn new(
        caller: &AwsAccess,
        account: &str,
        name: &str,
        external_id: Option<&str>,
    ) -> Result<Self, CommandError> {
        let arn = format!(
            "arn:{}:iam::{account}:role/{name}",
            partition(&caller.region)
        );
        Ok(Self {
            credentials: assumed_role(&caller.config, &arn, external_id)?,
            name: name.to_owned(),
            arn,
        })
    }
}

/// Makes sure that the Region answers, and that the credentials are those of the account. Where STS does not answer at all,
/// the next call says what is wrong.
async fn check(config: &SdkConfig, place: &Place) -> Result<(), CommandError> {
    match caller(config).await {
        Ok(account) if account == place.account => Ok(()),
        Ok(account) => Err(CommandError::new(
            &format!("the credentials are those of account {account}"),
            "Check what --endpoint-url and the variables AWS_ENDPOINT_URL… lead to.",
        )),
        Err(error) if is_not_enabled(&error) => Err(CommandError::new(
            &format!(
                "the Region {} does not know the account's credentials, as where it is not enabled: {}",
                place.region,
                trouble::describe(&error)
            ),
            format!(
                "Leave it out of --regions, or enable it in that account (aws account enable-region --region-name {}).",
                place.region
            ),
        )),
        Err(_) => Ok(()),
    }
}

fn is_not_enabled(error: &AwsError) -> bool {
    error.code().is_some_and(|code| NOT_ENABLED.contains(&code))
}

//! Credentials of profiles that the SDK cannot follow by itself: roles that ask for an MFA code, and console sessions.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use aws_config::credential_process::CredentialProcessProvider;
use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result as CredentialsResult, SharedCredentialsProvider, future,
};
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tagwarden_aws::AwsError;
use tokio::sync::Mutex;

use super::profile::{ProfileChain, ProfileRole, ProfileSource, is_plain};
use super::{credentials, mfa, trouble};
use crate::exit::CommandError;

/// How long before they expire credentials are replaced.
const EARLY: Duration = Duration::from_mins(1);

/// The name of sessions, unless the profile has another: whom CloudTrail shows.
const SESSION_NAME: &str = "tagwarden";

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// Keeps credentials until shortly before they expire. So nobody is asked for a second code, and no program runs twice.
#[derive(Debug)]
pub struct KeptCredentials {
    inner: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
}

/// Follows a profile from its first source through its roles.
#[derive(Debug)]
pub struct RoleChain {
    base: SharedCredentialsProvider,
    roles: Vec<ProfileRole>,
    config: SdkConfig,
}

impl KeptCredentials {
    pub fn new(inner: SharedCredentialsProvider) -> Self {
        let last = Mutex::new(None);
        Self { inner, last }
    }

    async fn credentials(&self) -> CredentialsResult {
        let mut last = self.last.lock().await;
        let soon = SystemTime::now() + EARLY;
        let is_good = |it: &&Credentials| it.expiry().is_none_or(|expiry| expiry > soon);
        if let Some(credentials) = last.as_ref().filter(is_good) {
            return Ok(credentials.clone());
        }
        let credentials = self.inner.provide_credentials().await?;
        *last = Some(credentials.clone());
        Ok(credentials)
    }
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// The SDK's own provider of a profile's credentials. The SDK's chain would still prefer the keys in the environment.
/// A role that the profile assumes is assumed in the given Region.
pub fn of_profile(name: &str, region: Option<Region>) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(
        ProfileFileCredentialsProvider::builder()
            .configure(&ProviderConfig::default().with_region(region))
            .profile_name(name)
            .build(),
    )
}

impl RoleChain {
    /// The provider of a chain. `config` is for the calls to STS.
    ///
    /// # Errors
    /// The profile's name cannot be given to the AWS CLI.
    pub fn new(chain: &ProfileChain, config: &SdkConfig) -> Result<Self, CommandError> {
        let base = match &chain.source {
            ProfileSource::Keys(keys) => SharedCredentialsProvider::new(keys.clone()),
            ProfileSource::Login => {
                SharedCredentialsProvider::new(CredentialProcessProvider::new(export(&chain.base)?))
            }
            _ => of_profile(&chain.base, config.region().cloned()),
        };
        Ok(Self {
            base,
            roles: chain.roles.clone(),
            config: config.clone(),
        })
    }

    /// The provider of one role, which the credentials of `config` assume.
    ///
    /// # Errors
    /// `config` has no credentials.
    pub fn of_role(
        role_arn: &str,
        external_id: Option<&str>,
        config: &SdkConfig,
    ) -> Result<Self, CommandError> {
        let base = config.credentials_provider().ok_or_else(|| {
            CommandError::new(
                &"there are no AWS credentials",
                "Name a profile with --profile or AWS_PROFILE.",
            )
        })?;
        let role = ProfileRole {
            profile: String::new(),
            role_arn: role_arn.to_owned(),
            external_id: external_id.map(ToOwned::to_owned),
            session_name: None,
            mfa_serial: None,
            duration_seconds: None,
        };
        Ok(Self {
            base,
            roles: vec![role],
            config: config.clone(),
        })
    }

    async fn credentials(&self) -> CredentialsResult {
        let mut credentials = self.base.provide_credentials().await?;
        for role in &self.roles {
            credentials = assume(role, credentials, &self.config).await?;
        }
        Ok(credentials)
    }
}

impl ProvideCredentials for RoleChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Credentials of a role, which are renewed before they expire. Nothing is called yet.
///
/// # Errors
/// `config` has no credentials to assume the role with.
pub fn assumed_role(
    config: &SdkConfig,
    role_arn: &str,
    external_id: Option<&str>,
) -> Result<SharedCredentialsProvider, CommandError> {
    let role = SharedCredentialsProvider::new(RoleChain::of_role(role_arn, external_id, config)?);
    Ok(SharedCredentialsProvider::new(KeptCredentials::new(role)))
}

/// Why a role that was asked for gives no credentials, and what to do about it.
pub fn why_not_assumed(role_arn: &str, error: &CredentialsError) -> CommandError {
    let refused = error
        .source()
        .and_then(|source| source.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());
    let Some(refused) = refused.map(|refused| AwsError::new(ASSUME_ROLE, refused)) else {
        let why = credentials::in_short(error);
        return CommandError::new(
            &format!("the role {role_arn} cannot be assumed: {why}"),
            "Renew the credentials of the command, or use others with --profile.",
        );
    };
    let what = format!(
        "the role {role_arn} cannot be assumed: {}",
        trouble::describe(&refused)
    );
    let what_next = match refused.code() {
        Some("AccessDenied") => "Check that the account has this role, that the role's trust policy names the caller and the \
                                 --external-id, and that the caller may call sts:AssumeRole on it. AWS answers each of \
                                 these alike. docs/accounts.md has the policies."
            .to_owned(),
        Some("RegionDisabledException") => {
            "STS is switched off in this Region for the account of the command: use another with --region.".to_owned()
        }
        _ => trouble::what_next(&refused, trouble::ACCOUNT),
    };
    CommandError::new(&what, what_next)
}

/// The command that has the AWS CLI print the credentials of a profile. It refreshes a console session where necessary.
fn export(profile: &str) -> Result<String, CommandError> {
    if is_plain(profile) {
        return Ok(format!(
            "aws configure export-credentials --profile {profile} --format process"
        ));
    }
    Err(CommandError::new(
        &format!("the AWS CLI cannot be asked for the credentials of the profile {profile:?}"),
        "Rename the profile: use letters, digits and -_.@+ only.",
    ))
}

async fn assume(
    role: &ProfileRole,
    credentials: Credentials,
    config: &SdkConfig,
) -> CredentialsResult {
    let code = match &role.mfa_serial {
        None => None,
        Some(serial) => {
            let code = mfa::ask(&role.profile, serial);
            Some(code.map_err(CredentialsError::provider_error)?)
        }
    };
    let config = config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .build();
    let assumed = aws_sdk_sts::Client::new(&config)
        .assume_role()
        .role_arn(&role.role_arn)
        .role_session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME))
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration_seconds)
        .set_serial_number(role.mfa_serial.clone())
        .set_token_code(code)
        .send()
        .await
        .map_err(CredentialsError::provider_error)?;
    let assumed = assumed
        .credentials
        .ok_or_else(|| CredentialsError::unhandled("STS gave no credentials for the role"))?;
    let expiry = SystemTime::try_from(assumed.expiration).map_err(CredentialsError::unhandled)?;
    Ok(Credentials::new(
        assumed.access_key_id,
        assumed.secret_access_key,
        Some(assumed.session_token),
        Some(expiry),
        "role of a profile",
    ))
}

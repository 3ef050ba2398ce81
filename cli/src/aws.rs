//! Which AWS account a command speaks to: the options that every such command has, and what stands in its way.

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tagwarden::aws::{APP_NAME, AwsError};
use tagwarden::settings::{DEFAULT_POLICY_TABLE, Environment};
use tokio::runtime::Runtime;

use crate::exit::Failure;

/// Where AWS is and who asks; what is not said comes from the environment, as with every AWS tool.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
pub struct AwsArgs {
    /// Use this profile, whatever keys the environment has
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Use this Region, not the environment's or profile's
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    // A doc comment would have to write the address as a link.
    #[arg(
        long,
        value_name = "URL",
        help = "Call AWS at this address: http://127.0.0.1:5000"
    )]
    endpoint_url: Option<String>,
}

/// Where the policy is.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
pub struct TableArgs {
    // A doc comment would have to put the names in backticks.
    #[arg(
        long,
        value_name = "TABLE",
        help = "The policy table [default: TAGWARDEN_POLICY_TABLE,\nelse acme_cloud_policy_tagging_def]"
    )]
    table: Option<String>,
}

impl TableArgs {
    /// The table's name.
    pub fn name(&self) -> String {
        self.table
            .clone()
            .or_else(|| Environment::of_process().get("TAGWARDEN_POLICY_TABLE"))
            .unwrap_or_else(|| DEFAULT_POLICY_TABLE.to_owned())
    }
}

/// A runtime to call AWS in.
///
/// # Errors
/// The operating system refuses what it needs.
pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                &format!("the program cannot start: {error}"),
                "Look at the limits of this shell (`ulimit -a`), then run the command again.",
            )
        })
}

impl AwsArgs {
    /// The SDK's configuration, with a Region and with credentials: what is missing is said before the first call.
    ///
    /// A call that fails is tried three times, as by every AWS tool: a person waits. Commands with thousands of calls
    /// set adaptive retry on top, as the functions have it.
    ///
    /// # Errors
    /// There is no Region, or there are no credentials.
    pub async fn load(&self) -> Result<SdkConfig, Failure> {
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::standard());
        if let Ok(name) = AppName::new(APP_NAME) {
            loader = loader.app_name(name);
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let mut config = loader.load().await;
        if config.region().is_none() {
            return Err(Failure::new(
                &"there is no AWS Region to call",
                "Say which with --region, AWS_REGION, or `aws configure set region`.",
            ));
        }
        if let Some(profile) = &self.profile {
            // The SDK's own chain would still take the keys of the environment first: not whom was asked for.
            // A role that the profile assumes is asked for in the same Region.
            let provider = ProfileFileCredentialsProvider::builder()
                .configure(&ProviderConfig::default().with_region(config.region().cloned()))
                .profile_name(profile)
                .build();
            let builder = config.into_builder();
            config = builder
                .credentials_provider(SharedCredentialsProvider::new(provider))
                .build();
        }
        let credentials = match config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await.err(),
            None => None,
        };
        match credentials {
            None => Ok(config),
            Some(error) => Err(self.no_credentials(&error)),
        }
    }

    fn no_credentials(&self, error: &dyn std::error::Error) -> Failure {
        let why = std::iter::successors(Some(error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ");
        match &self.profile {
            Some(profile) => Failure::new(
                &format!("the profile {profile:?} gives no AWS credentials: {why}"),
                "`aws configure list-profiles` names the profiles there are. For one of IAM Identity Center, hand \
                 its credentials over: eval \"$(aws configure export-credentials --profile NAME --format env)\".",
            ),
            None => Failure::new(
                &format!("there are no AWS credentials: {why}"),
                "Say whose to use with --profile, AWS_PROFILE or AWS_ACCESS_KEY_ID. After `aws sso login`, hand them \
                 over: eval \"$(aws configure export-credentials --format env)\".",
            ),
        }
    }
}

/// The name of the Region that `config` calls.
pub fn region(config: &SdkConfig) -> &str {
    config.region().map_or("?", AsRef::as_ref)
}

/// What to do about a call on the policy table that failed.
pub fn table_failure(error: &AwsError, table: &str, region: &str) -> Failure {
    let what = format!("the policy table {table:?} in {region}: {error}");
    let what_next = match error.code() {
        Some("ResourceNotFoundException") => {
            "There is no such table here. Name another with --table, another Region with --region or another account \
             with --profile; tagwarden's stack creates the table (docs/deploy.md)."
        }
        Some("AccessDeniedException") => {
            "These credentials may not do that: docs/policy-file.md lists the permissions each command needs."
        }
        Some(
            "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException",
        ) => {
            "AWS does not accept these credentials: renew them (`aws sso login`), or use others with --profile."
        }
        Some(_) => "Run the command again; if it fails again, AWS's message says what to change.",
        None => "AWS could not be reached: look at the network, --endpoint-url and --region.",
    };
    Failure::new(&what, what_next)
}

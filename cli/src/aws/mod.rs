//! The AWS account that a command calls: its options, its configuration, and what to do when a call fails.
//!
//! | module | what it holds |
//! |---|---|
//! | [`credentials`] | why there are no credentials, and what to do about it |
//! | [`trouble`] | why a call failed, and what to do about it |

mod credentials;
pub mod trouble;

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use clap::builder::NonEmptyStringValueParser;
use tagwarden_aws::{APP_NAME, AwsError};
use tagwarden_core::settings::{DEFAULT_POLICY_TABLE, Environment};
use tokio::runtime::Runtime;

use crate::debug;
use crate::exit::CommandError;

/// The longest wait for an answer from AWS. The SDK itself would wait forever.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The environment variables that hold AWS's address.
const ADDRESSES: [&str; 6] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDTRAIL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_STS",
];

/// The options that say which account and Region to call. The environment supplies the rest, as for every AWS tool.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
pub struct AwsArgs {
    /// Use this profile, whatever keys the environment has
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    profile: Option<String>,

    /// Use this Region, not the environment's or profile's
    #[arg(long, value_name = "REGION", value_parser = NonEmptyStringValueParser::new())]
    region: Option<String>,

    // A doc comment would have to write the address as a link.
    #[arg(
        long,
        value_name = "URL",
        value_parser = NonEmptyStringValueParser::new(),
        help = "Call AWS at this address: http://127.0.0.1:5000"
    )]
    endpoint_url: Option<String>,
}

/// The option that names the policy table.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
pub struct TableArgs {
    // A doc comment would have to put the names in backticks.
    #[arg(
        long,
        value_name = "TABLE",
        value_parser = NonEmptyStringValueParser::new(),
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

/// Creates a runtime to call AWS in.
///
/// # Errors
/// The operating system refuses the resources.
pub fn runtime() -> Result<Runtime, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::new(
                &format!("the program cannot start: {error}"),
                "Check the limits of this shell (`ulimit -a`), then run the command again.",
            )
        })
}

impl AwsArgs {
    /// Loads the SDK's configuration, and checks its Region and credentials before the first call.
    ///
    /// A call is tried three times, as by every AWS tool, because a person waits. Commands that make thousands of calls
    /// use [`adaptive`] retry.
    ///
    /// # Errors
    /// There is no Region, there are no credentials, or one of them is invalid.
    pub async fn load(&self) -> Result<SdkConfig, CommandError> {
        let patience = TimeoutConfig::builder().read_timeout(LONGEST_SILENCE);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard())
            .timeout_config(patience.build());
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
        if debug::is_on() {
            loader = loader.http_client(debug::http_client());
        }
        self.check_address()?;
        let mut config = loader.load().await;
        check_region(&config)?;
        if let Some(profile) = &self.profile {
            // The SDK's own chain would still prefer the keys in the environment to the profile.
            // A role that the profile assumes is assumed in the same Region.
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
            Some(error) => Err(credentials::failure(self.profile.as_deref(), &error)),
        }
    }

    /// Refuses an invalid address. The SDK would ignore one in the environment, and call AWS itself. Addresses that the
    /// SDK is told to ignore are not checked.
    fn check_address(&self) -> Result<(), CommandError> {
        let environment = Environment::of_process();
        let is_ignored = environment
            .get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            .is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        let variables = ADDRESSES.iter().filter(|_| !is_ignored);
        let variables = variables.map(|name| (*name, environment.get(name)));
        let option = [("--endpoint-url", self.endpoint_url.clone())];
        let said = option.into_iter().chain(variables);
        let wrong = said
            .filter_map(|(from, url)| Some((from, url?)))
            .find(|(_, url)| !is_address(url));
        match wrong {
            None => Ok(()),
            Some((from, url)) => Err(CommandError::new(
                &format!("AWS cannot be called at {url:?} ({from})"),
                "Give a complete address, such as http://127.0.0.1:5000.",
            )),
        }
    }
}

/// Checks that there is a Region, and that it can be a part of host names.
fn check_region(config: &SdkConfig) -> Result<(), CommandError> {
    let what = match config.region() {
        None => "no AWS Region given".to_owned(),
        Some(region) if !is_region(region.as_ref()) => {
            format!(
                "{:?} is not an AWS Region (such as eu-west-1)",
                region.as_ref()
            )
        }
        Some(_) => return Ok(()),
    };
    Err(CommandError::new(
        &what,
        "Set it with --region, AWS_REGION, or `aws configure set region`.",
    ))
}

/// The configuration for commands that make many calls: the client slows down when AWS throttles it.
pub fn adaptive(config: &SdkConfig) -> SdkConfig {
    let retry = RetryConfig::adaptive().with_max_attempts(5);
    config.clone().into_builder().retry_config(retry).build()
}

/// The name of the Region that `config` calls.
pub fn region(config: &SdkConfig) -> &str {
    config.region().map_or("?", AsRef::as_ref)
}

/// What to do about a call on the policy table that failed.
pub fn table_failure(error: &AwsError, table: &str, region: &str) -> CommandError {
    CommandError::new(
        &format!(
            "the policy table {table:?} in {region}: {}",
            trouble::describe(error)
        ),
        trouble::what_next(error, trouble::POLICY_TABLE),
    )
}

/// Whether this can be a Region's name, which becomes a part of host names.
fn is_region(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !name.is_empty() && name.len() < 64 && name.bytes().all(is_inner)
}

/// Whether this is an address with a scheme and a host.
fn is_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?']))
}

//! Which AWS account a command speaks to: the options that every such command has, and what stands in its way.
//!
//! | module | what it holds |
//! |---|---|
//! | [`credentials`] | why there are none |
//! | [`trouble`] | why a call failed |

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

use crate::exit::Failure;

/// How long AWS may say nothing in answer to a request; the SDK itself would wait for ever.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Who says in the environment where AWS is.
const ADDRESSES: [&str; 6] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDTRAIL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_STS",
];

/// Where AWS is and who asks; what is not said comes from the environment, as with every AWS tool.
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

/// Where the policy is.
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
    /// There is no Region, there are no credentials, or what was said of either cannot be.
    pub async fn load(&self) -> Result<SdkConfig, Failure> {
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
        self.check_address()?;
        let mut config = loader.load().await;
        check_region(&config)?;
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
            Some(error) => Err(credentials::failure(self.profile.as_deref(), &error)),
        }
    }

    /// The SDK would pass over an address in the environment that is none, and call AWS itself. Where it is told to
    /// ignore all of them, so does this.
    fn check_address(&self) -> Result<(), Failure> {
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
            Some((from, url)) => Err(Failure::new(
                &format!("AWS cannot be called at {url:?} ({from})"),
                "Say a whole address, such as http://127.0.0.1:5000.",
            )),
        }
    }
}

/// A Region, and one that the SDK can make host names of.
fn check_region(config: &SdkConfig) -> Result<(), Failure> {
    let what = match config.region() {
        None => "there is no AWS Region to call".to_owned(),
        Some(region) if !is_region(region.as_ref()) => {
            format!("{:?} is no AWS Region (such as eu-west-1)", region.as_ref())
        }
        Some(_) => return Ok(()),
    };
    Err(Failure::new(
        &what,
        "Say which with --region, AWS_REGION, or `aws configure set region`.",
    ))
}

/// The name of the Region that `config` calls.
pub fn region(config: &SdkConfig) -> &str {
    config.region().map_or("?", AsRef::as_ref)
}

/// What to do about a call on the policy table that failed.
pub fn table_failure(error: &AwsError, table: &str, region: &str) -> Failure {
    Failure::new(
        &format!(
            "the policy table {table:?} in {region}: {}",
            trouble::told(error)
        ),
        trouble::what_next(error, trouble::POLICY_TABLE),
    )
}

/// Whether it can be a Region's name: it becomes a part of host names.
fn is_region(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !name.is_empty() && name.len() < 64 && name.bytes().all(is_inner)
}

/// Whether it is an address with everything that a call needs to know.
fn is_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?']))
}

//! The AWS account that a command calls: its options, its configuration, and what to do when a call fails.
//!
//! | module | what it holds |
//! |---|---|
//! | [`access`] | an account that is open, and how people know it from others |
//! | [`account`] | which account it is, and whether it is the one that is meant |
//! | [`other`] | calls of services whose SDKs are not worth their size |
//! | [`stack`] | the functions' settings, from the environment or from a stack |
//! | [`table`] | which table the policy is in, also by ARN |
//! | [`profile`], [`provider`], [`mfa`] | the AWS CLI's profiles, those that the SDK cannot follow, and the codes that they ask for |
//! | [`credentials`] | why there are no credentials, and what to do about it |
//! | [`trouble`] | why a call failed, and what to do about it |

pub mod access;
mod account;
mod credentials;
mod mfa;
pub mod other;
mod profile;
mod provider;
pub mod stack;
mod table;
pub mod trouble;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use clap::builder::NonEmptyStringValueParser;
use tagwarden_aws::APP_NAME;
use tagwarden_core::settings::Environment;
use tokio::runtime::Runtime;

use access::{AwsAccess, CredentialsOrigin};
pub use account::{account_id, quick_caller as caller};
use profile::{ChosenProfile, Profiles};
use provider::{KeptCredentials, RoleChain};
pub use provider::{assumed_role, why_not_assumed};
use stack::{FunctionVariables, StackSettings};
pub use table::{TableArgs, describe_table, table_failure};

use crate::debug;
use crate::exit::CommandError;

/// The longest wait for an answer from AWS. The SDK itself would wait forever.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The environment variables that hold AWS's address.
const ADDRESSES: [&str; 18] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDFORMATION",
    "AWS_ENDPOINT_URL_CLOUDTRAIL",
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_CONFIG_SERVICE",
    "AWS_ENDPOINT_URL_COST_EXPLORER",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
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

    // Doc comments would have to put the name in backticks.
    #[arg(
        long,
        value_name = "ID",
        value_delimiter = ',',
        value_parser = account::account_id,
        help = "Refuse any other account than this (12 digits)\n[default: TAGWARDEN_EXPECT_ACCOUNT, else any]"
    )]
    expect_account: Vec<String>,

    #[arg(
        long,
        value_name = "NAME",
        value_parser = stack::stack_name,
        help = "Use the settings and tables of this stack's\nfunctions, unless an option overrides them"
    )]
    stack: Option<String>,
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
    /// Whether the settings come from a stack, which has to be read from AWS.
    pub fn has_stack(&self) -> bool {
        self.stack.is_some()
    }

    /// The name of the stack that the settings come from.
    pub fn stack_name(&self) -> Option<&str> {
        self.stack.as_deref()
    }

    /// Opens the account: loads the SDK's configuration, checks its Region, credentials and account before the first call
    /// that reads or writes, and reads the stack.
    ///
    /// A call is tried three times, as by every AWS tool, because a person waits. Commands that make thousands of calls
    /// use [`adaptive`] retry.
    ///
    /// # Errors
    /// There is no Region, there are no credentials, one of them is invalid, the account is not the expected one, or there
    /// is no such stack.
    pub async fn open(&self) -> Result<AwsAccess, CommandError> {
        let mut access = self.open_caller(None).await?;
        if let Some(name) = &self.stack {
            let stack = StackSettings::read(&access.config, name).await?;
            access.variables = FunctionVariables::Stack(stack);
        }
        Ok(access)
    }

    /// Opens the account as [`open`](Self::open) does, but for the stack, which is not read. Where no Region is given, the
    /// account is called in the `fallback`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_caller(&self, fallback: Option<&str>) -> Result<AwsAccess, CommandError> {
        self.check_address()?;
        let expected = account::expected(&self.expect_account)?;
        let chosen = ChosenProfile::new(self.profile.as_deref());
        // Without its files, the SDK still finds other credentials, and otherwise says what is wrong with the files.
        let profiles = Profiles::read().await.ok();
        if let Some(profiles) = profiles.as_ref().filter(|_| chosen.is_first()) {
            // An unknown profile has no Region either. What is wrong is the name.
            profiles.check(&chosen)?;
        }
        let config = self.configure(&chosen, profiles.as_ref(), fallback);
        let config = config.await?;
        let account = account::check(&config, &expected).await?;
        Ok(AwsAccess {
            region: region(&config).to_owned(),
            account,
            credentials: CredentialsOrigin::new(&chosen, profiles.as_ref()),
            variables: FunctionVariables::Process,
            config,
        })
    }

    /// The configuration, with credentials that work.
    async fn configure(
        &self,
        chosen: &ChosenProfile,
        profiles: Option<&Profiles>,
        fallback: Option<&str>,
    ) -> Result<SdkConfig, CommandError> {
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
        let mut config = loader.load().await;
        if let (None, Some(region)) = (config.region(), fallback) {
            let region = Region::new(region.to_owned());
            config = config.into_builder().region(region).build();
        }
        check_region(&config, chosen)?;
        let chain = profiles.filter(|_| chosen.is_first());
        let chain = chain.and_then(|profiles| profiles.chain(chosen.name_or_default()));
        let provider = match (&chain, &self.profile) {
            (Some(chain), _) if chain.is_beyond_the_sdk() => Some(SharedCredentialsProvider::new(
                RoleChain::new(chain, &config)?,
            )),
            (_, Some(profile)) => {
                let region = config.region().cloned();
                Some(provider::of_profile(profile, region))
            }
            _ => config.credentials_provider(),
        };
        let Some(provider) = provider else {
            return Ok(config);
        };
        let provider = SharedCredentialsProvider::new(KeptCredentials::new(provider));
        if let Err(error) = provider.provide_credentials().await {
            let failure = credentials::Failure {
                chosen,
                chain: chain.as_ref(),
                region: region(&config),
            };
            return Err(failure.explain(&error));
        }
        let builder = config.into_builder();
        Ok(builder.credentials_provider(provider).build())
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
            Some(("--endpoint-url", url)) => Err(CommandError::misused(
                &format!("AWS cannot be called at {url:?} (--endpoint-url)"),
                "Give a complete address, such as http://127.0.0.1:5000.",
            )),
            Some((from, url)) => Err(CommandError::new(
                &format!("AWS cannot be called at {url:?} ({from})"),
                "Give a complete address, such as http://127.0.0.1:5000.",
            )),
        }
    }
}

/// Checks that there is a Region, and that it can be a part of host names.
fn check_region(config: &SdkConfig, chosen: &ChosenProfile) -> Result<(), CommandError> {
    let what = match (config.region(), chosen.name()) {
        (None, None) => "no AWS Region given".to_owned(),
        (None, Some(_)) => format!("no AWS Region given, and {} has none", chosen.named()),
        (Some(region), _) if !is_region(region.as_ref()) => {
            format!(
                "{:?} is not an AWS Region (such as eu-west-1)",
                region.as_ref()
            )
        }
        (Some(_), _) => return Ok(()),
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

/// Whether this can be a Region's name, which becomes a part of host names.
pub fn is_region(name: &str) -> bool {
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

//! The SDK's configuration of a Lambda function, from its environment variables only.
//!
//! The SDK's default chain also reads profiles, asks the metadata endpoints of instances and containers, and assumes
//! roles through STS. A function on `provided.al2023` has none of these, and the code for them is a tenth of the
//! executable.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::origin::Origin;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use tagwarden_core::settings::{Environment, SettingError};

/// The name of this program in the `User-Agent` header, and so in CloudTrail: `app/tagwarden`.
pub const APP_NAME: &str = "tagwarden";

/// The most attempts of a request that is throttled or fails in transit.
const ATTEMPTS: u32 = 5;

/// How long to wait for a connection: the SDK's default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// The configuration that Lambda's environment describes: the Region, the role's credentials, and the SDK's variables
/// for endpoints (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_EC2` and so on, `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`,
/// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`).
///
/// All clients made with it share one HTTP client, so that the root certificates are loaded once. Retry is adaptive:
/// a client that AWS throttles slows down.
///
/// See [Settings reference](https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html) and
/// [Defined runtime environment variables](https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
///
/// # Errors
/// [`SettingError`] names a variable whose value cannot be read.
pub fn function_config(environment: &Environment<'_>) -> Result<SdkConfig, SettingError> {
    let region = environment
        .get("AWS_REGION")
        .or_else(|| environment.get("AWS_DEFAULT_REGION"));
    let endpoints = Endpoints::from_environment(environment)?;
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(http_client())
        .time_source(SystemTimeSource::new())
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .build(),
        )
        .use_fips(flag(environment, "AWS_USE_FIPS_ENDPOINT")?)
        .use_dual_stack(flag(environment, "AWS_USE_DUALSTACK_ENDPOINT")?);
    config.set_endpoint_url(endpoints.of_all.clone());
    config.insert_origin("endpoint_url", Origin::shared_environment_variable());
    config.set_app_name(AppName::new(APP_NAME).ok());
    Ok(config.service_config(endpoints).build())
}

/// The HTTP client that the SDK makes by default: TLS by rustls and AWS-LC, and the proxy that the environment names.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// The configuration with one HTTP client for everybody. Without it, each SDK makes its own, and reads the authorities'
/// certificates again.
#[must_use]
pub fn with_http_client(config: &SdkConfig) -> SdkConfig {
    if config.http_client().is_some() {
        return config.clone();
    }
    let builder = config.clone().into_builder();
    builder.http_client(http_client()).build()
}

/// The endpoints that the environment sets in place of the SDK's own.
///
/// See [Service-specific endpoints](https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
#[derive(Debug)]
struct Endpoints {
    of_all: Option<String>,
    /// URLs by the service's name in the variable: `SERVICE` of `AWS_ENDPOINT_URL_SERVICE`.
    of_one: Vec<(String, String)>,
}

impl Endpoints {
    fn from_environment(environment: &Environment<'_>) -> Result<Self, SettingError> {
        if flag(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")? {
            return Ok(Self {
                of_all: None,
                of_one: Vec::new(),
            });
        }
        let of_one = SERVICES.iter().filter_map(|service| {
            let url = environment.get(&format!("AWS_ENDPOINT_URL_{service}"))?;
            Some(((*service).to_owned(), url))
        });
        Ok(Self {
            of_all: environment.get("AWS_ENDPOINT_URL"),
            of_one: of_one.collect(),
        })
    }
}

/// The services that the functions call, as they are named in `AWS_ENDPOINT_URL_SERVICE`.
const SERVICES: [&str; 8] = [
    "CLOUDFORMATION",
    "CLOUDTRAIL",
    "CONFIG_SERVICE",
    "DYNAMODB",
    "EC2",
    "SESV2",
    "SNS",
    "SQS",
];

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != "AWS_ENDPOINT_URL" {
            return None;
        }
        let service = key.service_id().to_uppercase().replace(' ', "_");
        let url = self.of_one.iter().find(|(of, _)| *of == service);
        url.map(|(_, url)| url.clone())
    }
}

/// Reads the boolean variable `name`, which is false if it is unset.
fn flag(environment: &Environment<'_>, name: &'static str) -> Result<bool, SettingError> {
    environment.read(name, false, |value| match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<SdkConfig, SettingError> {
        function_config(&Environment::new(&|name| {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }))
    }

    fn endpoint_of(config: &SdkConfig, service_id: &str) -> Option<String> {
        let key = ServiceConfigKey::builder()
            .service_id(service_id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .unwrap();
        let of_one = config.service_config().unwrap().load_config(key);
        of_one.or_else(|| config.endpoint_url().map(str::to_owned))
    }

    #[test]
    fn prefers_the_region_that_lambda_sets() {
        let region = |variables: &[(&str, &str)]| {
            config(variables).unwrap().region().map(ToString::to_string)
        };
        assert_eq!(
            region(&[
                ("AWS_REGION", "eu-west-1"),
                ("AWS_DEFAULT_REGION", "us-east-1")
            ]),
            Some("eu-west-1".to_owned())
        );
        assert_eq!(
            region(&[("AWS_DEFAULT_REGION", "us-east-1")]),
            Some("us-east-1".to_owned())
        );
        assert_eq!(region(&[]), None);
    }

    #[test]
    fn an_endpoint_of_one_service_overrides_the_endpoint_of_all() {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_CONFIG_SERVICE", "http://config"),
        ];
        let config_of = config(&variables).unwrap();
        let config_service = endpoint_of(&config_of, "Config Service");
        assert_eq!(config_service.as_deref(), Some("http://config"));
        assert_eq!(
            endpoint_of(&config_of, "EC2").as_deref(),
            Some("http://all")
        );

        variables.push(("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"));
        let config_of = config(&variables).unwrap();
        assert_eq!(endpoint_of(&config_of, "Config Service"), None);
        assert_eq!(endpoint_of(&config_of, "EC2"), None);
    }

    #[test]
    fn rejects_a_flag_that_is_not_a_boolean() {
        let use_fips = |value| config(&[("AWS_USE_FIPS_ENDPOINT", value)]);
        assert_eq!(use_fips("TRUE").unwrap().use_fips(), Some(true));
        assert_eq!(
            use_fips("yes").unwrap_err().to_string(),
            r#"the environment variable AWS_USE_FIPS_ENDPOINT is "yes": it must be true or false"#
        );
    }
}

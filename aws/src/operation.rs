//! One operation of a service whose whole SDK is not worth its size, on the SDK's own runtime: its signing, retries,
//! timeouts and HTTP client.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

/// The operation, and where it is.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOperation<'a> {
    /// The id of the service's SDK, such as `SESv2`.
    pub service: &'static str,
    /// Such as `SendEmail`.
    pub name: &'static str,
    /// The service's name in signatures, such as `ses`.
    pub signing_name: &'static str,
    /// The Region that is called.
    pub region: &'a str,
    /// The URL that is called.
    pub endpoint: &'a str,
    /// The most attempts.
    pub attempts: u32,
    /// How long all attempts together may take.
    pub longest: Duration,
}

/// The answer of a service that refuses a call.
#[derive(Debug)]
pub struct RefusedCall(ErrorMetadata);

impl ServiceOperation<'_> {
    /// The operation with the credentials, the clock and the HTTP client of `config`. `write` makes the request, `read` reads
    /// the answer.
    ///
    /// # Errors
    /// `config` has no credentials or no HTTP client. The message is for a person.
    pub fn build<I, O>(
        self,
        config: &SdkConfig,
        write: impl Fn(I) -> Result<HttpRequest, BoxError> + Send + Sync + 'static,
        read: impl Fn(&HttpResponse) -> Result<O, OrchestratorError<RefusedCall>>
        + Send
        + Sync
        + 'static,
    ) -> Result<Operation<I, O, RefusedCall>, String>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
    {
        let credentials = config.credentials_provider().ok_or("no credentials")?;
        let http_client = config.http_client().ok_or("no HTTP client")?;
        let mut components = RuntimeComponentsBuilder::new(self.service);
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )));
        let credentials = SharedIdentityResolver::new(credentials);
        components.set_identity_resolver(SCHEME_ID, credentials);
        let cache = config.identity_cache();
        components.set_identity_cache(Some(cache.unwrap_or_else(IdentityCache::no_cache)));
        components.set_time_source(config.time_source());
        components.set_sleep_impl(config.sleep_impl());

        let mut signing = Layer::new(self.service);
        signing.store_put(AuthSchemeOptionResolverParams::new(()));
        signing.store_put(SigningName::from_static(self.signing_name));
        signing.store_put(SigningRegion::from(Region::new(self.region.to_owned())));
        signing.store_put(SigV4OperationSigningConfig {
            signing_options: SigningOptions::default(),
            ..SigV4OperationSigningConfig::default()
        });
        let plugin = StaticRuntimePlugin::new()
            .with_config(signing.freeze())
            .with_runtime_components(components);

        let timeouts = config.timeout_config().cloned();
        let timeouts = timeouts.map_or_else(TimeoutConfig::builder, TimeoutConfig::into_builder);
        Ok(Operation::builder()
            .service_name(self.service)
            .operation_name(self.name)
            .endpoint_url(self.endpoint)
            .http_client(http_client)
            .timeout_config(timeouts.operation_timeout(self.longest).build())
            .standard_retry(&RetryConfig::standard().with_max_attempts(self.attempts))
            .retry_classifier(TransientErrorClassifier::<RefusedCall>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(AwsErrorCodeClassifier::<RefusedCall>::new())
            .with_connection_poisoning()
            .runtime_plugin(plugin)
            .serializer(write)
            .deserializer(read)
            .build())
    }
}

impl RefusedCall {
    /// The refusal with its code and message, as far as the service gives them.
    #[must_use]
    pub fn answer(code: Option<&str>, message: Option<&str>) -> OrchestratorError<RefusedCall> {
        let mut error = ErrorMetadata::builder();
        if let Some(code) = code {
            error = error.code(code);
        }
        if let Some(message) = message {
            error = error.message(message);
        }
        OrchestratorError::operation(Self(error.build()))
    }

    /// The refusal in the answer of a service that speaks JSON.
    pub(crate) fn of_json(response: &HttpResponse) -> OrchestratorError<RefusedCall> {
        let (code, message) = json_refusal(response);
        Self::answer(code.as_deref(), message.as_deref())
    }
}

/// The code and the message of a refusal by a service that speaks JSON, as far as it gives them. The code is in a header, or
/// in the body.
#[must_use]
pub fn json_refusal(response: &HttpResponse) -> (Option<String>, Option<String>) {
    let body = response.body().bytes().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| {
        let mut names = names.into_iter();
        names.find_map(|name| body.get(name)?.as_str())
    };
    let header = response.headers().get("x-amzn-errortype");
    let code = header.or_else(|| text(["__type", "code"]));
    // `MessageRejected:http://internal.amazon.com/…`, `com.amazonaws.ses#MessageRejected`
    let code = code.and_then(|code| code.split(':').next());
    let code = code.and_then(|code| code.rsplit('#').next());
    let message = text(["message", "Message"]);
    (code.map(ToOwned::to_owned), message.map(ToOwned::to_owned))
}

/// The endpoint that `config` sets for the service with the id `service` in the place of its own.
#[must_use]
pub fn set_endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| {
        let services = config.service_config()?;
        services.load_config(key)
    });
    own.or_else(|| config.endpoint_url().map(ToOwned::to_owned))
}

impl ProvideErrorMetadata for RefusedCall {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl fmt::Display for RefusedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RefusedCall {}

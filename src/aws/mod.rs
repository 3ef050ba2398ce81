//! Thin readers and writers of AWS: they page, batch, send again and report errors; they decide nothing.

mod clock;
mod ec2;
mod error;
pub mod evaluations;
pub mod instances;
pub mod policy_table;

use aws_config::retry::RetryConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, SdkConfig};

pub use clock::Clock;
pub use ec2::Ec2;
pub use error::AwsError;

/// Loads the SDK's configuration from the environment, as every AWS tool does, with adaptive retry: where AWS
/// asks for less, the client slows down.
pub async fn load_config() -> SdkConfig {
    config_loader().load().await
}

/// The loader behind [`load_config`], for whoever has more to say: a profile, a Region, an endpoint.
#[must_use]
pub fn config_loader() -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::adaptive().with_max_attempts(5));
    match AppName::new("tagwarden") {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    }
}

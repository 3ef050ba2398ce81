//! Thin readers and writers of AWS: they page, batch, send again and report errors; they decide nothing.

mod clock;
mod config;
mod ec2;
mod error;
pub mod evaluations;
pub mod instances;
pub mod policy_table;

pub use clock::Clock;
pub use config::{APP_NAME, function_config};
pub use ec2::Ec2;
pub use error::AwsError;

//! What tagwarden reads from AWS and writes to it.
//!
//! The readers and writers page, batch, retry and report errors. They decide nothing: that is `tagwarden-core`'s.
//!
//! | module | what it holds |
//! |---|---|
//! | [`policy_table`] | the policy, from its DynamoDB table |
//! | [`instances`] | instances, from DescribeInstances |
//! | [`history`] | configuration items, from AWS Config's history |
//! | [`evaluations`] | the Config rule's results: what Config shows, and what it is sent |
//! | [`lambda`] | what both Lambda functions share: start-up, errors, log, metrics |
//!
//! [`Ec2`] is the EC2 client that keeps EC2's request quotas. [`function_config`] is the SDK's configuration of a Lambda
//! function. [`Clock`] is the time of the SDK's clients. [`AwsError`] is what any call fails with.

mod clock;
mod config;
mod ec2;
mod error;
pub mod evaluations;
mod from_ec2;
pub mod history;
pub mod instances;
pub mod lambda;
pub mod policy_table;

pub use clock::Clock;
pub use config::{APP_NAME, function_config};
pub use ec2::Ec2;
pub use error::AwsError;

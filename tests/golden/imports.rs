//! The names that the fixtures' replay needs, each in one place.

pub use tagwarden_aws::lambda::FunctionError;
pub use tagwarden_core::settings::{Environment, PolicySettings};
pub use tagwarden_rule::Rule;

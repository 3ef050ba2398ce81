//! The place of the account: its number and its Region.

/// The account's number.
pub const ACCOUNT_ID: &str = "111111111111";

/// The account's only Region.
pub const REGION: &str = "us-east-1";

//! The place of the account: its number and its Region.

/// The account's number.
pub const ACCOUNT_ID: &str = "111111111111";

/// The account's only Region.
pub const REGION: &str = "us-east-1";

/// The caller of every call to the account, as refusals name it.
pub(crate) const CALLER: &str = "arn:aws:sts::111111111111:assumed-role/tagwarden/tagwarden";

//! The place of an account: its number and its Region.

/// The account's number.
pub const ACCOUNT_ID: &str = "111111111111";

/// The account's Region.
pub const REGION: &str = "us-east-1";

/// The caller of every call to the account, as refusals name it.
pub(crate) const CALLER: &str = "arn:aws:sts::111111111111:assumed-role/tagwarden/tagwarden";

/// Where an account is: [`ACCOUNT_ID`] and [`REGION`], but for the other places of an
/// [`Organization`](crate::Organization).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SandboxPlace {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl SandboxPlace {
    pub(crate) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The Availability Zone of this Region with the letter of `zone`; a zone of another Region stays as it is.
    pub(crate) fn zone(&self, zone: &str) -> String {
        match zone.strip_prefix(REGION) {
            Some(letter) => format!("{}{letter}", self.region),
            None => zone.to_owned(),
        }
    }

    /// The ARN of its table with this name.
    pub(crate) fn table_arn(&self, name: &str) -> String {
        let Self { account, region } = self;
        format!("arn:aws:dynamodb:{region}:{account}:table/{name}")
    }
}

impl Default for SandboxPlace {
    fn default() -> Self {
        Self::new(ACCOUNT_ID, REGION)
    }
}

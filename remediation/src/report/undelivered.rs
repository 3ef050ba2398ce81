//! Letters that could not be sent.

use serde::Serialize;

/// A letter that could not be sent to where the policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UndeliveredLetter {
    /// Whom it was for.
    pub owner: String,
    /// Where it was to go: a topic's ARN, or `mailto:` and an address.
    pub contact: String,
    /// Why it did not.
    #[serde(rename = "reason")]
    pub why: String,
    /// How many entries it had.
    pub entries: usize,
}

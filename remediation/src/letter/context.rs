//! What letters need beside the report.

use chrono::{DateTime, Utc};
use tagwarden_core::Policy;

use super::wording::LetterWording;

/// What letters need beside the report.
#[derive(Clone, Copy, Debug)]
pub struct LetterContext<'a> {
    /// The policy, which says which tags keep a resource.
    pub policy: &'a Policy,
    /// Where the resources are; none: no links.
    pub region: Option<&'a str>,
    /// The policy table's own text of letters; none: the built-in text.
    pub wording: Option<&'a LetterWording>,
    /// The present.
    pub now: DateTime<Utc>,
}

//! What is not known of a resource's tags.
//!
//! AWS describes all tags of a resource that exists. A resource that is only planned may get tags whose keys or values
//! nobody knows yet: a template's parameter, the output of another resource, the tags of a launch template elsewhere.

use std::collections::BTreeSet;

/// What is not known of a resource's tags. The default is that they are all known.
///
/// What is not known is never a defect: see [`UnknownTag`](crate::assessment::UnknownTag).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownTags {
    /// The keys that are there with values that are not known.
    pub keys: BTreeSet<String>,
    /// The keys that may be there or not, with any value.
    pub doubtful: BTreeSet<String>,
    /// Whether there may be tags with any other key.
    pub has_others: bool,
}

/// What is known of the tag with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKnowledge {
    /// Whether it is there, and its value if it is.
    Known,
    /// It is there. Its value is not known.
    ValueUnknown,
    /// Nothing.
    Unknown,
}

impl UnknownTags {
    /// Whether all tags are known.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.has_others && self.keys.is_empty() && self.doubtful.is_empty()
    }

    /// What is known of the tag `key`, which is not among the tags that are known.
    #[must_use]
    pub fn of(&self, key: &str) -> TagKnowledge {
        if self.keys.contains(key) {
            TagKnowledge::ValueUnknown
        } else if self.has_others || self.doubtful.contains(key) {
            TagKnowledge::Unknown
        } else {
            TagKnowledge::Known
        }
    }
}

//! The tags of subnets, VPCs and volumes' instances, from which rules take values.

use std::collections::BTreeSet;

use tagwarden_aws::tags::FoundTags;

/// What a run knows of the tags of subnets and VPCs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTags {
    /// The tags, by the id of the subnet or VPC. One that was asked about and has none is here too.
    pub tags: FoundTags,
    /// The keys that were asked about.
    pub keys: BTreeSet<String>,
    /// Why they could not be read, if they could not.
    pub failure: Option<SourceFailure>,
}

/// Why a source of values could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFailure {
    /// AWS denies the call. The source counts as absent, and the report says so.
    Denied(String),
    /// The call failed otherwise. The write waits.
    Unread(String),
}

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SourceAnswer<T> {
    /// It has this.
    Has(T),
    /// It has nothing.
    Absent,
    /// It cannot be asked.
    Failed(SourceFailure),
}

impl SourceTags {
    /// The value of the tag `key` of the subnet or VPC `id`.
    pub(super) fn value(&self, id: &str, key: &str) -> SourceAnswer<&str> {
        if let Some(failure) = &self.failure {
            return SourceAnswer::Failed(failure.clone());
        }
        match self.tags.get(id).filter(|_| self.keys.contains(key)) {
            // The finding is new since the tags were read.
            None => {
                let why = "it was not asked about in this run".to_owned();
                SourceAnswer::Failed(SourceFailure::Unread(why))
            }
            Some(tags) => match tags.get(key) {
                Some(value) => SourceAnswer::Has(value),
                None => SourceAnswer::Absent,
            },
        }
    }
}

//! What a resource will launch: the instance that the engine judges.

use std::collections::BTreeSet;

use super::planned_tags::PlannedTags;
use crate::{InstanceDetails, Kind, Resource, State};

/// The instances that a resource is about to launch, and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedLaunch {
    /// What it makes: instances, or a volume.
    pub kind: Kind,
    /// What the resource is called, such as `module.web.aws_instance.app[0]` or a logical id.
    pub address: String,
    /// The tags that its instances will have.
    pub tags: PlannedTags,
    /// What else is known of its instances.
    pub details: InstanceDetails,
    /// The VPC that they will be in, if that is known.
    pub vpc_id: Option<String>,
    /// Why it has tags that do not reach its instances, if it has some.
    pub lost: Option<LostTags>,
}

/// The tags of a resource that its instances do not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostTags {
    /// Their keys.
    pub keys: BTreeSet<String>,
    /// Why they do not reach the instances: a whole sentence without its end.
    pub why: &'static str,
}

impl PlannedLaunch {
    /// The instance or volume that it will make, as the engine sees it.
    #[must_use]
    pub fn instance(&self) -> Resource {
        Resource {
            vpc_id: self.vpc_id.clone(),
            details: InstanceDetails {
                unknown_tags: self.tags.not_known().clone(),
                ..self.details.clone()
            },
            tags: self.tags.known().clone(),
            ..Resource::new(self.kind, self.address.clone(), State::Pending)
        }
    }
}

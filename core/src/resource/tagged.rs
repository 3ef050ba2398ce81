//! The resource itself: what the policy is judged against.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::details::InstanceDetails;
use super::kind::Kind;
use super::state::State;

/// One resource at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// `i-…`, `vol-…`.
    pub id: String,
    /// The instances that it is attached to, sorted; a volume can be attached to several. Empty for an instance, and for what
    /// is attached to nothing.
    pub attached_to: Vec<String>,
    /// The VPC that it runs in; `None` for a terminated instance, which no longer has a VPC. The VPC of what is attached is
    /// that of its instance; `None` until that is known.
    pub vpc_id: Option<String>,
    /// Its state in the lifecycle of its kind.
    pub state: State,
    /// When it was first launched: the earlier of `LaunchTime` and the attach time of the primary network interface.
    /// A start moves `LaunchTime` and leaves the attach time as it is. Of what is not an instance: when it was created.
    pub launched_at: Option<DateTime<Utc>>,
    /// When it was last started: EC2's `LaunchTime`. `None` for what is not an instance.
    pub started_at: Option<DateTime<Utc>>,
    /// The Spot request that launched it, `sir-…`. Empty for a Spot Instance whose request AWS does not name; `None`
    /// for an instance that is not a Spot Instance.
    pub spot_request_id: Option<String>,
    /// The AWS service that manages it, such as `eks.amazonaws.com`; `None` if no service does.
    pub operator: Option<String>,
    /// What the conditions of rules ask about it.
    pub details: InstanceDetails,
    /// All its tags, including those that AWS wrote.
    pub tags: BTreeMap<String, String>,
}

impl Resource {
    /// The instance `id` in `state`, of which nothing else is known: not in a VPC, without tags.
    #[must_use]
    pub fn instance(id: impl Into<String>, state: State) -> Self {
        Self::new(Kind::Instance, id, state)
    }

    /// The resource `id` in `state`, of which nothing else is known: attached to nothing, not in a VPC, without tags.
    #[must_use]
    pub fn new(kind: Kind, id: impl Into<String>, state: State) -> Self {
        Self {
            kind,
            id: id.into(),
            attached_to: Vec::new(),
            vpc_id: None,
            state,
            launched_at: None,
            started_at: None,
            spot_request_id: None,
            operator: None,
            details: InstanceDetails::default(),
            tags: BTreeMap::new(),
        }
    }
}

/// A resource that may be stopped and terminated. There is no other way to one than
/// [`Resource::shutdown_target`], so that whatever plans a shutdown and asks for one of these cannot plan it for a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownTarget<'a>(&'a Resource);

impl Resource {
    /// This resource as one that may be stopped and terminated; `None` if its kind may not.
    #[must_use]
    pub fn shutdown_target(&self) -> Option<ShutdownTarget<'_>> {
        self.kind.may_shut_down().then_some(ShutdownTarget(self))
    }
}

impl<'a> ShutdownTarget<'a> {
    /// The resource.
    #[must_use]
    pub fn resource(self) -> &'a Resource {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_instance_is_a_target_of_a_shutdown() {
        for kind in Kind::ALL {
            let resource = Resource::new(kind, "x", State::Running);
            let is_target = resource.shutdown_target().is_some();
            assert_eq!(is_target, kind == Kind::Instance, "{kind}");
        }
    }
}

//! A resource as the policy sees it: an instance, a volume.
//!
//! AWS describes one instance in several documents: the response of DescribeInstances, the AWS CLI's JSON of that
//! response ([`DescribedInstance`]), the configuration item in a Config rule's event, and the configuration item in
//! Config's history (both [`ConfigurationItem`](configuration_item::ConfigurationItem)). Each is read into
//! [`InstanceFacts`], from which [`Resource`] is derived.

pub mod configuration_item;
mod described;
mod described_volume;
mod detail;
mod details;
mod facts;
mod generic;
mod kind;
mod kinds;
mod manager;
mod state;
mod tagged;
mod unknown_tags;

pub use described::DescribedInstance;
pub use described_volume::DescribedVolume;
pub use details::InstanceDetails;
pub use facts::InstanceFacts;
pub use kind::Kind;
pub use kinds::{InvalidKinds, Kinds};
pub use manager::{InvalidManagerTags, Manager, ManagerTags};
pub use state::State;
pub use tagged::{Resource, ShutdownTarget};
pub use unknown_tags::{TagKnowledge, UnknownTags};

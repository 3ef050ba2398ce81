//! An EC2 instance as the policy sees it.
//!
//! AWS describes one instance in several documents: the response of DescribeInstances, the AWS CLI's JSON of that
//! response ([`DescribedInstance`]), the configuration item in a Config rule's event, and the configuration item in
//! Config's history (both [`ConfigurationItem`](configuration_item::ConfigurationItem)). Each is read into
//! [`InstanceFacts`], from which [`Instance`] is derived.

pub mod configuration_item;
mod described;
mod detail;
mod details;
mod facts;
mod instance;
mod manager;
mod unknown_tags;

pub use described::DescribedInstance;
pub use details::InstanceDetails;
pub use facts::InstanceFacts;
pub use instance::{Instance, State, is_instance_id};
pub use manager::{InvalidManagerTags, Manager, ManagerTags};
pub use unknown_tags::{TagKnowledge, UnknownTags};

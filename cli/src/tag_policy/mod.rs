//! The tag policies of AWS Organizations, and how much of a policy fits into them.
//!
//! | | tag policy | policy |
//! |---|---|---|
//! | key | `tag_key` | `TagKey` |
//! | values | `tag_value`, with one `*` a value | `Allowed` |
//! | must be there | `report_required_tag_for`: types of resources | `Required` |
//! | AWS refuses other values | `enforced_for` | |
//! | what is written or shut down, conditions, end dates | | `Action`, `When` and others |
//!
//! See [Tag policy syntax](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_example-tag-policies.html).

mod export;
mod import;

pub use export::export;
pub use import::import;

/// The names by which `report_required_tag_for` and `enforced_for` mean instances.
const INSTANCES: [&str; 3] = ["ec2:instance", "ec2:ALL_SUPPORTED", "ec2:*"];

#[cfg(test)]
mod tests;

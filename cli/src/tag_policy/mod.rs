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
use tagwarden_core::Kind;

/// The names by which `report_required_tag_for` and `enforced_for` mean instances.
const INSTANCES: [&str; 3] = ["ec2:instance", "ec2:ALL_SUPPORTED", "ec2:*"];

/// The name by which a tag policy means a kind of resource.
fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "ec2:instance",
        Kind::Volume => "ec2:volume",
    }
}

#[cfg(test)]
mod tests;

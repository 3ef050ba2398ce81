//! Whatever is named by ARN is called in the ARN's Region.

use aws_config::Region;
use tagwarden_core::Arn;

/// The Region in which `name` must be called, if it is an ARN of another Region than `own`. A service refuses an ARN of
/// another Region than the endpoint's, or does not find what it names.
#[must_use]
pub fn other_region(name: &str, own: Option<&Region>) -> Option<Region> {
    let region = Arn::parse(name)?.region;
    let is_own = own.is_some_and(|own| own.as_ref() == region);
    (!is_own).then(|| Region::new(region.to_owned()))
}

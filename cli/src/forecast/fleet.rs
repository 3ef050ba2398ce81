//! Reads the resources of an account.

use tagwarden_aws::instances::InstancePages;
use tagwarden_aws::volumes::VolumePages;
use tagwarden_aws::{AwsError, Ec2};
use tagwarden_core::{Kind, Kinds, Resource, Scope};

/// The resources of `kinds` that are not gone: the instances in `scope`, and all volumes, each where its instance is.
///
/// # Errors
/// A call failed.
pub async fn read(ec2: &Ec2, scope: &Scope, kinds: Kinds) -> Result<Vec<Resource>, AwsError> {
    let mut resources = Vec::new();
    if kinds.contains(Kind::Instance) || kinds.attached().next().is_some() {
        let mut pages = InstancePages::in_scope(ec2, scope);
        while let Some(page) = pages.next().await {
            resources.extend(page?);
        }
    }
    if kinds.contains(Kind::Volume) {
        let mut pages = VolumePages::living(ec2);
        while let Some(page) = pages.next().await {
            resources.extend(page?);
        }
        scope.place(&mut resources);
    }
    resources.retain(|it| kinds.contains(it.kind));
    Ok(resources)
}

//! Asks a second source before a missing tag is believed.

use tagwarden_aws::tags;
use tagwarden_core::Instance;

use crate::plan::Doubt;
use crate::remediation::Remediation;
use crate::safeguard::Safeguard;

/// Why no missing tag of `instances`, as DescribeInstances shows them, is to be believed; `None` if DescribeTags agrees.
///
/// Takes one call for 200 instances.
pub(super) async fn doubt<'a>(
    home: &Remediation,
    instances: impl IntoIterator<Item = &'a Instance>,
) -> Option<Doubt> {
    let instances: Vec<&Instance> = instances.into_iter().collect();
    if instances.is_empty() || !home.settings.safeguards.hold(Safeguard::TagsConfirmed) {
        return None;
    }
    let ids: Vec<String> = instances.iter().map(|it| it.id.clone()).collect();
    let shown = match tags::describe(&home.ec2, &ids).await {
        Ok(shown) => shown,
        Err(error) => {
            tracing::warn!("no missing tag is believed: {error}");
            return Some(Doubt::Unconfirmed(error.to_string()));
        }
    };
    let is_left_out = |instance: &&&Instance| {
        let tags = shown.get(&instance.id);
        tags.is_some_and(|tags| tags.keys().any(|key| !instance.tags.contains_key(key)))
    };
    let left_out = instances.iter().find(is_left_out)?;
    tracing::warn!(
        instance = left_out.id,
        "DescribeTags shows tags that DescribeInstances leaves out"
    );
    Some(Doubt::Disagree)
}

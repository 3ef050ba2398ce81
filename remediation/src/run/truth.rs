//! Asks a second source before a missing tag is believed.

use std::collections::BTreeSet;

use tagwarden_aws::{AwsError, resources, tags};
use tagwarden_core::Resource;
use tagwarden_core::exemption::EXEMPTION_KEY;

use crate::plan::{Doubt, PlanContext};
use crate::remediation::Remediation;
use crate::safeguard::Safeguard;

/// What a second source says of instances that lack tags.
#[derive(Debug, Default)]
pub(crate) struct SecondSource {
    /// Why no missing tag of the run is to be believed.
    pub(crate) doubt: Option<Doubt>,
    /// The instances that were tagged since they were described.
    pub(crate) changed: BTreeSet<String>,
}

/// Asks DescribeTags about `instances`, which DescribeInstances described.
///
/// Takes one call for 200 instances, and one more if it shows another tag: somebody may have written it in between.
pub(crate) async fn ask<'a>(
    home: &Remediation,
    instances: impl IntoIterator<Item = &'a Resource>,
) -> SecondSource {
    let described: Vec<&Resource> = instances.into_iter().collect();
    if described.is_empty() || !home.settings.safeguards.hold(Safeguard::TagsConfirmed) {
        return SecondSource::default();
    }
    match compare(home, &described).await {
        Ok(source) => source,
        Err(error) => {
            tracing::warn!("no missing tag is believed: {error}");
            SecondSource {
                doubt: Some(Doubt::Unconfirmed(error.to_string())),
                ..SecondSource::default()
            }
        }
    }
}

/// What DescribeTags says of those of `instances` that DescribeInstances shows without tags, although tagwarden has
/// tagged them. Nothing may be written to the `changed` ones, because it would overwrite what is there.
///
/// Makes no call unless there is such an instance.
pub(super) async fn ask_of_bare<'a>(
    home: &Remediation,
    context: &PlanContext,
    instances: impl IntoIterator<Item = &'a Resource>,
) -> SecondSource {
    let instances = instances.into_iter();
    let bare: Vec<&Resource> = instances.filter(|it| is_bare(context, it)).collect();
    let mut source = ask(home, bare.iter().copied()).await;
    if matches!(source.doubt, Some(Doubt::Unconfirmed(_))) {
        source.changed = bare.into_iter().map(|it| it.id.clone()).collect();
    }
    source
}

/// Whether an instance that tagwarden has tagged is shown without tags.
pub(super) fn is_bare(context: &PlanContext, instance: &Resource) -> bool {
    instance.tags.is_empty() && context.was_tagged(&instance.id)
}

async fn compare(home: &Remediation, described: &[&Resource]) -> Result<SecondSource, AwsError> {
    let ids: Vec<String> = described.iter().map(|it| it.id.clone()).collect();
    let mut shown = tags::describe(&home.ec2, &ids).await?;
    if !home.settings.safeguards.hold(Safeguard::Exemption) {
        // Otherwise a test that takes this safeguard out would see the exemption as a tag that was left out.
        for tags in shown.values_mut() {
            tags.remove(EXEMPTION_KEY);
        }
    }
    let is_left_out = |instance: &Resource| {
        let tags = shown.get(&instance.id);
        tags.is_some_and(|tags| tags.keys().any(|key| !instance.tags.contains_key(key)))
    };
    let differing = described.iter().filter(|it| is_left_out(it));
    let differing: Vec<String> = differing.map(|it| it.id.clone()).collect();
    if differing.is_empty() {
        return Ok(SecondSource::default());
    }
    let again = resources::describe_unplaced(&home.ec2, &differing).await?;
    let left_out = again.iter().find(|it| is_left_out(it));
    if let Some(instance) = left_out {
        let id = &instance.id;
        tracing::warn!(
            instance = id,
            "DescribeTags shows tags that DescribeInstances leaves out"
        );
    }
    Ok(SecondSource {
        doubt: left_out.map(|_| Doubt::Disagree),
        changed: differing.into_iter().collect(),
    })
}

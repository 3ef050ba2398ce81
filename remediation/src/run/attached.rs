//! Reads the instances that volumes are attached to, as far as the volumes take something from them.

use std::collections::BTreeMap;

use tagwarden_aws::{AwsError, instances};
use tagwarden_core::Policy;

use super::survey::Survey;
use crate::plan::Host;
use crate::remediation::Remediation;

/// The instances of the volumes of `survey` that lack something, by id; `None` for one that is gone.
///
/// One call for 200 instances, and none where no volume lacks anything.
///
/// # Errors
/// EC2 cannot be asked.
pub(super) async fn read(
    home: &Remediation,
    policy: &Policy,
    survey: &Survey,
) -> Result<BTreeMap<String, Option<Host>>, AwsError> {
    let known = survey.hosts.iter();
    let known = known.filter_map(|(id, host)| Some((id.clone(), host.clone()?)));
    let mut found: BTreeMap<String, _> = known.collect();
    let unread: Vec<String> = survey
        .hosts
        .keys()
        .filter(|id| !found.contains_key(*id))
        .cloned()
        .collect();
    if !unread.is_empty() {
        let read = instances::describe(&home.ec2, &unread).await?;
        found.extend(read.into_iter().map(|it| (it.id.clone(), it)));
    }
    let scope = &home.settings.policy.scope;
    let now = home.clock.now();
    let hosts = survey.hosts.keys().map(|id| {
        let instance = found.remove(id).filter(|it| !it.state.is_gone());
        let host = instance.map(|it| Host::new(policy, scope, it, now));
        (id.clone(), host)
    });
    Ok(hosts.collect())
}

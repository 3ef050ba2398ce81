//! Finds out which Spot requests launch no other instance.

use std::collections::BTreeSet;

use tagwarden_aws::spot_requests::{self, REQUESTS_PER_CALL};
use tagwarden_core::{Manager, Resource};

use crate::remediation::Remediation;
use crate::settings::Untagged;

/// The one-time Spot requests of `instances`, which may be shut down, or get an end date.
///
/// Asks EC2 only about instances whose one manager is the Spot request. Where EC2 does not answer, the request stays a manager:
/// a run must not fail for what only spares an instance.
pub(super) async fn one_time_requests<'a>(
    home: &Remediation,
    instances: impl Iterator<Item = &'a Resource>,
) -> BTreeSet<String> {
    let settings = &home.settings;
    let may_be_shut_down =
        |it: &&Resource| settings.untagged != Untagged::Notify || !it.tags.is_empty();
    let requests = instances.filter(may_be_shut_down);
    let requests: BTreeSet<String> = requests
        .filter_map(|it| match it.manager(&settings.manager_tags) {
            Some(Manager::SpotRequest { id: Some(id) }) => Some(id.to_owned()),
            _ => None,
        })
        .collect();
    let requests: Vec<String> = requests.into_iter().collect();
    let mut one_time = BTreeSet::new();
    for ids in requests.chunks(REQUESTS_PER_CALL) {
        match spot_requests::one_time(&home.ec2, ids).await {
            Ok(found) => one_time.extend(found),
            Err(error) => {
                tracing::warn!("the types of the Spot requests are not known: {error}");
                break;
            }
        }
    }
    one_time
}

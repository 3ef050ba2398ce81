//! Reads the sources of values, and remembers what waits for them.

use std::collections::{BTreeMap, BTreeSet};

use tagwarden_aws::tags;

use super::survey::Survey;
use crate::ledger::Ledger;
use crate::plan::{Outcome, PlanContext, Reason, SourceFailure, SourceTags};
use crate::remediation::Remediation;
use crate::report::Report;

/// The tags of the subnets and VPCs from which rules take values: one call for each 195 of them and 5 keys. No call where
/// no rule needs one.
pub(super) async fn read(home: &Remediation, survey: &Survey) -> SourceTags {
    let ids: Vec<String> = survey.source_ids.iter().cloned().collect();
    let keys: Vec<String> = survey.source_keys.iter().cloned().collect();
    let mut source = SourceTags {
        keys: survey.source_keys.clone(),
        ..SourceTags::default()
    };
    if ids.is_empty() {
        return source;
    }
    match tags::describe_keys(&home.ec2, &ids, &keys).await {
        Ok(found) => {
            source.tags = found;
            for id in ids {
                source.tags.entry(id).or_default();
            }
        }
        Err(error) => {
            tracing::warn!("values of subnets and VPCs are not known: {error}");
            let is_denied = error.code() == Some("UnauthorizedOperation");
            let why = error.to_string();
            source.failure = Some(if is_denied {
                SourceFailure::Denied(why)
            } else {
                SourceFailure::Unread(why)
            });
        }
    }
    source
}

/// Remembers which tags wait for a source that could not be read: they wait for a day at most.
///
/// What cannot be written is logged: those tags wait for longer.
pub(super) async fn remember_waits(
    home: &Remediation,
    ledger: &Ledger,
    context: &PlanContext,
    report: &Report,
) {
    let mut waits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in &report.entries {
        let is_wait = matches!(
            entry.outcome,
            Outcome::Deferred(Reason::SourceUnread { .. })
        );
        let Some(key) = entry.step.cause.tag_key().filter(|_| is_wait) else {
            continue;
        };
        let id = &entry.step.instance_id;
        let memory = context.memories.get(id);
        if memory.is_none_or(|memory| memory.waits_since(key).is_none()) {
            let keys = waits.entry(id.clone()).or_default();
            keys.insert(key.to_owned());
        }
    }
    if waits.is_empty() {
        return;
    }
    if let Err(error) = ledger.remember_waits(&waits, home.clock.now()).await {
        tracing::error!("tags wait for their sources for longer: {error}");
    }
}

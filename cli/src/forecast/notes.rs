//! What a forecast says beside its instances, each a whole sentence.

use std::collections::BTreeSet;

use tagwarden_remediation::plan::{Outcome, Reason, Remedy};
use tagwarden_remediation::report::Report;

use crate::words::count;

/// Says that only a setting keeps rules from shutdowns. The function's own setting may be another one.
pub(super) fn not_permitted(report: &Report) -> Option<String> {
    let entries = report.entries.iter();
    let refused = entries
        .filter(|entry| matches!(entry.outcome, Outcome::Refused(Reason::NotPermitted { .. })));
    let ids: BTreeSet<&str> = refused.map(|it| it.step.instance_id.as_str()).collect();
    (!ids.is_empty()).then(|| {
        format!(
            "The rules want to stop or terminate {}, and these settings do not permit it (--rules-may-destroy).",
            count(ids.len(), "instance")
        )
    })
}

/// What recordings do not tell about these instances, each a whole sentence.
pub(super) fn gaps_of_recordings(report: &Report) -> Vec<String> {
    let mut gaps = Vec::new();
    let would_do = |wanted: fn(&Remedy) -> bool| {
        let entries = report.entries.iter();
        entries.filter(move |it| it.outcome == Outcome::WouldDo && wanted(&it.step.remedy))
    };
    let unknown = would_do(|remedy| *remedy == Remedy::TagLauncher).count();
    if unknown > 0 {
        gaps.push(format!(
            "No recording says who launched {}: the remediation will ask CloudTrail.",
            count(unknown, "instance")
        ));
    }
    let is_shutdown = |remedy: &Remedy| matches!(remedy, Remedy::Stop { .. } | Remedy::Terminate);
    if would_do(is_shutdown).next().is_some() {
        gaps.push(
            "A recording does not say which instances are protected against being stopped or terminated."
                .to_owned(),
        );
    }
    gaps
}

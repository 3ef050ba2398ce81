//! Says what a plan would do, and does nothing.

use std::collections::BTreeSet;
use std::mem;

use tagwarden_aws::AwsError;

use crate::calls;
use crate::plan::{Outcome, Plan, Reason, RemedyName};
use crate::remediation::Remediation;
use crate::report::Report;

/// The most instances that are asked whether they are protected, one call each.
const MOST_ASKED: usize = 50;

/// Reports what `plan` would do, what the budget and EC2's protections would stand against included. Gives the
/// protections, by instance and shutdown.
///
/// # Errors
/// EC2 did not say which instances are protected. The report leaves that out.
pub(crate) async fn would_do(
    home: &Remediation,
    plan: Plan,
    report: &mut Report,
) -> Result<BTreeSet<(String, RemedyName)>, AwsError> {
    let asked = plan.shutdowns.values().take(MOST_ASKED);
    let protected = calls::protected(&home.ec2, asked).await;
    if let Err(error) = &protected {
        tracing::warn!("the dry run does not know which instances are protected: {error}");
    }
    let known = protected.as_ref().ok().cloned().unwrap_or_default();
    let acts = plan.shutdowns.values();
    let named = acts
        .filter(|act| known.contains(act.instance_id()))
        .map(|act| (act.instance_id().to_owned(), act.remedy));
    let named: BTreeSet<(String, RemedyName)> = named.collect();
    report_planned(plan, &known, home.settings.max_destructive, report);
    protected.map(|_| named)
}

/// Reports what `plan` would do, with `limit` stops and terminations left in the hour. Pure.
pub(crate) fn report_planned(
    mut plan: Plan,
    protected: &BTreeSet<String>,
    limit: usize,
    report: &mut Report,
) {
    let mut left = limit;
    for act in mem::take(&mut plan.shutdowns).into_values() {
        let outcome = if protected.contains(act.instance_id()) {
            Outcome::Refused(Reason::Protected)
        } else if left == 0 {
            Outcome::Refused(Reason::Budget { limit })
        } else {
            left -= 1;
            Outcome::WouldDo
        };
        report.add(act.step, outcome);
    }
    for act in plan.tags {
        report.add(act.step, Outcome::WouldDo);
    }
    for step in plan.reported {
        report.add(step, Outcome::Done);
    }
    for (step, outcome) in plan.settled {
        report.add(step, outcome);
    }
}

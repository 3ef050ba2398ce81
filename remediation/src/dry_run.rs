//! Says what a plan would do, and does nothing.

use std::collections::BTreeSet;

use tagwarden_aws::AwsError;

use crate::act;
use crate::function::Remediation;
use crate::plan::{Plan, Reason, Remedy, Step};
use crate::report::{Outcome, Report};

/// So many instances are asked, one call each, whether they are protected; of more than these it is not told.
const MOST_ASKED: usize = 50;

impl Remediation {
    /// Reports what `plan` would do: what the budget and EC2's protections would stand against as well.
    ///
    /// # Errors
    /// EC2 did not say which instances are protected; the report leaves that out.
    pub(crate) async fn would_do(&self, plan: Plan, report: &mut Report) -> Result<(), AwsError> {
        let protected = self.protected(&plan.destructive).await;
        let known = protected.as_ref().ok().cloned().unwrap_or_default();
        add_foreseen(plan, &known, self.settings.max_destructive, report);
        protected.map(|_| ())
    }

    /// The instances of the first of `steps` that are protected against them.
    async fn protected(&self, steps: &[Step]) -> Result<BTreeSet<String>, AwsError> {
        let asked = steps.get(..steps.len().min(MOST_ASKED)).unwrap_or_default();
        let protected = act::protected(&self.ec2, asked).await;
        if let Err(error) = &protected {
            tracing::warn!("the dry run does not know which instances are protected: {error}");
        }
        protected
    }
}

/// Adds what `plan` would do, with `limit` stops and terminations left in the hour. Pure.
pub(crate) fn add_foreseen(
    mut plan: Plan,
    protected: &BTreeSet<String>,
    limit: usize,
    report: &mut Report,
) {
    let mut left = limit;
    for step in std::mem::take(&mut plan.destructive) {
        let outcome = if protected.contains(&step.instance_id) {
            Outcome::Refused(Reason::Protected)
        } else if left == 0 {
            Outcome::Refused(Reason::Budget { limit })
        } else {
            left -= 1;
            Outcome::WouldDo
        };
        report.add(step, outcome);
    }
    for step in std::mem::take(&mut plan.steps) {
        let outcome = match step.remedy {
            Remedy::Notify => Outcome::Done,
            _ => Outcome::WouldDo,
        };
        report.add(step, outcome);
    }
    report.add_settled(plan);
}

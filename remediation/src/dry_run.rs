//! Says what a plan would do, and does nothing.

use std::collections::BTreeSet;

use crate::act;
use crate::function::Remediation;
use crate::plan::{Plan, Reason, Remedy, Step};
use crate::report::{Outcome, Report};

/// So many instances are asked, one call each, whether they are protected; of more than these it is not told.
const MOST_ASKED: usize = 50;

impl Remediation {
    /// Reports what `plan` would do: what the budget and EC2's protections would stand against as well.
    pub(crate) async fn would_do(&self, mut plan: Plan, report: &mut Report) {
        let steps = std::mem::take(&mut plan.destructive);
        let protected = self.protected(&steps).await;
        let limit = self.settings.max_destructive;
        let mut left = limit;
        for step in steps {
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

    /// The instances of the first of `steps` that are protected against them.
    async fn protected(&self, steps: &[Step]) -> BTreeSet<String> {
        let asked = steps.get(..steps.len().min(MOST_ASKED)).unwrap_or_default();
        match act::protected(&self.ec2, asked).await {
            Ok(protected) => protected,
            Err(error) => {
                tracing::warn!("the dry run does not know which instances are protected: {error}");
                BTreeSet::new()
            }
        }
    }
}

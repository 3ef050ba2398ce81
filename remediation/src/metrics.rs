//! What the remediation measures, for CloudWatch; see [`tagwarden_aws::lambda::metrics`].

use aws_sdk_cloudtrail::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_cloudtrail::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudtrail::error::BoxError;
use tagwarden_aws::lambda::metrics::add;

use crate::plan::{Outcome, Reason};
use crate::report::{Report, ReportCounts};

/// Adds what a run did and left, in numbers of instances: the report's `counts`.
pub fn add_run(report: &Report, counts: &ReportCounts) {
    let over_budget = report
        .entries
        .iter()
        .filter(|entry| matches!(entry.outcome, Outcome::Refused(Reason::Budget { .. })));
    add("instances", counts.instances);
    add("tagged", counts.tagged);
    add("stopped", counts.stopped);
    add("terminated", counts.terminated);
    add("notified", counts.notified);
    add("deferred", counts.deferred);
    add("refused", counts.refused);
    add("refusedBudget", over_budget.count());
    add("failed", counts.failed);
    add("wouldTag", counts.would_tag);
    add("wouldStop", counts.would_stop);
    add("wouldTerminate", counts.would_terminate);
}

/// Adds scheduled events whose sweep has ended. The stack's alarm on a sweep that did not run counts on them.
pub fn add_sweeps(count: usize) {
    add("sweeps", count);
}

/// Counts the requests of the CloudTrail client it is given to, those that are sent again too: all of them count
/// against CloudTrail's 2 a second.
#[derive(Debug)]
pub struct CountLookUps;

impl Intercept for CountLookUps {
    fn name(&self) -> &'static str {
        "CountLookUps"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        add("lookUps", 1);
        Ok(())
    }
}

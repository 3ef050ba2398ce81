//! What a person asks for, who is there to wait for the answer: what would be done, and to do it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_core::{Instance, Policy};

use crate::dry_run::add_foreseen;
use crate::function::{Remediation, RemediationError};
use crate::launcher::RecordedLaunches;
use crate::ledger::RunId;
use crate::look::{Seen, Which};
use crate::plan::{Known, Reason, plan};
use crate::report::{Outcome, Report};
use crate::run::{LONGEST_RUN, Wanted};
use crate::settings::{Mode, Settings};
use crate::trigger::Trigger;

/// What a sweep did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// What was done and left.
    pub report: Report,
    /// Why the report could not be published, if it was to be.
    pub unreported: Option<RemediationError>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// What would be done and left; only `report.entries` and `report.instances` mean anything.
    pub report: Report,
    /// Why EC2 could not be asked which instances are protected; the report then leaves that out.
    pub unasked: Option<AwsError>,
}

impl Remediation {
    /// Says what a sweep would do if `policy` was in the table and `instances` were all there are, which are read
    /// already. CloudTrail, the ledger and EC2's protections are asked; nothing is changed, nobody is told.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn foresee(
        &self,
        policy: &Policy,
        instances: &[Instance],
    ) -> Result<Foreseen, RemediationError> {
        let now = self.clock.now();
        let seen = Seen::of(policy, &self.settings.policy.scope, instances, now);
        let known = self.known(policy, &seen, &self.wanted_by_hand("")).await?;
        let plan = plan(policy, &self.settings, instances, &known, self.clock.now());
        let mut report = Report::new(Mode::DryRun, seen.looked_at, RunId::new(now, ""));
        let asked = self.would_do(plan, &mut report).await;
        report.sort();
        Ok(Foreseen {
            report,
            unasked: asked.err(),
        })
    }

    /// Runs as the schedule would have it run: looks at every instance in scope, and does what the policy asks for.
    /// `name` tells this run from others of the same second.
    ///
    /// # Errors
    /// See [`RemediationError`]; nothing was done then.
    pub async fn sweep(&self, name: &str) -> Result<Swept, RemediationError> {
        let (report, told) = self.run_and_tell(self.wanted_by_hand(name)).await?;
        Ok(Swept {
            report,
            unreported: told.err(),
        })
    }

    fn wanted_by_hand(&self, name: &str) -> Wanted {
        Wanted {
            which: Which::Everything,
            launchers: BTreeMap::new(),
            deadline: self.clock.now().checked_add_signed(LONGEST_RUN),
            triggers: BTreeSet::from([Trigger::Person]),
            request_id: name.to_owned(),
        }
    }
}

/// What [`Remediation::foresee`] says, without AWS: of `instances` as they were recorded, at the moment `now`.
///
/// What only AWS can tell is left out: which instances are protected, and what the ledger knows. Where nobody recorded
/// who launched an instance, its tag counts as one that would be written: its remedy is
/// [`TagLauncher`](crate::plan::Remedy::TagLauncher).
#[must_use]
pub fn foresee(
    policy: &Policy,
    settings: &Settings,
    instances: &[Instance],
    launches: &RecordedLaunches,
    now: DateTime<Utc>,
) -> Report {
    let seen = Seen::of(policy, &settings.policy.scope, instances, now);
    let known = Known {
        launchers: launches.launchers(seen.unattributed, now),
        ..Known::default()
    };
    let plan = plan(policy, settings, instances, &known, now);
    let mut report = Report::new(Mode::DryRun, seen.looked_at, RunId::new(now, ""));
    add_foreseen(
        plan,
        &BTreeSet::new(),
        settings.max_destructive,
        &mut report,
    );
    for entry in &mut report.entries {
        if entry.outcome == Outcome::Deferred(Reason::LookUpUnfinished) {
            entry.outcome = Outcome::WouldDo;
        }
    }
    report.sort();
    report
}

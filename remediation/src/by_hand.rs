//! What a person asks for, who is there to wait for the answer: what would be done, and to do it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden::aws::AwsError;
use tagwarden::{Instance, Policy, Verdict, assess};

use crate::dry_run::add_foreseen;
use crate::function::{Remediation, RemediationError};
use crate::launcher::RecordedLaunches;
use crate::ledger::RunId;
use crate::plan::{Known, Reason, plan};
use crate::report::{Outcome, Report};
use crate::run::{LONGEST_RUN, Wanted, Which, without_launcher};
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
        let (looked_at, faulty) = faulty(policy, &self.settings, instances, now);
        let wanted = self.wanted_by_hand("");
        let launchers = self.launchers(policy, &faulty, &wanted).await;
        let mut known = self.remembered(policy, &faulty).await?;
        known.launchers = launchers;
        let plan = plan(policy, &self.settings, &faulty, &known, self.clock.now());
        let mut report = Report::new(Mode::DryRun, looked_at, RunId::new(now, ""));
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
    let (looked_at, faulty) = faulty(policy, settings, instances, now);
    let nobody = BTreeMap::new();
    let known = Known {
        launchers: launches.launchers(without_launcher(policy, &faulty, &nobody, now), now),
        ..Known::default()
    };
    let plan = plan(policy, settings, &faulty, &known, now);
    let mut report = Report::new(Mode::DryRun, looked_at, RunId::new(now, ""));
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

/// How many of `instances` the policy applies to, and those with a finding.
fn faulty(
    policy: &Policy,
    settings: &Settings,
    instances: &[Instance],
    now: DateTime<Utc>,
) -> (usize, Vec<Instance>) {
    let mut looked_at = 0;
    let mut faulty = Vec::new();
    for instance in instances {
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        let applies = !matches!(assessment.verdict, Verdict::NotApplicable(_));
        looked_at += usize::from(applies);
        if !assessment.findings.is_empty() {
            faulty.push(instance.clone());
        }
    }
    (looked_at, faulty)
}

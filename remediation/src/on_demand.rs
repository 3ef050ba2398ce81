//! What the `tagwarden` command asks for: what would be done, and to do it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_core::policy::PolicyExamples;
use tagwarden_core::{Policy, Resource};

use crate::launcher::{RecordedLaunches, Unattributed};
use crate::link::Sender;
use crate::plan::{
    Focus, Host, Mandate, Outcome, PlanContext, Prospects, Reason, Refusal, SourceTags, plan,
    prospects,
};
use crate::remediation::{Remediation, RemediationError};
use crate::report::Report;
use crate::request::{RunRequest, Target, Trigger};
use crate::run::{LONGEST_RUN, Run, Survey, attribute, report_planned, would_do};
use crate::run_id::RunId;
use crate::settings::{Mode, Settings};

/// What a sweep did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepResult {
    /// What was done and left.
    pub report: Report,
    /// Why the report could not be published, if there is a topic.
    pub unreported: Option<RemediationError>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// What would be done and left; only `report.entries` and `report.instances` mean anything.
    pub report: Report,
    /// What becomes of the instances that are shut down in the end, by id.
    pub prospects: BTreeMap<String, Prospects>,
    /// Why EC2 could not be asked which instances are protected; the report then leaves that out.
    pub unasked: Option<AwsError>,
}

impl Remediation {
    /// Says what a sweep would do if `policy` was in the table and `instances` were all there are.
    ///
    /// Asks CloudTrail, the ledger and EC2's protections. Changes nothing and publishes nothing. `examples` are those of
    /// `policy`, and of a policy that it is compared with.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn preview(
        &self,
        policy: &Policy,
        instances: &[Resource],
        examples: &PolicyExamples,
    ) -> Result<Preview, RemediationError> {
        let now = self.clock.now();
        let survey = Survey::of(policy, &self.settings, instances, now);
        let request = self.sweep_request("");
        let mut context = attribute(self, policy, &survey, &request, false).await?;
        let plan = plan(
            policy,
            &self.settings,
            instances,
            &context,
            self.clock.now(),
        );
        let mut report = Report::new(Mode::DryRun, survey.instances, RunId::new(now, ""));
        report.volumes = survey.others;
        let protections = would_do(self, plan, &mut report).await;
        report.sort();
        // What is protected today is taken for protected in future.
        let protected = protections.iter().flatten().cloned();
        context.refused.extend(protected.map(|name| {
            let reason = Reason::Protected;
            (name, Refusal { reason, at: now })
        }));
        let settings = &self.settings;
        Ok(Preview {
            report,
            prospects: prospects(policy, settings, instances, &context, examples, now),
            unasked: protections.err(),
        })
    }

    /// Runs as the schedule would: reads every instance in scope, and does what the policy asks for. `name` tells this
    /// run from others of the same second.
    ///
    /// # Errors
    /// See [`RemediationError`]; nothing was done then.
    pub async fn sweep(&self, name: &str) -> Result<SweepResult, RemediationError> {
        let result = Run::start(self, self.sweep_request(name)).await?;
        let result = result.finish().await?;
        Ok(SweepResult {
            report: result.report,
            unreported: result.published.err(),
        })
    }

    fn target(&self) -> Target {
        let focus = self.mandate.as_ref().map(|mandate| &mandate.focus);
        match focus.map(|focus| &focus.instances) {
            Some(ids) if !ids.is_empty() => Target::Instances(ids.clone()),
            _ => Target::Fleet,
        }
    }

    fn sweep_request(&self, name: &str) -> RunRequest {
        RunRequest {
            target: self.target(),
            launchers: BTreeMap::new(),
            deadline: self.clock.now().checked_add_signed(LONGEST_RUN),
            triggers: BTreeSet::from([Trigger::Person]),
            request_id: name.to_owned(),
            sender: Sender::of_command("apply", self.region.as_deref()),
        }
    }
}

/// What [`Remediation::preview`] says, without AWS: of `instances` as they were recorded, at the moment `now`.
///
/// Leaves out what only AWS knows: which instances are protected, and what the ledger notes. Where no recording says who
/// launched an instance, its tag counts as one that would be written. Its remedy is then
/// [`TagLauncher`](crate::plan::Remedy::TagLauncher).
#[must_use]
pub fn preview(
    policy: &Policy,
    settings: &Settings,
    instances: &[Resource],
    launches: &RecordedLaunches,
    now: DateTime<Utc>,
) -> Preview {
    preview_of(
        policy,
        settings,
        instances,
        launches,
        &Focus::default(),
        &PolicyExamples::of([policy]),
        now,
    )
}

/// The same, of what `focus` asks for. `examples` are those of `policy`, and of a policy that it is compared with.
#[must_use]
pub fn preview_of(
    policy: &Policy,
    settings: &Settings,
    instances: &[Resource],
    launches: &RecordedLaunches,
    focus: &Focus,
    examples: &PolicyExamples,
    now: DateTime<Utc>,
) -> Preview {
    let survey = Survey::of(policy, settings, instances, now);
    let number = (survey.instances, survey.others);
    let context = PlanContext {
        mandate: Some(Mandate {
            focus: focus.clone(),
            agreed: None,
        }),
        ..recorded_context(policy, settings, survey, launches, now)
    };
    let plan = plan(policy, settings, instances, &context, now);
    let mut report = Report::new(Mode::DryRun, number.0, RunId::new(now, ""));
    report.volumes = number.1;
    let limit = settings.max_destructive;
    report_planned(plan, &BTreeSet::new(), (limit, limit), &mut report);
    for entry in &mut report.entries {
        if entry.outcome == Outcome::Deferred(Reason::LookUpUnfinished) {
            entry.outcome = Outcome::WouldDo;
        }
    }
    report.sort();
    Preview {
        report,
        prospects: prospects(policy, settings, instances, &context, examples, now),
        unasked: None,
    }
}

/// What a recording says of the instances of `survey` beside what they are: who launched them, and what volumes take from
/// them.
pub(crate) fn recorded_context(
    policy: &Policy,
    settings: &Settings,
    survey: Survey,
    launches: &RecordedLaunches,
    now: DateTime<Utc>,
) -> PlanContext {
    let scope = &settings.policy.scope;
    let hosts = survey.hosts.into_iter();
    // Of an instance that is not in the recording nothing is known.
    let hosts = hosts.filter_map(|(id, host)| Some((id, host?)));
    let hosts: BTreeMap<String, Option<Host>> = hosts
        .map(|(id, host)| (id, Some(Host::new(policy, scope, host, now))))
        .collect();
    let of_volumes = survey.launched_hosts.iter();
    let of_volumes = of_volumes.filter_map(|id| Some(&hosts.get(id)?.as_ref()?.instance));
    let of_volumes = of_volumes.map(Unattributed::from);
    let unattributed: Vec<Unattributed> =
        survey.unattributed.into_iter().chain(of_volumes).collect();
    PlanContext {
        launchers: launches.launchers(unattributed, now),
        sources: SourceTags {
            // A recording has all tags of its instances.
            tags: hosts
                .keys()
                .map(|id| (id.clone(), BTreeMap::new()))
                .collect(),
            keys: survey.source_keys,
            failure: None,
        },
        hosts,
        ..PlanContext::default()
    }
}

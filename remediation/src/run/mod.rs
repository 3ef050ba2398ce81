//! One run, from what it is asked for to what it reports.
//!
//! The order of a run is its safety. [`Run::finish`] goes through it:
//!
//! 1. **Survey** (`survey`). Reads the instances that are asked for and keeps the ids of those with a finding.
//! 2. **Attribute** (`attribute`). Asks CloudTrail who launched them, and the ledger what it notes of them.
//!    Countdowns of shutdowns begin here, so that the second look comes after that (`countdowns`, `truth`).
//! 3. **Read again** (`survey`). The look-up takes time, in which people tag and policies change. So the policy and the
//!    instances with a finding are read once more, page by page.
//! 4. **Plan** ([`plan`](crate::plan)). Each page is planned as it comes, and the pages' plans are merged.
//!
//!    A shutdown that is suspicious is withdrawn (`suspicion`).
//!
//! A dry run reports that plan (`dry_run`) and ends. A run that enforces goes on:
//!
//! 5. **Recover** (`recover`). Runs whose functions were killed may have acted without reporting. What they did is found
//!    out before this run acts, so that it is in the ledger and in this report.
//! 6. **Execute** (`execute`). Writes tags (`write_tags`), then stops and terminates (`shutdown_calls`). Every act is
//!    written down first. Every shutdown is confirmed once more before each call, and every tag whose instance was read
//!    more than a few seconds before.
//! 7. **Report** ([`notify`](crate::notify)). Publishes what is new. The messages that bring the begun countdowns back are
//!    sent before, because no other run sends them.
//! 8. **Requeue** (`requeue`). What there was no time for goes back on the queue, but only once the report is published:
//!    otherwise the run's own message comes back, and its instances would be on the queue twice.
//! 9. **Close**. Only what was reported is closed in the ledger; the next run reports the rest.

mod attached;
mod attribute;
mod countdowns;
mod dry_run;
mod execute;
mod recover;
mod requeue;
mod shutdown_calls;
mod sources;
mod spot;
mod subjects;
mod survey;
mod suspicion;
mod truth;
mod uncovered;
mod write_tags;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::Policy;

use crate::launcher::Launcher;
use crate::ledger::{Ledger, Writer};
use crate::notify;
use crate::plan::{Act, Outcome, Plan, PlanContext, Reason, plan};
use crate::remediation::{Remediation, RemediationError};
use crate::report::{Report, Subjects};
use crate::request::{RunRequest, Target};
use crate::run_id::RunId;
use crate::safeguard::Safeguard;
use crate::settings::Mode;

use countdowns::{Begun, WakeUps};
use execute::Execution;
use recover::Recovered;

pub(crate) use attribute::{all_standing, attribute};
pub(crate) use countdowns::check_notices;
pub(crate) use dry_run::{report_planned, would_do};
pub(crate) use requeue::pass_on;
pub(crate) use survey::Survey;
pub(crate) use suspicion::{is_nearly_all, suspected_until};
pub(crate) use truth::ask as ask_describe_tags;

/// How long a run takes at most where nothing says when it is ended: as long as Lambda lets a function run.
pub(crate) const LONGEST_RUN: TimeDelta = TimeDelta::minutes(15);

/// The time kept free for completing, requeuing and reporting.
const RESERVE: TimeDelta = TimeDelta::seconds(10);

/// How long after its end a function's last call may still be carried out, and how much two functions' clocks may differ.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// One run.
pub(crate) struct Run<'a> {
    home: &'a Remediation,
    request: RunRequest,
    policy: Policy,
    id: RunId,
    started_at: DateTime<Utc>,
}

/// A report, and whether it was published.
pub(crate) struct RunResult {
    pub(crate) report: Report,
    pub(crate) published: Result<(), RemediationError>,
}

impl<'a> Run<'a> {
    /// A run that goes by the policy as it is now.
    ///
    /// # Errors
    /// There is no valid policy.
    pub(crate) async fn start(
        home: &'a Remediation,
        request: RunRequest,
    ) -> Result<Self, RemediationError> {
        let started_at = home.clock.now();
        let policy = match survey::current_policy(home).await {
            Ok(policy) => policy,
            Err(error) => {
                // Otherwise no one would notice that the sweeps do nothing any more.
                if request.target == Target::Fleet {
                    let id = RunId::new(started_at, &request.request_id);
                    let origin = request.origin();
                    notify::publish_broken_policy(home, &origin, &id, &error).await;
                }
                return Err(error.into());
            }
        };
        if let Some(agreed) = &home.agreed_policy
            && !survey::is_still(agreed, &policy)
        {
            return Err(RemediationError::PolicyNotAgreed);
        }
        Ok(Self {
            home,
            id: RunId::new(started_at, &request.request_id),
            request,
            policy,
            started_at,
        })
    }

    /// Goes through the run. What was done is in the report, also where that could not be published.
    ///
    /// # Errors
    /// See [`RemediationError`]; nothing was done then.
    pub(crate) async fn finish(self) -> Result<RunResult, RemediationError> {
        let home = self.home;
        self.remember_launches().await;
        let mut survey = survey::survey(home, &self.policy, &self.request.target).await?;
        let mut context = attribute(home, &self.policy, &survey, &self.request, true).await?;
        survey.watch_named(&context);
        let mut begun = Begun::new();
        if let (Mode::Enforce, Some(ledger)) = (self.mode(), &home.ledger) {
            // Before the second look, which must still find what is counted down.
            begun = countdowns::begin(home, ledger, &self.policy, &survey, &mut context).await?;
            survey.watch(context.countdowns.keys().chain(context.paused.keys()));
        }
        let read_at = home.clock.now();
        let (mut plan, subjects) = self.plan_anew(&survey, &context).await?;
        subjects::remember_launchers(home, &context, &plan).await;
        if let (Mode::Enforce, Some(ledger)) = (self.mode(), &home.ledger) {
            self.check_plan(ledger, &mut plan, survey.instances, &mut begun)
                .await?;
        }
        self.name_remover(&mut plan).await;
        let mut report = Report::new(self.mode(), survey.instances, self.id.clone());
        report.volumes = survey.others;
        report.origin = self.request.origin();
        report.subjects = subjects;
        let kinds = self.home.settings.policy.kinds;
        report.notes.extend(uncovered::note(&self.policy, kinds));
        // A large fleet's ids are not needed any more.
        drop(survey);
        match self.mode() {
            Mode::DryRun => Ok(self.preview(plan, report).await),
            Mode::Enforce => self.enforce(plan, &context, read_at, begun, report).await,
        }
    }

    /// Withdraws what is suspicious or cannot be announced, and notes what the second look found.
    async fn check_plan(
        &self,
        ledger: &Ledger,
        plan: &mut Plan,
        instances: usize,
        begun: &mut Begun,
    ) -> Result<(), RemediationError> {
        if self.request.target == Target::Fleet {
            let suspicious = suspicion::check_sweep(self.home, ledger, plan, instances).await?;
            // The next sweep comes by itself.
            begun.retain(|name, _| !suspicious.contains(&name.reason));
        }
        countdowns::check_notices(self.home, plan).await;
        begun.extend(countdowns::confirm(ledger, plan).await);
        if let Err(error) = ledger.resume(&plan.resumed).await {
            tracing::error!("tags that people set are not restored yet: {error}");
        }
        Ok(())
    }

    /// Names who removed the first of the tags that are not restored any more. This is the run's last look-up, because
    /// CloudTrail answers two a second for the whole account.
    async fn name_remover(&self, plan: &mut Plan) {
        let look_up = &self.home.look_up;
        let mut removed = plan.settled.iter_mut().filter_map(|(step, outcome)| {
            let Outcome::Refused(Reason::RemovedRepeatedly { by, .. }) = outcome else {
                return None;
            };
            Some((
                step.instance_id.clone(),
                step.cause.tag_key()?.to_owned(),
                by,
            ))
        });
        let Some((id, tag_key, by)) = removed.next() else {
            return;
        };
        match look_up.remover(&id, &tag_key).await {
            Ok(name) => *by = name,
            Err(error) => tracing::warn!("who removes {tag_key} of {id} is not known: {error}"),
        }
    }

    /// Remembers who launched the instances of launch events: a fact, also in a dry run, which CloudTrail shows later and
    /// for 90 days only.
    ///
    /// What cannot be written is logged: it is looked up once it is needed.
    async fn remember_launches(&self) {
        let named = self.request.launchers.iter();
        let named = named.filter_map(|(id, launcher)| match launcher {
            Launcher::Known(name) => Some((id.clone(), name.clone())),
            Launcher::Nobody | Launcher::TooOld | Launcher::Failed(_) => None,
        });
        let named: BTreeMap<String, String> = named.collect();
        if let Some(ledger) = self.home.ledger.as_ref().filter(|_| !named.is_empty())
            && let Err(error) = ledger.remember_launchers(&named).await
        {
            tracing::error!("launches are not remembered: {error}");
        }
    }

    /// Reads the instances with a finding again, and plans for them as they are now. Gives whom the plan concerns as well.
    async fn plan_anew(
        &self,
        survey: &Survey,
        context: &PlanContext,
    ) -> Result<(Plan, Subjects), RemediationError> {
        let mut whole = Plan::default();
        let mut concerned = Subjects::new();
        if survey.with_findings.is_empty() {
            return Ok((whole, concerned));
        }
        let (policy, settings) = (&self.policy, &self.home.settings);
        let now = self.home.clock.now();
        let mut vanished: BTreeMap<&String, _> = context.countdowns.iter().collect();
        let mut bare = Vec::new();
        survey::read_again(self.home, policy, survey, |page| {
            for instance in page {
                vanished.remove(&instance.id);
                if truth::is_bare(context, instance) {
                    bare.push(instance.clone());
                }
            }
            let planned = plan(policy, settings, page, context, now);
            concerned.extend(subjects::subjects(
                self.home, policy, context, page, &planned,
            ));
            whole.merge(planned);
        })
        .await?;
        // Tags that EC2 leaves out must not be overwritten.
        let source = truth::ask_of_bare(self.home, context, &bare).await;
        let is_hidden = |act: &Act| source.changed.contains(act.instance_id());
        whole.tags.retain(|act| !is_hidden(act));
        whole.doubt = source.doubt;
        // What EC2 does not show any more is gone.
        for (name, countdown) in vanished.into_values().flatten() {
            whole.gone.insert(name.clone(), *countdown);
        }
        Ok((whole, concerned))
    }

    async fn preview(&self, plan: Plan, mut report: Report) -> RunResult {
        // What it cannot know is logged.
        let _ = would_do(self.home, plan, &mut report).await;
        let result = self.publish(report).await;
        if result.published.is_ok() {
            let nothing = BTreeSet::new();
            requeue::requeue(self.home, &self.request, &result.report, &nothing).await;
        }
        result
    }

    /// Puts back on the queue what `report` leaves for later, and the instances to look at `again`.
    async fn requeue(&self, report: &Report, again: &BTreeSet<String>) {
        let home = self.home;
        requeue::requeue(home, &self.request, report, again).await;
        let mut wake_ups = WakeUps::new();
        countdowns::add_launches(&mut wake_ups, report, home.clock.now());
        if let Some((at, ids)) = self.over_budget(report).await {
            wake_ups.entry(at).or_default().extend(ids);
        }
        requeue::wake_up(home, wake_ups).await;
    }

    async fn enforce(
        &self,
        mut plan: Plan,
        context: &PlanContext,
        read_at: DateTime<Utc>,
        begun: Begun,
        mut report: Report,
    ) -> Result<RunResult, RemediationError> {
        let home = self.home;
        if home.monitor.is_cancelled() {
            return Err(RemediationError::Interrupted);
        }

        // Before anything is done, so that the ledger and the report hold what other runs did.
        let recovered = match &home.ledger {
            Some(ledger) => {
                let lease = self.lease();
                recover::recover_abandoned_runs(home, ledger, &self.id, lease, &mut report).await
            }
            None => Recovered::default(),
        };
        if let Some(ledger) = &home.ledger {
            let tags = &recovered.tags;
            subjects::add_recovered(home, ledger, &self.policy, &self.request, tags, &mut report)
                .await;
        }

        let countdowns = std::mem::take(&mut plan.countdowns);
        let mut notices = std::mem::take(&mut plan.notices);
        let mut execution = Execution {
            home,
            policy: &self.policy,
            context,
            read_at,
            writer: self.writer(),
            report: &mut report,
            standing: std::mem::take(&mut plan.standing),
            doubt: plan.doubt.take(),
            again: BTreeSet::new(),
            last_start: self.last_start(),
        };
        execution.execute(plan).await;
        let (writer, again) = (execution.writer, execution.again);
        if home.monitor.is_cancelled() {
            report.name_interrupted();
        }

        // Before the report, which may fail: no other run sends these messages.
        requeue::wake_up(home, countdowns::wake_ups(begun, home.clock.now())).await;
        let result = self.publish(report).await;

        // Without a report the run's own message comes back, and what is left with it.
        let is_reported = result.published.is_ok();
        if is_reported {
            self.requeue(&result.report, &again).await;
        }
        // Only what was reported is closed. The next run reports the rest.
        if let Some(writer) = writer {
            writer.end(is_reported).await;
        }
        if let Some(ledger) = &home.ledger {
            for run in &recovered.runs {
                ledger.let_go(run, &self.id, is_reported).await;
            }
            if is_reported {
                self.remember_unreadable_exemptions(ledger, context, &result.report)
                    .await;
                sources::remember_waits(self.home, ledger, context, &result.report).await;
                Self::mark_paused(ledger, context, &result.report).await;
            }
            // A notice counts once SNS has accepted the report that holds it.
            if is_reported {
                let unannounced = &result.report.unannounced;
                notices.retain(|name, _| !unannounced.contains(&name.instance_id));
                let now = home.clock.now();
                let days = countdowns::note_announced(ledger, &countdowns, &notices, now).await;
                requeue::wake_up(home, days).await;
            }
        }
        Ok(result)
    }

    /// Remembers which exemptions were reported that cannot be read: they protect for some days from then on.
    ///
    /// What cannot be written is logged: they protect for longer.
    async fn remember_unreadable_exemptions(
        &self,
        ledger: &Ledger,
        context: &PlanContext,
        report: &Report,
    ) {
        let is_it = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Refused(Reason::UnreadableExemption { .. })
            )
        };
        let reported = report.entries.iter().filter(|it| is_it(&it.outcome));
        let mut ids: BTreeSet<String> = reported.map(|it| it.step.instance_id.clone()).collect();
        ids.retain(|id| !context.unreadable_exemptions.contains_key(id));
        let now = self.home.clock.now();
        if let Err(error) = ledger.remember_unreadable_exemptions(&ids, now).await {
            tracing::error!("exemptions that cannot be read protect for longer: {error}");
        }
    }

    /// Marks the tags that are not restored any more, so that later runs see whether a person sets them.
    ///
    /// What cannot be written is logged: the next run marks it.
    async fn mark_paused(ledger: &Ledger, context: &PlanContext, report: &Report) {
        let paused = report.entries.iter().filter_map(|entry| {
            let id = &entry.step.instance_id;
            let tag_key = entry.step.cause.tag_key()?;
            let keys = context.paused.get(id);
            let is_new = !keys.is_some_and(|keys| keys.contains(tag_key));
            matches!(
                entry.outcome,
                Outcome::Refused(Reason::RemovedRepeatedly { .. })
            )
            .then(|| (id.clone(), tag_key.to_owned()))
            .filter(|_| is_new)
        });
        if let Err(error) = ledger.mark_paused(paused).await {
            tracing::error!("tags that are not restored are not marked: {error}");
        }
    }

    /// When the budget has room for what it holds back now; `None` if that is nothing, or another run has arranged for
    /// a look then.
    async fn over_budget(&self, report: &Report) -> Option<(DateTime<Utc>, BTreeSet<String>)> {
        let entries = report.entries.iter();
        let over = entries.filter(|entry| {
            matches!(entry.outcome, Outcome::Refused(Reason::Budget { limit }) if limit > 0)
        });
        let ids: BTreeSet<String> = over.map(|entry| entry.step.instance_id.clone()).collect();
        let ledger = self.home.ledger.as_ref().filter(|_| !ids.is_empty())?;
        let now = self.home.clock.now();
        let room = ledger.budget_has_room_at(now).await;
        let claimed = match room {
            Ok(at) => ledger
                .claim_budget_message(at)
                .await
                .map(|is_ours| (at, is_ours)),
            Err(error) => Err(error),
        };
        match claimed {
            Ok((at, is_ours)) => is_ours.then_some((at, ids)),
            Err(error) => {
                tracing::error!("what the budget holds back waits for a sweep: {error}");
                None
            }
        }
    }

    async fn publish(&self, mut report: Report) -> RunResult {
        let mut rest = Vec::new();
        if self.request.is_linked() {
            rest = report.leave_to_the_sweep();
            notify::log(&report, &rest);
        }
        let published =
            notify::publish(self.home, &mut report, &self.policy, self.request.deadline).await;
        report.entries.append(&mut rest);
        report.sort();
        RunResult { report, published }
    }

    fn mode(&self) -> Mode {
        self.home.settings.mode
    }

    fn writer(&self) -> Option<Writer<'a>> {
        let home = self.home;
        let triggers: Vec<&str> = self.request.triggers.iter().map(|it| it.as_str()).collect();
        let claims = home.settings.safeguards.hold(Safeguard::Claim);
        home.ledger.as_ref().map(|ledger| {
            let lease = self.lease();
            Writer::new(ledger, self.id.clone(), triggers.join("+"), lease, claims)
        })
    }

    /// Until when this run may be at work.
    fn lease(&self) -> DateTime<Utc> {
        self.request
            .deadline
            .or_else(|| self.started_at.checked_add_signed(LONGEST_RUN))
            .and_then(|deadline| deadline.checked_add_signed(LATE))
            .unwrap_or(self.started_at)
    }

    /// The last moment at which an act may begin.
    fn last_start(&self) -> Option<DateTime<Utc>> {
        // A function with little time altogether still gets to do something.
        self.request
            .deadline
            .map(|deadline| deadline - RESERVE.min((deadline - self.started_at) / 4))
    }
}

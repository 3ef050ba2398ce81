//! One run: look, find launchers, look again, plan, act, report.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_core::{Action, Instance, Policy};

use crate::carry_out::CarryOut;
use crate::function::{Remediation, RemediationError};
use crate::launcher::Launcher;
use crate::ledger::{RunId, Writer};
use crate::look::{Seen, Which};
use crate::plan::{Known, plan};
use crate::report::{Entry, Report, Telling, messages, text};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Untagged};
use crate::trigger::Trigger;
use crate::watch::Phase;
use crate::work::Work;

/// How long a run takes at the most where nobody says when it is ended: as long as Lambda lets a function run.
pub(crate) const LONGEST_RUN: TimeDelta = TimeDelta::minutes(15);

/// What completing, reporting and handing on may take.
const RESERVE: TimeDelta = TimeDelta::seconds(10);

/// What a function asked for right before it was ended is carried out within this time; and as much may the clocks of
/// two functions differ.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) which: Which,
    /// Who launched an instance, where the event told.
    pub(crate) launchers: BTreeMap<String, Launcher>,
    /// When Lambda ends the function.
    pub(crate) deadline: Option<DateTime<Utc>>,
    /// What started the run.
    pub(crate) triggers: BTreeSet<Trigger>,
    /// Lambda's name of the invocation.
    pub(crate) request_id: String,
}

/// A report, and whether it was told.
pub(crate) type Told = (Report, Result<(), RemediationError>);

impl Remediation {
    pub(crate) async fn run(&self, wanted: Wanted) -> Result<Report, RemediationError> {
        let (report, told) = self.run_and_tell(wanted).await?;
        told.map(|()| report)
    }

    /// Runs. What was done is in the report, also where it could not be told.
    pub(crate) async fn run_and_tell(&self, wanted: Wanted) -> Result<Told, RemediationError> {
        let started_at = self.clock.now();
        let run_id = RunId::new(started_at, &wanted.request_id);
        let policy = match self.read_policy().await {
            Ok(policy) => policy,
            Err(error) => return Err(self.tell_of_broken_policy(&wanted, error).await),
        };
        let seen = self.look(&policy, &wanted.which).await?;
        let known = self.known(&policy, &seen, &wanted).await?;
        let second_look_at = self.clock.now();
        let mut work = Work::default();
        if !seen.faulty.is_empty() {
            let now = self.clock.now();
            let plan_page = |page: Vec<Instance>| {
                let plan = plan(&policy, &self.settings, &page, &known, now);
                work.add(plan, &page);
            };
            self.look_again(&policy, &seen, plan_page).await?;
        }

        let mut report = Report::new(self.settings.mode, seen.looked_at, run_id.clone());
        drop(seen);
        if self.settings.mode == Mode::DryRun {
            // What it cannot know is logged.
            let _ = self.would_do(work.into_plan(), &mut report).await;
            self.hand_on(&wanted, &report, &BTreeSet::new()).await;
            let told = self.tell(&mut report, &policy).await;
            return Ok((report, told));
        }
        if self.watch.is_to_end() {
            return Err(RemediationError::Interrupted);
        }
        let lease = wanted
            .deadline
            .or_else(|| started_at.checked_add_signed(LONGEST_RUN))
            .and_then(|deadline| deadline.checked_add_signed(LATE))
            .unwrap_or(started_at);
        let unfinished = match &self.ledger {
            Some(ledger) => {
                self.finish_others(ledger, &run_id, lease, &mut report)
                    .await
            }
            None => Vec::new(),
        };
        let writer = self.ledger.as_ref().map(|ledger| {
            let triggers: Vec<&str> = wanted.triggers.iter().map(|it| it.as_str()).collect();
            let claims = self.settings.safeguards.hold(Safeguard::Claim);
            Writer::new(ledger, run_id.clone(), triggers.join("+"), lease, claims)
        });
        let mut hands = CarryOut {
            remediation: self,
            policy: &policy,
            known: &known,
            looked_at: second_look_at,
            writer,
            report: &mut report,
            others: BTreeSet::new(),
            last_start: wanted.deadline.map(|deadline| {
                // A function with little time altogether still gets to do something.
                deadline - RESERVE.min((deadline - started_at) / 4)
            }),
        };
        let standstills = std::mem::take(&mut work.settled.standstills);
        hands.carry_out(work).await;
        let (writer, others) = (hands.writer, hands.others);
        if self.watch.is_to_end() {
            report.name_interrupted();
        }
        self.hand_on(&wanted, &report, &others).await;
        let told = self.tell(&mut report, &policy).await;
        if let Some(writer) = writer {
            writer.end(told.is_ok()).await;
        }
        if let Some(ledger) = &self.ledger {
            for run in &unfinished {
                ledger.let_go(run, &run_id, told.is_ok()).await;
            }
            // Only now: who was not told has no notice.
            if told.is_ok()
                && let Err(error) = ledger.note_standstills(standstills).await
            {
                tracing::error!("the next run notes what is stopped: {error}");
            }
        }
        Ok((report, told))
    }

    /// What is known of the instances of `seen` besides what they are: who launched them, and what the ledger knows,
    /// which is asked only where the plan may depend on it.
    pub(crate) async fn known(
        &self,
        policy: &Policy,
        seen: &Seen,
        wanted: &Wanted,
    ) -> Result<Known, RemediationError> {
        let mut known = Known {
            launchers: wanted.launchers.clone(),
            ..Known::default()
        };
        let unattributed = seen.unattributed.iter();
        let unattributed = unattributed.filter(|it| !wanted.launchers.contains_key(&it.id));
        let found = self.look_up.find(unattributed.cloned(), wanted.deadline);
        known.launchers.extend(found.await);
        let Some(ledger) = &self.ledger else {
            return Ok(known);
        };
        if self.settings.terminate_after.is_some() && self.settings.untagged == Untagged::Stop {
            known.standstills = ledger.standstills(&seen.standing).await?;
        }
        let mut actions = policy.rules().iter().map(|rule| &rule.action);
        let may_end = actions.any(|action| matches!(action, Action::Stop | Action::Terminate))
            || (self.settings.untagged != Untagged::Notify && seen.has_untagged);
        if may_end && !seen.faulty.is_empty() {
            known.protected = ledger.protected().await?;
        }
        Ok(known)
    }

    /// Logs the report, entry by entry, and publishes what is new in it. A report of nothing new is not published.
    async fn tell(&self, report: &mut Report, policy: &Policy) -> Result<(), RemediationError> {
        self.watch.begin(Phase::Telling, None);
        report.sort();
        for entry in &report.entries {
            tracing::info!(
                run = report.run_id.as_str(),
                instance = entry.step.instance_id,
                rule = entry.step.cause.rule_id(),
                tag = entry.step.cause.tag_key(),
                finding = entry.step.cause.name(),
                remedy = entry.step.remedy.name(),
                outcome = entry.outcome.name(),
                "{}",
                text::line(entry)
            );
        }
        let names: BTreeSet<String> = report.entries.iter().filter_map(Entry::name).collect();
        // What nobody was told is news to the topic still.
        let ledger = self.ledger.as_ref();
        let ledger = ledger.filter(|_| self.settings.topic_arn.is_some());
        if let Some(ledger) = ledger.filter(|_| !names.is_empty()) {
            // Told once more is better than not at all.
            match ledger.told(report.mode).await {
                Ok(told) => report.told = told,
                Err(error) => tracing::error!("the ledger: {error}"),
            }
        }
        let telling = Telling {
            region: self.region.as_deref(),
            ledger_table: self.settings.ledger_table.as_deref(),
            template: policy.report_template(),
        };
        let told = messages(report, telling);
        if let Some(problem) = &told.problem {
            tracing::error!("{problem}");
        }
        for message in told.messages {
            self.publish(message.body(), true).await?;
        }
        if let Some(ledger) = ledger {
            let new = names.difference(&report.told).cloned().collect();
            if let Err(error) = ledger.remember_told(report.mode, new).await {
                tracing::error!("what was told will be told again: {error}");
            }
        }
        Ok(())
    }

    /// Nobody would see that a sweep does nothing any more: the topic is told.
    async fn tell_of_broken_policy(
        &self,
        wanted: &Wanted,
        error: PolicyTableError,
    ) -> RemediationError {
        if let (Which::Everything, PolicyTableError::Invalid { table, source }) =
            (&wanted.which, &error)
        {
            let text = text::broken_policy(table, source);
            if let Err(error) = self.publish(text, false).await {
                tracing::error!("{error}");
            }
        }
        error.into()
    }

    async fn publish(&self, message: String, is_structured: bool) -> Result<(), RemediationError> {
        let Some(topic_arn) = &self.settings.topic_arn else {
            return Ok(());
        };
        self.sns
            .publish()
            .topic_arn(topic_arn)
            .subject(&self.settings.report_subject)
            .message(message)
            .set_message_structure(is_structured.then(|| "json".to_owned()))
            .send()
            .await
            .map_err(|error| RemediationError::Unreported(AwsError::new("sns:Publish", &error)))?;
        Ok(())
    }
}

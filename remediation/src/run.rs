//! One run: look, find launchers, look again, plan, act, report.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden::aws::AwsError;
use tagwarden::aws::instances::{self, InstancePages};
use tagwarden::aws::policy_table::{PolicyTableError, read_policy};
use tagwarden::exemption::EXEMPTION_KEY;
use tagwarden::{Action, Finding, Instance, Policy, Verdict, assess};

use crate::carry_out::CarryOut;
use crate::function::{Remediation, RemediationError};
use crate::launcher::Launcher;
use crate::ledger::{RunId, Writer};
use crate::plan::{Known, plan};
use crate::report::{Entry, Report, Telling, messages, text};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Untagged};
use crate::trigger::Trigger;
use crate::watch::Phase;

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Everything,
    These(BTreeSet<String>),
}

/// What a first look shows.
struct Seen {
    /// How many instances the policy applies to.
    looked_at: usize,
    /// How many pages the whole fleet is, if that was looked at.
    pages: Option<usize>,
    /// Those with a finding: only these are kept.
    faulty: Vec<Instance>,
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
        let Seen {
            looked_at,
            pages,
            mut faulty,
        } = self.look(&policy, &wanted.which).await?;
        let launchers = self.launchers(&policy, &faulty, &wanted).await;
        let second_look_at = self.clock.now();
        if self.settings.mode == Mode::Enforce && !faulty.is_empty() {
            let ids: Vec<String> = faulty.iter().map(|instance| instance.id.clone()).collect();
            drop(faulty);
            faulty = self.look_again(&policy, &ids, pages).await?;
        }
        let mut known = self.remembered(&policy, &faulty).await?;
        known.launchers = launchers;
        let mut plan = plan(&policy, &self.settings, &faulty, &known, self.clock.now());

        let mut report = Report::new(self.settings.mode, looked_at, run_id.clone());
        if self.settings.mode == Mode::DryRun {
            // What it cannot know is logged.
            let _ = self.would_do(plan, &mut report).await;
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
        let mut work = CarryOut {
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
        let standstills = std::mem::take(&mut plan.standstills);
        work.carry_out(plan, &faulty).await;
        let (writer, others) = (work.writer, work.others);
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

    async fn read_policy(&self) -> Result<Policy, PolicyTableError> {
        read_policy(&self.dynamodb, &self.settings.policy.policy_table).await
    }

    /// Looks at the instances that are wanted.
    async fn look(&self, policy: &Policy, which: &Which) -> Result<Seen, RemediationError> {
        let mut looked_at = 0;
        let mut faulty = Vec::new();
        let mut pages_read = None;
        let now = self.clock.now();
        self.watch.begin(Phase::Looking, None);
        let mut sort_out = |page: Vec<Instance>| {
            for instance in page {
                let assessment = assess(policy, &self.settings.policy.scope, &instance, now);
                let applies = !matches!(assessment.verdict, Verdict::NotApplicable(_));
                looked_at += usize::from(applies);
                if !assessment.findings.is_empty() {
                    faulty.push(instance);
                }
            }
        };
        match which {
            Which::Everything => {
                let mut pages = InstancePages::in_scope(&self.ec2, &self.settings.policy.scope);
                let mut number = 0;
                while let Some(page) = pages.next().await {
                    if self.watch.is_to_end() {
                        return Err(RemediationError::Interrupted);
                    }
                    let page = self.as_safeguarded(page?);
                    self.watch.add(page.len());
                    sort_out(page);
                    number += 1;
                }
                pages_read = Some(number);
            }
            Which::These(ids) => {
                let ids: Vec<String> = ids.iter().cloned().collect();
                let instances = instances::describe(&self.ec2, &ids).await?;
                sort_out(self.as_safeguarded(instances));
            }
        }
        Ok(Seen {
            looked_at,
            pages: pages_read,
            faulty,
        })
    }

    /// The same instances as they are now: looking launchers up takes time, in which people tag and policies
    /// change. Where the whole fleet is so many `pages`, they are read instead if that takes fewer requests.
    pub(crate) async fn look_again(
        &self,
        policy: &Policy,
        ids: &[String],
        pages: Option<usize>,
    ) -> Result<Vec<Instance>, RemediationError> {
        if self.read_policy().await?.rules() != policy.rules() {
            return Err(RemediationError::PolicyChanged);
        }
        if pages.is_none_or(|pages| instances::requests_for(ids.len()) <= pages) {
            let instances = instances::describe(&self.ec2, ids).await?;
            return Ok(self.as_safeguarded(instances));
        }
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut found = Vec::with_capacity(ids.len());
        let mut pages = InstancePages::in_scope(&self.ec2, &self.settings.policy.scope);
        while let Some(page) = pages.next().await {
            let page = page?.into_iter();
            found.extend(page.filter(|instance| ids.contains(instance.id.as_str())));
        }
        Ok(self.as_safeguarded(found))
    }

    /// The instances as they are; without their exemptions where a test has taken that safeguard out.
    fn as_safeguarded(&self, mut instances: Vec<Instance>) -> Vec<Instance> {
        if !self.settings.safeguards.hold(Safeguard::Exemption) {
            for instance in &mut instances {
                instance.tags.remove(EXEMPTION_KEY);
            }
        }
        instances
    }

    /// Who launched those of `faulty` that lack a UserLookup tag.
    pub(crate) async fn launchers(
        &self,
        policy: &Policy,
        faulty: &[Instance],
        wanted: &Wanted,
    ) -> BTreeMap<String, Launcher> {
        let mut launchers = wanted.launchers.clone();
        let unknown = without_launcher(policy, faulty, &launchers, self.clock.now());
        let found = self.look_up.find(unknown, wanted.deadline).await;
        launchers.extend(found);
        launchers
    }

    /// What the ledger knows of `faulty`; asked only where the plan may depend on it.
    pub(crate) async fn remembered(
        &self,
        policy: &Policy,
        faulty: &[Instance],
    ) -> Result<Known, RemediationError> {
        let mut known = Known::default();
        let Some(ledger) = &self.ledger else {
            return Ok(known);
        };
        let is_untagged = |instance: &&Instance| instance.tags.is_empty();
        if self.settings.terminate_after.is_some() && self.settings.untagged == Untagged::Stop {
            let stopped = faulty.iter().filter(|it| it.state.is_stopped());
            let stopped = stopped.filter(is_untagged);
            let stopped: Vec<String> = stopped.map(|instance| instance.id.clone()).collect();
            known.standstills = ledger.standstills(&stopped).await?;
        }
        let mut actions = policy.rules().iter().map(|rule| &rule.action);
        let may_end = actions.any(|action| matches!(action, Action::Stop | Action::Terminate))
            || (self.settings.untagged != Untagged::Notify
                && faulty.iter().any(|it| is_untagged(&it)));
        if may_end && !faulty.is_empty() {
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

/// The instances with a finding that only their launcher's name can mend.
pub(crate) fn without_launcher<'a>(
    policy: &'a Policy,
    faulty: &'a [Instance],
    known: &'a BTreeMap<String, Launcher>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = &'a Instance> {
    let everywhere = tagwarden::Scope::default();
    faulty.iter().filter(move |instance| {
        !known.contains_key(&instance.id)
            && assess(policy, &everywhere, instance, now)
                .findings
                .iter()
                .any(|finding| {
                    matches!(finding, Finding::Tag { rule, .. } if rule.action == Action::UserLookup)
                })
    })
}

//! One run: look, find launchers, look again, plan, act, report.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use tagwarden::aws::AwsError;
use tagwarden::aws::instances::{self, InstancePages};
use tagwarden::aws::policy_table::{PolicyTableError, read_policy};
use tagwarden::{Action, Finding, Instance, Policy, Verdict, assess};

use crate::act::{self, Acted};
use crate::function::{Remediation, RemediationError};
use crate::launcher::Launcher;
use crate::plan::{Plan, Reason, Remedy, Step, plan};
use crate::report::{Outcome, Report, messages, text};
use crate::settings::Mode;

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) which: Which,
    /// Who launched an instance, where the event told.
    pub(crate) launchers: BTreeMap<String, Launcher>,
    /// When Lambda ends the function.
    pub(crate) deadline: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Everything,
    These(BTreeSet<String>),
}

impl Remediation {
    pub(crate) async fn run(&self, wanted: Wanted) -> Result<Report, RemediationError> {
        let policy = match self.read_policy().await {
            Ok(policy) => policy,
            Err(error) => return Err(self.tell_of_broken_policy(&wanted, error).await),
        };
        let (looked_at, mut faulty) = self.look(&policy, &wanted.which).await?;
        let mut launchers = wanted.launchers;
        launchers.extend(
            self.look_up
                .find(
                    without_launcher(&policy, &faulty, &launchers, self.clock.now()),
                    wanted.deadline,
                )
                .await,
        );
        if self.settings.mode == Mode::Enforce && !faulty.is_empty() {
            let ids: Vec<String> = faulty.iter().map(|instance| instance.id.clone()).collect();
            faulty = self.look_again(&policy, &ids).await?;
        }
        let plan = plan(
            &policy,
            &self.settings,
            &faulty,
            &launchers,
            self.clock.now(),
        );

        let mut report = Report::new(self.settings.mode, looked_at);
        match self.settings.mode {
            Mode::DryRun => self.would_do(plan, &mut report),
            Mode::Enforce => self.carry_out(&policy, plan, &mut report).await,
        }
        report.sort();
        self.tell(&report).await?;
        Ok(report)
    }

    async fn read_policy(&self) -> Result<Policy, PolicyTableError> {
        read_policy(&self.dynamodb, &self.settings.policy.policy_table).await
    }

    /// How many instances the policy applies to, and those of them with a finding: only these are kept.
    async fn look(
        &self,
        policy: &Policy,
        which: &Which,
    ) -> Result<(usize, Vec<Instance>), AwsError> {
        let mut looked_at = 0;
        let mut faulty = Vec::new();
        let now = self.clock.now();
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
                while let Some(page) = pages.next().await {
                    sort_out(page?);
                }
            }
            Which::These(ids) => {
                let ids: Vec<String> = ids.iter().cloned().collect();
                sort_out(instances::describe(&self.ec2, &ids).await?);
            }
        }
        Ok((looked_at, faulty))
    }

    /// The same instances as they are now: looking launchers up takes time, in which people tag and policies
    /// change.
    async fn look_again(
        &self,
        policy: &Policy,
        ids: &[String],
    ) -> Result<Vec<Instance>, RemediationError> {
        if self.read_policy().await? != *policy {
            return Err(RemediationError::PolicyChanged);
        }
        Ok(instances::describe(&self.ec2, ids).await?)
    }

    fn would_do(&self, plan: Plan, report: &mut Report) {
        let limit = self.settings.max_destructive;
        for (position, step) in plan.destructive.iter().enumerate() {
            let outcome = if position < limit {
                Outcome::WouldDo
            } else {
                Outcome::Refused(Reason::Budget { limit })
            };
            report.add(step.clone(), outcome);
        }
        for step in &plan.steps {
            let outcome = match step.remedy {
                Remedy::Notify => Outcome::Done,
                _ => Outcome::WouldDo,
            };
            report.add(step.clone(), outcome);
        }
        add_settled(plan, report);
    }

    async fn carry_out(&self, policy: &Policy, mut plan: Plan, report: &mut Report) {
        self.tag(std::mem::take(&mut plan.steps), report).await;
        self.end(policy, std::mem::take(&mut plan.destructive), report)
            .await;
        add_settled(plan, report);
    }

    /// Writes the tags: one call for all instances that lack the same ones.
    async fn tag(&self, steps: Vec<Step>, report: &mut Report) {
        let mut steps_of: BTreeMap<String, Vec<Step>> = BTreeMap::new();
        for step in steps {
            match step.remedy {
                Remedy::Tag { .. } => steps_of
                    .entry(step.instance_id.clone())
                    .or_default()
                    .push(step),
                _ => report.add(step, Outcome::Done),
            }
        }
        let mut ids_of: BTreeMap<BTreeMap<String, String>, Vec<String>> = BTreeMap::new();
        for (id, steps) in &steps_of {
            ids_of.entry(tags(steps)).or_default().push(id.clone());
        }
        for (tags, ids) in ids_of {
            for (id, acted) in act::create_tags(&self.ec2, ids, &tags).await {
                for step in steps_of.remove(&id).unwrap_or_default() {
                    report.add_acted(step, acted.clone());
                }
            }
        }
    }

    /// Stops and terminates, as many as the budget allows; looks at each instance once more right before.
    async fn end(&self, policy: &Policy, steps: Vec<Step>, report: &mut Report) {
        let limit = self.settings.max_destructive;
        let mut left = limit;
        let mut waiting = VecDeque::from(steps);
        while !waiting.is_empty() {
            if left == 0 {
                for step in waiting.drain(..) {
                    report.add(step, Outcome::Refused(Reason::Budget { limit }));
                }
                return;
            }
            // A protected instance costs no budget, so that many of them cannot keep the others from their turn.
            let batch = waiting.drain(..left.min(waiting.len())).collect();
            let confirmed = self.confirm(policy, batch, report).await;
            let (to_stop, to_terminate): (Vec<_>, Vec<_>) = confirmed
                .into_iter()
                .partition(|step| step.remedy == Remedy::Stop);
            let mut settle = |steps: Vec<Step>, results: Vec<(String, Acted)>| {
                let mut results: BTreeMap<String, Acted> = results.into_iter().collect();
                for step in steps {
                    if let Some(acted) = results.remove(&step.instance_id) {
                        left = left.saturating_sub(usize::from(acted == Acted::Done));
                        report.add_acted(step, acted);
                    }
                }
            };
            let results = act::stop(&self.ec2, ids(&to_stop)).await;
            settle(to_stop, results);
            let results = act::terminate(&self.ec2, ids(&to_terminate)).await;
            settle(to_terminate, results);
        }
    }

    /// Those of `steps` that the policy and the instances, both read again, still ask for.
    async fn confirm(&self, policy: &Policy, steps: Vec<Step>, report: &mut Report) -> Vec<Step> {
        let live = match self.look_again(policy, &ids(&steps)).await {
            Ok(live) => live,
            Err(error) => {
                let outcome = match error {
                    RemediationError::PolicyChanged => Outcome::Deferred(Reason::PolicyChanged),
                    // Without the words "nothing was done": tags may have been written by now.
                    RemediationError::Aws(error) => Outcome::Failed(error.to_string()),
                    error => Outcome::Failed(error.to_string()),
                };
                for step in steps {
                    report.add(step, outcome.clone());
                }
                return Vec::new();
            }
        };
        let still = plan(
            policy,
            &self.settings,
            &live,
            &BTreeMap::new(),
            self.clock.now(),
        )
        .destructive;
        let (confirmed, spared): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|step| still.contains(step));
        for step in spared {
            tracing::info!(
                instance = step.instance_id,
                "spared: the instance has changed since it was first looked at"
            );
        }
        confirmed
    }

    /// Logs the report, entry by entry, and publishes it. A report of nothing is not published.
    async fn tell(&self, report: &Report) -> Result<(), RemediationError> {
        for entry in &report.entries {
            tracing::info!(
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
        for message in messages(report) {
            self.publish(message.body(), true).await?;
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
fn without_launcher<'a>(
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

fn tags(steps: &[Step]) -> BTreeMap<String, String> {
    steps
        .iter()
        .filter_map(|step| match &step.remedy {
            Remedy::Tag { value, .. } => Some((step.cause.tag_key()?.to_owned(), value.clone())),
            _ => None,
        })
        .collect()
}

fn ids(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| step.instance_id.clone()).collect()
}

fn add_settled(plan: Plan, report: &mut Report) {
    for (step, reason) in plan.deferred {
        report.add(step, Outcome::Deferred(reason));
    }
    for (step, reason) in plan.refused {
        report.add(step, Outcome::Refused(reason));
    }
    for (step, why) in plan.failed {
        report.add(step, Outcome::Failed(why));
    }
}

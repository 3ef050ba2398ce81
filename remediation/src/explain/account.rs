//! Reads what is known of instances in an account. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_core::{Policy, Resource};

use super::Explanations;
use super::facts::{BudgetLeft, Facts};
use crate::calls;
use crate::ledger::Ledger;
use crate::link::Sender;
use crate::plan::{Act, Doubt, Plan, PlanContext, RemedyName, plan};
use crate::remediation::{Remediation, RemediationError};
use crate::request::{RunRequest, Target, Trigger};
use crate::run::{
    LONGEST_RUN, Survey, all_standing, ask_describe_tags, attribute, check_notices, suspected_until,
};
use crate::settings::{Mode, Settings};

impl Remediation {
    /// Explains `instances` under `policy`: what an enforcing run would do about each right now, what holds that back, and
    /// until when. `mode` is the function's, if it is known.
    ///
    /// Asks CloudTrail, EC2 and the ledger. Changes nothing and publishes nothing. Without a ledger, how long a reason has
    /// stood is not known; the instance's age stands in for it, as in a dry run.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn explain(
        &self,
        policy: &Policy,
        instances: &[Resource],
        mode: Option<Mode>,
    ) -> Result<Explanations, RemediationError> {
        let now = self.clock.now();
        let survey = Survey::of(policy, &self.settings, instances, now);
        let ids: BTreeSet<String> = instances.iter().map(|it| it.id.clone()).collect();
        let request = RunRequest {
            target: Target::Instances(ids),
            launchers: BTreeMap::new(),
            deadline: now.checked_add_signed(LONGEST_RUN),
            triggers: BTreeSet::from([Trigger::Person]),
            request_id: String::new(),
            sender: Sender::default(),
        };
        let mut context = attribute(self, policy, &survey, &request, false).await?;
        let mut notes = Vec::new();
        let mut settings = Settings {
            mode: Mode::DryRun,
            ..self.settings.clone()
        };
        if let Some(ledger) = &self.ledger {
            settings.mode = Mode::Enforce;
            let ids = instances.iter().map(|it| &it.id);
            let ids = ids.chain(&survey.launched_hosts);
            context.memories = ledger.memories(ids).await?;
            context.unreadable_exemptions = unreadable_exemptions(&context);
            let standing = all_standing(self, ledger, &survey, &request.target, false).await?;
            context.countdowns = standing.countdowns;
            context.paused = standing.paused;
        }
        let confirmed = ask_describe_tags(self, &survey.to_shut_down).await;
        match confirmed.doubt {
            Some(Doubt::Unconfirmed(why)) => {
                notes.push(format!(
                    "Whether EC2's two answers agree is not known: {why}."
                ));
            }
            doubt => context.doubt = doubt,
        }
        // The clock has moved while all this was asked.
        let now = self.clock.now();
        let mut plan = plan(policy, &settings, instances, &context, now);
        check_notices(self, &mut plan).await;
        let protected = self.protected(&plan).await;
        if let Err(error) = &protected {
            notes.push(format!(
                "Which instances are protected is not known: {error}."
            ));
        }
        let mut facts = Facts {
            protected: protected.ok(),
            ..Facts::new(policy, &settings, &context, plan, mode, now)
        };
        if let Some(ledger) = &self.ledger {
            facts.budget = Some(self.budget(ledger, now).await?);
            facts.is_suspicion_known = true;
            for reason in facts.plan.reasons.keys() {
                if let Some(until) = suspected_until(ledger, reason, now).await? {
                    facts.suspected.insert(reason.clone(), until);
                }
            }
        }
        let explained = instances
            .iter()
            .map(|it| (it.id.clone(), facts.explain(it)));
        Ok(Explanations {
            instances: explained.collect(),
            notes,
        })
    }

    async fn budget(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<BudgetLeft, AwsError> {
        let limit = self.settings.max_destructive;
        let (left, room_at) = ledger.budget_left(limit, now).await?;
        Ok(BudgetLeft {
            left,
            room_at: Some(room_at),
        })
    }

    /// Which of the shutdowns that `plan` has or leaves EC2 protects from.
    async fn protected(&self, plan: &Plan) -> Result<BTreeSet<(String, RemedyName)>, AwsError> {
        let no_tags = BTreeMap::new();
        let left = plan.settled.iter();
        let left = left.filter_map(|(step, _)| Act::of(step.clone(), &no_tags));
        let acts = plan.shutdowns.values().cloned().chain(left);
        let mut protected = BTreeSet::new();
        for remedy in [RemedyName::Stop, RemedyName::Terminate] {
            let acts: Vec<Act> = acts.clone().filter(|act| act.remedy == remedy).collect();
            let found = calls::protected(&self.ec2, &acts).await?;
            protected.extend(found.into_iter().map(|id| (id, remedy)));
        }
        Ok(protected)
    }
}

fn unreadable_exemptions(context: &PlanContext) -> BTreeMap<String, DateTime<Utc>> {
    let memories = context.memories.iter();
    memories
        .filter_map(|(id, memory)| Some((id.clone(), memory.unreadable_exemption_since()?)))
        .collect()
}

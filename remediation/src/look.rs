//! Looks at instances: first to see what is wrong with which, and again right before anything is planned.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tagwarden_aws::instances::{self, InstancePages};
use tagwarden_aws::policy_table::{PolicyTableError, read_policy};
use tagwarden_core::exemption::EXEMPTION_KEY;
use tagwarden_core::{Action, Finding, Instance, Policy, Scope, Verdict, assess};

use crate::function::{Remediation, RemediationError};
use crate::launcher::Unattributed;
use crate::safeguard::Safeguard;
use crate::watch::Phase;

/// Which instances to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Everything,
    These(BTreeSet<String>),
}

/// What a first look shows. Of the instances themselves nothing is kept: half a fleet would be much to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many instances the policy applies to.
    pub(crate) looked_at: usize,
    /// How many pages the whole fleet is, if that was looked at.
    pub(crate) pages: Option<usize>,
    /// The ids of those with a finding.
    pub(crate) faulty: Vec<String>,
    /// Those of them that only their launcher's name can mend.
    pub(crate) unattributed: Vec<Unattributed>,
    /// Whether any has no tags at all.
    pub(crate) has_untagged: bool,
    /// The ids of those that have no tags at all and are stopped.
    pub(crate) standing: Vec<String>,
}

impl Seen {
    /// What `instances` show.
    pub(crate) fn of<'a>(
        policy: &Policy,
        scope: &Scope,
        instances: impl IntoIterator<Item = &'a Instance>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut seen = Self::default();
        for instance in instances {
            seen.add(policy, scope, instance, now);
        }
        seen
    }

    fn add(&mut self, policy: &Policy, scope: &Scope, instance: &Instance, now: DateTime<Utc>) {
        let assessment = assess(policy, scope, instance, now);
        let applies = !matches!(assessment.verdict, Verdict::NotApplicable(_));
        self.looked_at += usize::from(applies);
        if !assessment.has_findings() {
            return;
        }
        self.faulty.push(instance.id.clone());
        if assessment.is_untagged {
            self.has_untagged = true;
            if instance.state.is_stopped() {
                self.standing.push(instance.id.clone());
            }
        }
        let lacks_launcher = |finding: &Finding<'_>| finding.rule.action == Action::UserLookup;
        if !assessment.is_untagged && assessment.findings.iter().any(lacks_launcher) {
            self.unattributed.push(Unattributed::from(instance));
        }
    }
}

impl Remediation {
    pub(crate) async fn read_policy(&self) -> Result<Policy, PolicyTableError> {
        read_policy(&self.dynamodb, &self.settings.policy.policy_table).await
    }

    /// Looks at the instances that are wanted.
    pub(crate) async fn look(
        &self,
        policy: &Policy,
        which: &Which,
    ) -> Result<Seen, RemediationError> {
        let scope = &self.settings.policy.scope;
        let now = self.clock.now();
        self.watch.begin(Phase::Looking, None);
        match which {
            Which::Everything => {
                let mut seen = Seen::default();
                let mut pages = InstancePages::in_scope(&self.ec2, scope);
                let mut number = 0;
                while let Some(page) = pages.next().await {
                    if self.watch.is_to_end() {
                        return Err(RemediationError::Interrupted);
                    }
                    let page = self.as_safeguarded(page?);
                    self.watch.add(page.len());
                    for instance in &page {
                        seen.add(policy, scope, instance, now);
                    }
                    number += 1;
                }
                seen.pages = Some(number);
                Ok(seen)
            }
            Which::These(ids) => {
                let ids: Vec<String> = ids.iter().cloned().collect();
                let instances = self.as_safeguarded(instances::describe(&self.ec2, &ids).await?);
                Ok(Seen::of(policy, scope, &instances, now))
            }
        }
    }

    /// Gives `take` those of `seen` that had a finding as they are now, one page after the other: looking launchers up
    /// takes time, in which people tag and policies change. The whole fleet is read where that takes fewer requests
    /// than to ask for each by its id.
    ///
    /// # Errors
    /// The policy is another one by now, or cannot be read, or the instances cannot.
    pub(crate) async fn look_again(
        &self,
        policy: &Policy,
        seen: &Seen,
        mut take: impl FnMut(Vec<Instance>),
    ) -> Result<(), RemediationError> {
        let ids = &seen.faulty;
        if seen
            .pages
            .is_none_or(|pages| instances::requests_for(ids.len()) <= pages)
        {
            take(self.look_again_at(policy, ids).await?);
            return Ok(());
        }
        self.check_policy(policy).await?;
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut pages = InstancePages::in_scope(&self.ec2, &self.settings.policy.scope);
        while let Some(page) = pages.next().await {
            let mut page = page?;
            page.retain(|instance| ids.contains(instance.id.as_str()));
            take(self.as_safeguarded(page));
        }
        Ok(())
    }

    /// The instances of these ids as they are now, under the same policy.
    ///
    /// # Errors
    /// The policy is another one by now, or cannot be read, or the instances cannot.
    pub(crate) async fn look_again_at(
        &self,
        policy: &Policy,
        ids: &[String],
    ) -> Result<Vec<Instance>, RemediationError> {
        self.check_policy(policy).await?;
        let instances = instances::describe(&self.ec2, ids).await?;
        Ok(self.as_safeguarded(instances))
    }

    async fn check_policy(&self, policy: &Policy) -> Result<(), RemediationError> {
        if self.read_policy().await?.rules() == policy.rules() {
            Ok(())
        } else {
            Err(RemediationError::PolicyChanged)
        }
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
}

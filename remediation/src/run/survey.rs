//! Reads instances: first to see what is wrong with which, and again right before anything is planned.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::{PolicyTableError, read_policy};
use tagwarden_aws::resources::{self, ResourcePages};
use tagwarden_core::exemption::is_exemption_like;
use tagwarden_core::policy::{NearMissValue, Source};
use tagwarden_core::{
    Action, Assessment, Defect, Finding, Kind, Policy, Resource, RuleRemedy, TagRule, Verdict,
    assess,
};

use crate::launcher::{HISTORY, Launcher, Unattributed};
use crate::plan::{PlanContext, UNDEFINED, asks_hosts, ends_soon, launched_id};
use crate::progress::Phase;
use crate::remediation::{Remediation, RemediationError};
use crate::request::Target;
use crate::safeguard::Safeguard;
use crate::settings::Settings;

/// What the first reading shows.
///
/// Keeps ids only. The instances of a large fleet would not fit in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How many instances the policy applies to.
    pub(crate) instances: usize,
    /// How many resources of other kinds it applies to.
    pub(crate) others: usize,
    /// The instances that volumes with a finding are attached to, by id; `None` until they are read.
    pub(crate) hosts: BTreeMap<String, Option<Resource>>,
    /// Those of them whose launcher's name a volume needs.
    pub(crate) launched_hosts: BTreeSet<String>,
    /// How many pages the resources of each kind are, if the whole fleet was read.
    pages: BTreeMap<Kind, usize>,
    /// The ids of the instances with a finding.
    pub(crate) with_findings: Vec<String>,
    /// Those of them that lack a tag for which their launcher's name is needed.
    pub(crate) unattributed: Vec<Unattributed>,
    /// Those of them that have no tags at all. A launcher's name is needed only if tagwarden has tagged them before.
    pub(crate) untagged: BTreeMap<String, Unattributed>,
    /// Those whose launcher's name is `Undefined`, launched in CloudTrail's event history. If tagwarden wrote that a short
    /// time ago, they are looked up again.
    pub(crate) undefined: Vec<Unattributed>,
    /// The ids of those whose memory the plan may depend on: they are untagged, lack a name or a date, or may be
    /// shut down.
    pub(crate) remembered: Vec<String>,
    /// Those that may be shut down, because they have no tags or a rule wants it, or whose end date comes soon.
    pub(crate) to_shut_down: Vec<Resource>,
    /// Spot Instances without an end date that a rule reads. One that would be replaced gets none.
    pub(crate) undated: Vec<Resource>,
    /// The subnets, VPCs and volumes' instances from which rules take values, and the keys of those values.
    pub(crate) source_ids: BTreeSet<String>,
    pub(crate) source_keys: BTreeSet<String>,
}

impl Survey {
    /// What `instances` show.
    pub(crate) fn of<'a>(
        policy: &Policy,
        settings: &Settings,
        instances: impl IntoIterator<Item = &'a Resource>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut survey = Self::default();
        let instances: Vec<&Resource> = instances.into_iter().collect();
        for instance in &instances {
            survey.add(policy, settings, instance, now);
        }
        // What is given need not be read.
        if !survey.hosts.is_empty() {
            for instance in instances {
                if let Some(host) = survey.hosts.get_mut(&instance.id) {
                    *host = Some(instance.clone());
                }
            }
        }
        survey
    }

    fn add(
        &mut self,
        policy: &Policy,
        settings: &Settings,
        instance: &Resource,
        now: DateTime<Utc>,
    ) {
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        let applies = !matches!(assessment.verdict, Verdict::NotApplicable(_));
        let is_own_launch = instance.kind.created_by().is_some();
        if instance.kind == Kind::Instance {
            self.instances += usize::from(applies);
        } else {
            self.others += usize::from(applies);
        }
        let horizon = now.checked_sub_signed(HISTORY).unwrap_or(now);
        let is_undefined = |rule: &TagRule| {
            rule.action == Action::UserLookup
                && instance.tags.get(&rule.tag_key).map(String::as_str) == Some(UNDEFINED)
        };
        if applies
            && is_own_launch
            && instance.launched_at.is_some_and(|at| at > horizon)
            && policy.rules_for(instance).any(is_undefined)
        {
            self.undefined.push(Unattributed::from(instance));
        }
        let ends_soon =
            applies && policy.has_end_dates() && ends_soon(policy, settings, instance, now);
        if ends_soon {
            self.to_shut_down.push(instance.clone());
            self.remembered.push(instance.id.clone());
        }
        if !assessment.has_findings() {
            if ends_soon {
                self.with_findings.push(instance.id.clone());
            }
            return;
        }
        self.with_findings.push(instance.id.clone());
        for id in &instance.attached_to {
            self.hosts.entry(id.clone()).or_default();
        }
        let wants = |is: fn(&RuleRemedy<'_>) -> bool| {
            let mut findings = assessment.findings.iter();
            findings.any(|it| {
                it.rule
                    .remedy(instance.kind, it.defect)
                    .is_some_and(|remedy| is(&remedy))
            })
        };
        // Asked in any case: the sources of an instance that lacks its launcher too must be read.
        let source_is_launcher = self.note_sources(policy, instance, &assessment);
        let lacks_launcher =
            wants(|it| matches!(it, RuleRemedy::WriteLauncher)) || source_is_launcher;
        let lacks_date = wants(|it| matches!(it, RuleRemedy::WriteFunction(_)));
        let has_source = |finding: &Finding<'_>| !finding.rule.options.from.is_empty();
        let has_source = assessment.findings.iter().any(has_source);
        let wants_shutdown = wants(|it| matches!(it, RuleRemedy::ShutDown(_)));
        // EC2 may have left out the tags that tagwarden wrote.
        let is_bare = assessment.is_untagged || (!is_own_launch && instance.tags.is_empty());
        if is_bare || lacks_launcher || lacks_date || has_source || wants_shutdown {
            self.remembered.push(instance.id.clone());
        }
        if assessment.is_untagged {
            let unattributed = Unattributed::from(instance);
            self.untagged.insert(instance.id.clone(), unattributed);
        }
        if (assessment.is_untagged || wants_shutdown) && !ends_soon {
            self.to_shut_down.push(instance.clone());
        }
        let lacks_end_date = |finding: &Finding<'_>| {
            let is_absent = matches!(
                finding.defect,
                Defect::Missing { .. } | Defect::Empty { .. }
            );
            is_absent && finding.rule.options.end_date.is_some()
        };
        if instance.spot_request_id.is_some() && assessment.findings.iter().any(lacks_end_date) {
            self.undated.push(instance.clone());
        }
        if !is_own_launch && lacks_launcher {
            let host = launched_id(instance).map(ToOwned::to_owned);
            self.launched_hosts.extend(host);
        } else if !assessment.is_untagged && lacks_launcher {
            self.unattributed.push(Unattributed::from(instance));
        }
    }
}

impl Survey {
    /// Notes which sources have the values that `instance` lacks; gives whether one of them is its launcher, whose name is
    /// not noted on it.
    fn note_sources(
        &mut self,
        policy: &Policy,
        instance: &Resource,
        assessment: &Assessment<'_>,
    ) -> bool {
        let mut needs_launcher = false;
        for Finding { rule, defect } in &assessment.findings {
            let remedy = rule.remedy(instance.kind, *defect);
            // A volume's launcher is the name on its instance, if there is one.
            let is_from_host = matches!(
                remedy,
                Some(
                    RuleRemedy::Write(_) | RuleRemedy::WriteFunction(_) | RuleRemedy::WriteLauncher
                )
            ) && asks_hosts(rule);
            if is_from_host && !instance.attached_to.is_empty() {
                self.source_ids.extend(instance.attached_to.iter().cloned());
                self.source_keys.insert(rule.tag_key.clone());
            }
            let is_written = matches!(
                remedy,
                Some(RuleRemedy::Write(_) | RuleRemedy::WriteFunction(_))
            );
            let near_miss = rule.near_miss_value(instance, policy.rules());
            if !is_written || near_miss != NearMissValue::Absent {
                continue;
            }
            for source in &rule.options.from {
                let id = match source {
                    Source::Subnet => instance.details.subnet_id.as_ref(),
                    Source::Vpc => instance.vpc_id.as_ref(),
                    Source::Launcher => {
                        let noted = policy.noted_launcher(instance);
                        let is_noted = noted.is_some_and(|name| name != UNDEFINED);
                        needs_launcher |= !is_noted && !policy.who_rows().is_empty();
                        None
                    }
                    Source::Tag(_) | Source::Instance => None,
                };
                if let Some(id) = id {
                    self.source_ids.insert(id.clone());
                    self.source_keys.insert(rule.tag_key.clone());
                }
            }
        }
        needs_launcher
    }

    /// The ids of those of `to_shut_down` that are stopped and have no tags.
    pub(crate) fn stopped_untagged(&self) -> Vec<String> {
        let stopped = self.to_shut_down.iter();
        let stopped = stopped.filter(|it| it.tags.is_empty() && it.state.is_stopped());
        stopped.map(|it| it.id.clone()).collect()
    }

    /// The kinds of which the whole fleet is fewer pages than it takes requests to ask for those with a finding by their
    /// ids. Few volumes with a finding do not make many instances be asked for by id.
    fn kinds_by_page(&self) -> Vec<Kind> {
        let takes_fewer = |(kind, pages): &(&Kind, &usize)| {
            let ids = self.with_findings.iter();
            let count = ids.filter(|id| Kind::of_id(id) == Some(**kind)).count();
            resources::requests_for(count) > **pages
        };
        let kinds = self.pages.iter().filter(takes_fewer);
        kinds.map(|(kind, _)| *kind).collect()
    }

    /// Has the second look read those whose `Undefined` can be replaced by a name.
    pub(crate) fn watch_named(&mut self, context: &PlanContext) {
        let is_named = |it: &&Unattributed| {
            let launcher = context.launchers.get(&it.id);
            matches!(launcher, Some(Launcher::Known(_)))
        };
        let named = self.undefined.iter().filter(is_named);
        let named: Vec<String> = named.map(|it| it.id.clone()).collect();
        self.watch(named.iter());
    }

    /// Has the second look read the instances with `ids` too.
    pub(crate) fn watch<'a>(&mut self, ids: impl Iterator<Item = &'a String>) {
        let known: BTreeSet<&String> = self.with_findings.iter().collect();
        let new: Vec<String> = ids.filter(|id| !known.contains(id)).cloned().collect();
        self.with_findings.extend(new);
    }
}

/// Reads the policy as it is now.
pub(super) async fn current_policy(home: &Remediation) -> Result<Policy, PolicyTableError> {
    read_policy(&home.dynamodb, &home.settings.policy.policy_table).await
}

/// Reads the instances of `target`.
///
/// # Errors
/// EC2 cannot be asked, or the run was cancelled.
pub(super) async fn survey(
    home: &Remediation,
    policy: &Policy,
    target: &Target,
) -> Result<Survey, RemediationError> {
    home.monitor.enter(Phase::Survey, None);
    match target {
        Target::Fleet => survey_fleet(home, policy).await,
        Target::Instances(ids) => {
            let now = home.clock.now();
            let ids: Vec<String> = ids.iter().cloned().collect();
            let (ec2, scope) = (&home.ec2, &home.settings.policy.scope);
            let found = resources::describe(ec2, policy, scope, &ids).await?;
            let instances = as_safeguarded(home, found);
            Ok(Survey::of(policy, &home.settings, &instances, now))
        }
    }
}

async fn survey_fleet(home: &Remediation, policy: &Policy) -> Result<Survey, RemediationError> {
    let settings = &home.settings.policy;
    let now = home.clock.now();
    let mut survey = Survey::default();
    for kind in settings.kinds.iter() {
        let mut pages = ResourcePages::of(&home.ec2, policy, &settings.scope, [kind]);
        let mut number = 0;
        while let Some(page) = pages.next().await {
            if home.monitor.is_cancelled() {
                return Err(RemediationError::Interrupted);
            }
            let page = as_safeguarded(home, page?);
            home.monitor.add(page.len());
            for instance in &page {
                survey.add(policy, &home.settings, instance, now);
            }
            number += 1;
        }
        survey.pages.insert(kind, number);
    }
    Ok(survey)
}

/// Gives `take` the instances of `survey` with a finding as they are now, page by page.
///
/// The whole fleet is read where that takes fewer requests than to ask for each instance by its id.
///
/// # Errors
/// The policy has changed, or cannot be read, or the instances cannot.
pub(super) async fn read_again(
    home: &Remediation,
    policy: &Policy,
    survey: &Survey,
    mut take: impl FnMut(&[Resource]),
) -> Result<(), RemediationError> {
    let kinds = survey.kinds_by_page();
    let is_by_page = |id: &&String| Kind::of_id(id).is_some_and(|kind| kinds.contains(&kind));
    let (by_page, by_id): (Vec<&String>, Vec<&String>) =
        survey.with_findings.iter().partition(is_by_page);
    let by_id: Vec<String> = by_id.into_iter().cloned().collect();
    check_policy(home, policy).await?;
    if !by_id.is_empty() {
        take(&describe(home, policy, &by_id).await?);
    }
    let ids: BTreeSet<&str> = by_page.into_iter().map(String::as_str).collect();
    let settings = &home.settings.policy;
    let mut pages = ResourcePages::of(&home.ec2, policy, &settings.scope, kinds);
    while let Some(page) = pages.next().await {
        let mut page = page?;
        page.retain(|instance| ids.contains(instance.id.as_str()));
        take(&as_safeguarded(home, page));
    }
    Ok(())
}

/// The instances with these ids as they are now, under the same policy.
///
/// # Errors
/// As [`read_again`].
pub(super) async fn read_again_by_id(
    home: &Remediation,
    policy: &Policy,
    ids: &[String],
) -> Result<Vec<Resource>, RemediationError> {
    check_policy(home, policy).await?;
    Ok(describe(home, policy, ids).await?)
}

/// The resources with these ids as they are now.
async fn describe(
    home: &Remediation,
    policy: &Policy,
    ids: &[String],
) -> Result<Vec<Resource>, AwsError> {
    let scope = &home.settings.policy.scope;
    let instances = resources::describe(&home.ec2, policy, scope, ids).await?;
    Ok(as_safeguarded(home, instances))
}

async fn check_policy(home: &Remediation, policy: &Policy) -> Result<(), RemediationError> {
    if is_still(policy, &current_policy(home).await?) {
        Ok(())
    } else {
        Err(RemediationError::PolicyChanged)
    }
}

/// Whether what was planned under `policy` may be done under the policy as it is `now`.
pub(super) fn is_still(policy: &Policy, now: &Policy) -> bool {
    // A hold stops what was planned before it. One that is lifted changes nothing about a plan that it refused.
    let is_held_since = now.hold().is_some() && policy.hold().is_none();
    now.rules() == policy.rules() && !is_held_since
}

/// The instances as they are; without their exemptions where a test has taken that safeguard out.
fn as_safeguarded(home: &Remediation, mut instances: Vec<Resource>) -> Vec<Resource> {
    if !home.settings.safeguards.hold(Safeguard::Exemption) {
        for instance in &mut instances {
            instance.tags.retain(|key, _| !is_exemption_like(key));
        }
    }
    instances
}

//! Which step each finding asks for, and what stands against it.
//!
//! | module | what it holds |
//! |---|---|
//! | `ending` | end dates that have not passed: their notices |
//! | `shutdown` | what stands against a shutdown, its countdown, and which of several is done |
//! | `value` | which value a tag gets: the first that there is of several |

mod ending;
mod shutdown;
mod value;

pub(crate) use ending::ends_soon;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::policy::UndecidedRule;
use tagwarden_core::wording::correction;
use tagwarden_core::{Exemption, Finding, Policy, Resource, RuleRemedy, Shutdown, Verdict, assess};

use super::{
    Act, Cause, Countdown, CountdownName, CountdownReason, Outcome, Plan, PlanContext, Reason,
    Remedy, Step,
};
use crate::safeguard::Safeguard;
use crate::settings::{Settings, Untagged};

/// Plans what `policy` wants done about `instances`.
#[must_use]
pub fn plan(
    policy: &Policy,
    settings: &Settings,
    instances: &[Resource],
    context: &PlanContext,
    now: DateTime<Utc>,
) -> Plan {
    let mut plan = Plan::default();
    let mut by_age: Vec<&Resource> = instances.iter().collect();
    by_age.sort_by_key(|instance| (instance.launched_at, &instance.id));
    for instance in by_age {
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        let exemption = assessment.exemption;
        let mut planner = InstancePlanner::new(
            policy, settings, context, now, instance, exemption, &mut plan,
        );
        planner.findings = &assessment.findings;
        planner.undecided = &assessment.unknown;
        // One remedy for the whole instance replaces those of the rules. An instance that lost its tags is judged by
        // its rules, which write them again.
        if assessment.is_untagged && !context.was_tagged(&instance.id) {
            planner.plan_untagged();
        } else {
            for finding in &assessment.findings {
                planner.plan_finding(finding);
            }
            if !matches!(assessment.verdict, Verdict::NotApplicable(_)) {
                for rule in policy.rules_for(instance) {
                    planner.replace_undefined(rule);
                }
                if policy.has_end_dates() {
                    for end_date in policy.end_dates(instance) {
                        planner.plan_ending(&end_date);
                    }
                }
            }
        }
        planner.finish();
    }
    if let Some(reason) = policy.hold() {
        plan.hold(reason);
    }
    if let Some(mandate) = &context.mandate {
        mandate.bind(&mut plan, policy, now);
    }
    plan
}

/// Plans for one instance.
pub(super) struct InstancePlanner<'a> {
    pub(super) policy: &'a Policy,
    /// What is wrong with the instance.
    findings: &'a [Finding<'a>],
    pub(super) settings: &'a Settings,
    pub(super) context: &'a PlanContext,
    pub(super) now: DateTime<Utc>,
    pub(super) instance: &'a Resource,
    exemption: Option<Exemption<'a>>,
    /// The rules of which it is not known whether they apply.
    undecided: &'a [UndecidedRule<'a>],
    plan: &'a mut Plan,
    /// What was found of what is counted down.
    found: BTreeSet<CountdownReason>,
    /// The shutdown that is due.
    due: Option<DueShutdown>,
}

/// A shutdown that is due.
struct DueShutdown {
    /// Since when.
    since: DateTime<Utc>,
    act: Act,
    /// The countdown that is over; none where none is needed.
    countdown: Option<(CountdownName, Countdown)>,
}

impl<'a> InstancePlanner<'a> {
    /// A planner that has found nothing yet.
    pub(super) fn new(
        policy: &'a Policy,
        settings: &'a Settings,
        context: &'a PlanContext,
        now: DateTime<Utc>,
        instance: &'a Resource,
        exemption: Option<Exemption<'a>>,
        plan: &'a mut Plan,
    ) -> Self {
        Self {
            policy,
            findings: &[],
            settings,
            context,
            now,
            instance,
            exemption,
            undecided: &[],
            plan,
            found: BTreeSet::new(),
            due: None,
        }
    }
}

impl InstancePlanner<'_> {
    fn plan_untagged(&mut self) {
        let cause = Cause::Untagged;
        let Some(target) = self.instance.shutdown_target() else {
            return self.report(cause, None);
        };
        match self.settings.untagged {
            Untagged::Terminate => self.shut_down(target, cause, Remedy::Terminate, None),
            Untagged::Stop => self.stop_first(target, cause),
            Untagged::Notify => {
                self.find(&cause);
                self.report(cause, None);
            }
        }
    }

    fn plan_finding(&mut self, finding: &Finding<'_>) {
        let Some(remedy) = finding.rule.remedy(self.instance.kind, finding.defect) else {
            return;
        };
        let cause = Cause::from(finding);
        match remedy {
            RuleRemedy::Write(value) => self.write_default(cause, finding.rule, value),
            RuleRemedy::WriteFunction(function) => {
                self.write_function(cause, finding.rule, function);
            }
            RuleRemedy::WriteLauncher => self.write_launcher(cause, finding.rule),
            RuleRemedy::Report => {
                // What is nearly right is no reason for a shutdown, so a countdown for it is over. So is the countdown of a
                // rule that does not apply to the instance any more.
                let has_conditions = self.policy.has_conditions(&finding.rule.tag_key);
                if !finding.defect.is_nearly_right() && !has_conditions {
                    self.find(&cause);
                }
                self.report(cause, correction(finding.rule, finding.defect));
            }
            RuleRemedy::ShutDown(shutdown) => {
                let Some(target) = self.instance.shutdown_target() else {
                    return self.report(cause, correction(finding.rule, finding.defect));
                };
                let remedy = match shutdown {
                    Shutdown::Stop => Remedy::Stop { terminate_on: None },
                    Shutdown::Terminate => Remedy::Terminate,
                };
                self.shut_down_for(target, finding, cause, remedy);
            }
        }
    }

    fn report(&mut self, cause: Cause, correction: Option<String>) {
        let step = self.step(cause, Remedy::Notify { correction });
        self.plan.reported.push(step);
    }

    fn settle(&mut self, cause: Cause, remedy: Remedy, outcome: Outcome) {
        let step = self.step(cause, remedy);
        self.plan.settled.push((step, outcome));
    }

    fn step(&self, cause: Cause, remedy: Remedy) -> Step {
        Step {
            instance_id: self.instance.id.clone(),
            cause,
            remedy,
        }
    }

    pub(super) fn holds(&self, safeguard: Safeguard) -> bool {
        self.settings.safeguards.hold(safeguard)
    }

    pub(super) fn within_grace(&self) -> Option<Reason> {
        self.younger_than(self.settings.grace)
    }

    fn younger_than(&self, grace: TimeDelta) -> Option<Reason> {
        let age = self
            .instance
            .launched_at
            .map(|launched_at| self.now.signed_duration_since(launched_at));
        match age {
            Some(age) if age >= grace => None,
            _ if !self.holds(Safeguard::Grace) => None,
            age => Some(Reason::Grace { age, grace }),
        }
    }
}

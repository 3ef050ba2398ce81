//! Which step each finding asks for, and what stands against it.
//!
//! | module | what it holds |
//! |---|---|
//! | `ending` | end dates that have not passed: their notices |
//! | `shutdown` | what stands against a shutdown, its countdown, and which of several is done |

mod ending;
mod shutdown;

pub(crate) use ending::ends_soon;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::policy::UndecidedRule;
use tagwarden_core::wording::{correction, excerpt, suggestion};
use tagwarden_core::{
    Action, DefectName, Exemption, Finding, Instance, Policy, RuleRemedy, Shutdown, TagRule,
    Verdict, assess,
};

use super::{
    Act, Cause, Countdown, CountdownName, CountdownReason, Outcome, Plan, PlanContext, Reason,
    Remedy, Step,
};
use crate::launcher::{Launcher, SHOWN_AFTER, Unknown};
use crate::safeguard::Safeguard;
use crate::settings::{Settings, Untagged};

/// The value of a UserLookup tag if the launcher cannot be found.
pub const UNDEFINED: &str = "Undefined";

/// Plans what `policy` wants done about `instances`.
#[must_use]
pub fn plan(
    policy: &Policy,
    settings: &Settings,
    instances: &[Instance],
    context: &PlanContext,
    now: DateTime<Utc>,
) -> Plan {
    let mut plan = Plan::default();
    let mut by_age: Vec<&Instance> = instances.iter().collect();
    by_age.sort_by_key(|instance| (instance.launched_at, &instance.id));
    for instance in by_age {
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        let mut planner = Planner {
            policy,
            settings,
            context,
            now,
            instance,
            exemption: assessment.exemption,
            undecided: &assessment.unknown,
            plan: &mut plan,
            found: BTreeSet::new(),
            due: None,
        };
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
    plan
}

/// Plans for one instance.
struct Planner<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    context: &'a PlanContext,
    now: DateTime<Utc>,
    instance: &'a Instance,
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

impl Planner<'_> {
    fn plan_untagged(&mut self) {
        let cause = Cause::Untagged;
        match self.settings.untagged {
            Untagged::Terminate => self.shut_down(cause, Remedy::Terminate, None),
            Untagged::Stop => self.stop_first(cause),
            Untagged::Notify => {
                self.find(&cause);
                self.report(cause, None);
            }
        }
    }

    fn plan_finding(&mut self, finding: &Finding<'_>) {
        let Some(remedy) = finding.rule.remedy(finding.defect) else {
            return;
        };
        let cause = Cause::from(finding);
        match remedy {
            RuleRemedy::Write(value) => self.write(cause, finding.rule, value.to_owned(), None),
            RuleRemedy::WriteFunction(function) => {
                let restored = self.restorable(finding.rule);
                let value = restored.unwrap_or_else(|| function.value(self.now));
                self.write(cause, finding.rule, value, None);
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
            RuleRemedy::ShutDown(Shutdown::Stop) => {
                self.shut_down_for(finding, cause, Remedy::Stop { terminate_on: None });
            }
            RuleRemedy::ShutDown(Shutdown::Terminate) => {
                self.shut_down_for(finding, cause, Remedy::Terminate);
            }
        }
    }

    fn report(&mut self, cause: Cause, correction: Option<String>) {
        let step = self.step(cause, Remedy::Notify { correction });
        self.plan.reported.push(step);
    }

    /// The value that tagwarden wrote for `rule` before, if it is a name or a date and may be written again. The policy may
    /// have changed, so the value must still be allowed.
    fn restorable(&self, rule: &TagRule) -> Option<String> {
        let memory = self.context.memories.get(&self.instance.id)?;
        let value = memory.restorable(rule)?;
        rule.allows(value).then(|| value.to_owned())
    }

    fn write(&mut self, cause: Cause, rule: &TagRule, value: String, unknown: Option<Unknown>) {
        // What is not allowed is not written, whoever launched the instance and whatever day it is.
        if !rule.allows(&value) {
            let hint = suggestion(rule, &value).unwrap_or_default();
            let correction = format!("it would get \"{}\", {hint}", excerpt(&value));
            return self.report(cause, Some(correction));
        }
        // What a manager would replace has no end of its own, and a date that is out of reach would be reported at once.
        if rule.options.end_date.is_some()
            && let Some(reason) = self.managed()
        {
            return self.settle(
                cause,
                Remedy::Tag { value, unknown },
                Outcome::Refused(reason),
            );
        }
        let memory = self.context.memories.get(&self.instance.id);
        let paused = memory.and_then(|memory| memory.paused_until(rule, self.now));
        let remedy = Remedy::Tag { value, unknown };
        if let Some(until) = paused.map(|until| until.date_naive()) {
            let reason = Reason::RemovedRepeatedly { until, by: None };
            return self.settle(cause, remedy, Outcome::Refused(reason));
        }
        let step = self.step(cause, remedy);
        self.plan.tags.extend(Act::of(step, &self.instance.tags));
    }

    fn write_launcher(&mut self, cause: Cause, rule: &TagRule) {
        if let Some(name) = self.restorable(rule) {
            return self.write(cause, rule, name, None);
        }
        let undefined = |unknown| (UNDEFINED.to_owned(), Some(unknown));
        let (value, unknown) = match self.context.launchers.get(&self.instance.id) {
            Some(Launcher::Known(name)) => (name.clone(), None),
            Some(Launcher::TooOld) => undefined(Unknown::TooOld),
            Some(Launcher::Nobody) => match self.launch_not_shown() {
                Some(reason) => {
                    return self.settle(cause, Remedy::TagLauncher, Outcome::Deferred(reason));
                }
                None => undefined(Unknown::NotRecorded),
            },
            Some(Launcher::Failed(error)) => {
                return self.settle(cause, Remedy::TagLauncher, Outcome::Failed(error.into()));
            }
            None => {
                let outcome = Outcome::Deferred(Reason::LookUpUnfinished);
                return self.settle(cause, Remedy::TagLauncher, outcome);
            }
        };
        self.write(cause, rule, value, unknown);
    }

    /// Replaces an `Undefined` that tagwarden wrote a short time ago and for which there is a name by now. This is the only
    /// value that is ever overwritten.
    fn replace_undefined(&mut self, rule: &TagRule) {
        let is_undefined =
            self.instance.tags.get(&rule.tag_key).map(String::as_str) == Some(UNDEFINED);
        let memory = self.context.memories.get(&self.instance.id);
        let is_own = memory.is_some_and(|it| it.is_own_undefined(&rule.tag_key, self.now));
        let launcher = self.context.launchers.get(&self.instance.id);
        if rule.action == Action::UserLookup
            && is_undefined
            && is_own
            && let Some(Launcher::Known(name)) = launcher
            && rule.allows(name)
        {
            let cause = Cause::Tag {
                rule_id: rule.id,
                tag_key: rule.tag_key.clone(),
                defect: DefectName::Missing,
            };
            self.write(cause, rule, name.clone(), None);
        }
    }

    /// Why CloudTrail may not show the launch yet: it shows one minutes after it happened.
    fn launch_not_shown(&self) -> Option<Reason> {
        match self.younger_than(self.settings.grace.max(SHOWN_AFTER))? {
            Reason::Grace { age, grace } => Some(Reason::LaunchNotShown { age, grace }),
            reason => Some(reason),
        }
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

    fn holds(&self, safeguard: Safeguard) -> bool {
        self.settings.safeguards.hold(safeguard)
    }

    fn within_grace(&self) -> Option<Reason> {
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

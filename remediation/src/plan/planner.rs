//! Which step each finding asks for, and what stands against it.

use chrono::{DateTime, Utc};
use tagwarden_core::{Finding, Instance, Policy, RuleRemedy, Shutdown, assess};

use super::countdown::{NOTICE, SEEN, SEEN_AGAIN, after_notice};
use super::{Act, Cause, Countdown, Outcome, Plan, PlanContext, Reason, Remedy, Step};
use crate::launcher::{Launcher, Unknown};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Settings, Untagged};

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
        let mut planner = Planner {
            settings,
            context,
            now,
            instance,
            plan: &mut plan,
        };
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        // One remedy for the whole instance replaces those of the rules. An instance that lost its tags is judged by
        // its rules, which write them again.
        if assessment.is_untagged && !context.was_tagged(&instance.id) {
            planner.plan_untagged();
            continue;
        }
        for finding in &assessment.findings {
            planner.plan_finding(finding);
        }
    }
    plan
}

/// Plans for one instance.
struct Planner<'a> {
    settings: &'a Settings,
    context: &'a PlanContext,
    now: DateTime<Utc>,
    instance: &'a Instance,
    plan: &'a mut Plan,
}

impl Planner<'_> {
    fn plan_untagged(&mut self) {
        let cause = Cause::Untagged;
        match self.settings.untagged {
            Untagged::Terminate => self.shut_down(cause, Remedy::Terminate),
            Untagged::Stop => self.stop_first(cause),
            Untagged::Notify => self.report(cause),
        }
    }

    fn plan_finding(&mut self, finding: &Finding<'_>) {
        let Some(remedy) = finding.rule.remedy(finding.defect.name()) else {
            return;
        };
        let cause = Cause::from(finding);
        match remedy {
            RuleRemedy::Write(value) => self.write(cause, value.to_owned(), None),
            RuleRemedy::WriteFunction(function) => {
                self.write(cause, function.value(self.now), None);
            }
            RuleRemedy::WriteLauncher => self.write_launcher(cause),
            RuleRemedy::Report => self.report(cause),
            RuleRemedy::ShutDown(Shutdown::Stop) => {
                self.shut_down(cause, Remedy::Stop { terminate_on: None });
            }
            RuleRemedy::ShutDown(Shutdown::Terminate) => self.shut_down(cause, Remedy::Terminate),
        }
    }

    fn report(&mut self, cause: Cause) {
        let step = self.step(cause, Remedy::Notify);
        self.plan.reported.push(step);
    }

    fn write(&mut self, cause: Cause, value: String, unknown: Option<Unknown>) {
        let step = self.step(cause, Remedy::Tag { value, unknown });
        self.plan.tags.extend(Act::of(step, &self.instance.tags));
    }

    fn write_launcher(&mut self, cause: Cause) {
        let undefined = UNDEFINED.to_owned();
        let outcome = match self.context.launchers.get(&self.instance.id) {
            Some(Launcher::Known(name)) => return self.write(cause, name.clone(), None),
            Some(Launcher::TooOld) => return self.write(cause, undefined, Some(Unknown::TooOld)),
            // CloudTrail shows a launch minutes after it happened.
            Some(Launcher::Nobody) => match self.within_grace() {
                Some(Reason::Grace { age, grace }) => {
                    Outcome::Deferred(Reason::LaunchNotShown { age, grace })
                }
                Some(reason) => Outcome::Deferred(reason),
                None => return self.write(cause, undefined, Some(Unknown::NotRecorded)),
            },
            Some(Launcher::Failed(error)) => Outcome::Failed(error.into()),
            None => Outcome::Deferred(Reason::LookUpUnfinished),
        };
        self.settle(cause, Remedy::TagLauncher, outcome);
    }

    /// Stops an untagged instance, and terminates it once it has been stopped and untagged for long enough.
    fn stop_first(&mut self, cause: Cause) {
        let (now, instance) = (self.now, self.instance);
        let terminate_after = self.settings.terminate_after;
        let due = |since: DateTime<Utc>| since.checked_add_signed(terminate_after?);

        // A running instance is stopped first, whatever was noted of it before.
        if !instance.state.is_stopped() {
            let terminate_on = due(now).map(|due| due.date_naive());
            return self.shut_down(cause, Remedy::Stop { terminate_on });
        }

        // Without a valid note, the countdown starts now.
        let noted = self.context.countdowns.get(&instance.id).copied();
        let noted = noted.filter(|noted| noted.holds(instance, now));
        let Some(due) = due(noted.map_or(now, |noted| noted.since)) else {
            return;
        };
        let Some(noted) = noted else {
            self.note(Countdown::starting(now));
            return self.leave_stopped(cause, due);
        };

        // Until the day before it is due there is nothing to report; the note is kept fresh.
        let seen = Countdown {
            seen_at: Some(now),
            ..noted
        };
        if due - now > NOTICE {
            if now - noted.seen_at() > SEEN {
                self.note(seen);
            }
            return;
        }

        // From then on it is reported first, and terminated a day after that report at the earliest.
        match noted.reminded_at.filter(|at| now - *at <= SEEN_AGAIN) {
            Some(reminded_at) if due <= now && now - reminded_at >= NOTICE => {
                self.shut_down(cause, Remedy::Terminate);
            }
            Some(reminded_at) => self.leave_stopped(cause, due.max(after_notice(reminded_at))),
            None => {
                self.note(Countdown {
                    reminded_at: Some(now),
                    ..seen
                });
                self.leave_stopped(cause, due.max(after_notice(now)));
            }
        }
    }

    /// Plans a stop or a termination, unless something stands against it.
    fn shut_down(&mut self, cause: Cause, remedy: Remedy) {
        let instance = self.instance;
        let is_stop = matches!(remedy, Remedy::Stop { .. });
        if is_stop && instance.state.is_stopped() {
            return;
        }
        if let Some(outcome) = self.obstacle() {
            return self.settle(cause, remedy, outcome);
        }
        // If two rules want the instance shut down, it is terminated, because both allow that.
        let key = (instance.launched_at, instance.id.clone());
        if is_stop && self.plan.shutdowns.contains_key(&key) {
            return;
        }
        let act = Act::of(self.step(cause, remedy), &instance.tags);
        self.plan.shutdowns.extend(act.map(|act| (key, act)));
    }

    /// What stands against shutting the instance down. What no later run changes comes first.
    fn obstacle(&self) -> Option<Outcome> {
        let manager = self.instance.manager();
        if let Some(manager) = manager.filter(|_| self.holds(Safeguard::Owner)) {
            return Some(Outcome::Refused(Reason::Owned {
                owner: manager.to_string(),
                concern: manager.concern(),
                fix: manager.fix(),
            }));
        }
        if self.settings.mode == Mode::Enforce && self.settings.ledger_table.is_none() {
            return Some(Outcome::Refused(Reason::NoLedger));
        }
        if let Some(reason) = self.within_grace() {
            return Some(Outcome::Deferred(reason));
        }
        let is_protected = self.context.protected.contains(&self.instance.id);
        is_protected.then_some(Outcome::Refused(Reason::Protected))
    }

    /// Leaves the termination of a stopped instance until then.
    fn leave_stopped(&mut self, cause: Cause, until: DateTime<Utc>) {
        let terminate_on = until.date_naive();
        let outcome = Outcome::Deferred(Reason::Stopped { terminate_on });
        self.settle(cause, Remedy::Terminate, outcome);
    }

    fn note(&mut self, countdown: Countdown) {
        let id = self.instance.id.clone();
        self.plan.countdowns.insert(id, countdown);
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
        let grace = self.settings.grace;
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

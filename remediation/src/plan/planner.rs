//! Which step each finding asks for, and what stands against it.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, TimeDelta, Utc};
use tagwarden_core::exemption::UNREADABLE_PROTECTS_DAYS;
use tagwarden_core::wording::{correction, excerpt, suggestion};
use tagwarden_core::{
    Action, DefectName, Exemption, Finding, Instance, Policy, RuleRemedy, Shutdown, TagRule,
    Verdict, assess,
};

use super::countdown::{CountdownStage, Terms};
use super::manager::manager_of;
use super::{
    Act, Cause, Countdown, CountdownChange, CountdownName, CountdownReason, Outcome, Plan,
    PlanContext, Reason, Remedy, RemedyName, Step,
};
use crate::launcher::{Launcher, SHOWN_AFTER, Unknown};
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
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        let mut planner = Planner {
            settings,
            context,
            now,
            instance,
            exemption: assessment.exemption,
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
                for rule in policy.rules() {
                    planner.replace_undefined(rule);
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
    settings: &'a Settings,
    context: &'a PlanContext,
    now: DateTime<Utc>,
    instance: &'a Instance,
    exemption: Option<Exemption<'a>>,
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
            Untagged::Terminate => self.shut_down(cause, Remedy::Terminate),
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
                // What is nearly right is no reason for a shutdown, so a countdown for it is over.
                if !finding.defect.is_nearly_right() {
                    self.find(&cause);
                }
                self.report(cause, correction(finding.rule, finding.defect));
            }
            RuleRemedy::ShutDown(Shutdown::Stop) => {
                self.shut_down(cause, Remedy::Stop { terminate_on: None });
            }
            RuleRemedy::ShutDown(Shutdown::Terminate) => self.shut_down(cause, Remedy::Terminate),
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
    /// Stops an untagged instance, and terminates it once it has been stopped and untagged for long enough.
    fn stop_first(&mut self, cause: Cause) {
        let terminate_after = self.settings.terminate_after;
        if self.instance.state.is_stopped() {
            // Without days to wait for, a stopped instance is left alone.
            let Some(terminate_after) = terminate_after else {
                return self.find(&cause);
            };
            let terms = Terms::of_stopped(self.settings, terminate_after);
            return self.shut_down_by(cause, Remedy::Terminate, &terms);
        }
        let terminate_on = terminate_after
            .and_then(|days| self.now.checked_add_signed(days))
            .map(|due| due.date_naive());
        self.shut_down(cause, Remedy::Stop { terminate_on });
    }

    /// Plans a stop or a termination, unless something stands against it.
    fn shut_down(&mut self, cause: Cause, remedy: Remedy) {
        let terms = Terms::of(self.settings);
        self.shut_down_by(cause, remedy, &terms);
    }

    fn shut_down_by(&mut self, cause: Cause, remedy: Remedy, terms: &Terms) {
        self.find(&cause);
        let is_stop = matches!(remedy, Remedy::Stop { .. });
        if is_stop && self.instance.state.is_stopped() {
            return;
        }
        let reason = CountdownReason::from(&cause);
        self.plan.count(&reason);
        if let Some(outcome) = self.obstacle(&cause, is_stop, terms) {
            return self.settle(cause, remedy, outcome);
        }
        // A dry run begins no countdown: it says what would be done once the looks agree.
        let is_counted = self.settings.mode == Mode::Enforce && self.holds(Safeguard::TwoLooks);
        if terms.is_at_once() || !(is_counted || terms.is_over_once_started) {
            let since = self.instance.launched_at.unwrap_or(self.now);
            return self.ask_for(cause, remedy, since, None);
        }
        let name = CountdownName {
            instance_id: self.instance.id.clone(),
            shutdown: if is_stop {
                Shutdown::Stop
            } else {
                Shutdown::Terminate
            },
            reason,
        };
        self.count_down(cause, remedy, terms, name);
    }

    /// Begins or confirms the countdown `name`, and asks for its shutdown once it is due.
    fn count_down(&mut self, cause: Cause, remedy: Remedy, terms: &Terms, name: CountdownName) {
        if let Some(failure) = &self.context.countdown_failure {
            return self.settle(cause, remedy, Outcome::Failed(failure.clone()));
        }
        let (now, started_at) = (self.now, self.instance.started_at);
        let running = self.context.countdowns.get(&self.instance.id);
        let read = running.and_then(|running| running.get(&name)).copied();
        let valid = read.filter(|it| it.holds(terms, started_at, now));
        let has_begun = valid.is_none() || self.context.begun.contains(&name);
        let countdown = valid.unwrap_or_else(|| Countdown::starting(now));
        let change = |new| CountdownChange {
            read,
            new,
            has_begun,
            next: None,
        };
        // A countdown must have begun before the second look.
        let (next, day, is_notice) = match countdown.stage(terms, started_at, now) {
            CountdownStage::Due(since) => {
                return self.ask_for(cause, remedy, since, Some((name, countdown)));
            }
            CountdownStage::Waiting { next, day } => (next, day, false),
            CountdownStage::Announce { day } => (day, day, true),
        };
        let needs_confirmation = has_begun || countdown.needs_confirmation(terms, now);
        if is_notice || needs_confirmation {
            let new = countdown.seen(now);
            let change = CountdownChange {
                next: (has_begun || is_notice).then_some(next),
                ..change(new)
            };
            self.plan.countdowns.insert(name.clone(), change);
        }
        if is_notice {
            self.plan.notices.insert(name, day);
        } else if terms.is_over_once_started && !has_begun && countdown.reminded_at.is_none() {
            // Between the stop and the notice of the termination there is nothing to report.
            return;
        }
        let reason = if terms.is_over_once_started {
            Reason::Stopped {
                terminate_on: day.date_naive(),
            }
        } else if is_notice || countdown.reminded_at.is_some() {
            Reason::Announced { day }
        } else {
            Reason::Counting {
                since: countdown.since,
                day,
            }
        };
        self.settle(cause, remedy, Outcome::Deferred(reason));
    }

    /// Asks for a shutdown that is due since `since`. Of several the strongest is done.
    fn ask_for(
        &mut self,
        cause: Cause,
        remedy: Remedy,
        since: DateTime<Utc>,
        countdown: Option<(CountdownName, Countdown)>,
    ) {
        let is_stop = matches!(remedy, Remedy::Stop { .. });
        if is_stop && self.due.is_some() {
            return;
        }
        let act = Act::of(self.step(cause, remedy), &self.instance.tags);
        self.due = act.map(|act| DueShutdown {
            since,
            act,
            countdown,
        });
    }

    /// Notes that the reason was found, so that its countdowns are not taken for over.
    fn find(&mut self, cause: &Cause) {
        if self.context.countdowns.contains_key(&self.instance.id) {
            self.found.insert(CountdownReason::from(cause));
        }
    }

    /// What stands against shutting the instance down. What no later run changes comes first.
    fn obstacle(&self, cause: &Cause, is_stop: bool, terms: &Terms) -> Option<Outcome> {
        if let Some(reason) = self.managed() {
            return Some(Outcome::Refused(reason));
        }
        if let Some(reason) = self.unreadable_exemption() {
            return Some(Outcome::Refused(reason));
        }
        if *cause != Cause::Untagged
            && !self.settings.rules_may_destroy.allows(is_stop)
            && self.holds(Safeguard::Permission)
        {
            return Some(Outcome::Refused(Reason::NotPermitted { is_stop }));
        }
        let enforces = self.settings.mode == Mode::Enforce;
        if enforces && self.settings.ledger_table.is_none() {
            return Some(Outcome::Refused(Reason::NoLedger));
        }
        if enforces && terms.notice > TimeDelta::zero() && self.settings.topic_arn.is_none() {
            return Some(Outcome::Refused(Reason::NoTopic));
        }
        if let Some(doubt) = &self.context.doubt
            && CountdownReason::from(cause).is_absence()
        {
            return Some(doubt.outcome());
        }
        // A run that enforces counts the grace period from its first look.
        let goes_by_age = !enforces || !self.holds(Safeguard::TwoLooks);
        if let Some(reason) = self.within_grace().filter(|_| goes_by_age) {
            return Some(Outcome::Deferred(reason));
        }
        let remedy = if is_stop {
            RemedyName::Stop
        } else {
            RemedyName::Terminate
        };
        let refused = self
            .context
            .refused
            .get(&(self.instance.id.clone(), remedy));
        let refused = refused.filter(|refused| refused.holds(self.now));
        refused.map(|refused| Outcome::Refused(refused.reason.clone()))
    }

    /// The instance's manager as a reason, if it has one.
    fn managed(&self) -> Option<Reason> {
        let manager = manager_of(self.instance, self.settings, self.context);
        manager.filter(|_| self.holds(Safeguard::Manager))
    }

    /// The exemption that cannot be read, as long as it protects.
    fn unreadable_exemption(&self) -> Option<Reason> {
        let Some(Exemption::Unreadable { key, value }) = self.exemption else {
            return None;
        };
        let reported = self.context.unreadable_exemptions.get(&self.instance.id);
        let first_day = reported.unwrap_or(&self.now).date_naive();
        let until = first_day.checked_add_days(Days::new(UNREADABLE_PROTECTS_DAYS))?;
        (self.now.date_naive() <= until).then(|| Reason::UnreadableExemption {
            key: key.to_owned(),
            value: value.to_owned(),
            until,
        })
    }

    /// Adds what is due to the plan, and the countdowns whose reasons are gone.
    fn finish(mut self) {
        if let Some(due) = self.due.take() {
            let id = self.instance.id.clone();
            if let Some(countdown) = due.countdown {
                self.plan.standing.insert(id.clone(), countdown);
            }
            self.plan.shutdowns.insert((Some(due.since), id), due.act);
        }
        let Some(running) = self.context.countdowns.get(&self.instance.id) else {
            return;
        };
        // What would not be shut down now starts over once it would.
        let is_spared = self.managed().is_some() || self.unreadable_exemption().is_some();
        for (name, countdown) in running {
            if is_spared || !self.found.contains(&name.reason) {
                self.plan.gone.insert(name.clone(), *countdown);
            }
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

//! Shutdowns: what stands against one, its countdown, and which of several is done.

use chrono::{DateTime, Days, TimeDelta, Utc};
use tagwarden_core::exemption::UNREADABLE_PROTECTS_DAYS;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::policy::Notice;
use tagwarden_core::{Defect, Exemption, Finding, Shutdown, ShutdownTarget};

use super::ending::ShutdownDate;
use super::{DueShutdown, InstancePlanner};
use crate::plan::countdown::{CountdownStage, Terms};
use crate::plan::manager::manager_of;
use crate::plan::{
    Act, Cause, Countdown, CountdownChange, CountdownName, CountdownReason, Outcome, Reason, Remedy,
};
use crate::safeguard::Safeguard;
use crate::settings::Mode;

/// How long before its time a message for the next look is sent at most.
const ONE_MESSAGE: TimeDelta = TimeDelta::hours(24);

impl InstancePlanner<'_> {
    /// Stops an untagged instance, and terminates it once it has been stopped and untagged for long enough.
    pub(super) fn stop_first(&mut self, target: ShutdownTarget<'_>, cause: Cause) {
        let terminate_after = self.settings.terminate_after;
        if self.instance.state.is_stopped() {
            let Some(terminate_after) = terminate_after.filter(|_| self.may_be_stopped_by_us())
            else {
                // Without days to wait for, a stopped instance is left alone, and so is one that a person stopped.
                return self.find(&cause);
            };
            let terms = Terms::of_stopped(self.settings, terminate_after);
            return self.shut_down_by(target, cause, Remedy::Terminate, &terms, None);
        }
        let terminate_on = terminate_after
            .and_then(|days| self.now.checked_add_signed(days))
            .map(|due| due.date_naive());
        self.shut_down(target, cause, Remedy::Stop { terminate_on }, None);
    }

    /// Whether tagwarden has stopped the instance and nobody has started it since, as far as the ledger shows or might.
    pub(super) fn may_be_stopped_by_us(&self) -> bool {
        if self.context.countdown_failure.is_some() {
            return true;
        }
        let name = CountdownName::of_stopped(&self.instance.id);
        let running = self.context.countdowns.get(&self.instance.id);
        let countdown = running.and_then(|running| running.get(&name));
        countdown.is_some_and(|it| {
            let is_restarted = self.instance.started_at.is_some_and(|at| at > it.since);
            it.is_after_stop && !is_restarted
        })
    }

    /// Plans a stop or a termination, unless something stands against it.
    pub(super) fn shut_down(
        &mut self,
        target: ShutdownTarget<'_>,
        cause: Cause,
        remedy: Remedy,
        notice: Option<&Notice>,
    ) {
        let terms = Terms::of(self.settings, notice);
        self.shut_down_by(target, cause, remedy, &terms, None);
    }

    /// Plans the shutdown that `finding` asks for.
    pub(super) fn shut_down_for(
        &mut self,
        target: ShutdownTarget<'_>,
        finding: &Finding<'_>,
        cause: Cause,
        remedy: Remedy,
    ) {
        let Defect::Expired { value, end } = finding.defect else {
            return self.shut_down(target, cause, remedy, finding.rule.notice());
        };
        let date = ShutdownDate {
            tag_key: finding.rule.tag_key.clone(),
            date: value.to_owned(),
            end,
        };
        let terms = Terms::of_end(self.settings, finding.rule.notice(), end);
        self.shut_down_by(target, cause, remedy, &terms, Some(date));
    }

    pub(super) fn shut_down_by(
        &mut self,
        target: ShutdownTarget<'_>,
        cause: Cause,
        remedy: Remedy,
        terms: &Terms,
        date: Option<ShutdownDate>,
    ) {
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
        let is_at_once = terms.is_at_once() && !self.has_named_day(&reason);
        if is_at_once || !(is_counted || terms.is_over_once_started) {
            let since = terms.end.or(self.instance.launched_at);
            let since = since.unwrap_or(self.now);
            return self.ask_for(target, cause, remedy, since, None);
        }
        let shutdown = if is_stop {
            Shutdown::Stop
        } else {
            Shutdown::Terminate
        };
        let name = CountdownName::of_target(target, shutdown, reason);
        self.count_down(target, cause, remedy, terms, name, date);
    }

    /// Whether a notice has named a day for a shutdown for `reason` that has not come yet.
    fn has_named_day(&self, reason: &CountdownReason) -> bool {
        let running = self.context.countdowns.get(&self.instance.id);
        let mut running = running.into_iter().flatten();
        running.any(|(name, countdown)| {
            name.reason == *reason && countdown.day.is_some_and(|day| day > self.now)
        })
    }

    /// Begins or confirms the countdown `name`, and asks for its shutdown once it is due.
    pub(super) fn count_down(
        &mut self,
        target: ShutdownTarget<'_>,
        cause: Cause,
        remedy: Remedy,
        terms: &Terms,
        name: CountdownName,
        date: Option<ShutdownDate>,
    ) {
        if let Some(failure) = &self.context.countdown_failure {
            return self.settle(cause, remedy, Outcome::Failed(failure.clone()));
        }
        let (now, started_at) = (self.now, self.instance.started_at);
        let running = self.context.countdowns.get(&self.instance.id);
        let read = running.and_then(|running| running.get(&name)).copied();
        // A termination after a stop is a countdown of its own, with the same name.
        let valid = read.filter(|it| {
            it.is_after_stop == terms.is_over_once_started && it.holds(terms, started_at, now)
        });
        // What began before an exemption ended starts over, also if no look saw the exemption.
        let exempt_until = self.exemption.and_then(|it| it.end());
        let valid = valid.filter(|it| exempt_until.is_none_or(|end| it.since >= end));
        let has_begun = valid.is_none() || self.context.begun.contains(&name);
        let countdown = valid.unwrap_or_else(|| {
            if terms.is_over_once_started {
                Countdown::after_stop(now)
            } else {
                Countdown::starting(now)
            }
        });
        let countdown = countdown.for_end(terms.end);
        let change = |new| CountdownChange {
            read,
            new,
            has_begun,
            next: None,
        };
        // A countdown must have begun before the second look.
        let (next, day, notice) = match countdown.stage(terms, started_at, now) {
            CountdownStage::Due(since) => {
                // The budget may hold it back for days, in which its notice stays good.
                if countdown.needs_confirmation(terms, now) {
                    let confirmed = change(countdown.seen(now));
                    self.plan.countdowns.insert(name.clone(), confirmed);
                }
                return self.ask_for(target, cause, remedy, since, Some((name, countdown)));
            }
            CountdownStage::Waiting { next, day } => (next, day, None),
            CountdownStage::Announce {
                day,
                next,
                meant_for,
            } => (next, day, Some(meant_for)),
        };
        let is_notice = notice.is_some();
        // Several notices are each due at a time of their own, also after days without a look.
        let is_timed = terms.end.is_some() || terms.times.len() > 1;
        let is_near =
            is_timed && next - now <= ONE_MESSAGE && countdown.seen_at() < next - ONE_MESSAGE;
        // A start since the last look has moved the day.
        let is_moved = started_at.is_some_and(|at| at > countdown.seen_at());
        let is_new = has_begun || is_notice || is_near || is_moved;
        if is_new || countdown.needs_confirmation(terms, now) {
            let new = countdown.seen(now);
            let change = CountdownChange {
                next: is_new.then_some(next),
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
        let reason = if let Some(date) = date {
            if !is_notice && now < date.end {
                // Until the date has passed, there is nothing to report but its notices.
                return;
            }
            date.reason(day, now, notice)
        } else if terms.is_over_once_started {
            Reason::Stopped {
                terminate_on: day.date_naive(),
            }
        } else if is_notice || countdown.reminded_at.is_some() {
            let notice = notice.filter(|_| is_timed);
            Reason::Announced { day, notice }
        } else {
            Reason::Counting {
                since: countdown.since,
                day,
            }
        };
        self.settle(cause, remedy, Outcome::Deferred(reason));
    }

    /// Asks for a shutdown that is due since `since`. Of several the strongest is done.
    pub(super) fn ask_for(
        &mut self,
        target: ShutdownTarget<'_>,
        cause: Cause,
        remedy: Remedy,
        since: DateTime<Utc>,
        countdown: Option<(CountdownName, Countdown)>,
    ) {
        let is_stop = matches!(remedy, Remedy::Stop { .. });
        if is_stop && self.due.is_some() {
            return;
        }
        let act = Act::shutdown(target, cause, remedy);
        self.due = act.map(|act| DueShutdown {
            since,
            act,
            countdown,
        });
    }

    /// Notes that the reason was found, so that its countdowns are not taken for over.
    pub(super) fn find(&mut self, cause: &Cause) {
        if self.context.countdowns.contains_key(&self.instance.id) {
            self.found.insert(CountdownReason::from(cause));
        }
    }

    /// The instance's manager as a reason, if it has one.
    pub(in crate::plan) fn managed(&self) -> Option<Reason> {
        let manager = manager_of(self.instance, self.settings, self.context);
        manager.filter(|_| self.holds(Safeguard::Manager))
    }

    /// The exemption that cannot be read, as long as it protects.
    pub(in crate::plan) fn unreadable_exemption(&self) -> Option<Reason> {
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

    /// Whether it is not known that the reason is gone, because it is not known which rule applies.
    fn is_undecided(&self, reason: &CountdownReason) -> bool {
        let mut keys = self.undecided.iter().map(|it| it.rule.tag_key.as_str());
        match reason {
            CountdownReason::Untagged => {
                self.instance.tags.is_empty() && !self.undecided.is_empty()
            }
            CountdownReason::Tag { key, .. } => keys.any(|it| it == key),
        }
    }

    /// Adds what is due to the plan, and the countdowns whose reasons are gone.
    pub(super) fn finish(mut self) {
        if let Some(due) = self.due.take() {
            let id = self.instance.id.clone();
            if let Some(countdown) = due.countdown {
                self.plan.standing.insert(id.clone(), countdown);
            }
            self.plan.shutdowns.insert((Some(due.since), id), due.act);
        }
        let paused = self.context.paused.get(&self.instance.id);
        for key in paused.into_iter().flatten() {
            let value = self.instance.tags.get(key);
            // tagwarden does not write it, so a person has.
            if value.is_some_and(|value| !is_blank(value)) {
                let resumed = (self.instance.id.clone(), key.clone());
                self.plan.resumed.insert(resumed);
            }
        }
        let Some(running) = self.context.countdowns.get(&self.instance.id) else {
            return;
        };
        // What would not be shut down now starts over once it would.
        let is_spared = self.managed().is_some() || self.unreadable_exemption().is_some();
        for (name, countdown) in running {
            let is_over = !self.found.contains(&name.reason) && !self.is_undecided(&name.reason);
            if is_spared || is_over {
                self.plan.gone.insert(name.clone(), *countdown);
            }
        }
    }
}

//! What each safeguard says of a shutdown. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::{Exemption, Resource, Shutdown};

use super::facts::{Facts, end};
use super::{CountdownStanding, ExplainedCountdown, ExplainedSafeguard, ShutdownTime};
use crate::plan::{
    Cause, CountdownReason, Outcome, Reason, RemedyName, ShutdownCheck, Terms, checks,
};
use crate::settings::Mode;

/// The safeguard that holds everything back at once.
const MODE: &str = "mode";

/// What a safeguard that does not hold says.
fn open(name: &'static str, says: impl Into<String>) -> ExplainedSafeguard {
    ExplainedSafeguard {
        name,
        holds: Some(false),
        says: says.into(),
        until: None,
    }
}

/// What a safeguard says of which only others know whether it holds.
fn unknown(name: &'static str, says: impl Into<String>) -> ExplainedSafeguard {
    ExplainedSafeguard {
        holds: None,
        ..open(name, says)
    }
}

/// What a safeguard says that holds, until a moment or until a person changes something.
fn held(
    name: &'static str,
    says: impl Into<String>,
    until: Option<DateTime<Utc>>,
) -> ExplainedSafeguard {
    ExplainedSafeguard {
        name,
        holds: Some(true),
        says: says.into(),
        until,
    }
}

impl Facts<'_> {
    /// When a shutdown happens that `safeguards` say this of, in a function that enforces.
    pub(super) fn time(
        safeguards: &[ExplainedSafeguard],
        countdown: Option<&ExplainedCountdown>,
        next: ShutdownTime,
    ) -> ShutdownTime {
        if countdown.is_some_and(|it| it.standing == CountdownStanding::Over) {
            return ShutdownTime::Never;
        }
        let holding = safeguards
            .iter()
            .filter(|it| it.holds == Some(true) && it.name != MODE);
        let times: Option<Vec<_>> = holding.map(|it| it.until).collect();
        let Some(times) = times else {
            return ShutdownTime::Never;
        };
        times.into_iter().max().map_or(next, ShutdownTime::After)
    }

    /// What each safeguard says of a shutdown, in the order in which a run asks them. `outcome` is what the plan says.
    pub(super) fn safeguards(
        &self,
        instance: &Resource,
        cause: &Cause,
        shutdown: Shutdown,
        countdown: Option<&ExplainedCountdown>,
        outcome: Option<&Outcome>,
    ) -> Vec<ExplainedSafeguard> {
        let is_stop = shutdown == Shutdown::Stop;
        let (settings, context) = (self.settings, self.context);
        let terms = Terms::for_shutdown(self.policy, settings, instance, cause, is_stop);
        let checks = checks(
            self.policy,
            settings,
            instance,
            context,
            self.now,
            cause,
            is_stop,
        );
        let mut said = vec![self.mode(), self.hold()];
        for (check, obstacle) in checks {
            let obstacle = obstacle.as_ref().and_then(Outcome::reason);
            said.extend(match check {
                ShutdownCheck::Age => Some(self.two_looks(instance, &terms, countdown, obstacle)),
                ShutdownCheck::Topic => Some(notice(&terms, countdown, obstacle, outcome)),
                _ => self.check(check, instance, cause, obstacle),
            });
        }
        said.push(self.suspicion(cause));
        said.push(self.budget(outcome));
        said.push(self.protection(instance, is_stop));
        said
    }

    fn mode(&self) -> ExplainedSafeguard {
        match self.mode {
            Some(Mode::Enforce) => open(MODE, "TAGWARDEN_MODE is enforce"),
            Some(Mode::DryRun) => held(
                MODE,
                "TAGWARDEN_MODE is dry-run: everything is only reported",
                None,
            ),
            None => unknown(MODE, "in a dry run nothing is changed (TAGWARDEN_MODE)"),
        }
    }

    fn hold(&self) -> ExplainedSafeguard {
        match self.policy.hold() {
            Some(reason) => {
                let reason = Reason::Hold {
                    reason: reason.to_owned(),
                };
                held("hold", reason.to_string(), None)
            }
            None => open("hold", "the policy has none"),
        }
    }

    /// A check that the plan makes, and its obstacle.
    fn check(
        &self,
        check: ShutdownCheck,
        instance: &Resource,
        cause: &Cause,
        obstacle: Option<String>,
    ) -> Option<ExplainedSafeguard> {
        let has_ledger = self.settings.ledger_table.is_some();
        let otherwise = match check {
            ShutdownCheck::Manager => open("manager", "nothing would replace it"),
            ShutdownCheck::Exemption => open("exemption", self.exemption(instance)),
            ShutdownCheck::Permission if *cause == Cause::Untagged => {
                open("permission", "TAGWARDEN_UNTAGGED asks for it")
            }
            ShutdownCheck::Permission => {
                open("permission", "TAGWARDEN_RULES_MAY_DESTROY allows it")
            }
            ShutdownCheck::Ledger => self.ledger(),
            ShutdownCheck::TagsConfirmed if self.protected.is_some() => {
                open("tags-confirmed", "DescribeTags shows no other tag")
            }
            ShutdownCheck::TagsConfirmed => {
                unknown("tags-confirmed", "DescribeTags is asked before the act")
            }
            ShutdownCheck::Ec2 if has_ledger => {
                open("ec2", "EC2 did not refuse it in the last day")
            }
            ShutdownCheck::Ec2 => unknown("ec2", "the ledger notes what EC2 refused"),
            ShutdownCheck::Age | ShutdownCheck::Topic => return None,
        };
        let until = match check {
            ShutdownCheck::Exemption => self.protected_until(instance),
            ShutdownCheck::Ec2 => self.refused_until(instance),
            _ => None,
        };
        Some(match obstacle {
            Some(says) => held(otherwise.name, says, until),
            None => otherwise,
        })
    }

    /// When what EC2 refused is tried again.
    fn refused_until(&self, instance: &Resource) -> Option<DateTime<Utc>> {
        let refused = self.context.refused.iter();
        let own = refused.filter(|((id, _), _)| *id == instance.id);
        own.map(|(_, refusal)| refusal.until()).max()
    }

    fn exemption(&self, instance: &Resource) -> String {
        match Exemption::of(instance, self.now) {
            Some(Exemption::Ended { until }) => format!("it ended on {until}"),
            Some(Exemption::Unreadable { key, .. }) => {
                format!("the tag {key:?} cannot be read, and protected for long enough")
            }
            _ => "it has none".to_owned(),
        }
    }

    /// Until when an exemption that cannot be read protects.
    fn protected_until(&self, instance: &Resource) -> Option<DateTime<Utc>> {
        let mut settled = self.plan.settled.iter();
        settled.find_map(|(step, outcome)| match outcome {
            Outcome::Refused(Reason::UnreadableExemption { until, .. })
                if step.instance_id == instance.id =>
            {
                end(*until)
            }
            _ => None,
        })
    }

    fn ledger(&self) -> ExplainedSafeguard {
        match &self.settings.ledger_table {
            Some(table) => open("ledger", format!("acts are written down in {table}")),
            None => unknown(
                "ledger",
                "none is named here; without one nothing is shut down",
            ),
        }
    }

    fn two_looks(
        &self,
        instance: &Resource,
        terms: &Terms,
        countdown: Option<&ExplainedCountdown>,
        obstacle: Option<String>,
    ) -> ExplainedSafeguard {
        const NAME: &str = "two-looks";
        if terms.is_at_once() {
            return open(NAME, "TAGWARDEN_GRACE_MINUTES is 0: one look is enough");
        }
        if self.settings.mode == Mode::DryRun {
            let grown = instance.launched_at;
            let grown = grown.and_then(|at| at.checked_add_signed(terms.grace));
            return match obstacle {
                Some(says) => held(NAME, says, grown),
                None if self.to_come(terms).is_some() => {
                    let says = format!(
                        "nothing is done before {}",
                        moment(self.now.max(terms.end.unwrap_or(self.now)))
                    );
                    held(NAME, says, terms.end)
                }
                None => unknown(NAME, "the ledger notes whether an earlier run saw this"),
            };
        }
        let wait = terms.grace + terms.wait;
        let starts = || match terms.end {
            // Its notices go out before it, but for the last.
            Some(end) => {
                let soonest = self.now.checked_add_signed(terms.grace.max(terms.notice))?;
                Some(end.max(soonest))
            }
            None => self.now.checked_add_signed(wait),
        };
        let Some(countdown) = countdown else {
            if terms.end.is_some() {
                let says = "no run has noted this yet: the first that finds it soon begins a countdown to the end date";
                return held(NAME, says, starts());
            }
            let says = format!(
                "no run has noted this yet: the first that finds it begins a countdown of {}",
                span(wait)
            );
            return held(NAME, says, starts());
        };
        let since = moment(countdown.since);
        match countdown.standing {
            CountdownStanding::Over => held(
                NAME,
                format!("first seen {since}; the reason is gone, the next run ends the countdown"),
                None,
            ),
            CountdownStanding::StartsOver => held(
                NAME,
                format!(
                    "first seen {since}, last noted {}: too long ago, so it starts over",
                    moment(countdown.seen_at)
                ),
                starts(),
            ),
            CountdownStanding::Due(day) => open(
                NAME,
                format!("first seen {since}, due since {}", moment(day)),
            ),
            CountdownStanding::Waiting(day) | CountdownStanding::NeedsNotice(day) => held(
                NAME,
                format!("first seen {since}, due {}", moment(day)),
                Some(day),
            ),
        }
    }

    fn suspicion(&self, cause: &Cause) -> ExplainedSafeguard {
        let reason = CountdownReason::from(cause);
        match self.suspected.get(&reason) {
            Some(until) => held(
                "suspicion",
                format!(
                    "nearly every instance has the same defect, which may be a mistake in the policy; a sweep after {} \
                     that finds the same does it",
                    moment(*until)
                ),
                Some(*until),
            ),
            None if self.is_suspicion_known => {
                open("suspicion", "no sweep found this on nearly every instance")
            }
            None => unknown("suspicion", "the ledger notes what sweeps find"),
        }
    }

    fn budget(&self, outcome: Option<&Outcome>) -> ExplainedSafeguard {
        let limit = self.settings.max_destructive;
        let until = self.budget.and_then(|budget| budget.room_at);
        match (outcome, self.budget) {
            (Some(Outcome::Refused(reason @ Reason::Budget { .. })), _) => {
                held("budget", reason.to_string(), until.filter(|_| limit > 0))
            }
            (_, Some(budget)) if limit > 0 && budget.room_at.is_some() => open(
                "budget",
                format!("{} of {limit} left this hour", budget.left),
            ),
            _ if limit > 0 => unknown("budget", format!("the ledger counts them: {limit} an hour")),
            _ => held("budget", Reason::Budget { limit }.to_string(), None),
        }
    }

    fn protection(&self, instance: &Resource, is_stop: bool) -> ExplainedSafeguard {
        let remedy = if is_stop {
            RemedyName::Stop
        } else {
            RemedyName::Terminate
        };
        match self.is_protected(&instance.id, remedy) {
            Some(true) => held("protection", Reason::Protected.to_string(), None),
            Some(false) => open("protection", "EC2 does not protect it"),
            None => unknown("protection", "only EC2 says which instances it protects"),
        }
    }
}

fn notice(
    terms: &Terms,
    countdown: Option<&ExplainedCountdown>,
    obstacle: Option<String>,
    outcome: Option<&Outcome>,
) -> ExplainedSafeguard {
    const NAME: &str = "notice";
    if let Some(says) = obstacle {
        return held(NAME, says, None);
    }
    if let Some(Outcome::Refused(reason @ Reason::NotAnnounced(_))) = outcome {
        return held(NAME, reason.to_string(), None);
    }
    if terms.notice <= TimeDelta::zero() {
        return open(NAME, "none is needed (TAGWARDEN_NOTICE_HOURS is 0)");
    }
    match countdown.map(|it| (it.noticed_at, it.standing)) {
        Some((Some(at), _)) => open(NAME, format!("announced {}", moment(at))),
        Some((None, CountdownStanding::NeedsNotice(day))) => held(
            NAME,
            format!("the next run announces it, for {}", moment(day)),
            Some(day),
        ),
        _ => {
            let times: Vec<String> = terms.times.iter().map(|time| span(*time)).collect();
            open(NAME, format!("it is announced {} before", times.join(", ")))
        }
    }
}

/// A moment, to the minute.
fn moment(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

/// `15 minutes`, `24 hours`, `14 days`.
fn span(time: TimeDelta) -> String {
    match (time.num_days(), time.num_hours(), time.num_minutes()) {
        (days @ 2.., _, _) => format!("{days} days"),
        (_, hours @ 2.., _) => format!("{hours} hours"),
        (_, _, minutes) => format!("{minutes} minutes"),
    }
}

//! What stands against a shutdown: each check, in the order in which a plan makes them.

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::{Exemption, Policy, Resource};

use super::countdown::Terms;
use super::planner::InstancePlanner;
use super::{Cause, CountdownReason, Outcome, Plan, PlanContext, Reason, RemedyName};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Settings};

/// A check that a plan makes before it asks for a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownCheck {
    /// Would something replace the instance, or may only that end it?
    Manager,
    /// Does the instance have a tag that looks like an exemption and cannot be read?
    Exemption,
    /// Do the settings permit rules this shutdown?
    Permission,
    /// Is there a ledger to write the act down in?
    Ledger,
    /// Is there a topic, where the shutdown must be announced?
    Topic,
    /// Do both of EC2's answers agree that a tag is missing?
    TagsConfirmed,
    /// Is the instance older than the grace period? Asked only where no countdown answers.
    Age,
    /// Did EC2 refuse this in the last day?
    Ec2,
}

impl ShutdownCheck {
    /// Every check. What no later run changes comes first.
    pub const ALL: [Self; 8] = [
        Self::Manager,
        Self::Exemption,
        Self::Permission,
        Self::Ledger,
        Self::Topic,
        Self::TagsConfirmed,
        Self::Age,
        Self::Ec2,
    ];
}

/// What each check says of a shutdown of `instance` for `cause`; `None` if it has nothing against it.
pub(crate) fn checks(
    policy: &Policy,
    settings: &Settings,
    instance: &Resource,
    context: &PlanContext,
    now: DateTime<Utc>,
    cause: &Cause,
    is_stop: bool,
) -> Vec<(ShutdownCheck, Option<Outcome>)> {
    let mut plan = Plan::default();
    let exemption = Exemption::of(instance, now);
    let planner = InstancePlanner::new(
        policy, settings, context, now, instance, exemption, &mut plan,
    );
    let terms = Terms::for_shutdown(policy, settings, instance, cause, is_stop);
    let all = ShutdownCheck::ALL.into_iter();
    all.map(|check| (check, planner.check(check, cause, is_stop, &terms)))
        .collect()
}

impl InstancePlanner<'_> {
    /// The first of all that stands against shutting the instance down.
    pub(super) fn obstacle(&self, cause: &Cause, is_stop: bool, terms: &Terms) -> Option<Outcome> {
        let mut all = ShutdownCheck::ALL.into_iter();
        all.find_map(|check| self.check(check, cause, is_stop, terms))
    }

    fn check(
        &self,
        check: ShutdownCheck,
        cause: &Cause,
        is_stop: bool,
        terms: &Terms,
    ) -> Option<Outcome> {
        let enforces = self.settings.mode == Mode::Enforce;
        match check {
            ShutdownCheck::Manager => self.managed().map(Outcome::Refused),
            ShutdownCheck::Exemption => self.unreadable_exemption().map(Outcome::Refused),
            ShutdownCheck::Permission => {
                let is_refused = *cause != Cause::Untagged
                    && !self.settings.rules_may_destroy.allows(is_stop)
                    && self.holds(Safeguard::Permission);
                is_refused.then_some(Outcome::Refused(Reason::NotPermitted { is_stop }))
            }
            ShutdownCheck::Ledger => {
                let is_absent = enforces && self.settings.ledger_table.is_none();
                is_absent.then_some(Outcome::Refused(Reason::NoLedger))
            }
            ShutdownCheck::Topic => {
                let is_needed = enforces && terms.notice > TimeDelta::zero();
                let is_absent = is_needed && self.settings.topic_arn.is_none();
                is_absent.then_some(Outcome::Refused(Reason::NoTopic))
            }
            ShutdownCheck::TagsConfirmed => {
                let doubt = self.context.doubt.as_ref();
                let doubt =
                    doubt.filter(|_| CountdownReason::from(cause).rests_on_absence(self.policy));
                doubt.map(super::Doubt::outcome)
            }
            // A run that enforces counts the grace period from its first look.
            ShutdownCheck::Age if enforces && self.holds(Safeguard::TwoLooks) => None,
            ShutdownCheck::Age => self.within_grace().map(Outcome::Deferred),
            ShutdownCheck::Ec2 => {
                let remedy = if is_stop {
                    RemedyName::Stop
                } else {
                    RemedyName::Terminate
                };
                let name = (self.instance.id.clone(), remedy);
                let refused = self.context.refused.get(&name);
                let refused = refused.filter(|refused| refused.holds(self.now));
                refused.map(|refused| Outcome::Refused(refused.reason.clone()))
            }
        }
    }
}

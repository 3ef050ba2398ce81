//! End dates that have not passed: their notices, and which instances a run must look at for them.

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::date::days_left;
use tagwarden_core::policy::{EndDate, WhenExpired};
use tagwarden_core::{DefectName, Policy, Resource, Shutdown};

use super::InstancePlanner;
use crate::plan::countdown::Terms;
use crate::plan::{Cause, CountdownName, CountdownReason, Outcome, Reason, Remedy};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Settings};

/// How long before its first notice the countdown of an end date begins. Sweeps may be a week apart, and a notice must go
/// out at its time.
const AHEAD: TimeDelta = TimeDelta::days(8);

/// The end date that a shutdown is for.
#[derive(Clone, Debug)]
pub(super) struct ShutdownDate {
    /// The key of its tag.
    pub(super) tag_key: String,
    /// The date, as the tag has it.
    pub(super) date: String,
    /// The first moment after it.
    pub(super) end: DateTime<Utc>,
}

impl ShutdownDate {
    /// Why the shutdown waits until `day`.
    pub(super) fn reason(
        self,
        day: DateTime<Utc>,
        now: DateTime<Utc>,
        notice: Option<DateTime<Utc>>,
    ) -> Reason {
        Reason::Ends {
            days_left: days_left(self.end, now),
            tag_key: self.tag_key,
            date: self.date,
            day,
            notice,
        }
    }
}

impl From<&EndDate<'_>> for ShutdownDate {
    fn from(end_date: &EndDate<'_>) -> Self {
        Self {
            tag_key: end_date.rule.tag_key.clone(),
            date: end_date.value.to_owned(),
            end: end_date.end,
        }
    }
}

/// Whether a run must look at `instance` twice because one of its end dates, which has not passed, is to be announced
/// soon.
pub(crate) fn ends_soon(
    policy: &Policy,
    settings: &Settings,
    instance: &Resource,
    now: DateTime<Utc>,
) -> bool {
    let mut end_dates = policy.end_dates(instance);
    instance.kind.may_shut_down() && end_dates.any(|it| it.end > now && is_soon(&it, settings, now))
}

fn is_soon(end_date: &EndDate<'_>, settings: &Settings, now: DateTime<Utc>) -> bool {
    let terms = Terms::of_end(settings, end_date.rule.notice(), end_date.end);
    end_date.when_expired.is_shutdown() && end_date.end - now <= terms.first_notice() + AHEAD
}

impl InstancePlanner<'_> {
    /// Counts down to an end date that has not passed, and announces what will be done then.
    pub(super) fn plan_ending(&mut self, end_date: &EndDate<'_>) {
        let (remedy, shutdown) = match end_date.when_expired {
            WhenExpired::Notify => return,
            WhenExpired::Stop => (Remedy::Stop { terminate_on: None }, Shutdown::Stop),
            WhenExpired::Terminate => (Remedy::Terminate, Shutdown::Terminate),
        };
        // What may not be shut down has an end date for people alone.
        let Some(target) = self.instance.shutdown_target() else {
            return;
        };
        // What has passed is a finding.
        if end_date.end <= self.now || !is_soon(end_date, self.settings, self.now) {
            return;
        }
        let cause = Cause::Tag {
            rule_id: end_date.rule.id,
            tag_key: end_date.rule.tag_key.clone(),
            defect: DefectName::Expired,
        };
        self.find(&cause);
        let is_stop = shutdown == Shutdown::Stop;
        let terms = Terms::of_end(self.settings, end_date.rule.notice(), end_date.end);
        // What stands against it is reported once the date has passed.
        if (is_stop && self.instance.state.is_stopped())
            || self.obstacle(&cause, is_stop, &terms).is_some()
        {
            return;
        }
        let date = ShutdownDate::from(end_date);
        let is_counted = self.settings.mode == Mode::Enforce && self.holds(Safeguard::TwoLooks);
        if is_counted {
            let name = CountdownName::of_target(target, shutdown, CountdownReason::from(&cause));
            self.count_down(target, cause, remedy, &terms, name, Some(date));
        } else if end_date.end - self.now <= terms.first_notice() {
            let reason = date.reason(end_date.end, self.now, None);
            self.settle(cause, remedy, Outcome::Deferred(reason));
        }
    }
}

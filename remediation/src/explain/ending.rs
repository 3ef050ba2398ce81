//! The end dates of an instance: how long it has, when the owner is told, and what keeps it. Pure.

use chrono::{DateTime, Utc};
use tagwarden_core::date::days_left;
use tagwarden_core::policy::EndDate;
use tagwarden_core::{DefectName, Resource, Shutdown};

use super::ExplainedEndDate;
use super::facts::Facts;
use crate::plan::{Countdown, CountdownName, CountdownReason, Terms};

impl Facts<'_> {
    /// The end dates of `instance`, in the order of the rules.
    pub(super) fn end_dates(&self, instance: &Resource) -> Vec<ExplainedEndDate> {
        if !self.policy.has_end_dates() {
            return Vec::new();
        }
        let end_dates = self.policy.end_dates(instance);
        end_dates.map(|it| self.end_date(instance, &it)).collect()
    }

    fn end_date(&self, instance: &Resource, end_date: &EndDate<'_>) -> ExplainedEndDate {
        let (rule, end) = (end_date.rule, end_date.end);
        let terms = Terms::of_end(self.settings, rule.notice(), end);
        let countdown = self.end_countdown(instance, &rule.tag_key);
        let countdown = countdown.filter(|it| it.holds(&terms, instance.started_at, self.now));
        let is_shutdown = end_date.when_expired.is_shutdown();
        let times = terms.times.iter().filter(|_| is_shutdown);
        let notices = times.filter_map(|time| end.checked_sub_signed(*time));
        let at_most = rule.options.end_date.as_ref();
        ExplainedEndDate {
            rule_id: rule.id,
            tag_key: rule.tag_key.clone(),
            date: end_date.value.to_owned(),
            end,
            days_left: days_left(end, self.now),
            when_expired: end_date.when_expired,
            notices: notices.collect(),
            noticed_at: countdown.and_then(|it| it.reminded_at),
            latest: at_most.and_then(|it| it.last(self.now)),
        }
    }

    fn end_countdown(&self, instance: &Resource, key: &str) -> Option<&Countdown> {
        let running = self.context.countdowns.get(&instance.id)?;
        let name = |shutdown| CountdownName {
            instance_id: instance.id.clone(),
            shutdown,
            reason: CountdownReason::Tag {
                defect: DefectName::Expired,
                key: key.to_owned(),
            },
        };
        let stop = running.get(&name(Shutdown::Stop));
        stop.or_else(|| running.get(&name(Shutdown::Terminate)))
    }

    /// When an end date that has not passed passes.
    pub(super) fn to_come(&self, terms: &Terms) -> Option<DateTime<Utc>> {
        terms.end.filter(|end| *end > self.now)
    }
}

//! End dates: when a resource may go, as the tag of a rule with `WhenExpired` says.
//!
//! A date is read strictly: see [`end_of`]. Whatever a person could read in two ways is unreadable, and nothing is done
//! because of it.

use chrono::{DateTime, Utc};

use super::remedy::Defect;
use super::rule::TagRule;
use super::table::Policy;
use super::times::Notice;
use super::when_expired::{EndDateRule, WhenExpired};
use crate::date::end_of;
use crate::resource::Resource;

impl TagRule {
    /// The end date in `value`, where the rule has end dates: the first moment after it.
    #[must_use]
    pub fn end_of(&self, value: &str) -> Option<DateTime<Utc>> {
        self.options.end_date.as_ref()?;
        end_of(value)
    }

    /// Whether `value` is an end date that lies further ahead of `now` than the rule allows.
    #[must_use]
    pub fn is_too_far(&self, value: &str, now: DateTime<Utc>) -> bool {
        let end_date = self.options.end_date.as_ref();
        let end = end_of(value);
        end_date
            .zip(end)
            .is_some_and(|(rule, end)| rule.is_too_far(end, now))
    }

    /// When a shutdown by this rule is announced: `Notice`, and one day before for an end date that has none. `None` where
    /// the policy asks for no notice.
    #[must_use]
    pub fn notice(&self) -> Option<&Notice> {
        self.options.notice.as_ref()
    }

    /// What is wrong with `value`, which is not blank, under `rule` for end dates at `now`.
    pub(super) fn end_date_defect<'a>(
        &self,
        rule: &EndDateRule,
        value: &'a str,
        now: DateTime<Utc>,
    ) -> Option<Defect<'a>> {
        let Some(end) = end_of(value) else {
            let words = self.options.allowed.as_ref();
            let is_word = words.is_some_and(|words| words.allows(value));
            return (!is_word).then_some(Defect::Unreadable { value });
        };
        if end <= now {
            return Some(Defect::Expired { value, end });
        }
        rule.is_too_far(end, now)
            .then_some(Defect::TooFar { value })
    }
}

/// An end date that a resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndDate<'a> {
    /// The rule that reads it.
    pub rule: &'a TagRule,
    /// What is done once it has passed.
    pub when_expired: WhenExpired,
    /// The value of the rule's tag.
    pub value: &'a str,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

impl Policy {
    /// Whether any rule has end dates.
    #[must_use]
    pub fn has_end_dates(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.options.end_date.is_some())
    }

    /// The end dates of `instance` by the rules that apply to it, passed or not.
    pub fn end_dates<'a>(
        &'a self,
        instance: &'a Resource,
    ) -> impl Iterator<Item = EndDate<'a>> + 'a {
        self.rules_for(instance).filter_map(|rule| {
            let when_expired = rule.options.end_date.as_ref()?.when_expired;
            let value = instance.tags.get(&rule.tag_key)?;
            let end = end_of(value)?;
            Some(EndDate {
                rule,
                when_expired,
                value,
                end,
            })
        })
    }
}

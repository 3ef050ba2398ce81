//! Reads and checks what a rule says about end dates and notices.

use chrono::TimeDelta;

use super::allowed::AllowedValues;
use super::options::RuleOptions;
use super::problem::ProblemKind;
use super::reader::Reader;
use super::rule::Action;
use super::times::{Notice, days};
use super::when_expired::{EndDateRule, WhenExpired};
use crate::date::end_of;

impl Reader {
    /// `WhenExpired` and `AtMost`.
    pub(super) fn end_date(&mut self) -> Option<EndDateRule> {
        let at_most = self.at_most();
        if !self.row.contains_key("WhenExpired") {
            if self.row.contains_key("AtMost") && !self.has_problem_with("AtMost") {
                self.problem("AtMost", ProblemKind::NeedsWhenExpired);
            }
            return None;
        }
        let Some(name) = self.optional_text("WhenExpired") else {
            if !self.has_problem_with("WhenExpired") {
                self.problem("WhenExpired", ProblemKind::SaysNothing);
            }
            return None;
        };
        let when_expired = WhenExpired::from_name(&name);
        if when_expired.is_none() {
            self.problem("WhenExpired", ProblemKind::UnknownWhenExpired(name));
        }
        Some(EndDateRule {
            when_expired: when_expired?,
            at_most,
        })
    }

    fn at_most(&mut self) -> Option<u64> {
        if !self.row.contains_key("AtMost") {
            return None;
        }
        let Some(text) = self.optional_text("AtMost") else {
            if !self.has_problem_with("AtMost") {
                self.problem("AtMost", ProblemKind::SaysNothing);
            }
            return None;
        };
        let at_most = days(&text).and_then(|days| u64::try_from(days).ok());
        if at_most.is_none() {
            self.problem("AtMost", ProblemKind::NotDays(text));
        }
        at_most
    }

    /// `Notice`.
    pub(super) fn notice(&mut self) -> Option<Notice> {
        let times = self.list("Notice")?;
        match Notice::of(times.iter().map(String::as_str)) {
            Ok(notice) => Some(notice),
            Err(error) => {
                self.problem("Notice", error.into());
                None
            }
        }
    }

    /// Checks that what the rule says about end dates and notices goes with the rest of it, and gives a rule whose end dates
    /// shut down its notice.
    pub(super) fn check_end_date(&mut self, action: Option<&Action>, options: &mut RuleOptions) {
        let by_action = matches!(action, Some(Action::Stop | Action::Terminate));
        let end_date = options.end_date.clone();
        let by_date = end_date
            .as_ref()
            .is_some_and(|it| it.when_expired.is_shutdown());
        if options.notice.is_some()
            && !(by_action || by_date)
            && action.is_some()
            && !self.has_problem_with("WhenExpired")
        {
            self.problem("Notice", ProblemKind::NoticeOfNothing);
        }
        let Some(end_date) = end_date else {
            return;
        };
        if by_date && options.notice.is_none() && !self.has_problem_with("Notice") {
            options.notice = Some(Notice::one_day());
        }
        let words = options.allowed.iter().flat_map(AllowedValues::patterns);
        let wild = words.filter(|word| word.as_literal().is_none());
        let wild: Vec<String> = wild.map(ToString::to_string).collect();
        for word in wild {
            self.problem("Allowed", ProblemKind::WildWord(word));
        }
        self.check_default(action, &end_date, options);
    }

    fn check_default(
        &mut self,
        action: Option<&Action>,
        end_date: &EndDateRule,
        options: &RuleOptions,
    ) {
        let function = match action {
            Some(Action::Function(function)) => function,
            Some(Action::UserLookup) => {
                self.problem("WhenExpired", ProblemKind::NameIsNoDate);
                return;
            }
            Some(Action::Update { value: Some(value) }) => {
                let is_word = options.allowed.as_ref().is_some_and(|it| it.allows(value));
                if end_of(value).is_none() && !is_word {
                    let value = value.clone();
                    self.problem("Default", ProblemKind::DefaultIsNoDate(value));
                }
                return;
            }
            _ => return,
        };
        let days = function.days_ahead();
        let notice = options
            .notice
            .as_ref()
            .map_or(TimeDelta::zero(), Notice::longest);
        let ahead = TimeDelta::try_days(days).unwrap_or(TimeDelta::MAX);
        // A day lasts to its end, and a moment is over at once.
        let is_over = days < 0 || (days == 0 && !function.is_day());
        if ahead < notice || is_over {
            // The least number of whole days that are not within the notice.
            let hours = notice.num_hours().max(1);
            let least = hours.saturating_add(23) / 24;
            let value = function.to_string();
            self.problem("Default", ProblemKind::DefaultWithinNotice { value, least });
        }
        let limit = end_date.at_most.and_then(|limit| i64::try_from(limit).ok());
        if let Some(limit) = limit.filter(|limit| days > *limit) {
            let value = function.to_string();
            self.problem("Default", ProblemKind::DefaultTooFar { value, limit });
        }
    }
}

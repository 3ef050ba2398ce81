//! Reads which kinds of resources a rule is for, and checks that the rest of the rule goes with them.

use super::condition::{Condition, RuleConditions};
use super::options::RuleOptions;
use super::problem::ProblemKind;
use super::reader::Reader;
use super::rule::Action;
use super::source::Source;
use super::when_expired::WhenExpired;
use crate::resource::Kinds;

impl Reader {
    /// `ResourceTypes`, if it can be read.
    pub(super) fn kinds(&mut self) -> Option<Kinds> {
        let names = self.list("ResourceTypes")?;
        match Kinds::of_names(names.iter().map(String::as_str)) {
            Ok(kinds) => Some(kinds),
            Err(error) => {
                self.problem("ResourceTypes", error.into());
                None
            }
        }
    }

    /// Checks that what the rule does and asks for is possible for its kinds.
    ///
    /// A rule for several kinds may shut down: it does so with those for which it can, and reports the others.
    pub(super) fn check_kinds(&mut self, action: Option<&Action>, options: &RuleOptions) {
        if self.has_problem_with("ResourceTypes") {
            return;
        }
        let kinds = options.kinds;
        if !kinds.may_shut_down() {
            let by_action = match action {
                Some(Action::Stop) => Some("Stop"),
                Some(Action::Terminate) => Some("Terminate"),
                _ => None,
            };
            let end_date = options.end_date.as_ref();
            let by_date = end_date.and_then(|it| match it.when_expired {
                WhenExpired::Notify => None,
                WhenExpired::Stop => Some("Stop"),
                WhenExpired::Terminate => Some("Terminate"),
            });
            let writes = "Update, UserLookup, Function or Notify";
            for (attribute, shutdown, instead) in [
                ("Action", by_action, writes),
                ("WhenExpired", by_date, "Notify"),
            ] {
                let Some(shutdown) = shutdown else { continue };
                let problem = ProblemKind::ShutdownOfKind {
                    shutdown,
                    instead,
                    nouns: kinds.nouns(),
                };
                self.problem(attribute, problem);
            }
        }
        let conditions = options.when.iter().flat_map(RuleConditions::conditions);
        for detail in conditions.filter_map(Condition::detail) {
            if let Some(kind) = kinds.iter().find(|kind| !detail.is_of(*kind)) {
                let (detail, nouns) = (detail.as_str(), kind.noun(2));
                self.problem("When", ProblemKind::DetailOfKind { detail, nouns });
            }
        }
        if options.from.contains(&Source::Instance) && kinds.attached().next().is_none() {
            self.problem("From", ProblemKind::SourceOfKind);
        }
    }
}

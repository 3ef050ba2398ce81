//! How conditions relate to each other: which rule can never apply.

use super::{Condition, RuleConditions, Test};
use crate::likeness::is_blank;
use crate::policy::pattern::Pattern;

impl RuleConditions {
    /// Whether these conditions certainly hold wherever those of `other` do. A rule with `other` behind one with these
    /// can never apply then. `false` if that cannot be told.
    #[must_use]
    pub fn holds_wherever(&self, other: &Self) -> bool {
        let is_implied =
            |mine: &Condition| other.conditions.iter().any(|theirs| theirs.implies(mine));
        self.conditions.iter().all(is_implied)
    }

    /// The two conditions that can never hold together; `None` if there are none, or that cannot be told.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&Condition, &Condition)> {
        let conditions = self.conditions.iter().enumerate();
        let pairs = conditions.flat_map(|(position, first)| {
            let others = self.conditions.iter().skip(position + 1);
            others.map(move |second| (first, second))
        });
        let mut pairs = pairs.filter(|(first, second)| first.excludes(second));
        pairs.next()
    }

    /// Whether these conditions and those of `other` can never hold together. `false` if that cannot be told.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        let excludes = |mine: &Condition| other.conditions.iter().any(|it| mine.excludes(it));
        self.conditions.iter().any(excludes)
    }
}

impl Condition {
    /// Whether `other` holds wherever this does.
    fn implies(&self, other: &Self) -> bool {
        if self.subject != other.subject {
            return false;
        }
        match (&self.test, &other.test) {
            (Test::There | Test::AnyOf(_) | Test::NoneOf(_), Test::There)
            | (Test::Absent, Test::Absent) => true,
            (Test::AnyOf(mine), Test::AnyOf(theirs)) => mine
                .iter()
                .all(|it| theirs.iter().any(|wide| is_within(it, wide))),
            (Test::NoneOf(mine), Test::NoneOf(theirs)) => theirs
                .iter()
                .all(|it| mine.iter().any(|wide| is_within(it, wide))),
            (Test::AnyOf(mine), Test::NoneOf(theirs)) => mine.iter().all(|it| {
                let literal = it.as_literal();
                literal.is_some_and(|text| {
                    !is_blank(text) && !theirs.iter().any(|it| it.nearly_matches(text))
                })
            }),
            _ => false,
        }
    }

    /// Whether this and `other` never hold together.
    fn excludes(&self, other: &Self) -> bool {
        if self.subject != other.subject {
            return false;
        }
        match (&self.test, &other.test) {
            (Test::Absent, Test::There | Test::AnyOf(_) | Test::NoneOf(_))
            | (Test::There | Test::AnyOf(_) | Test::NoneOf(_), Test::Absent) => true,
            (Test::AnyOf(mine), Test::AnyOf(theirs)) => {
                let is_other = |it: &Pattern, them: &[Pattern]| {
                    let literal = it.as_literal();
                    literal.is_some_and(|text| !them.iter().any(|it| it.matches(text)))
                };
                mine.iter().all(|it| is_other(it, theirs))
                    || theirs.iter().all(|it| is_other(it, mine))
            }
            (Test::AnyOf(values), Test::NoneOf(others))
            | (Test::NoneOf(others), Test::AnyOf(values)) => values
                .iter()
                .all(|it| others.iter().any(|wide| is_within(it, wide))),
            _ => false,
        }
    }
}

/// Whether every text that matches `narrow` also matches `wide`. `false` if that cannot be told.
fn is_within(narrow: &Pattern, wide: &Pattern) -> bool {
    narrow == wide || wide.is_any() || narrow.as_literal().is_some_and(|text| wide.matches(text))
}

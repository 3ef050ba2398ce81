//! The values that a rule allows.

use super::pattern::Pattern;
use crate::likeness::{is_blank_char, is_near_miss, is_separator};

/// The values that a tag may have: the attribute `Allowed`. Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedValues(Vec<Pattern>);

impl AllowedValues {
    /// The values of `patterns`; `None` if there are none, because a list that says nothing is a mistake.
    #[must_use]
    pub fn new(patterns: Vec<Pattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// The patterns, in the order in which they were written; never empty.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }

    /// Whether a tag may have `value`.
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(value))
    }

    /// Whether `value` is allowed, or a person can take it for a value that is: see [`Pattern::nearly_matches`].
    #[must_use]
    pub fn nearly_allows(&self, value: &str) -> bool {
        self.0.iter().any(|pattern| pattern.nearly_matches(value))
    }

    /// The one allowed value that `value` certainly means: they differ in case, in outer blanks, and in which of the
    /// characters blank, `-`, `_` and `:` stands in one place. `None` if there is none, or if `value` is also near another.
    ///
    /// This is stricter than [`nearly_allows`](Self::nearly_allows): what is written is billed, and `1-23` is not `12-3`.
    #[must_use]
    pub fn meant(&self, value: &str) -> Option<&str> {
        let near = |pattern: &&Pattern| pattern.nearly_matches(value);
        let mut near = self.0.iter().filter(near);
        let first = near.next()?;
        let only = near.all(|other| other.as_literal() == first.as_literal());
        let literal = first.as_literal().filter(|_| only)?;
        spelling(literal).eq(spelling(value)).then_some(literal)
    }

    /// The allowed value that was most likely meant by `value`, for a question such as *did you mean Prod?*; `None` if
    /// none is near.
    ///
    /// The value that a person can take it for comes first, then one that differs in a letter or two.
    #[must_use]
    pub fn nearest(&self, value: &str) -> Option<&str> {
        let near = |literal: &&str| is_near_miss(literal, value);
        let literals = || self.0.iter().filter_map(Pattern::as_literal);
        if let Some(literal) = literals().find(near) {
            return Some(literal);
        }
        let value = value.to_lowercase();
        let distances = literals().map(|literal| {
            let distance = strsim::osa_distance(&literal.to_lowercase(), &value);
            (distance, literal)
        });
        let close = distances.filter(|(distance, literal)| {
            let limit = (literal.chars().count() / 4).max(1);
            *distance <= limit
        });
        let (_, literal) = close.min_by_key(|(distance, _)| *distance)?;
        Some(literal)
    }
}

/// The characters of `text` without outer blanks, in lower case, with one character for all separators.
fn spelling(text: &str) -> impl Iterator<Item = char> {
    let inner = text.trim_matches(is_blank_char);
    let folded = inner.chars().flat_map(char::to_lowercase);
    folded.map(|character| {
        if is_separator(character) {
            '-'
        } else {
            character
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::policy::list::patterns;

    fn allowed(text: &str) -> AllowedValues {
        AllowedValues::new(patterns(text).unwrap()).unwrap()
    }

    #[rstest]
    #[case("Prod, Stage", "Prod", true)]
    #[case("Prod, Stage", "prod", false)]
    #[case("Prod, team-*", "team-shop", true)]
    #[case("Prod, team-*", "Team-shop", false)]
    #[case("*", "anything", true)]
    fn allows_what_is_listed(#[case] list: &str, #[case] value: &str, #[case] expected: bool) {
        assert_eq!(allowed(list).allows(value), expected);
        assert!(allowed(list).nearly_allows(value));
    }

    #[rstest]
    #[case::case("Prod, Stage", "PROD", Some("Prod"), Some("Prod"))]
    #[case::blanks("Prod, Stage", " stage ", Some("Stage"), Some("Stage"))]
    #[case::two_are_near("db-1, db1", "DB_1", None, Some("db-1"))]
    #[case::written_twice("Prod, Prod", "prod", Some("Prod"), Some("Prod"))]
    #[case::a_wildcard_is_near_too("team-*, team-shop", "Team-Shop", None, Some("team-shop"))]
    #[case::only_a_wildcard("team-*", "Team-Shop", None, None)]
    #[case::a_letter_left_out("Prod, Stage", "Pro", None, Some("Prod"))]
    #[case::letters_exchanged("Prod, Stage", "Pord", None, Some("Prod"))]
    #[case::a_letter_replaced("Prod, Stage", "Stagf", None, Some("Stage"))]
    #[case::too_far("Prod, Stage", "asdf", None, None)]
    #[case::two_letters_of_eight("CostCenter", "CstCenterr", None, Some("CostCenter"))]
    #[case::separators_exchanged("team-shop", "Team Shop", Some("team-shop"), Some("team-shop"))]
    #[case::separators_moved("12-3", "1-23", None, Some("12-3"))]
    #[case::separator_left_out("team-shop", "teamshop", None, Some("team-shop"))]
    fn suggests_the_nearest(
        #[case] list: &str,
        #[case] value: &str,
        #[case] meant: Option<&str>,
        #[case] nearest: Option<&str>,
    ) {
        let allowed = allowed(list);
        assert_eq!(allowed.meant(value), meant);
        assert_eq!(allowed.nearest(value), nearest);
        if meant.is_some() {
            assert!(allowed.nearly_allows(value));
        }
    }

    #[test]
    fn an_empty_list_is_no_list() {
        assert_eq!(AllowedValues::new(Vec::new()), None);
    }

    proptest! {
        #[test]
        fn a_suggestion_is_allowed(value in "[aAb-]{0,5}") {
            let allowed = allowed("aa, ab-a, b*");
            for suggestion in [allowed.nearest(&value), allowed.meant(&value)].into_iter().flatten() {
                prop_assert!(allowed.allows(suggestion));
            }
        }
    }
}

//! The words for each defect of a resource.
//!
//! The annotation, the report, the plan and the HTML page use these, so that a reader finds the same words in each.

use std::borrow::Cow;

use crate::likeness::has_hidden_characters;
use crate::policy::{Defect, DefectName};

/// The text for an untagged instance on the Config dashboard.
pub const UNTAGGED_SENTENCE: &str = "The instance has no tags at all.";

/// The text for an untagged instance in the report.
pub const UNTAGGED: &str = "no tags found";

/// The defect of the tag `tag_key`: `missing tag ProjectCode`.
#[must_use]
pub fn tag_defect(defect: DefectName, tag_key: &str) -> String {
    format!("{defect} tag {}", shown_key(tag_key))
}

/// The defect of the tag `tag_key` and the rule that found it: `missing tag ProjectCode (rule 1)`.
#[must_use]
pub fn rule_defect(defect: DefectName, tag_key: &str, rule_id: i64) -> String {
    format!("{} (rule {rule_id})", tag_defect(defect, tag_key))
}

/// A key in quotes if it has blanks at an end or characters that nobody sees.
fn shown_key(tag_key: &str) -> Cow<'_, str> {
    if tag_key.trim() == tag_key && !has_hidden_characters(tag_key) {
        Cow::Borrowed(tag_key)
    } else {
        Cow::Owned(format!("{tag_key:?}"))
    }
}

/// What to write for a tag that is [nearly right](Defect::is_nearly_right); `None` for one that is not.
#[must_use]
pub fn correction(defect: Defect<'_>, tag_key: &str) -> Option<String> {
    match defect {
        Defect::Missing { near_miss } => {
            let found = near_miss?;
            Some(format!(
                "it has the tag {found:?}, write the key {tag_key:?}"
            ))
        }
        Defect::Empty { value: "" } => None,
        Defect::Empty { .. } => Some("the value is only blanks, write a value".to_owned()),
    }
}

/// `text` with its first letter in upper case, if that letter is ASCII.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital() {
        assert_eq!(sentence("missing tag Owner"), "Missing tag Owner");
        assert_eq!(sentence("élan"), "élan");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn corrects_only_what_is_nearly_right() {
        let near_miss = Some("owner\u{200b}");
        for (defect, expected) in [
            (
                Defect::Missing { near_miss },
                Some(r#"it has the tag "owner\u{200b}", write the key "Owner""#),
            ),
            (Defect::Missing { near_miss: None }, None),
            (
                Defect::Empty { value: "\t" },
                Some("the value is only blanks, write a value"),
            ),
            (Defect::Empty { value: "" }, None),
        ] {
            assert_eq!(correction(defect, "Owner").as_deref(), expected);
            assert_eq!(defect.is_nearly_right(), expected.is_some());
        }
    }
}

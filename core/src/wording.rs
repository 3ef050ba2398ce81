//! The words for each defect of a resource.
//!
//! The annotation, the report, the plan and the HTML page use these, so that a reader finds the same words in each.

use crate::policy::DefectName;

/// The text for an untagged instance on the Config dashboard.
pub const UNTAGGED_SENTENCE: &str = "The instance has no tags at all.";

/// The text for an untagged instance in the report.
pub const UNTAGGED: &str = "no tags found";

/// The defect of the tag `tag_key`: `missing tag ProjectCode`.
#[must_use]
pub fn tag_defect(defect: DefectName, tag_key: &str) -> String {
    format!("{defect} tag {tag_key}")
}

/// The defect of the tag `tag_key` and the rule that found it: `missing tag ProjectCode (rule 1)`.
#[must_use]
pub fn rule_defect(defect: DefectName, tag_key: &str, rule_id: i64) -> String {
    format!("{defect} tag {tag_key} (rule {rule_id})")
}

/// `text` with its first letter in upper case, if that letter is ASCII.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

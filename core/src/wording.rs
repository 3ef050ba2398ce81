//! All words for what is wrong with a resource: the annotation, the report, the plan and the page use these.

use crate::policy::DefectName;

/// That a resource is untagged, as the Config dashboard says it.
pub const UNTAGGED_SENTENCE: &str = "The instance has no tags at all.";

/// That a resource is untagged, as the customer's report says it.
pub const UNTAGGED: &str = "no tags found";

/// What is wrong with a rule's tag: `missing tag ProjectCode`.
#[must_use]
pub fn tag_defect(defect: DefectName, tag_key: &str) -> String {
    format!("{defect} tag {tag_key}")
}

/// What is wrong with a rule's tag, and which rule says so: `missing tag ProjectCode (rule 1)`.
#[must_use]
pub fn rule_defect(defect: DefectName, tag_key: &str, rule_id: i64) -> String {
    format!("{defect} tag {tag_key} (rule {rule_id})")
}

/// `text` with a capital letter at its beginning.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

//! The words for each defect of a resource.
//!
//! The annotation, the report, the plan and the HTML page use these, so that a reader finds the same words in each.

use std::borrow::Cow;

use crate::likeness::has_hidden_characters;
use crate::policy::{Defect, DefectName, TagRule};

/// The text for an untagged instance on the Config dashboard.
pub const UNTAGGED_SENTENCE: &str = "The instance has no tags at all.";

/// The text for an untagged instance in the report.
pub const UNTAGGED: &str = "no tags found";

/// The most characters of a key or value that a text quotes.
const MAX_SHOWN: usize = 64;

/// The most characters of a list of allowed values in a text.
const MAX_LIST_SHOWN: usize = 80;

/// The defect of the tag `tag_key`: `missing tag ProjectCode`.
#[must_use]
pub fn tag_defect(defect: DefectName, tag_key: &str) -> String {
    let tag_key = shown_key(tag_key);
    match defect {
        DefectName::Missing | DefectName::Empty => format!("{defect} tag {tag_key}"),
        DefectName::NotAllowed => format!("value of tag {tag_key} not allowed"),
        DefectName::Expired => format!("expired tag {tag_key}"),
        DefectName::Unreadable => format!("unreadable date in tag {tag_key}"),
    }
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

/// The beginning of a key or value, in at most 64 characters. What nobody sees is shown escaped: the writers of tags write
/// into annotations and reports.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut escaped = text.escape_debug();
    let mut shown: String = escaped.by_ref().take(MAX_SHOWN).collect();
    if escaped.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// What to write in the place of a `value` that `rule` does not allow: `did you mean Prod?`, or `allowed: Prod, Stage`.
/// `None` if the rule allows every value.
#[must_use]
pub fn suggestion(rule: &TagRule, value: &str) -> Option<String> {
    let allowed = rule.options.allowed.as_ref()?;
    if let Some(meant) = allowed.nearest(value) {
        return Some(format!("did you mean {}?", excerpt(meant)));
    }
    let mut list = String::new();
    for pattern in allowed.patterns() {
        let shown = excerpt(&pattern.to_string());
        let separator = if list.is_empty() { "" } else { ", " };
        if list.chars().count() + separator.len() + shown.chars().count() > MAX_LIST_SHOWN {
            list.push_str(", …");
            break;
        }
        list.push_str(separator);
        list.push_str(&shown);
    }
    Some(format!("allowed: {list}"))
}

/// What to write in the place of a `value` that is not an end date: `write a date such as 2026-12-31`.
#[must_use]
pub fn date_hint(rule: &TagRule, value: &str) -> String {
    let words = rule.options.allowed.as_ref();
    match words.and_then(|words| words.nearest(value)) {
        Some(meant) => format!("did you mean {}?", excerpt(meant)),
        None => "write a date such as 2026-12-31".to_owned(),
    }
}

/// How far ahead an end date of `rule` may lie: `at most 90 days ahead`.
#[must_use]
pub fn too_far(rule: &TagRule) -> String {
    let end_date = rule.options.end_date.as_ref();
    match end_date.and_then(|it| it.at_most) {
        Some(1) => "at most 1 day ahead".to_owned(),
        Some(days) => format!("at most {days} days ahead"),
        None => "too far ahead".to_owned(),
    }
}

/// What to write for a tag that is [nearly right](Defect::is_nearly_right), or whose value is not allowed; `None` for
/// another one.
#[must_use]
pub fn correction(rule: &TagRule, defect: Defect<'_>) -> Option<String> {
    match defect {
        Defect::Missing { near_miss } => {
            let found = near_miss?;
            Some(format!(
                "it has the tag {found:?}, write the key {:?}",
                rule.tag_key
            ))
        }
        Defect::Empty { value: "" } => None,
        Defect::Empty { .. } => Some("the value is only blanks, write a value".to_owned()),
        Defect::Unreadable { value } => {
            let hint = date_hint(rule, value);
            Some(format!("it is \"{}\", {hint}", excerpt(value)))
        }
        Defect::TooFar { value } => {
            let limit = too_far(rule);
            Some(format!("it is \"{}\", {limit}", excerpt(value)))
        }
        Defect::Expired { value, .. } => Some(format!(
            "its end date {value} has passed, set {} to a later date to keep it",
            rule.tag_key
        )),
        Defect::NotAllowed { value, .. } => {
            let hint = suggestion(rule, value).map_or_else(String::new, |hint| format!(", {hint}"));
            Some(format!("it is \"{}\"{hint}", excerpt(value)))
        }
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
    use crate::policy::list::patterns;
    use crate::policy::{Action, AllowedValues, RuleOptions};

    #[test]
    fn a_sentence_begins_with_a_capital() {
        assert_eq!(sentence("missing tag Owner"), "Missing tag Owner");
        assert_eq!(sentence("élan"), "élan");
        assert_eq!(sentence(""), "");
    }

    fn rule(allowed: Option<&str>) -> TagRule {
        let allowed = allowed.map(|text| patterns(text).unwrap());
        TagRule {
            id: 4,
            tag_key: "Owner".to_owned(),
            required: true,
            action: Action::Notify,
            options: RuleOptions {
                allowed: allowed.and_then(AllowedValues::new),
                ..RuleOptions::default()
            },
        }
    }

    #[test]
    fn suggests_the_nearest_value_or_the_list() {
        let rule = rule(Some("Prod, Stage, team-*"));
        let of = |value: &str| suggestion(&rule, value).unwrap();
        assert_eq!(of("prod"), "did you mean Prod?");
        assert_eq!(of("Stagee"), "did you mean Stage?");
        assert_eq!(of("asdf"), "allowed: Prod, Stage, team-*");
        let correction = |value| {
            correction(
                &rule,
                Defect::NotAllowed {
                    value,
                    is_near: false,
                },
            )
        };
        assert_eq!(
            correction("a\n\u{200b}").as_deref(),
            Some(r#"it is "a\n\u{200b}", allowed: Prod, Stage, team-*"#)
        );
    }

    #[test]
    fn a_long_list_and_a_long_value_are_cut() {
        let values: Vec<String> = (0..50).map(|number| format!("team-{number}")).collect();
        let rule = rule(Some(&values.join(",")));
        let text = suggestion(&rule, &"é".repeat(256)).unwrap();
        assert!(text.starts_with("allowed: team-0, team-1, "), "{text}");
        assert!(
            text.ends_with(", …") && text.chars().count() < 100,
            "{text}"
        );
        assert_eq!(excerpt(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(excerpt(&"é".repeat(65)), "é".repeat(63) + "…");
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
            assert_eq!(correction(&rule(None), defect).as_deref(), expected);
            assert_eq!(defect.is_nearly_right(), expected.is_some());
        }
    }
}

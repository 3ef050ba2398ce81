//! Finds the problems of the tag keys of a file, and of what is written under them.

use std::ops::Range;

use tagwarden_core::likeness::{has_hidden_characters, is_near_miss};
use tagwarden_core::policy::KeyCaution;

use super::rows::{FileRule, FileRules};
use crate::text::node::NodeKind;
use crate::text::problem::{Severity, TextProblem};

/// The most tags that an EC2 resource can have, without those that AWS writes.
///
/// See [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
const MOST_TAGS: usize = 50;

/// Adds the problems of the keys and of the defaults.
pub fn lint(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    deceptive_keys(rules, problems);
    keys_like_others(rules, problems);
    blanks_in_defaults(rules, problems);
    too_many_tags(rules, problems);
}

/// Reports keys that look like other keys. A table with such a key goes on working, so this is not the engine's problem.
fn deceptive_keys(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    for (key, span) in keys(rules) {
        let Some(caution) = KeyCaution::of(key) else {
            continue;
        };
        // A blank key counts as none, and the engine refuses such keys itself in a newer format.
        let is_known = |it: &TextProblem| it.severity == Severity::Error && it.span == span;
        if key.trim().is_empty() || problems.iter().any(is_known) {
            continue;
        }
        let help = match caution {
            KeyCaution::Hidden if seen(key).is_empty() => "use a key that people can read".to_owned(),
            KeyCaution::Hidden => format!(
                "did you mean {:?}? to AWS it is another tag: instances that have the one lack the other",
                seen(key)
            ),
            KeyCaution::LikeExemption => {
                "an instance with this tag counts as one whose exemption cannot be read: use another key".to_owned()
            }
        };
        problems.push(TextProblem::error(span, format!("{key:?} {caution}")).help(help));
    }
}

/// The key as a person sees it.
fn seen(key: &str) -> String {
    let is_seen = |it: &char| !has_hidden_characters(&format!("a{it}a"));
    let seen: String = key.chars().filter(is_seen).collect();
    seen.trim().to_owned()
}

/// Warns about two rules whose keys most people take for one tag: AWS sees two.
fn keys_like_others(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    // Of keys with hidden characters, everything is said.
    let is_seen = |(key, _): &(&str, Range<usize>)| KeyCaution::of(key) != Some(KeyCaution::Hidden);
    let keys: Vec<_> = keys(rules).filter(is_seen).collect();
    for (position, (key, span)) in keys.iter().enumerate() {
        let earlier = keys.get(..position).unwrap_or_default();
        let like = |(other, _): &&(&str, Range<usize>)| other != key && is_near_miss(other, key);
        let Some((first, place)) = earlier.iter().find(like) else {
            continue;
        };
        let how = if key.to_lowercase() == first.to_lowercase() {
            "in case only"
        } else {
            "in case, blanks, and the characters - _ : only"
        };
        let message = format!("{key:?} and {first:?} differ {how}");
        let problem =
            TextProblem::warning(span.clone(), message).context(place.clone(), "the other key");
        problems.push(problem.help("to AWS they are two tags: an instance needs both"));
    }
}

/// Warns about values that are written with blanks around them.
fn blanks_in_defaults(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    let writes = |rule: &&FileRule<'_>| rule.text("Action") == Some("Update");
    for rule in rules.rows.iter().filter(writes) {
        let (Some(text), Some(entry)) = (rule.text("Default"), rule.entry("Default")) else {
            continue;
        };
        let (key, seen) = (rule.text("TagKey").unwrap_or_default(), seen(text));
        // A value of blanks alone counts as absent, which is the engine's problem.
        if has_hidden_characters(text) && !seen.is_empty() {
            let message =
                format!("Default has blanks around it, or characters that nobody sees: {text:?}");
            let problem = TextProblem::warning(entry.value.span.clone(), message);
            problems.push(problem.help(format!(
                "tags {key:?} get exactly this; did you mean {seen:?}?"
            )));
        }
    }
}

/// Warns about more tags than EC2 stores.
fn too_many_tags(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    // Of the other rules that are not required, the tags may be absent.
    let needs_tag = |rule: &&FileRule<'_>| {
        let is_filled_in = matches!(rule.text("Action"), Some("UserLookup" | "Function"));
        let is_required = rule
            .entry("Required")
            .is_some_and(|entry| match &entry.value.kind {
                NodeKind::Text(text) => text == "Y",
                NodeKind::Bool(value) => *value,
                _ => false,
            });
        rule.text("TagKey").is_some() && (is_filled_in || is_required)
    };
    let needed: Vec<&FileRule<'_>> = rules.rows.iter().filter(needs_tag).collect();
    let first_too_many = needed.get(MOST_TAGS).and_then(|rule| rule.entry("TagKey"));
    if let Some(entry) = first_too_many {
        let message = format!(
            "an instance may need {} tags, and EC2 stores at most {MOST_TAGS} on each",
            needed.len()
        );
        let problem = TextProblem::warning(entry.value.span.clone(), message);
        problems.push(problem.help(
            "this is the first rule whose tag has no room; tags that AWS writes do not count",
        ));
    }
}

/// The keys of the rules, and their places.
fn keys<'a>(rules: &FileRules<'a>) -> impl Iterator<Item = (&'a str, Range<usize>)> {
    let keys = rules.rows.iter().map(|rule| {
        let entry = rule.entry("TagKey")?;
        Some((rule.text("TagKey")?, entry.value.span.clone()))
    });
    keys.flatten()
}

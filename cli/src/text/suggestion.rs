//! The word that a misspelt one was probably meant to be.

use tagwarden_core::policy::ATTRIBUTES;

/// The candidate that `word` probably misspells: it differs in case, `_` and `-` only, or in a letter or two.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = fold(word);
    let near = candidates.iter().map(|candidate| {
        let distance = strsim::damerau_levenshtein(&word, &fold(candidate));
        (distance, *candidate)
    });
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= (candidate.chars().count() / 4).max(1)).then_some(candidate)
}

/// The attribute of a rule that `name` probably means: the [`nearest`], or the one that `name` is another word for.
pub fn nearest_attribute(name: &str) -> Option<&'static str> {
    match fold(name).as_str() {
        "id" => Some("RuleId"),
        "key" | "tag" => Some("TagKey"),
        "value" => Some("Default"),
        _ => nearest(name, &ATTRIBUTES),
    }
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace(['_', '-', ' '], "")
}

/// The function that an unknown one probably misspells: `tody()`, `Today`.
pub fn nearest_function(text: &str) -> Option<&'static str> {
    let name = text.split('(').next().unwrap_or(text).trim();
    match nearest(name, &["today", "now"])? {
        "today" => Some("today()"),
        _ => Some("now()"),
    }
}

/// Y or N, for another word that means the same.
pub fn yes_or_no(text: &str) -> Option<&'static str> {
    match text.trim().to_lowercase().as_str() {
        "y" | "yes" | "true" | "on" | "1" | "required" => Some("Y"),
        "n" | "no" | "false" | "off" | "0" | "optional" => Some("N"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tagwarden_core::Action;

    use super::*;

    #[rstest]
    #[case("update", Some("Update"))]
    #[case("Updte", Some("Update"))]
    #[case("user-lookup", Some("UserLookup"))]
    #[case("Functoin", Some("Function"))]
    #[case("Terminated", Some("Terminate"))]
    #[case("Delete", None)]
    #[case("", None)]
    fn suggests_actions(#[case] typed: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(typed, &Action::NAMES), meant);
    }

    #[rstest]
    #[case("tagKey", Some("TagKey"))]
    #[case("rule_id", Some("RuleId"))]
    #[case("Requird", Some("Required"))]
    #[case("Comment", None)]
    #[case("Section", None)]
    #[case("Owner", None)]
    fn suggests_attributes(#[case] typed: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(typed, &ATTRIBUTES), meant);
    }

    #[rstest]
    #[case("tody()", Some("today()"))]
    #[case("Today", Some("today()"))]
    #[case("NOW()+3d", Some("now()"))]
    #[case("tomorrow()", None)]
    fn suggests_functions(#[case] typed: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest_function(typed), meant);
    }
}

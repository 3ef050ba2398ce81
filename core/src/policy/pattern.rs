//! Patterns for tag values and names: `*` stands for any text, `?` for one character.
//!
//! | written | means |
//! |---|---|
//! | `Prod` | exactly this |
//! | `team-*`, `db-?` | any text, one character |
//! | `\*`, `\?`, `\"`, `\,`, `\\` | that character itself |
//! | `"a, b "` | the same in double quotes, in which commas, semicolons and outer blanks are part of the text |
//!
//! There are no regular expressions: no request for them is left that a list and a wildcard do not meet, and their
//! engine is too large for the functions.

use std::fmt;
use std::str::FromStr;

use crate::likeness::{is_near_miss, is_separator, letters};

/// A text with wildcards. Matching allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As it was written, without outer blanks.
    source: String,
    matcher: Matcher,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Matcher {
    /// A text without wildcards.
    Literal(String),
    /// At least one wildcard.
    Wild(Vec<Token>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
}

/// Why a text is not a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// A double quote is not closed.
    #[error("{0:?} has a double quote without its partner: write \\\" for the character")]
    Quote(String),
    /// A backslash does not escape anything.
    #[error(
        "{0:?} has a backslash that stands for nothing: write \\\\ for the character, or \\* for a star"
    )]
    Escape(String),
}

impl Pattern {
    /// The pattern that matches exactly `text`.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let mut source = String::with_capacity(text.len() + 2);
        source.push('"');
        for character in text.chars() {
            if matches!(character, '*' | '?' | '"' | '\\') {
                source.push('\\');
            }
            source.push(character);
        }
        source.push('"');
        Self {
            source,
            matcher: Matcher::Literal(text.to_owned()),
        }
    }

    /// The text that alone matches; `None` if the pattern has wildcards.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Literal(text) => Some(text),
            Matcher::Wild(_) => None,
        }
    }

    /// The pattern in which only `*` is special, and `*` at most once, as policies of AWS write it. An empty text counts as one.
    ///
    /// `None` if it has another wildcard, more than one star, or a star that stands for itself.
    #[must_use]
    pub fn with_one_star(&self) -> Option<String> {
        let tokens = match &self.matcher {
            Matcher::Literal(text) => return (!text.contains('*')).then(|| text.clone()),
            Matcher::Wild(tokens) => tokens,
        };
        let stars = tokens.iter().filter(|token| **token == Token::Many);
        if stars.count() > 1 {
            return None;
        }
        let characters = tokens.iter().map(|token| match token {
            Token::Char('*') | Token::One => None,
            Token::Char(character) => Some(*character),
            Token::Many => Some('*'),
        });
        characters.collect()
    }

    /// The pattern of a text in which only `*` is special, as policies of AWS write it.
    #[must_use]
    pub fn of_starred(text: &str) -> String {
        let is_special = |it: char| matches!(it, '?' | '"' | '\\' | ',' | ';');
        if !text.contains(is_special) && text.trim() == text && !text.is_empty() {
            return text.to_owned();
        }
        let mut source = "\"".to_owned();
        for character in text.chars() {
            if matches!(character, '?' | '"' | '\\') {
                source.push('\\');
            }
            source.push(character);
        }
        source.push('"');
        source
    }

    /// A text that matches, and is not empty.
    #[must_use]
    pub fn example(&self) -> String {
        let tokens = match &self.matcher {
            Matcher::Literal(text) => return text.clone(),
            Matcher::Wild(tokens) => tokens.iter(),
        };
        let text: String = tokens
            .filter_map(|token| match token {
                Token::Char(character) => Some(*character),
                Token::One => Some('x'),
                Token::Many => None,
            })
            .collect();
        if text.is_empty() {
            "x".to_owned()
        } else {
            text
        }
    }

    /// The number of characters of the shortest text that matches.
    #[must_use]
    pub fn shortest(&self) -> usize {
        match &self.matcher {
            Matcher::Literal(text) => text.chars().count(),
            Matcher::Wild(tokens) => tokens.iter().filter(|token| **token != Token::Many).count(),
        }
    }

    /// Whether every text matches: the pattern is `*`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        match &self.matcher {
            Matcher::Literal(_) => false,
            Matcher::Wild(tokens) => tokens.iter().all(|token| *token == Token::Many),
        }
    }

    /// Whether the whole `text` matches. Case counts.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Literal(literal) => literal == text,
            Matcher::Wild(tokens) => matches_tokens(tokens.iter().copied(), text.chars()),
        }
    }

    /// As [`matches`](Self::matches), without regard to case.
    #[must_use]
    pub fn matches_ignoring_case(&self, text: &str) -> bool {
        let lower = text.chars().flat_map(char::to_lowercase);
        match &self.matcher {
            Matcher::Literal(literal) => literal.chars().flat_map(char::to_lowercase).eq(lower),
            Matcher::Wild(tokens) => {
                matches_tokens(folded(tokens.iter().copied(), |_| true), lower)
            }
        }
    }

    /// Whether `text` matches, or a person can take it for a text that does: it differs from one at most in case, in
    /// blanks, and in the characters `-`, `_` and `:`. See [`is_near_miss`].
    #[must_use]
    pub fn nearly_matches(&self, text: &str) -> bool {
        if self.matches(text) {
            return true;
        }
        match &self.matcher {
            Matcher::Literal(literal) => is_near_miss(literal, text),
            Matcher::Wild(tokens) => {
                // `?` can stand for a character that is left out here, so it stands for any text.
                let widened = tokens.iter().map(|token| match token {
                    Token::One => Token::Many,
                    other => *other,
                });
                let is_letter = |character: char| !is_separator(character);
                matches_tokens(folded(widened, is_letter), letters(text))
            }
        }
    }
}

/// The tokens in lower case, without the characters that are not `kept`.
fn folded(
    tokens: impl Iterator<Item = Token> + Clone,
    kept: impl Fn(char) -> bool + Copy,
) -> impl Iterator<Item = Token> + Clone {
    tokens.flat_map(move |token| {
        // One of the two is empty, so that both branches have one type.
        let (character, wildcard) = match token {
            Token::Char(character) => (Some(character).filter(|it| kept(*it)), None),
            other => (None, Some(other)),
        };
        let lower = character.into_iter().flat_map(char::to_lowercase);
        lower.map(Token::Char).chain(wildcard)
    })
}

/// Whether the whole text matches. Goes back to the last star only, so that the time is at most the product of the
/// lengths.
fn matches_tokens(
    tokens: impl Iterator<Item = Token> + Clone,
    text: impl Iterator<Item = char> + Clone,
) -> bool {
    let (mut tokens, mut text) = (tokens, text);
    // Where to go on if a character does not match: after the last star, which takes one more character.
    let mut retry = None;
    loop {
        let next_text = text.clone();
        match (tokens.next(), text.next()) {
            (Some(Token::Many), _) => {
                // The star takes nothing at first.
                text = next_text.clone();
                retry = Some((tokens.clone(), next_text));
            }
            (Some(Token::One), Some(_)) => {}
            (Some(Token::Char(wanted)), Some(found)) if wanted == found => {}
            (None, None) => return true,
            _ => {
                let Some((after_star, mut taken)) = retry else {
                    return false;
                };
                if taken.next().is_none() {
                    return false;
                }
                tokens = after_star.clone();
                text = taken.clone();
                retry = Some((after_star, taken));
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    /// Reads a pattern. Blanks around it are not part of it, unless it stands in double quotes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let source = text.trim();
        let quote = || InvalidPattern::Quote(source.to_owned());
        let quoted = source.strip_prefix('"');
        let mut tokens = Vec::new();
        let mut rest = quoted.unwrap_or(source).chars();
        let mut is_closed = quoted.is_none();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' => Token::Many,
                '?' => Token::One,
                '"' if quoted.is_some() && rest.as_str().is_empty() => {
                    is_closed = true;
                    break;
                }
                '"' => return Err(quote()),
                '\\' => match rest.next() {
                    Some(it @ ('*' | '?' | '"' | '\\' | ',' | ';')) => Token::Char(it),
                    _ => return Err(InvalidPattern::Escape(source.to_owned())),
                },
                other => Token::Char(other),
            });
        }
        if !is_closed {
            return Err(quote());
        }
        let literal = tokens.iter().map(|token| match token {
            Token::Char(character) => Some(*character),
            Token::One | Token::Many => None,
        });
        let matcher = match literal.collect::<Option<String>>() {
            Some(literal) => Matcher::Literal(literal),
            None => Matcher::Wild(tokens),
        };
        Ok(Self {
            source: source.to_owned(),
            matcher,
        })
    }
}

impl fmt::Display for Pattern {
    /// The text of a pattern without wildcards, and others as they were written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_literal().unwrap_or(&self.source))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Prod", &["Prod"], &["prod", "Prod ", "Prods", ""])]
    #[case("team-*", &["team-", "team-shop", "team-*"], &["Team-shop", "team", " team-shop"])]
    #[case("*-prod", &["-prod", "a-prod", "-prod-prod"], &["a-prod-b", "prod"])]
    #[case("a*b*c", &["abc", "axxbyyc", "abbcbc"], &["acb", "ab", "abcd"])]
    #[case("db-?", &["db-1", "db-é", "db-?"], &["db-", "db-12"])]
    #[case("*", &["", "anything", "所"], &[])]
    #[case("?*", &["a", "ab"], &[""])]
    #[case(r"\*", &["*"], &["", "a", r"\*"])]
    #[case(r"a\?\\\,", &[r"a?\,"], &["ab"])]
    #[case(r#""a, b ""#, &["a, b "], &["a, b", r#""a, b ""#])]
    #[case(r#""a*""#, &["a", "abc"], &["\"a*\""])]
    #[case(r#""say \"hi\"""#, &[r#"say "hi""#], &["say hi"])]
    #[case("  x  ", &["x"], &[" x"])]
    #[case(r#""""#, &[""], &["x"])]
    fn matches_the_whole_text(
        #[case] pattern: Pattern,
        #[case] matching: &[&str],
        #[case] others: &[&str],
    ) {
        for text in matching {
            assert!(pattern.matches(text), "{pattern} {text:?}");
            assert!(pattern.nearly_matches(text), "{pattern} {text:?}");
        }
        for text in others {
            assert!(!pattern.matches(text), "{pattern} {text:?}");
        }
    }

    #[rstest]
    #[case("Prod", &["prod", "PROD", " Prod", "Prod\u{200b}", "pr-od"], &["Prods", "Pro", ""])]
    #[case("team-*", &["Team-shop", "team_shop", "TEAM"], &["tean-shop", "shop"])]
    #[case("db-?", &["DB1", "db_1", "db"], &["d-1"])]
    #[case("Größe", &["GRÖßE"], &["Grosse"])]
    fn nearly_matches_what_people_take_for_it(
        #[case] pattern: Pattern,
        #[case] near: &[&str],
        #[case] others: &[&str],
    ) {
        for text in near {
            assert!(pattern.nearly_matches(text), "{pattern} {text:?}");
        }
        for text in others {
            assert!(!pattern.nearly_matches(text), "{pattern} {text:?}");
        }
    }

    #[test]
    fn case_can_be_ignored() {
        let pattern: Pattern = "*@Example.com".parse().unwrap();
        assert!(pattern.matches_ignoring_case("Ann@EXAMPLE.COM"));
        assert!(!pattern.matches("Ann@EXAMPLE.COM"));
        assert!(!pattern.matches_ignoring_case("Ann@EXAMPLE.COM "));
        let name: Pattern = "ci/GitHubActions".parse().unwrap();
        assert!(name.matches_ignoring_case("CI/githubactions"));
    }

    #[rstest]
    #[case(r#""open"#)]
    #[case(r#"""#)]
    #[case(r#"a"b"#)]
    #[case(r#""a"b"#)]
    #[case(r#""a\""#)]
    fn refuses_a_single_quote(#[case] text: &str) {
        let refused = text.parse::<Pattern>();
        assert_eq!(refused, Err(InvalidPattern::Quote(text.to_owned())));
    }

    #[rstest]
    #[case(r"\d+")]
    #[case("a\\")]
    fn refuses_a_backslash_that_escapes_nothing(#[case] text: &str) {
        let refused = text.parse::<Pattern>();
        assert_eq!(refused, Err(InvalidPattern::Escape(text.to_owned())));
    }

    /// As the documents define it, in exponential time.
    fn reference(tokens: &[Token], text: &[char]) -> bool {
        match (tokens.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((Token::Many, rest)), character) => {
                reference(rest, text)
                    || character.is_some_and(|(_, others)| reference(tokens, others))
            }
            (Some((Token::One, rest)), Some((_, others))) => reference(rest, others),
            (Some((Token::Char(wanted), rest)), Some((found, others))) => {
                wanted == found && reference(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_as_defined(source in "[ab*?]{0,7}", text in "[ab]{0,8}") {
            let pattern: Pattern = source.parse().unwrap();
            let characters: Vec<char> = text.chars().collect();
            let tokens: Vec<Token> = source.chars().map(|it| match it {
                '*' => Token::Many,
                '?' => Token::One,
                other => Token::Char(other),
            }).collect();
            prop_assert_eq!(pattern.matches(&text), reference(&tokens, &characters));
        }

        #[test]
        fn what_matches_also_nearly_matches(source in "[aA_*?]{0,6}", text in "[aA_ -]{0,6}") {
            let pattern: Pattern = source.parse().unwrap();
            if pattern.matches_ignoring_case(&text) {
                prop_assert!(pattern.nearly_matches(&text) || letters(&text).next().is_none());
            }
            if pattern.matches(&text) {
                prop_assert!(pattern.nearly_matches(&text));
                prop_assert!(pattern.matches_ignoring_case(&text));
                prop_assert!(pattern.shortest() <= text.chars().count());
            }
        }

        /// Any text can be written as a pattern that matches this text alone.
        #[test]
        fn every_text_has_a_pattern(text in "\\PC{0,10}", other in "\\PC{0,10}") {
            let pattern = Pattern::literal(&text);
            prop_assert!(pattern.matches(&text));
            prop_assert_eq!(pattern.matches(&other), text == other);
            let read: Pattern = pattern.source.parse().unwrap();
            prop_assert_eq!(read.as_literal(), Some(text.as_str()));
            prop_assert_eq!(pattern.to_string(), text);
        }

        #[test]
        fn no_text_causes_a_panic(source in "\\PC{0,12}", text in "\\PC{0,12}") {
            if let Ok(pattern) = source.parse::<Pattern>() {
                let _ = pattern.matches(&text);
                let _ = pattern.nearly_matches(&text);
                let _ = pattern.matches_ignoring_case(&text);
            }
        }
    }
}

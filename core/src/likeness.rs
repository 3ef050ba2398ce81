//! Texts that a person takes for empty, or for equal, although AWS does not.
//!
//! Nothing is shut down for what is nearly right, and these functions say what that is. They allocate nothing, because
//! they run for every tag of an instance.

/// Whether `text` has only characters that show nothing: blanks and zero-width characters. The empty text has none.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_blank_char)
}

/// Whether `text` has a character that a person does not see: a blank around it, a control character, or a zero-width
/// character anywhere.
#[must_use]
pub fn has_hidden_characters(text: &str) -> bool {
    let is_hidden = |it: char| it.is_control() || (is_blank_char(it) && it != ' ');
    text.trim_matches(is_blank_char).len() != text.len() || text.contains(is_hidden)
}

/// Whether a person can take the keys `left` and `right` for the same key: they differ at most in case, in blanks, and
/// in the characters `-`, `_` and `:`.
///
/// A key that has only such characters is like no other key.
#[must_use]
pub fn is_near_miss(left: &str, right: &str) -> bool {
    // Nearly every key is ASCII, for which the comparison takes a fraction of the time.
    if left.is_ascii() && right.is_ascii() {
        let mut letters = ascii_letters(left).peekable();
        return letters.peek().is_some() && letters.eq(ascii_letters(right));
    }
    let mut letters = letters(left).peekable();
    letters.peek().is_some() && letters.eq(self::letters(right))
}

/// The characters of an ASCII `key` that distinguish it to a person, in lower case.
fn ascii_letters(key: &str) -> impl Iterator<Item = u8> {
    key.bytes()
        .filter(|byte| !is_separator(char::from(*byte)))
        .map(|byte| byte.to_ascii_lowercase())
}

/// The characters of `text` that distinguish it to a person, in lower case.
pub fn letters(text: &str) -> impl Iterator<Item = char> + Clone {
    text.chars()
        .filter(|character| !is_separator(*character))
        .flat_map(char::to_lowercase)
}

/// Whether `character` does not distinguish texts to a person: a blank, a zero-width character, or one of `-`, `_`, `:`.
#[must_use]
pub fn is_separator(character: char) -> bool {
    matches!(character, '-' | '_' | ':') || is_blank_char(character)
}

/// Whether `character` shows nothing: it has Unicode's property `White_Space` or `Default_Ignorable_Code_Point`, or is
/// a blank of another script.
///
/// See [DerivedCoreProperties.txt](https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt).
#[must_use]
pub fn is_blank_char(character: char) -> bool {
    if character.is_ascii() {
        return character.is_whitespace();
    }
    character.is_whitespace()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                // The blank braille pattern.
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", true)]
    #[case::blank(" ", true)]
    #[case::tab_and_newline("\t\r\n\u{b}\u{c}", true)]
    #[case::no_break_space("\u{a0}", true)]
    #[case::ideographic_space("\u{3000}", true)]
    #[case::zero_width("\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}", true)]
    #[case::direction_marks("\u{200e}\u{200f}\u{202e}\u{2069}", true)]
    #[case::soft_hyphen("\u{ad}", true)]
    #[case::fillers("\u{3164}\u{2800}", true)]
    #[case::letter("a", false)]
    #[case::letter_among_blanks(" \u{200b}a ", false)]
    #[case::hyphen("-", false)]
    #[case::zero("0", false)]
    #[case::other_script("所", false)]
    fn is_blank_only_without_a_visible_character(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_blank(text), expected);
    }

    #[rstest]
    #[case("Owner", false)]
    #[case("Project Code", false)]
    #[case("größe/所", false)]
    #[case("", false)]
    #[case("Owner ", true)]
    #[case("\tOwner", true)]
    #[case("Ow\u{200b}ner", true)]
    #[case("Project\u{a0}Code", true)]
    #[case("Ow\u{7}ner", true)]
    fn finds_what_nobody_sees(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(has_hidden_characters(text), expected);
    }

    #[rstest]
    #[case::same("Owner", "Owner", true)]
    #[case::case("OWNER", "owner", true)]
    #[case::surrounding_blanks(" Owner\u{200b}", "Owner", true)]
    #[case::inner_blank("Project Code", "ProjectCode", true)]
    #[case::separators("project-code", "Project_Code", true)]
    #[case::colon("cost:center", "CostCenter", true)]
    #[case::other_case("GRÖSSE", "größe", false)]
    #[case::umlaut_in_upper_case("MÜLLER", "müller", true)]
    #[case::another_letter("Owners", "Owner", false)]
    #[case::slash("cost/center", "CostCenter", false)]
    #[case::separators_alone("-", "_", false)]
    #[case::nothing("", "", false)]
    #[case::nothing_and_a_key("", "Owner", false)]
    #[case::beginning("Own", "Owner", false)]
    fn compares_keys_as_people_read_them(
        #[case] left: &str,
        #[case] right: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_near_miss(left, right), expected);
        assert_eq!(is_near_miss(right, left), expected);
    }

    proptest! {
        #[test]
        fn separators_and_case_never_tell_keys_apart(
            words in prop::collection::vec("[a-zA-Z0-9ä]{1,6}", 1..5),
            separators in prop::collection::vec("[-_: \u{200b}\u{a0}]{0,3}", 6),
        ) {
            let plain = words.concat();
            let mut spread = separators[5].clone();
            for (word, separator) in words.iter().zip(&separators) {
                spread.push_str(&word.to_uppercase());
                spread.push_str(separator);
            }
            prop_assert!(is_near_miss(&plain, &spread), "{plain:?}, {spread:?}");
        }

        /// Both comparisons of [`is_near_miss`] agree where both apply.
        #[test]
        fn the_comparison_of_ascii_keys_is_only_faster(left in "[aA -_:.b]{0,6}", right in "[aA -_:.b]{0,6}") {
            let slow = letters(&left).next().is_some() && letters(&left).eq(letters(&right));
            prop_assert_eq!(is_near_miss(&left, &right), slow);
        }
    }
}

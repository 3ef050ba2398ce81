//! Lists in the policy table: a list or string set of DynamoDB, or one text with separators.

use super::pattern::{InvalidPattern, Pattern};

/// The parts of `text` between the separators, without outer blanks. A separator in double quotes or behind a backslash
/// separates nothing. Parts without a character are left out, so that a list may end with a separator.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |character: char| {
        let is_literal = is_escaped;
        is_escaped = !is_literal && character == '\\';
        if character == '"' && !is_literal {
            is_quoted = !is_quoted;
        }
        character == separator && !is_quoted && !is_literal
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// The patterns of a text such as `Prod, "a, b", team-*`.
///
/// # Errors
/// The first part that is not a pattern.
pub fn patterns(text: &str) -> Result<Vec<Pattern>, InvalidPattern> {
    split(text, ',').map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[])]
    #[case(" , ,", &[])]
    #[case("a", &["a"])]
    #[case(" a , b,", &["a", "b"])]
    #[case(r#""a, b", c"#, &[r#""a, b""#, "c"])]
    #[case(r"a\,b,c", &[r"a\,b", "c"])]
    #[case(r#""a\",b",c"#, &[r#""a\",b""#, "c"])]
    #[case(r"a\\,b", &[r"a\\", "b"])]
    #[case("a;b", &["a;b"])]
    fn splits_at_commas_outside_quotes(#[case] text: &str, #[case] parts: &[&str]) {
        assert_eq!(split(text, ',').collect::<Vec<_>>(), parts);
    }

    #[test]
    fn splits_at_another_separator() {
        let parts: Vec<_> = split(r#"tag:Env = a, b; "x;y""#, ';').collect();
        assert_eq!(parts, ["tag:Env = a, b", r#""x;y""#]);
    }

    proptest! {
        /// Texts, each in quotes and escaped, come back as they were.
        #[test]
        fn reads_back_what_is_quoted(texts in prop::collection::vec("[a,;\"\\\\* é-]{0,6}", 0..5)) {
            let sources = texts.iter().map(|text| {
                let escaped = text.replace('\\', r"\\").replace('"', r#"\""#).replace('*', r"\*");
                format!("\"{escaped}\"")
            });
            let list = sources.collect::<Vec<_>>().join(", ");
            let read = patterns(&list).unwrap();
            let read: Vec<_> = read.iter().map(|it| it.as_literal().unwrap()).collect();
            prop_assert_eq!(read, texts);
        }
    }
}

//! GitHub's Markdown.

use crate::words::printable;

/// Escapes everything that Markdown would interpret, because anybody can write tags.
pub fn escape(text: &str) -> String {
    let text = printable(text);
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        // Neither of these forms a link by itself, and both look as before.
        if let Some(after) = rest.strip_prefix("://") {
            escaped.push_str(":\\//");
            rest = after;
            continue;
        }
        if rest
            .get(..4)
            .is_some_and(|it| it.eq_ignore_ascii_case("www."))
        {
            let (www, after) = rest.split_at(3);
            escaped.push_str(www);
            escaped.push_str("\\.");
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An at sign would notify people, also as an entity, unless something stands after it.
            '@' => escaped.push_str("&#64;&#8203;"),
            '\n' => escaped.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_notifies_nobody() {
        assert_eq!(
            escape("see https://x.example or WWW.x.example, @ann\u{1b}[1m"),
            "see https:\\//x.example or WWW\\.x.example, &#64;&#8203;ann\\\\u{1b}\\[1m"
        );
    }
}

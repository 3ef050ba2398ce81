//! Numbers and texts in sentences.

use chrono::TimeDelta;

/// `1 rule`, `2 rules`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A length of time in its largest whole unit: `15 minutes`, `36 hours`, `2 days`.
pub fn duration(time: TimeDelta) -> String {
    let minutes = usize::try_from(time.num_minutes()).unwrap_or_default();
    match minutes {
        _ if minutes > 0 && minutes.is_multiple_of(24 * 60) => count(minutes / (24 * 60), "day"),
        _ if minutes > 0 && minutes.is_multiple_of(60) => count(minutes / 60, "hour"),
        _ => count(minutes, "minute"),
    }
}

/// `12,345`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text on one line, with everything escaped that a terminal would take for a command.
pub fn on_one_line(text: &str) -> String {
    text.escape_debug().to_string().replace("\\'", "'")
}

/// A tag's key: in quotes if it has blanks at an end or characters that nobody sees.
pub fn key(key: &str) -> String {
    let is_plain = key.trim() == key && !key.is_empty() && !key.contains(is_deceptive);
    if is_plain {
        on_one_line(key)
    } else {
        format!("{key:?}")
    }
}

/// The text, with the characters escaped that a terminal would take for a command, or that would show it in another
/// order. Line ends stay.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_deceptive(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// [`printable`] text on one line.
pub fn printable_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

/// Whether a character is a command to a terminal, changes the direction of the text, ends a line, or is not seen.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_deceive() {
        let text = "a\u{1b}[31m\u{9b}2J\u{202e}b\u{e0041}\r\n\"é\" \\ \u{1f468}\u{200d}\u{1f4bb}";
        assert_eq!(
            printable(text),
            "a\\u{1b}[31m\\u{9b}2J\\u{202e}b\\u{e0041}\\u{d}\n\"é\" \\ \u{1f468}\u{200d}\u{1f4bb}"
        );
        assert_eq!(printable_line("a\nb"), "a\\nb");
    }

    #[test]
    fn quotes_keys_that_look_like_others() {
        assert_eq!(key("Owner"), "Owner");
        assert_eq!(key("Cost Center"), "Cost Center");
        assert_eq!(key("Owner "), "\"Owner \"");
        assert_eq!(key("Owner\u{a0}"), "\"Owner\\u{a0}\"");
        assert_eq!(key("Ow\u{200b}ner"), "\"Ow\\u{200b}ner\"");
    }
}

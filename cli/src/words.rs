//! Numbers and texts in sentences.

/// `1 rule`, `2 rules`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
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

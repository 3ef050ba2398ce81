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

//! Dates as people write them in tags.

use chrono::NaiveDate;

/// Reads an ISO 8601 date such as `2026-12-31`; `None` for any other text.
///
/// chrono alone accepts more, such as a month of one digit or a sign before the year.
#[must_use]
pub fn iso_date(text: &str) -> Option<NaiveDate> {
    let is_iso = text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| {
            if matches!(position, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if is_iso { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_dates_that_are_not_iso_8601() {
        let last_day = NaiveDate::from_ymd_opt(2026, 12, 31);
        assert_eq!(iso_date("2026-12-31"), last_day);
        for text in [
            "",
            "2026-12-3",
            "2026-13-31",
            "2026-02-30",
            "+2026-1-31",
            "2026/12/31",
            "31-12-2026",
            "2026-12-31 ",
            "2026-12-31T00:00:00Z",
            "２０２６-12",
        ] {
            assert_eq!(iso_date(text), None, "{text}");
        }
    }
}

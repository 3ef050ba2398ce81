//! The lines that GitHub Actions turns into annotations.
//!
//! See [Workflow commands](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).

use std::fmt::Write as _;

use super::{FindingLevel, PipelineFinding};

/// A line for each finding.
pub fn lines(findings: &[PipelineFinding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let command = match finding.level {
            FindingLevel::Error => "error",
            FindingLevel::Warning => "warning",
            FindingLevel::Note => "notice",
        };
        let place = finding.place.as_ref().map(|place| {
            format!(
                " file={},line={},col={}",
                property(&place.path),
                place.start.0,
                place.start.1
            )
        });
        let place = place.unwrap_or_default();
        let _ = writeln!(text, "::{command}{place}::{}", data(&finding.message));
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

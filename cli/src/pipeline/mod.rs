//! Findings for the tools of a pipeline.
//!
//! | module | what it holds |
//! |---|---|
//! | [`sarif`] | SARIF 2.1.0, which GitHub and others show at the lines of a pull request |
//! | [`junit`] | `JUnit` XML, which CI servers show as tests |
//! | [`annotations`] | the lines that GitHub Actions turns into annotations |

pub mod annotations;
pub mod junit;
pub mod sarif;

pub use tagwarden_core::preflight::{FindingKind, FindingLevel};

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineFinding {
    pub kind: FindingKind,
    pub level: FindingLevel,
    pub message: String,
    /// Where it is in a file.
    pub place: Option<FilePlace>,
    /// The instance that it is about.
    pub instance: Option<String>,
    /// What tells it from others of its kind; the same from one run to the next.
    pub identity: String,
}

/// A place in a file. Lines and columns count from 1, columns in characters. The end is the place after the last character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    pub path: String,
    pub start: (usize, usize),
    pub end: (usize, usize),
}

/// The line and the column of a byte of `text`.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default();
    (before.matches('\n').count() + 1, column.chars().count() + 1)
}

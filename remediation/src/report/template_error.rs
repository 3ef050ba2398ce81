//! What is wrong with a template.

use std::fmt;

use minijinja::{Error, ErrorKind};

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The line of the template, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl TemplateError {
    /// Its text is too large to be sent.
    pub(crate) fn too_large() -> Self {
        Self {
            line: None,
            what: "its text is too large for the messages that SNS takes".to_owned(),
        }
    }
}

impl From<Error> for TemplateError {
    fn from(error: Error) -> Self {
        let what = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => "it takes more time or memory than a text may".to_owned(),
            (ErrorKind::UndefinedError, None) => {
                "undefined value: there is no such variable or member".to_owned()
            }
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        Self {
            line: error.line(),
            what,
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for TemplateError {}

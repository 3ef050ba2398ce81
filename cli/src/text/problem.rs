//! A problem at its place in a text, and how it is shown.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::pipeline::line_and_column;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is invalid.
    Error,
    /// The file is valid, but perhaps not what its author meant.
    Warning,
}

/// One problem of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextProblem {
    pub severity: Severity,
    /// Where, in bytes.
    pub span: Range<usize>,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// A related place, and its label.
    pub context: Option<(Range<usize>, String)>,
}

impl TextProblem {
    pub fn error(span: Range<usize>, message: String) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message,
            help: None,
            context: None,
        }
    }

    pub fn warning(span: Range<usize>, message: String) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    pub fn context(self, span: Range<usize>, label: impl Into<String>) -> Self {
        Self {
            context: Some((span, label.into())),
            ..self
        }
    }

    /// The message, the place with its lines, and what to do; styled, for people.
    pub fn show(&self, path: &str, text: &str) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut snippet = Snippet::source(text)
            .path(path)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        if let Some((span, label)) = &self.context {
            let annotation = AnnotationKind::Context.span(span.clone());
            snippet = snippet.annotation(annotation.label(label.as_str()));
        }
        let mut group = level.primary_title(self.message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::styled().render(&[group])
    }

    /// The problem as JSON, for programs.
    pub fn to_json(&self, path: &str, text: &str) -> Value {
        let (line, column) = line_and_column(text, self.span.start);
        json!({
            "file": path,
            "line": line,
            "column": column,
            "severity": match self.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            "message": self.message,
            "help": self.help,
        })
    }
}

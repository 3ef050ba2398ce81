//! A problem at its place in a text, and how it is shown.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::pipeline::line_and_column;
use crate::words::{is_deceptive, printable};

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
        let text = with_replacements(text);
        let (message, path) = (printable(&self.message), printable(path));
        let mut snippet = Snippet::source(text.as_str())
            .path(path)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        if let Some((span, label)) = &self.context {
            let annotation = AnnotationKind::Context.span(span.clone());
            snippet = snippet.annotation(annotation.label(label.as_str()));
        }
        let mut group = level.primary_title(message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(help)));
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

/// The text without the characters that would deceive a person. Replacements of the same length keep the places. The
/// renderer replaces those of ASCII, and some others.
fn with_replacements(text: &str) -> String {
    let replaced = |character: char| match character.len_utf8() {
        2 => "\u{b7}",
        3 => "\u{fffd}",
        _ => "\u{b7}\u{b7}",
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() || !is_deceptive(character) {
            shown.push(character);
        } else {
            shown.push_str(replaced(character));
        }
    }
    shown
}

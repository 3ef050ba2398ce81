//! The text of a report, made by a template: the built-in one, or the policy table's own.

use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::sample::with_samples;
use super::view::View;

/// The text that people get unless the policy table has a template.
const BUILT_IN: &str = include_str!("report.j2");

/// What one text may cost: so many instructions, or 64 times as many bytes. The built-in text of a full message takes
/// less than a tenth of it. What needs more is taken for endless.
///
/// See [`Environment::set_fuel`].
const FUEL: u64 = 200_000;

/// The name of the one template in its environment.
const NAME: &str = "report";

/// A compiled template.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The line of the template, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl Template {
    /// The built-in template; it may cost what it costs.
    pub(super) fn built_in() -> Result<Self, TemplateError> {
        Self::new(BUILT_IN, UndefinedBehavior::Strict, None)
    }

    /// A template of the policy table. A variable that there is not is printed as nothing: an older function may have
    /// to do with a newer template.
    ///
    /// # Errors
    /// It is no template.
    pub(super) fn compile(source: &str) -> Result<Self, TemplateError> {
        Self::new(source, UndefinedBehavior::Lenient, Some(FUEL))
    }

    fn new(
        source: &str,
        undefined: UndefinedBehavior,
        fuel: Option<u64>,
    ) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?;
        environment.set_syntax(syntax);
        environment.set_undefined_behavior(undefined);
        environment.set_fuel(fuel);
        environment.add_template_owned(NAME, source.to_owned())?;
        Ok(Self { environment })
    }

    /// The text of `view`.
    ///
    /// # Errors
    /// The template fails, costs too much, or makes no text.
    pub(super) fn render(&self, view: &View<'_>) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME)?;
        let text = template.render(Serde(view))?;
        if text.trim().is_empty() {
            return Err(TemplateError {
                line: None,
                what: "it makes an empty text".to_owned(),
            });
        }
        Ok(text)
    }
}

/// Checks a template as `tagwarden check` does: it compiles, and makes texts of reports that hold something of
/// everything, in which every variable that it asks for is there.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(source: &str) -> Result<(), TemplateError> {
    let template = Template::new(source, UndefinedBehavior::Strict, Some(FUEL))?;
    with_samples(|view| template.render(view).map(drop))
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

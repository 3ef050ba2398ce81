//! Texts made by templates: the built-in one of reports, and the policy table's own of reports and letters.

use std::thread;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::template_error::TemplateError;

/// The text that people get unless the policy table has a template.
const BUILT_IN: &str = include_str!("report.j2");

/// The most that one text may cost, in instructions, or in 64 times as many bytes. The built-in text of a full message takes
/// less than a tenth of it. What needs more counts as endless.
///
/// See [`Environment::set_fuel`].
const FUEL: u64 = 200_000;

/// The longest template, in bytes.
const LONGEST: usize = 16 * 1024;

/// The stack that a template of somebody else's is worked on with, in bytes: the engine goes as deep as it nests, which
/// fuel does not bound. Some 4 KB for each of the [`LONGEST`]; what is not used costs nothing.
const ROOM: usize = 64 * 1024 * 1024;

/// The name of the one template in its environment.
const NAME: &str = "report";

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    /// Whether it is the policy table's, and not to be trusted.
    is_own: bool,
}

impl Template {
    /// The built-in template; it may cost what it costs.
    pub(super) fn built_in() -> Result<Self, TemplateError> {
        Self::new(BUILT_IN, UndefinedBehavior::Strict, None)
    }

    /// A template of the policy table. An unknown variable is printed as nothing, because an older function may have
    /// to render a newer template.
    ///
    /// # Errors
    /// It is not a template.
    pub(crate) fn compile(source: &str) -> Result<Self, TemplateError> {
        with_room(|| Self::new(source, UndefinedBehavior::Lenient, Some(FUEL)))
    }

    /// A template of the policy table, in which every variable must be there: for `tagwarden check`.
    ///
    /// # Errors
    /// It is not a template.
    pub(crate) fn compile_strictly(source: &str) -> Result<Self, TemplateError> {
        with_room(|| Self::new(source, UndefinedBehavior::Strict, Some(FUEL)))
    }

    fn new(
        source: &str,
        undefined: UndefinedBehavior,
        fuel: Option<u64>,
    ) -> Result<Self, TemplateError> {
        if source.len() > LONGEST {
            return Err(TemplateError {
                line: None,
                what: format!("it is longer than {LONGEST} bytes"),
            });
        }
        let mut environment = Environment::new();
        // With it, a loop could nest lists deeper than they can be printed.
        environment.remove_global("namespace");
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?;
        environment.set_syntax(syntax);
        environment.set_undefined_behavior(undefined);
        environment.set_fuel(fuel);
        environment.add_template_owned(NAME, source.to_owned())?;
        Ok(Self {
            environment,
            is_own: fuel.is_some(),
        })
    }

    /// The text of `view`.
    ///
    /// # Errors
    /// The template fails, costs too much, or makes no text.
    pub(crate) fn render<V: Serialize + Sync>(&self, view: &V) -> Result<String, TemplateError> {
        let render = || {
            let template = self.environment.get_template(NAME)?;
            Ok(template.render(Serde(view))?)
        };
        let text = if self.is_own {
            with_room(render)?
        } else {
            render()?
        };
        if text.trim().is_empty() {
            return Err(TemplateError {
                line: None,
                what: "it makes an empty text".to_owned(),
            });
        }
        Ok(text)
    }
}

/// Does `work` with [`ROOM`], and where its panic would end nothing else.
fn with_room<T: Send>(
    work: impl FnOnce() -> Result<T, TemplateError> + Send,
) -> Result<T, TemplateError> {
    let failed = |what: &str| TemplateError {
        line: None,
        what: what.to_owned(),
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(ROOM);
        match thread.spawn_scoped(scope, work) {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| Err(failed("the template engine cannot cope with it"))),
            Err(error) => Err(failed(&format!("there is no room to work on it: {error}"))),
        }
    })
}

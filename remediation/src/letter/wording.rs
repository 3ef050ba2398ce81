//! The policy table's own text of letters.

use serde::Serialize;
use tagwarden_core::Policy;

use crate::report::TemplateError;
use crate::report::template::Template;
use crate::report::text::broken_letter_template;

/// The policy table's own text of letters, compiled once for all letters of a run.
#[derive(Debug)]
pub struct LetterWording {
    row_id: i64,
    template: Result<Template, TemplateError>,
}

impl LetterWording {
    /// The text that `policy` gives to letters; `None` where it gives none.
    #[must_use]
    pub fn of(policy: &Policy) -> Option<Self> {
        let row = policy.letter_template()?;
        Some(Self {
            row_id: row.row_id,
            template: Template::compile(&row.text),
        })
    }

    /// The text of a letter, of which the template sees `view`.
    ///
    /// # Errors
    /// The template does not compile, fails, costs too much, or makes no text.
    pub(super) fn text<V: Serialize + Sync>(&self, view: &V) -> Result<String, TemplateError> {
        let template = self.template.as_ref().map_err(Clone::clone)?;
        template.render(view)
    }

    /// What administrators read of an `error` for which letters have the built-in text.
    pub(super) fn broken(&self, error: &TemplateError) -> String {
        broken_letter_template(self.row_id, error)
    }
}

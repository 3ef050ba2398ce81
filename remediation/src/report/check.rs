//! Checks a template before it is used.

use super::sample::with_samples;
use super::template::Template;
use super::template_error::TemplateError;

/// Checks a template as `tagwarden check` does: it compiles, and makes texts of reports that hold something of
/// everything, in which every variable that it asks for is there.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(source: &str) -> Result<(), TemplateError> {
    let template = Template::compile_strictly(source)?;
    with_samples(|view| template.render(view).map(drop))
}

//! What was found, in each form of output.

mod machine;
mod markdown;
mod pipeline;
mod text;
mod view;

use std::io;

use clap::ValueEnum;
use tagwarden_core::preflight::KINDS;

use crate::output;
use crate::pipeline::{annotations, junit, sarif};

pub use view::PreflightView;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum PreflightForm {
    #[default]
    Text,
    Json,
    Markdown,
    Sarif,
    Junit,
    Github,
}

/// Writes to standard output.
pub fn write(view: &PreflightView<'_>, form: PreflightForm) -> io::Result<()> {
    match form {
        PreflightForm::Text => output::print(&text::text(view)),
        PreflightForm::Json => output::print_json(machine::members(view)),
        PreflightForm::Markdown => output::print(&markdown::page(view)),
        PreflightForm::Sarif => {
            let findings = pipeline::findings(view);
            let document = sarif::document("preflight", &KINDS, findings, &view.notes);
            output::print_with(|out| output::write_json(out, &document))
        }
        PreflightForm::Junit => output::print_with(|out| {
            junit::write(out, "tagwarden preflight", pipeline::tests(view))
        }),
        PreflightForm::Github => output::print_with(|out| {
            let lines = annotations::lines(&pipeline::findings(view));
            out.write_all(lines.as_bytes())
        }),
    }
}

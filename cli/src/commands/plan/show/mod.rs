//! Plans, shown to people and to programs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`view`] | what every form shows: headline, order, sums |
//! | [`text`], [`markdown`], [`machine`], [`pipeline`] | the forms |

pub mod machine;
pub mod markdown;
pub mod pipeline;
pub mod text;
pub mod view;

use std::io::{self, Write};

use clap::ValueEnum;

use crate::forecast::compare::Comparison;
use crate::forecast::{Forecast, ForecastCounts};
use crate::output;

pub use machine::head;
pub use view::{PlanView, RulePlaces, Sort};

/// The form of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum PlanForm {
    #[default]
    Text,
    Json,
    Csv,
    Markdown,
    Sarif,
    Junit,
}

impl PlanForm {
    /// Standard output for this form, until it is dropped. What programs read is byte for byte: anstream would take parts of
    /// values for styles.
    pub fn standard_output(self) -> io::BufWriter<Box<dyn Write>> {
        io::BufWriter::new(match self {
            Self::Csv | Self::Json | Self::Sarif | Self::Junit => Box::new(io::stdout().lock()),
            Self::Text | Self::Markdown => Box::new(anstream::stdout().lock()),
        })
    }
}

/// Writes a plan. `counts` are those of the whole plan, and `forecast` may be a part of it.
pub fn write_plan(
    out: &mut dyn Write,
    view: &PlanView,
    counts: ForecastCounts,
    forecast: &Forecast<'_>,
    form: PlanForm,
) -> io::Result<()> {
    match form {
        PlanForm::Text => out.write_all(text::plan(view, counts, forecast).as_bytes()),
        PlanForm::Markdown => out.write_all(markdown::plan(view, counts, forecast).as_bytes()),
        PlanForm::Json => output::write_json(out, &machine::plan(view, counts, forecast)),
        PlanForm::Csv => machine::plan_csv(out, view, forecast),
        PlanForm::Sarif => pipeline::sarif(out, view, pipeline::findings(view, forecast)),
        PlanForm::Junit => pipeline::junit(out, pipeline::tests(view, forecast)),
    }
}

/// Writes what changes from one plan to another.
pub fn write_comparison(
    out: &mut dyn Write,
    view: &PlanView,
    comparison: &Comparison<'_>,
    form: PlanForm,
) -> io::Result<()> {
    match form {
        PlanForm::Text => out.write_all(text::comparison(view, comparison).as_bytes()),
        PlanForm::Markdown => out.write_all(markdown::comparison(view, comparison).as_bytes()),
        PlanForm::Json => output::write_json(out, &machine::comparison(view, comparison)),
        PlanForm::Csv => machine::comparison_csv(out, view, comparison),
        PlanForm::Sarif => pipeline::sarif(out, view, pipeline::new_findings(view, comparison)),
        PlanForm::Junit => pipeline::junit(out, pipeline::tests_of_changes(view, comparison)),
    }
}

//! The plans of many places, one after the other, and what they come to together.
//!
//! | module | what it holds |
//! |---|---|
//! | [`sums`] | a place in numbers, and all places |
//! | [`text`], [`markdown`], [`machine`], [`pipeline`] | the forms |
//!
//! A place is written as soon as it is read, and forgotten: memory does not grow with the number of places, but in the forms
//! whose documents have to be whole before they are written.

mod machine;
mod markdown;
mod pipeline;
mod sums;
mod text;

use std::io::{self, Write};

use super::{Args, FailOn, PlanForm, places};
use crate::commands::plan::show::PlanView;
use crate::exit::{CommandError, Exit, heard};
use crate::forecast::compare::Comparison;
use crate::forecast::endings::Endings;
use crate::forecast::inputs::{InputArgs, Inputs};
use crate::forecast::places::each;
use crate::forecast::{Forecast, ForecastCounts};
use crate::output;
use crate::places::options::AskedPlaces;
use crate::places::{Place, incomplete};
use crate::words::printable_line;
use sums::{ChangeFigures, PlaceFigures, PlanFigures, PlansSum};

/// A place, and its plan.
struct PlacePlan<'a> {
    place: &'a Place,
    view: PlanView,
    shown: ShownPlan<'a>,
}

/// What is shown of a place.
enum ShownPlan<'a> {
    Plan(ForecastCounts, Forecast<'a>),
    Comparison(Comparison<'a>),
}

/// Writes the plans of places in one form.
trait PlansWriter {
    /// Writes the plan of a place, or keeps what is needed of it for the end.
    fn place(&mut self, out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()>;

    /// Writes the end, with the places that could not be read.
    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()>;
}

/// Reads and plans the places, and writes the plans to standard output.
pub fn run(args: &Args, asked: &AskedPlaces) -> Result<Exit, CommandError> {
    if !args.focus.focus().instances.is_empty() {
        return Err(CommandError::misused(
            &"--instance is for one place, and several are named",
            "`tagwarden explain ID --accounts …` finds an instance in any of them.",
        ));
    }
    if args.save.is_some() {
        return Err(CommandError::misused(
            &"--save is for one place, and several are named",
            "`tagwarden apply` changes one place at a time: save the plan of each with --profile and --region.",
        ));
    }
    let mut out = args.output.standard_output();
    let mut writer: Box<dyn PlansWriter> = match args.output {
        PlanForm::Text => Box::new(text::Text),
        PlanForm::Markdown => Box::new(markdown::Markdown::default()),
        PlanForm::Json => Box::new(machine::Json::default()),
        PlanForm::Csv => Box::new(machine::Csv::default()),
        PlanForm::Sarif => Box::new(pipeline::Sarif::default()),
        PlanForm::Junit => Box::new(pipeline::Junit::default()),
    };
    let rule_places = match args.output {
        PlanForm::Sarif => args.sources.policy_path().and_then(places),
        _ => None,
    };
    let mut sum = PlansSum::default();
    let mut is_found = false;
    // As for one place, a reader that went away changes nothing else.
    let write = |written: io::Result<()>| heard(written).map(|_| ());
    let focus = args.focus.focus();
    let inputs = InputArgs {
        sources: &args.sources,
        against: args.against.as_deref(),
        settings: &args.settings,
        against_settings: &args.settings.with(&args.against_setting),
        focus: &focus,
        table: &args.table,
        aws: &args.aws,
    };
    let read = each(
        inputs,
        asked,
        async |_| Ok(()),
        |place, inputs| {
            let inputs = match inputs {
                Ok((inputs, ())) => inputs,
                Err(unread) => {
                    sum.unread.push(unread);
                    return Ok(());
                }
            };
            let mut view = PlanView::new(&inputs, args.sort, args.all);
            view.places.clone_from(&rule_places);
            let (mut plan, figures, is_found_here) = planned(args, place, view, &inputs);
            is_found |= is_found_here;
            sum.add(place, figures, &plan.view);
            if matches!(args.output, PlanForm::Text | PlanForm::Markdown) {
                // They stand at the end, each once.
                plan.view.notes.clear();
            }
            write(writer.place(&mut out, &plan))?;
            Ok(())
        },
    )?;
    sum.asked = read.asked;
    sum.notes.add_all(read.notes);
    if args.output == PlanForm::Csv {
        for note in sum.notes.lines(sum.places.len()) {
            output::note(format_args!("note: {}", printable_line(&note)));
        }
    }
    write(writer.end(&mut out, &sum).and_then(|()| out.flush()))?;
    let is_tolerated = asked.may_be_unreadable && !sum.places.is_empty();
    if !sum.unread.is_empty() && !is_tolerated {
        return Err(incomplete(&sum.unread, sum.asked));
    }
    Ok(if is_found { Exit::Differs } else { Exit::Done })
}

/// The plan of a place, its figures, and whether the command looks for what is in it.
fn planned<'a>(
    args: &Args,
    place: &'a Place,
    mut view: PlanView,
    inputs: &'a Inputs,
) -> (PlacePlan<'a>, PlaceFigures, bool) {
    let after = Forecast::new(inputs, &inputs.policy);
    let against = inputs.against.as_ref();
    let before = against.map(|against| Forecast::new(inputs, against));
    if matches!(args.output, PlanForm::Sarif | PlanForm::Junit) {
        view.failing = args.fail_on.instances(before.as_ref(), &after);
        view.ending = FailOn::Destructive.instances(before.as_ref(), &after);
    }
    let counts = after.counts();
    let (shown, figures, is_found) = match before {
        None => {
            let shown = after.only(&args.only);
            view.endings = Endings::new(shown.instances.values(), &inputs.policy.policy, inputs.at);
            let figures = PlanFigures {
                counts,
                change: None,
            };
            let is_found = args.fail_on.is_in(&counts);
            (ShownPlan::Plan(counts, shown), figures, is_found)
        }
        Some(before) => {
            let comparison = Comparison::new(before, after);
            let is_found = args.fail_on.is_new_in(&comparison);
            let comparison = comparison.only(&args.only);
            let figures = PlanFigures {
                counts,
                change: Some(ChangeFigures {
                    before: comparison.before.counts(),
                    tally: view.change_tally(&comparison),
                }),
            };
            (ShownPlan::Comparison(comparison), figures, is_found)
        }
    };
    let figures = PlaceFigures {
        place: place.clone(),
        figures,
    };
    (PlacePlan { place, view, shown }, figures, is_found)
}

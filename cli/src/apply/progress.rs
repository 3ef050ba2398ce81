//! How far a sweep is, on a terminal: a line on standard error that goes away at the end.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tagwarden_remediation::progress::{Monitor, Phase, Progress};

use super::interrupt::Interrupt;

/// How often the line is looked after, and an interrupt noticed.
const EVERY: Duration = Duration::from_millis(50);

/// Where it is known how much there is, and where not.
const BAR: &str = "{spinner} {msg} {wide_bar} {pos} of {len}";
const SPINNER: &str = "{spinner} {msg} {pos}";

/// Runs `work`, shows how far it is, and hands an interrupt on to it.
pub async fn shown<F: Future>(
    mut work: Pin<&mut F>,
    monitor: &Monitor,
    interrupt: &Interrupt,
) -> F::Output {
    // Draws nothing where standard error is no terminal.
    let line = ProgressBar::no_length();
    loop {
        let done = tokio::time::timeout(EVERY, work.as_mut()).await;
        if let Ok(done) = done {
            line.finish_and_clear();
            return done;
        }
        interrupt.hand_on();
        show(&line, monitor.progress(), interrupt.is_caught());
    }
}

fn show(line: &ProgressBar, progress: Progress, is_ending: bool) {
    let template = if progress.of.is_some() { BAR } else { SPINNER };
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style);
    }
    line.set_message(if is_ending {
        "Ending: completing what was begun"
    } else {
        message(progress.phase)
    });
    match progress.of {
        Some(of) => line.set_length(u64::try_from(of).unwrap_or(u64::MAX)),
        None => line.unset_length(),
    }
    line.set_position(u64::try_from(progress.done).unwrap_or(u64::MAX));
    line.tick();
}

fn message(phase: Phase) -> &'static str {
    match phase {
        Phase::Survey => "Looking at instances",
        Phase::LookUp => "Asking CloudTrail who launched instances",
        Phase::Tagging => "Tagging instances",
        Phase::Shutdown => "Stopping and terminating instances",
        Phase::Reporting => "Telling what was done",
    }
}

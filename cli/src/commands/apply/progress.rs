//! The progress of a sweep: a line on standard error, on a terminal only, that disappears at the end.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tagwarden_remediation::progress::{Monitor, Phase, Progress};

use super::interrupt::Interrupt;

/// The time between two looks at the progress and at the signals.
const EVERY: Duration = Duration::from_millis(50);

/// The line where the total is known, and where it is not.
const BAR: &str = "{spinner} {msg} {wide_bar} {pos} of {len}";
const SPINNER: &str = "{spinner} {msg} {pos}";

/// Runs `work`, shows its progress, and passes a signal on to it.
pub async fn show_while<F: Future>(
    mut work: Pin<&mut F>,
    monitor: &Monitor,
    interrupt: &Interrupt,
) -> F::Output {
    // This draws nothing where standard error is not a terminal.
    let line = ProgressBar::no_length();
    loop {
        let done = tokio::time::timeout(EVERY, work.as_mut()).await;
        if let Ok(done) = done {
            line.finish_and_clear();
            return done;
        }
        interrupt.pass_on();
        show(&line, monitor.progress(), interrupt.is_caught());
    }
}

fn show(line: &ProgressBar, progress: Progress, is_ending: bool) {
    let template = if progress.of.is_some() { BAR } else { SPINNER };
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style);
    }
    line.set_message(if is_ending {
        "Ending: completing what was started"
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
        Phase::Survey => "Reading instances",
        Phase::LookUp => "Asking CloudTrail who launched instances",
        Phase::Tagging => "Tagging instances",
        Phase::Shutdown => "Stopping and terminating instances",
        Phase::Reporting => "Publishing the report",
    }
}

//! The engine's warnings, for the person who waits. The functions write them to their log.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use owo_colors::OwoColorize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::aws::trouble::without_internals;
use crate::output;
use crate::words::printable_line;

/// Collects warnings and errors that did not end the engine's work. A clone shares its messages.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Collects what this thread logs, until the guard is dropped.
    pub fn collect(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    /// The messages, each once.
    pub fn messages(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes `warning: …` for each to standard error.
    pub fn show(&self) {
        for warning in self.messages() {
            let warning = printable_line(&warning);
            output::note(format_args!("{} {warning}", "warning:".yellow().bold()));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= Level::WARN
            && metadata.target().starts_with("tagwarden")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let warning = without_internals(message.0);
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !messages.contains(&warning) {
            messages.push(warning);
        }
    }

    // Spans are not collected.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// `run 20261123T120000Z-1a2b3c4d: cannot be finished: …`.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        } else {
            self.0 = format!("{} {value:?}: {}", field.name(), self.0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_each_warning_once_and_nothing_else() {
        let warnings = Warnings::default();
        {
            let _collecting = warnings.collect();
            tracing::info!(target: "tagwarden_remediation", "all is well");
            tracing::error!(target: "hyper", "not ours");
            for _ in 0..2 {
                tracing::error!(target: "tagwarden_remediation", run = "r1", "cannot be finished");
            }
            tracing::warn!(target: "tagwarden", "odd (DispatchFailure(inner))");
        }
        tracing::error!(target: "tagwarden", "after");
        assert_eq!(warnings.messages(), ["run r1: cannot be finished", "odd"]);
    }
}

//! Watching a run from outside: how far it is, and that it is to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::function::Remediation;

/// Shared by a run and whoever watches it; every clone is the same. Nobody has to watch.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_to_end: AtomicBool,
    progress: Mutex<Progress>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub phase: Phase,
    /// So much of it is done.
    pub done: usize,
    /// So much there is; `None` where that is not known before the end.
    pub of: Option<usize>,
}

/// What a run is at, in the order in which it comes to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It looks at instances.
    #[default]
    Looking,
    /// It asks CloudTrail who launched instances.
    AskingForLaunchers,
    /// It writes tags to instances.
    Tagging,
    /// It stops and terminates instances.
    Ending,
    /// It tells what it did.
    Telling,
}

impl Watch {
    /// Asks the run to end: it begins nothing more, completes what it has begun, and tells it.
    pub fn end(&self) {
        self.0.is_to_end.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end.
    #[must_use]
    pub fn is_to_end(&self) -> bool {
        self.0.is_to_end.load(Ordering::Relaxed)
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The run comes to something else.
    pub(crate) fn begin(&self, phase: Phase, of: Option<usize>) {
        let done = 0;
        let mut progress = self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *progress = Progress { phase, done, of };
    }

    /// So much more is done.
    pub(crate) fn add(&self, done: usize) {
        let mut progress = self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        progress.done += done;
    }
}

impl Remediation {
    /// The same, watched by whoever has another clone of `watch`.
    #[must_use]
    pub fn watched(mut self, watch: &Watch) -> Self {
        self.watch = watch.clone();
        self.look_up.watch = watch.clone();
        self
    }
}

//! Progress and cancellation of a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shows how far a run is, and cancels it. All clones show the same run.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_cancelled: AtomicBool,
    progress: Mutex<Progress>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The phase that it is in.
    pub phase: Phase,
    /// How much of the phase is done.
    pub done: usize,
    /// How much there is to do; `None` where that is not known before the end.
    pub of: Option<usize>,
}

/// What a run does, in the order in which it does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It reads instances.
    #[default]
    Survey,
    /// It asks CloudTrail who launched instances.
    LookUp,
    /// It writes tags to instances.
    Tagging,
    /// It stops and terminates instances.
    Shutdown,
    /// It reports what it did.
    Reporting,
}

impl Monitor {
    /// Asks the run to end: it begins nothing more, completes what it has begun, and reports it.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Relaxed)
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

    /// The run enters a phase that has so much to do.
    pub(crate) fn enter(&self, phase: Phase, of: Option<usize>) {
        let done = 0;
        let mut progress = self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *progress = Progress { phase, done, of };
    }

    /// So much more of the phase is done.
    pub(crate) fn add(&self, done: usize) {
        let mut progress = self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        progress.done += done;
    }
}

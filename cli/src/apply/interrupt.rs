//! Ctrl-C, and what else asks a process to end: the first time cleanly, the second time at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tagwarden_remediation::progress::Monitor;

use crate::exit::{Exit, Failure};

/// Notes that somebody asks for the end.
#[derive(Debug)]
pub struct Interrupt {
    is_caught: Arc<AtomicBool>,
    monitor: Monitor,
}

impl Interrupt {
    /// From now on, the first interrupt ends the run that `monitor` shows, and the second one this process.
    ///
    /// # Errors
    /// The operating system refuses it.
    pub fn catch(monitor: &Monitor) -> Result<Self, Failure> {
        let is_caught = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds what the first one has set.
            flag::register_conditional_shutdown(
                signal,
                Exit::Interrupted.code().into(),
                Arc::clone(&is_caught),
            )
            .and_then(|_| flag::register(signal, Arc::clone(&is_caught)))
            .map_err(|error| {
                Failure::new(
                    &format!("interrupts cannot be caught: {error}"),
                    "Nothing was done. Run the command in another shell.",
                )
            })?;
        }
        Ok(Self {
            is_caught,
            monitor: monitor.clone(),
        })
    }

    /// Whether there was one.
    pub fn is_caught(&self) -> bool {
        self.is_caught.load(Ordering::Relaxed)
    }

    /// Hands it on to the run, if there was one.
    pub fn hand_on(&self) {
        if self.is_caught() {
            self.monitor.cancel();
        }
    }
}
